/* writer_storage.c - what CFITSIO writes to: always memory, for a file a map of its temporary.
 *
 * So CFITSIO never sees a file name; and since its write errors can get lost on the way up (when a
 * buffer is flushed to make room for another), disk space is reserved before it is written to and
 * failures are remembered here. Thread rule: any thread; a writer belongs to one.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "fits/writer_private.h"

#define STEP_BYTES ((size_t)1 << 20)

/* CFITSIO's call-back gets nothing but the buffer: this finds whose it is. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static nsky_fits_writer *writers;

static nsky_fits_writer *owner_of(const void *buffer)
{
    pthread_mutex_lock(&lock);
    nsky_fits_writer *writer = writers;
    while (writer && writer->enlisted != buffer)
        writer = writer->next;
    pthread_mutex_unlock(&lock);
    assert(writer);
    return writer;
}

static void enlist(nsky_fits_writer *writer)
{
    pthread_mutex_lock(&lock);
    writer->enlisted = writer->buffer;
    writer->next = writers;
    writers = writer;
    pthread_mutex_unlock(&lock);
}

static void strike_off(const nsky_fits_writer *writer)
{
    pthread_mutex_lock(&lock);
    nsky_fits_writer **at = &writers;
    while (*at && *at != writer)
        at = &(*at)->next;
    if (*at)
        *at = writer->next;
    pthread_mutex_unlock(&lock);
}

size_t nsky_fits_storage_step(void)
{
    return STEP_BYTES;
}

/* Reserves disk space, so that no write to the map can fail later. */
static void *grow_file(nsky_fits_writer *writer, size_t bytes)
{
    if ((errno = posix_fallocate(writer->fd, 0, (off_t)bytes)) != 0)
        return NULL;
    void *moved = mremap(writer->buffer, writer->room, bytes, MREMAP_MAYMOVE);
    return moved == MAP_FAILED ? NULL : moved;
}

static void *grow_memory(nsky_fits_writer *writer, size_t bytes)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    char *moved = nsky_realloc(writer->buffer, bytes, 1, &ignored);

    errno = ENOMEM;
    if (moved && bytes > writer->room) /* CFITSIO may skip bytes: the same ones every time */
        memset(moved + writer->room, 0, bytes - writer->room);
    return moved;
}

void *nsky_fits_storage_grow(void *buffer, size_t bytes)
{
    nsky_fits_writer *writer = owner_of(buffer);
    void *moved = writer->fd >= 0 ? grow_file(writer, bytes) : grow_memory(writer, bytes);

    if (!moved) {
        writer->storage_errno = errno;
        return NULL;
    }
    pthread_mutex_lock(&lock);
    writer->enlisted = moved;
    pthread_mutex_unlock(&lock);
    writer->buffer = moved; /* CFITSIO sets both to the same values when it gets this back */
    writer->room = bytes;
    return moved;
}

static nsky_status open_file(nsky_fits_writer *writer, nsky_error *err)
{
    static _Atomic unsigned counter;

    writer->temporary = nsky_format(err, "%s.%ld.%u.tmp", writer->path, (long)getpid(),
                                    atomic_fetch_add(&counter, 1));
    if (!writer->temporary)
        return err->status;
    unlink(writer->temporary); /* of a killed process that had our number */
    writer->fd = open(writer->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->fd < 0)
        return nsky_fail_errno(err, "%s: cannot create", writer->path);
    if ((errno = posix_fallocate(writer->fd, 0, STEP_BYTES)) != 0)
        return nsky_fail_errno(err, "%s: cannot reserve space", writer->path);
    void *map = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, writer->fd, 0);
    if (map == MAP_FAILED)
        return nsky_fail_errno(err, "%s: cannot map", writer->path);
    writer->buffer = map;
    return NSKY_OK;
}

nsky_status nsky_fits_storage_open(nsky_fits_writer *writer, nsky_error *err)
{
    writer->fd = -1;
    if (writer->path) {
        nsky_status status = open_file(writer, err);
        if (status != NSKY_OK)
            return status;
    } else if (!(writer->buffer = nsky_alloc_zero(STEP_BYTES, 1, err))) {
        return err->status;
    }
    writer->room = STEP_BYTES;
    enlist(writer);
    return NSKY_OK;
}

/* "a/b" -> "a", "/b" -> "/", "b" -> "." in place. */
static const char *directory_of(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash)
        return ".";
    slash[slash == path] = '\0';
    return path;
}

nsky_status nsky_fits_storage_publish(nsky_fits_writer *writer, size_t bytes, nsky_error *err)
{
    if (ftruncate(writer->fd, (off_t)bytes) != 0 || fsync(writer->fd) != 0)
        return nsky_fail_errno(err, "%s: cannot write", writer->path);
    if (rename(writer->temporary, writer->path) != 0)
        return nsky_fail_errno(err, "%s: cannot rename into place", writer->path);
    nsky_free(writer->temporary);
    writer->temporary = NULL; /* it is the file now */
    return nsky_fsync_directory(directory_of(writer->path), err);
}

void nsky_fits_storage_close(nsky_fits_writer *writer)
{
    strike_off(writer);
    if (writer->fd < 0) {
        nsky_free(writer->buffer);
    } else {
        if (writer->buffer)
            munmap(writer->buffer, writer->room);
        close(writer->fd);
    }
    if (writer->temporary && writer->fd >= 0)
        unlink(writer->temporary);
    writer->buffer = NULL;
    writer->fd = -1;
}
