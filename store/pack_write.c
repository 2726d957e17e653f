/* pack_write.c - appending to packs, and cutting off what was never committed.
 * Thread rule: a writer belongs to one thread. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "store/pack_private.h"

static nsky_status write_at(nsky_pack_writer *writer, const uint8_t *data, size_t bytes,
                            nsky_error *err)
{
    char path[NSKY_PACK_PATH_BYTES];

    for (size_t done = 0; done < bytes;) {
        ssize_t put = pwrite(writer->fd, data + done, bytes - done, (off_t)(writer->end + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            nsky_pack_path(path, writer->directory, writer->number);
            return nsky_fail_errno(err, "%s: cannot write", path);
        }
        done += (size_t)put;
    }
    writer->dirty = true;
    writer->end += bytes;
    return NSKY_OK;
}

nsky_status nsky_pack_sync(nsky_pack_writer *writer, nsky_error *err)
{
    assert(writer && err);
    char path[NSKY_PACK_PATH_BYTES];

    if (!writer->dirty)
        return NSKY_OK;
    if (fsync(writer->fd) != 0) {
        nsky_pack_path(path, writer->directory, writer->number);
        return nsky_fail_errno(err, "%s: cannot sync", path);
    }
    writer->dirty = false;
    return NSKY_OK;
}

static void forget_file(nsky_pack_writer *writer)
{
    if (writer->fd >= 0)
        close(writer->fd);
    writer->fd = -1;
    writer->number = 0;
    writer->end = 0;
    writer->dirty = false;
}

/* Never over a pack that is there. The pack before is synced, and the new name too: a commit then
 * has one file to sync. */
static nsky_status start_pack(nsky_pack_writer *writer, uint32_t number, nsky_error *err)
{
    uint8_t header[NSKY_PACK_HEADER_BYTES];
    char path[NSKY_PACK_PATH_BYTES];
    nsky_status status = nsky_pack_sync(writer, err);

    if (status != NSKY_OK)
        return status;
    nsky_pack_path(path, writer->directory, number);
    if (number >= NSKY_PACKS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: a store holds at most %d packs", path,
                         NSKY_PACKS_MAX);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return nsky_fail_errno(err, "%s: cannot create", path);
    nsky_pack_fill_header(header, number);
    if (pwrite(fd, header, sizeof header, 0) != sizeof header)
        status = nsky_fail_errno(err, "%s: cannot write", path);
    else
        status = nsky_fsync_directory(writer->directory, err);
    if (status != NSKY_OK) {
        close(fd);
        unlink(path);
        return status;
    }
    forget_file(writer);
    writer->fd = fd;
    writer->number = number;
    writer->end = sizeof header;
    writer->dirty = true;
    return NSKY_OK;
}

nsky_status nsky_pack_append(nsky_pack_writer *writer, const uint8_t *record, uint32_t bytes,
                             nsky_place *place, nsky_error *err)
{
    assert(writer && writer->directory && record && place && err);
    nsky_status status;

    if (writer->fd < 0)
        status = start_pack(writer, 0, err);
    else if (writer->end >= writer->bytes_max)
        status = start_pack(writer, writer->number + 1, err);
    else
        status = NSKY_OK;
    if (status != NSKY_OK)
        return status;
    *place = (nsky_place){writer->end, writer->number, bytes};
    return write_at(writer, record, bytes, err);
}

void nsky_pack_take_back(nsky_pack_writer *writer, const nsky_place *place)
{
    assert(writer && place && writer->number == place->pack &&
           writer->end == place->offset + place->bytes);
    writer->end = place->offset;
}

/* The number in "NNNNNN.pack"; -1 for other names. */
static int64_t number_of(const char *name)
{
    if (strlen(name) != 11 || strspn(name, "0123456789") != 6 || strcmp(name + 6, ".pack") != 0)
        return -1;
    return strtol(name, NULL, 10);
}

/* Packs from `first` on hold nothing committed. */
static nsky_status remove_packs(const char *directory, uint32_t first, nsky_error *err)
{
    char path[NSKY_PACK_PATH_BYTES];
    char **names = NULL;
    size_t count;
    nsky_status status = nsky_directory_list(&names, &count, directory, err);

    for (size_t i = 0; status == NSKY_OK && i < count; i++) {
        int64_t number = number_of(names[i]);
        if (number < first)
            continue;
        nsky_pack_path(path, directory, (uint32_t)number);
        if (unlink(path) != 0 && errno != ENOENT)
            status = nsky_fail_errno(err, "%s: cannot remove this unfinished pack", path);
    }
    nsky_free(names);
    return status;
}

/* Opens the pack of the last committed record and cuts it there. */
static nsky_status cut_pack(nsky_pack_writer *writer, const nsky_place *last, nsky_error *err)
{
    char path[NSKY_PACK_PATH_BYTES];
    struct stat info;
    uint64_t end = last->offset + last->bytes;
    nsky_status status;

    nsky_pack_path(path, writer->directory, last->pack);
    if ((writer->fd = open(path, O_RDWR | O_CLOEXEC)) < 0) {
        if (errno == ENOENT)
            return nsky_fail(err, NSKY_EDATA, "%s: the pack is missing; restore it from a copy",
                             path);
        return nsky_fail_errno(err, "%s: cannot open to write", path);
    }
    writer->number = last->pack;
    writer->end = end;
    if ((status = nsky_pack_check_header(writer->fd, path, last->pack, err)) != NSKY_OK)
        return status;
    if (fstat(writer->fd, &info) != 0)
        return nsky_fail_errno(err, "%s: cannot stat", path);
    if ((uint64_t)info.st_size < end)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: %" PRIu64 " bytes are committed and it has only %" PRIu64
                         "; restore the pack from a copy",
                         path, end, (uint64_t)info.st_size);
    if ((uint64_t)info.st_size > end && ftruncate(writer->fd, (off_t)end) != 0)
        return nsky_fail_errno(err, "%s: cannot cut off what was not committed", path);
    return NSKY_OK;
}

nsky_status nsky_pack_rewind(nsky_pack_writer *writer, const nsky_place *last, nsky_error *err)
{
    assert(writer && writer->directory && err);
    nsky_status status = NSKY_OK;

    forget_file(writer);
    if (last)
        status = cut_pack(writer, last, err);
    if (status == NSKY_OK)
        status = remove_packs(writer->directory, last ? last->pack + 1 : 0, err);
    if (status != NSKY_OK)
        forget_file(writer);
    return status;
}

nsky_status nsky_pack_writer_open(nsky_pack_writer *out, const char *store, const nsky_place *last,
                                  nsky_error *err)
{
    assert(out && store && err);
    *out = (nsky_pack_writer){NULL, -1, 0, 0, NSKY_PACK_BYTES_MAX, false};
    if (!(out->directory = nsky_format(err, "%s/stamps", store)))
        return err->status;
    nsky_status status = nsky_pack_rewind(out, last, err);
    if (status != NSKY_OK)
        nsky_pack_writer_close(out);
    return status;
}

void nsky_pack_writer_close(nsky_pack_writer *writer)
{
    if (!writer->directory)
        return;
    forget_file(writer);
    nsky_free(writer->directory);
    writer->directory = NULL;
}
