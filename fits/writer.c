/* writer.c - FITS files written whole: opening, keywords, publishing. */
#include "fits/writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "fits/writer_private.h"

#define GROW_BYTES (256u << 10)
#define KEY_TEXT_BYTES 1024

nsky_status nsky_fits_write_failed(nsky_fits_writer *writer, int cfitsio_status, const char *what,
                                   nsky_error *err)
{
    char text[FLEN_STATUS] = "";
    nsky_status status = cfitsio_status == MEMORY_ALLOCATION ? NSKY_ENOMEM
                         : cfitsio_status == WRITE_ERROR || cfitsio_status == FILE_NOT_CREATED
                             ? NSKY_EIO
                             : NSKY_EINVAL;

    writer->broken = true;
    fits_get_errstatus(cfitsio_status, text);
    fits_clear_errmsg();
    return nsky_fail(err, status, "%s: cannot write %s: %s (CFITSIO %d)",
                     writer->path ? writer->path : "FITS in memory", what, text, cfitsio_status);
}

void nsky_fits_plain_text(char *out, size_t bytes, const char *text)
{
    size_t i = 0;

    assert(bytes > 0);
    for (; text[i] && i + 1 < bytes; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    out[i] = '\0';
}

static void writer_free(nsky_fits_writer *writer)
{
    nsky_free(writer->buffer);
    nsky_free(writer->temporary);
    nsky_free(writer->path);
    nsky_free(writer);
}

nsky_status nsky_fits_create(nsky_fits_writer **out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    static _Atomic unsigned counter;
    int failed = 0;

    *out = NULL;
    nsky_fits_writer *writer = nsky_alloc_zero(1, sizeof *writer, err);
    if (!writer)
        return err->status;
    /* CFITSIO expands a leading ~ and drops leading blanks; "./" keeps names as they are. */
    writer->path = nsky_strdup(path, err);
    writer->temporary = writer->path
                            ? nsky_format(err, "%s%s.%ld.%u.tmp", path[0] == '/' ? "" : "./", path,
                                          (long)getpid(), atomic_fetch_add(&counter, 1))
                            : NULL;
    if (!writer->temporary) {
        writer_free(writer);
        return err->status;
    }
    if (strlen(writer->temporary) >= FLEN_FILENAME) {
        writer_free(writer);
        return nsky_fail(err, NSKY_ELIMIT, "%s: the path is too long", path);
    }
    unlink(writer->temporary); /* of a killed process that had our number */
    errno = 0;
    if (fits_create_diskfile(&writer->file, writer->temporary, &failed)) {
        fits_clear_errmsg();
        writer_free(writer);
        return nsky_fail_errno(err, "%s: cannot create", path);
    }
    *out = writer;
    return NSKY_OK;
}

static void *grow(void *block, size_t bytes)
{
    nsky_error err = NSKY_ERROR_INIT; /* CFITSIO reports MEMORY_ALLOCATION for us */
    return nsky_realloc(block, bytes, 1, &err);
}

nsky_status nsky_fits_create_memory(nsky_fits_writer **out, nsky_error *err)
{
    assert(out && err);
    int failed = 0;

    *out = NULL;
    nsky_fits_writer *writer = nsky_alloc_zero(1, sizeof *writer, err);
    if (!writer)
        return err->status;
    writer->room = GROW_BYTES;
    if (!(writer->buffer = nsky_alloc_zero(writer->room, 1, err))) {
        writer_free(writer);
        return err->status;
    }
    if (fits_create_memfile(&writer->file, &writer->buffer, &writer->room, GROW_BYTES, grow,
                            &failed)) {
        nsky_status status = nsky_fits_write_failed(writer, failed, "anything", err);
        writer_free(writer);
        return status;
    }
    *out = writer;
    return NSKY_OK;
}

nsky_status nsky_fits_put_string(nsky_fits_writer *writer, const char *key, const char *value,
                                 const char *comment, nsky_error *err)
{
    assert(writer && key && value && err);
    char plain[KEY_TEXT_BYTES];
    int failed = 0;

    nsky_fits_plain_text(plain, sizeof plain, value);
    if (fits_update_key_longstr(writer->file, key, plain, comment, &failed))
        return nsky_fits_write_failed(writer, failed, key, err);
    return NSKY_OK;
}

nsky_status nsky_fits_put_double(nsky_fits_writer *writer, const char *key, double value,
                                 const char *comment, nsky_error *err)
{
    assert(writer && key && err);
    int failed = 0;

    if (isfinite(value)) /* -15: as many digits as are exact, the shortest way */
        fits_update_key_dbl(writer->file, key, value, -15, comment, &failed);
    else
        fits_update_key_null(writer->file, key, comment, &failed);
    return failed ? nsky_fits_write_failed(writer, failed, key, err) : NSKY_OK;
}

nsky_status nsky_fits_put_integer(nsky_fits_writer *writer, const char *key, int64_t value,
                                  const char *comment, nsky_error *err)
{
    assert(writer && key && err);
    int failed = 0;

    if (fits_update_key_lng(writer->file, key, value, comment, &failed))
        return nsky_fits_write_failed(writer, failed, key, err);
    return NSKY_OK;
}

nsky_status nsky_fits_put_history(nsky_fits_writer *writer, const char *text, nsky_error *err)
{
    char plain[KEY_TEXT_BYTES];
    int failed = 0;

    nsky_fits_plain_text(plain, sizeof plain, text);
    if (fits_write_history(writer->file, plain, &failed))
        return nsky_fits_write_failed(writer, failed, "HISTORY", err);
    return NSKY_OK;
}

/* Closes CFITSIO's side. size (or NULL): bytes of the file. */
static nsky_status close_file(nsky_fits_writer *writer, size_t *size, nsky_error *err)
{
    nsky_status status = NSKY_OK;
    LONGLONG end = 0;
    int failed = 0;

    if (fits_flush_file(writer->file, &failed) ||
        fits_get_hduaddrll(writer->file, NULL, NULL, &end, &failed))
        status = nsky_fits_write_failed(writer, failed, "the last block", err);
    failed = 0;
    if (fits_close_file(writer->file, &failed) && status == NSKY_OK)
        status = nsky_fits_write_failed(writer, failed, "the last block", err);
    writer->file = NULL;
    if (status == NSKY_OK && writer->broken)
        status = nsky_fail(err, NSKY_EINVAL, "%s: given up after an earlier error",
                           writer->path ? writer->path : "FITS in memory");
    if (size)
        *size = (size_t)end;
    return status;
}

/* The temporary, on disk to stay, under its final name. */
static nsky_status publish(nsky_fits_writer *writer, nsky_error *err)
{
    char *slash = strrchr(writer->temporary, '/'); /* there is one: "./" at least */
    int fd = open(writer->temporary, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return nsky_fail_errno(err, "%s: cannot reopen", writer->path);
    if (fsync(fd) != 0) {
        nsky_status status = nsky_fail_errno(err, "%s: cannot sync", writer->path);
        close(fd);
        return status;
    }
    close(fd);
    if (rename(writer->temporary, writer->path) != 0)
        return nsky_fail_errno(err, "%s: cannot rename into place", writer->path);
    slash[slash == writer->temporary] = '\0'; /* keeps "/" itself */
    return nsky_fsync_directory(writer->temporary, err);
}

nsky_status nsky_fits_finish(nsky_fits_writer *writer, nsky_error *err)
{
    assert(writer && writer->path && err);
    nsky_status status = close_file(writer, NULL, err);

    if (status == NSKY_OK)
        status = publish(writer, err);
    if (status != NSKY_OK)
        unlink(writer->temporary);
    writer_free(writer);
    return status;
}

nsky_status nsky_fits_finish_memory(nsky_fits_writer *writer, void **data, size_t *bytes,
                                    nsky_error *err)
{
    assert(writer && !writer->path && data && bytes && err);
    size_t size = 0;
    nsky_status status = close_file(writer, &size, err);

    *data = NULL;
    *bytes = 0;
    if (status == NSKY_OK) {
        void *trimmed = nsky_realloc(writer->buffer, size, 1, err);
        if (trimmed) {
            *data = trimmed;
            *bytes = size;
            writer->buffer = NULL;
        } else {
            status = err->status;
        }
    }
    writer_free(writer);
    return status;
}

void nsky_fits_discard(nsky_fits_writer *writer)
{
    int ignored = 0;

    if (!writer)
        return;
    if (fits_close_file(writer->file, &ignored))
        fits_clear_errmsg();
    if (writer->temporary)
        unlink(writer->temporary);
    writer_free(writer);
}
