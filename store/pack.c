/* pack.c - reading packs, and their names. Writing is in pack_write.c.
 * Thread rule: a reader belongs to one thread. */
#include "store/pack.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "store/pack_private.h"

void nsky_pack_path(char *out, const char *directory, uint32_t number)
{
    snprintf(out, NSKY_PACK_PATH_BYTES, "%s/%06" PRIu32 ".pack", directory, number);
}

nsky_status nsky_pack_reader_init(nsky_pack_reader *out, const char *store, nsky_error *err)
{
    assert(out && store && err);
    for (int i = 0; i < NSKY_PACK_READER_SLOTS; i++)
        out->slots[i].fd = -1;
    out->directory = nsky_format(err, "%s/stamps", store);
    return out->directory ? NSKY_OK : err->status;
}

void nsky_pack_reader_forget(nsky_pack_reader *reader)
{
    for (int i = 0; i < NSKY_PACK_READER_SLOTS; i++) {
        if (reader->slots[i].fd >= 0)
            close(reader->slots[i].fd);
        reader->slots[i].fd = -1;
    }
}

void nsky_pack_reader_close(nsky_pack_reader *reader)
{
    if (!reader->directory) /* never opened: the slots are zero */
        return;
    nsky_pack_reader_forget(reader);
    nsky_free(reader->directory);
    reader->directory = NULL;
}

/* How many bytes came before the end of the file; -1: errno. */
static ssize_t read_at(int fd, uint8_t *out, size_t bytes, uint64_t offset)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t got = pread(fd, out + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

nsky_status nsky_pack_check_header(int fd, const char *path, uint32_t number, nsky_error *err)
{
    uint8_t wanted[NSKY_PACK_HEADER_BYTES], found[NSKY_PACK_HEADER_BYTES];

    nsky_pack_fill_header(wanted, number);
    ssize_t got = read_at(fd, found, sizeof found, 0);
    if (got < 0)
        return nsky_fail_errno(err, "%s: cannot read", path);
    if (got == sizeof found && memcmp(found, wanted, sizeof found) == 0)
        return NSKY_OK;
    if (got == sizeof found && memcmp(found, wanted, 8) == 0)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: another version's or another number's pack; put the right file back",
                         path);
    return nsky_fail(err, NSKY_EDATA, "%s: not a pack of stamps; restore it from a copy", path);
}

static nsky_status open_pack(int *fd, const nsky_pack_reader *reader, uint32_t number,
                             nsky_error *err)
{
    char path[NSKY_PACK_PATH_BYTES];
    nsky_status status;

    nsky_pack_path(path, reader->directory, number);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 && errno == ENOENT)
        return nsky_fail(err, NSKY_EDATA, "%s: the pack is missing; restore it from a copy", path);
    if (*fd < 0)
        return nsky_fail_errno(err, "%s: cannot open", path);
    if ((status = nsky_pack_check_header(*fd, path, number, err)) != NSKY_OK) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

nsky_status nsky_pack_read(nsky_pack_reader *reader, const nsky_place *place, uint8_t *out,
                           nsky_error *err)
{
    assert(reader && reader->directory && place && out && err);
    int slot = (int)(place->pack % NSKY_PACK_READER_SLOTS);
    char path[NSKY_PACK_PATH_BYTES];
    nsky_status status;

    if (reader->slots[slot].fd < 0 || reader->slots[slot].number != place->pack) {
        int fd;
        if ((status = open_pack(&fd, reader, place->pack, err)) != NSKY_OK)
            return status;
        if (reader->slots[slot].fd >= 0)
            close(reader->slots[slot].fd);
        reader->slots[slot].fd = fd;
        reader->slots[slot].number = place->pack;
    }
    ssize_t got = read_at(reader->slots[slot].fd, out, place->bytes, place->offset);
    if (got == (ssize_t)place->bytes)
        return NSKY_OK;
    nsky_pack_path(path, reader->directory, place->pack);
    if (got < 0)
        return nsky_fail_errno(err, "%s: cannot read", path);
    return nsky_fail(err, NSKY_EDATA,
                     "%s: ends before the stamp at byte %" PRIu64
                     " does; restore the pack from a copy",
                     path, place->offset);
}
