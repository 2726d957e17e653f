/* writer.c - FITS files written whole: opening, keywords, finishing. */
#include "fits/writer.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "fits/handle.h"
#include "fits/writer_private.h"

#define KEY_TEXT_BYTES 1024

static const char *name_of(const nsky_fits_writer *writer)
{
    return writer->path ? writer->path : "FITS in memory";
}

nsky_status nsky_fits_write_failed(nsky_fits_writer *writer, int cfitsio_status, const char *what,
                                   nsky_error *err)
{
    char text[FLEN_STATUS] = "";

    writer->broken = true;
    fits_get_errstatus(cfitsio_status, text);
    fits_clear_errmsg();
    if (writer->storage_errno) { /* the cause, whatever CFITSIO made of it */
        if (!writer->path || writer->storage_errno == ENOMEM)
            return nsky_fail(err, NSKY_ENOMEM, "%s: out of memory", name_of(writer));
        errno = writer->storage_errno;
        return nsky_fail_errno(err, "%s: cannot grow", writer->path);
    }
    return nsky_fail(err, cfitsio_status == MEMORY_ALLOCATION ? NSKY_ENOMEM : NSKY_EINVAL,
                     "%s: cannot write %s: %s (CFITSIO %d)", name_of(writer), what, text,
                     cfitsio_status);
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
    nsky_fits_storage_close(writer);
    nsky_free(writer->temporary);
    nsky_free(writer->path);
    nsky_free(writer);
}

/* path NULL: in memory. */
static nsky_status create(nsky_fits_writer **out, const char *path, nsky_error *err)
{
    nsky_status status;
    int failed = 0;

    *out = NULL;
    nsky_fits_writer *writer = nsky_alloc_zero(1, sizeof *writer, err);
    if (!writer)
        return err->status;
    writer->fd = -1;
    if (path && !(writer->path = nsky_strdup(path, err))) {
        status = err->status;
        goto failed;
    }
    if ((status = nsky_fits_storage_open(writer, err)) != NSKY_OK)
        goto failed;
    nsky_fits_set_up();
    if (fits_create_memfile(&writer->file, &writer->buffer, &writer->room, nsky_fits_storage_step(),
                            nsky_fits_storage_grow, &failed)) {
        status = nsky_fits_write_failed(writer, failed, "anything", err);
        goto failed;
    }
    *out = writer;
    return NSKY_OK;
failed:
    writer_free(writer);
    return status;
}

nsky_status nsky_fits_create(nsky_fits_writer **out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    return create(out, path, err);
}

nsky_status nsky_fits_create_memory(nsky_fits_writer **out, nsky_error *err)
{
    assert(out && err);
    return create(out, NULL, err);
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

nsky_status nsky_fits_put_flag(nsky_fits_writer *writer, const char *key, bool value,
                               const char *comment, nsky_error *err)
{
    assert(writer && key && err);
    int failed = 0;

    if (fits_update_key_log(writer->file, key, value, comment, &failed))
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

/* Closes CFITSIO's side; on success everything is in the buffer, *bytes of it. */
static nsky_status close_file(nsky_fits_writer *writer, size_t *bytes, nsky_error *err)
{
    LONGLONG end = 0;
    int failed = 0, ignored = 0;

    if (writer->broken)
        nsky_fail(err, NSKY_EINVAL, "%s: given up after an earlier error", name_of(writer));
    else if (fits_flush_file(writer->file, &failed) ||
             fits_get_hduaddrll(writer->file, NULL, NULL, &end, &failed))
        nsky_fits_write_failed(writer, failed, "the last block", err);
    if (fits_close_file(writer->file, &failed) && !writer->broken)
        nsky_fits_write_failed(writer, failed, "the last block", err);
    writer->file = NULL;
    if (!writer->broken && writer->storage_errno) /* CFITSIO thinks that it worked */
        nsky_fits_write_failed(writer, ignored, "a block", err);
    *bytes = (size_t)end;
    return writer->broken ? err->status : NSKY_OK;
}

nsky_status nsky_fits_finish(nsky_fits_writer *writer, nsky_error *err)
{
    assert(writer && writer->path && err);
    size_t bytes;
    nsky_status status = close_file(writer, &bytes, err);

    if (status == NSKY_OK)
        status = nsky_fits_storage_publish(writer, bytes, err);
    writer_free(writer);
    return status;
}

nsky_status nsky_fits_finish_memory(nsky_fits_writer *writer, void **data, size_t *bytes,
                                    nsky_error *err)
{
    assert(writer && !writer->path && data && bytes && err);
    size_t used;
    nsky_status status = close_file(writer, &used, err);

    *data = NULL;
    *bytes = 0;
    if (status == NSKY_OK) {
        void *trimmed = nsky_realloc(writer->buffer, used, 1, err);
        if (trimmed) {
            *data = trimmed;
            *bytes = used;
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
    writer_free(writer);
}
