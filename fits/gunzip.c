/* gunzip.c - gzip'ed FITS unpacked in memory, with a bound: CFITSIO would unpack without one.
 * Thread rule: any thread. */
#include "fits/gunzip.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "common/memory.h"

#define STEP_BYTES (1u << 20)

typedef struct unpacking {
    z_stream stream;
    const uint8_t *in;
    size_t in_left;
    uint8_t *out;
    size_t used, room;
    uint64_t most;
    const char *name;
    nsky_error *err;
} unpacking;

bool nsky_is_gzip(const void *data, size_t bytes)
{
    return bytes >= 18 && memcmp(data, "\x1f\x8b\x08", 3) == 0;
}

/* Room for more output; the buffer never exceeds the bound by more than one byte, which tells that
 * there is more. */
static nsky_status make_room(unpacking *u)
{
    if (u->used > u->most)
        return nsky_fail(u->err, NSKY_ELIMIT,
                         "%s unpacks to more than %llu MiB; unpack it yourself", u->name,
                         (unsigned long long)(u->most >> 20));
    if (u->used < u->room)
        return NSKY_OK;
    uint64_t room = u->room ? 2ull * u->room : STEP_BYTES;
    if (room > u->most + 1)
        room = u->most + 1;
    void *grown = nsky_realloc(u->out, (size_t)room, 1, u->err);
    if (!grown)
        return u->err->status;
    u->out = grown;
    u->room = (size_t)room;
    return NSKY_OK;
}

/* One call of inflate on bounded pieces. *ended: the stream is complete. */
static nsky_status inflate_some(unpacking *u, bool *ended)
{
    size_t give = u->in_left < STEP_BYTES ? u->in_left : STEP_BYTES;
    size_t take = u->room - u->used < STEP_BYTES ? u->room - u->used : STEP_BYTES;

    u->stream.next_in = (Bytef *)(uintptr_t)u->in;
    u->stream.avail_in = (uInt)give;
    u->stream.next_out = u->out + u->used;
    u->stream.avail_out = (uInt)take;
    int result = inflate(&u->stream, Z_NO_FLUSH);
    size_t got = take - u->stream.avail_out;
    u->in += give - u->stream.avail_in;
    u->in_left -= give - u->stream.avail_in;
    u->used += got;
    *ended = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR)
        return nsky_fail(u->err, NSKY_ENOMEM, "%s: out of memory while unpacking", u->name);
    if ((result != Z_OK && result != Z_STREAM_END) || (!*ended && got == 0 && u->in_left == 0))
        return nsky_fail(u->err, NSKY_EDATA, "%s: damaged or truncated gzip file", u->name);
    return NSKY_OK;
}

static nsky_status unpack(unpacking *u)
{
    bool ended = false, looked = false;
    nsky_status status;

    for (;;) {
        if ((status = make_room(u)) != NSKY_OK || (status = inflate_some(u, &ended)) != NSKY_OK)
            return status;
        if (!looked && (u->used >= 9 || ended)) {
            looked = true;
            if (u->used < 9 || memcmp(u->out, "SIMPLE  =", 9) != 0)
                return nsky_fail(u->err, NSKY_EDATA, "%s does not hold a FITS file", u->name);
        }
        if (!ended)
            continue;
        if (!nsky_is_gzip(u->in, u->in_left)) /* gzip files may be concatenated */
            return u->used > u->most ? make_room(u) : NSKY_OK;
        if (inflateReset(&u->stream) != Z_OK)
            return nsky_fail(u->err, NSKY_EDATA, "%s: damaged gzip file", u->name);
    }
}

nsky_status nsky_gunzip(void **out, size_t *out_bytes, const void *data, size_t bytes,
                        uint64_t bytes_max, const char *name, nsky_error *err)
{
    assert(out && out_bytes && data && name && err);
    unpacking u = {.in = data, .in_left = bytes, .most = bytes_max, .name = name, .err = err};

    *out = NULL;
    *out_bytes = 0;
    if (inflateInit2(&u.stream, 15 + 16) != Z_OK)
        return nsky_fail(err, NSKY_ENOMEM, "%s: out of memory while unpacking", name);
    nsky_status status = unpack(&u);
    inflateEnd(&u.stream);
    if (status != NSKY_OK) {
        nsky_free(u.out);
        return status;
    }
    *out = u.out;
    *out_bytes = u.used;
    return NSKY_OK;
}
