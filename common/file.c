/* file.c - reading files and replacing them atomically. Directories are in directory.c.
 * Thread rule: any thread; a writer or a map belongs to one. */
#include "common/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

#define READ_BYTES_MIN ((size_t)4096)

static nsky_status open_to_read(int *fd, const char *path, int flags, nsky_error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (*fd >= 0)
        return NSKY_OK;
    if (errno == ENOENT || errno == ENOTDIR)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file", path);
    return nsky_fail_errno(err, "%s: cannot open", path);
}

static nsky_status map_descriptor(nsky_map *out, int fd, const char *path, nsky_error *err)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return nsky_fail_errno(err, "%s: cannot stat", path);
    if (!S_ISREG(info.st_mode))
        return nsky_fail(err, NSKY_EINVAL, "%s: not a regular file", path);
    if ((uintmax_t)info.st_size > SIZE_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: too large to map", path);
    if (info.st_size == 0)
        return NSKY_OK; /* mmap refuses empty maps */
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return nsky_fail_errno(err, "%s: cannot map", path);
    out->data = data;
    out->bytes = (size_t)info.st_size;
    return NSKY_OK;
}

nsky_status nsky_map_open(nsky_map *out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    nsky_status status;
    int fd;

    *out = (nsky_map){NULL, 0};
    if ((status = open_to_read(&fd, path, O_NONBLOCK, err)) != NSKY_OK) /* never wait for a FIFO */
        return status;
    status = map_descriptor(out, fd, path, err);
    close(fd);
    return status;
}

void nsky_map_close(nsky_map *map)
{
    if (!map)
        return;
    if (map->data)
        munmap((void *)(uintptr_t)map->data, map->bytes);
    *map = (nsky_map){NULL, 0};
}

/* Room for `bytes` and a NUL, at least. */
static nsky_status grow(char **buffer, size_t *room, size_t bytes, nsky_error *err)
{
    if (bytes < *room)
        return NSKY_OK;
    size_t wanted = *room > SIZE_MAX / 2 ? SIZE_MAX : *room * 2;
    if (wanted <= bytes)
        wanted = bytes + 1;
    char *moved = nsky_realloc(*buffer, wanted, 1, err);
    if (!moved)
        return err->status;
    *buffer = moved;
    *room = wanted;
    return NSKY_OK;
}

/* To the end of the file, whatever fstat says: pipes and /proc have no size. */
static nsky_status read_all(char **buffer, size_t *bytes, int fd, size_t bytes_max,
                            const char *path, nsky_error *err)
{
    struct stat info;
    size_t room = READ_BYTES_MIN;
    nsky_status status;

    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        if ((uintmax_t)info.st_size > bytes_max)
            goto too_large;
        room = (size_t)info.st_size + 2; /* the NUL, and one to see the end by */
    }
    if (!(*buffer = nsky_alloc(room, 1, err)))
        return err->status;
    for (;;) {
        ssize_t got = read(fd, *buffer + *bytes, room - 1 - *bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return nsky_fail_errno(err, "%s: cannot read", path);
        if (got == 0)
            break;
        *bytes += (size_t)got;
        if (*bytes > bytes_max)
            goto too_large;
        if ((status = grow(buffer, &room, *bytes + 1, err)) != NSKY_OK)
            return status;
    }
    (*buffer)[*bytes] = '\0';
    return NSKY_OK;
too_large:
    return nsky_fail(err, NSKY_ELIMIT, "%s: larger than the %zu bytes allowed here", path,
                     bytes_max);
}

nsky_status nsky_file_read(void **out, size_t *bytes, const char *path, size_t bytes_max,
                           nsky_error *err)
{
    assert(out && bytes && path && err);
    char *buffer = NULL;
    nsky_status status;
    int fd;

    *out = NULL;
    *bytes = 0;
    if ((status = open_to_read(&fd, path, 0, err)) != NSKY_OK)
        return status;
    status = read_all(&buffer, bytes, fd, bytes_max, path, err);
    close(fd);
    if (status != NSKY_OK) {
        nsky_free(buffer);
        *bytes = 0;
        return status;
    }
    *out = buffer;
    return NSKY_OK;
}

/* Exclusive, so that no link planted under the name is written through; a leftover of a killed
 * process that had our pid is removed. */
static int open_temporary(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = open(path, flags, 0666);

    if (fd < 0 && errno == EEXIST && unlink(path) == 0)
        fd = open(path, flags, 0666);
    return fd;
}

/* What rename would take away from everybody: /dev/null, for root. */
static bool is_special(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode);
}

nsky_status nsky_file_begin(nsky_file_writer *out, const char *path, nsky_error *err)
{
    static _Atomic uint64_t serial; /* threads may replace one path at once: the last wins, whole */
    assert(out && path && err);
    int fd = -1;

    *out = (nsky_file_writer){NULL, NULL, NULL};
    if (is_special(path))
        return nsky_fail(err, NSKY_EINVAL,
                         "%s is a device or a pipe, and would be replaced; give a file", path);
    if (!(out->path = nsky_strdup(path, err)) ||
        !(out->temporary = nsky_format(err, "%s.tmp.%ld.%" PRIu64, path, (long)getpid(),
                                       atomic_fetch_add(&serial, 1))))
        goto fail;
    if ((fd = open_temporary(out->temporary)) < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            nsky_fail(err, NSKY_ENOTFOUND, "%s: no such directory", path);
        else
            nsky_fail_errno(err, "%s: cannot create", out->temporary);
        goto fail;
    }
    if ((out->stream = fdopen(fd, "wb")))
        return NSKY_OK;
    nsky_fail_errno(err, "%s: cannot open", out->temporary);
    close(fd);
    unlink(out->temporary);
fail:
    nsky_free(out->path);
    nsky_free(out->temporary);
    *out = (nsky_file_writer){NULL, NULL, NULL};
    return err->status;
}

/* The directory part of path: the caller frees. */
static char *directory_of(const char *path, nsky_error *err)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return nsky_strdup(".", err);
    return nsky_format(err, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static nsky_status flush_and_close(nsky_file_writer *writer, nsky_error *err)
{
    FILE *stream = writer->stream;
    nsky_status status = NSKY_OK;

    if (ferror(stream)) /* some earlier write; its errno is long gone */
        status = nsky_fail(err, NSKY_EIO, "%s: a write failed (disk full?)", writer->temporary);
    else if (fflush(stream) != 0 || fsync(fileno(stream)) != 0)
        status = nsky_fail_errno(err, "%s: cannot write", writer->temporary);
    if (fclose(stream) != 0 && status == NSKY_OK)
        status = nsky_fail_errno(err, "%s: cannot close", writer->temporary);
    writer->stream = NULL;
    return status;
}

nsky_status nsky_file_commit(nsky_file_writer *writer, nsky_error *err)
{
    assert(writer && writer->stream && err);
    nsky_status status = flush_and_close(writer, err);
    char *directory = NULL;

    if (status == NSKY_OK && !(directory = directory_of(writer->path, err)))
        status = err->status;
    if (status == NSKY_OK && rename(writer->temporary, writer->path) != 0)
        status = nsky_fail_errno(err, "%s: cannot replace", writer->path);
    if (status != NSKY_OK)
        nsky_file_abort(writer);
    else
        status = nsky_fsync_directory(directory, err);
    nsky_free(directory);
    nsky_free(writer->path);
    nsky_free(writer->temporary);
    *writer = (nsky_file_writer){NULL, NULL, NULL};
    return status;
}

void nsky_file_abort(nsky_file_writer *writer)
{
    if (!writer || !writer->temporary)
        return;
    if (writer->stream)
        fclose(writer->stream);
    unlink(writer->temporary);
    nsky_free(writer->path);
    nsky_free(writer->temporary);
    *writer = (nsky_file_writer){NULL, NULL, NULL};
}

nsky_status nsky_file_write(const char *path, const void *data, size_t bytes, nsky_error *err)
{
    assert(path && (data || bytes == 0) && err);
    nsky_file_writer writer;
    nsky_status status = nsky_file_begin(&writer, path, err);

    if (status != NSKY_OK)
        return status;
    if (bytes > 0 && fwrite(data, 1, bytes, writer.stream) != bytes) {
        status = nsky_fail_errno(err, "%s: cannot write", writer.temporary);
        nsky_file_abort(&writer);
        return status;
    }
    return nsky_file_commit(&writer, err);
}
