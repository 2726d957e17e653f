/* codec.c - stamps to records and back; the layout is in codec.h.
 * Thread rule: a codec belongs to one thread. */
#include "store/codec.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <zstd.h>

#include "common/hash.h"
#include "common/memory.h"
#include "store/bytes.h"
#include "store/xxh64.h"

#define MAGIC 0x4D54534Eu /* "NSTM" */
#define ZSTD_LEVEL 1      /* pixels are noise: more effort buys next to nothing */

enum { CODEC_HALF = 1, CODEC_FLOAT = 2 };

void nsky_codec_init(nsky_codec *codec)
{
    assert(codec);
    memset(codec, 0, sizeof *codec);
}

void nsky_codec_free(nsky_codec *codec)
{
    assert(codec);
    ZSTD_freeCCtx(codec->compressor);
    ZSTD_freeDCtx(codec->decompressor);
    nsky_free(codec->planes.bytes);
    nsky_free(codec->record);
    nsky_free(codec->planes.values);
    nsky_free(codec->planes.halves);
    memset(codec, 0, sizeof *codec);
}

static nsky_status grow_bytes(uint8_t **buffer, size_t *room, size_t bytes, nsky_error *err)
{
    if (*room >= bytes)
        return NSKY_OK;
    uint8_t *moved = nsky_realloc(*buffer, bytes, 1, err);
    if (!moved)
        return err->status;
    *buffer = moved;
    *room = bytes;
    return NSKY_OK;
}

/* Scratch for a stamp of so many pixels, all bands. */
static nsky_status grow_pixels(nsky_codec *codec, size_t count, nsky_error *err)
{
    nsky_status status = grow_bytes(&codec->planes.bytes, &codec->plane_bytes, count * 4, err);

    if (status != NSKY_OK || codec->pixel_count >= count)
        return status;
    float *values = nsky_realloc(codec->planes.values, count, sizeof *values, err);
    if (!values)
        return err->status;
    codec->planes.values = values;
    uint16_t *halves = nsky_realloc(codec->planes.halves, count, sizeof *halves, err);
    if (!halves)
        return err->status;
    codec->planes.halves = halves;
    codec->pixel_count = count;
    return NSKY_OK;
}

nsky_status nsky_record_room(nsky_codec *codec, uint32_t bytes, uint8_t **record, nsky_error *err)
{
    assert(codec && record && err);
    nsky_status status = grow_bytes(&codec->record, &codec->record_bytes, bytes, err);

    *record = codec->record;
    return status;
}

uint64_t nsky_stamp_hash(const nsky_stamp *stamp)
{
    assert(stamp && stamp->pixels);
    size_t count = (size_t)NSKY_STAMP_BANDS * stamp->width * stamp->height;
    uint8_t shape[16];

    nsky_put_u32(shape, stamp->width);
    nsky_put_u32(shape + 4, stamp->height);
    nsky_put_f32(shape + 8, stamp->scale_arcsec_px);
    memcpy(shape + 12, stamp->bands, 4);
    return nsky_xxh64(stamp->pixels, count * sizeof(float), nsky_xxh64(shape, sizeof shape, 0));
}

/* planes [bytes] into the record behind its header. */
static nsky_status compress(nsky_codec *codec, size_t bytes, uint32_t *payload_bytes,
                            nsky_error *err)
{
    size_t bound = ZSTD_compressBound(bytes);
    nsky_status status =
        grow_bytes(&codec->record, &codec->record_bytes, NSKY_RECORD_HEADER_BYTES + bound, err);

    if (status != NSKY_OK)
        return status;
    if (!codec->compressor && !(codec->compressor = ZSTD_createCCtx()))
        return nsky_fail(err, NSKY_ENOMEM, "out of memory for compression");
    size_t got = ZSTD_compressCCtx(codec->compressor, codec->record + NSKY_RECORD_HEADER_BYTES,
                                   bound, codec->planes.bytes, bytes, ZSTD_LEVEL);
    if (ZSTD_isError(got))
        return nsky_fail(err, NSKY_ENOMEM, "cannot compress a stamp: %s", ZSTD_getErrorName(got));
    assert(got <= NSKY_RECORD_BYTES_MAX - NSKY_RECORD_HEADER_BYTES);
    *payload_bytes = (uint32_t)got;
    return NSKY_OK;
}

nsky_status nsky_record_encode(nsky_codec *codec, const nsky_stamp *stamp, bool lossless,
                               const nsky_record_info *info, const uint8_t **record,
                               uint32_t *bytes, uint32_t *crc, nsky_error *err)
{
    assert(codec && stamp && info && record && bytes && crc && err);
    size_t count = (size_t)NSKY_STAMP_BANDS * stamp->width * stamp->height, plain = 0;
    uint32_t exceptions = 0, payload_bytes = 0;
    int exponent = 0;
    nsky_status status = grow_pixels(codec, count, err);

    if (status != NSKY_OK)
        return status;
    if (!lossless) {
        exponent = nsky_planes_exponent(stamp->pixels, count);
        plain = nsky_planes_put_half(&codec->planes, stamp->pixels, count, exponent, &exceptions);
    }
    bool half = plain > 0;
    if (!half) {
        exponent = 0;
        exceptions = 0;
        plain = nsky_planes_put_float(&codec->planes, stamp->pixels, count);
    }
    if ((status = compress(codec, plain, &payload_bytes, err)) != NSKY_OK)
        return status;
    uint8_t *h = codec->record;
    nsky_put_u32(h, MAGIC);
    nsky_put_u16(h + 4, half ? CODEC_HALF : CODEC_FLOAT);
    nsky_put_u16(h + 6, (uint16_t)(int16_t)exponent);
    nsky_put_u16(h + 8, (uint16_t)stamp->width);
    nsky_put_u16(h + 10, (uint16_t)stamp->height);
    nsky_put_f32(h + 12, stamp->scale_arcsec_px);
    memcpy(h + 16, stamp->bands, 4);
    nsky_put_u32(h + 20, stamp->flags);
    nsky_put_u64(h + 24, info->row);
    nsky_put_u64(h + 32, info->id);
    nsky_put_u32(h + 40, payload_bytes);
    nsky_put_u32(h + 44, nsky_crc32(0, h + NSKY_RECORD_HEADER_BYTES, payload_bytes));
    nsky_put_u64(h + 48, info->pixel_hash);
    nsky_put_u32(h + 56, exceptions);
    *crc = nsky_crc32(0, h, 60);
    nsky_put_u32(h + 60, *crc);
    *record = h;
    *bytes = NSKY_RECORD_HEADER_BYTES + payload_bytes;
    return NSKY_OK;
}

/* Everything about the header that can be wrong; NULL when nothing is. */
static const char *check_header(const uint8_t *h, uint32_t bytes)
{
    if (bytes < NSKY_RECORD_HEADER_BYTES || nsky_get_u32(h) != MAGIC)
        return "no stamp begins there";
    if (nsky_crc32(0, h, 60) != nsky_get_u32(h + 60))
        return "the header's checksum is wrong";
    uint32_t codec = nsky_get_u16(h + 4), width = nsky_get_u16(h + 8);
    uint32_t height = nsky_get_u16(h + 10), exceptions = nsky_get_u32(h + 56);
    int exponent = (int16_t)nsky_get_u16(h + 6);
    float scale = nsky_get_f32(h + 12);
    if (codec != CODEC_HALF && codec != CODEC_FLOAT)
        return "it is compressed in a way this version does not know";
    if (width == 0 || height == 0 || width > NSKY_STAMP_SIDE_MAX || height > NSKY_STAMP_SIDE_MAX)
        return "the size of its image is out of range";
    if (!(scale > 0 && scale < INFINITY) || memchr(h + 16, '\0', 4) != h + 19)
        return "its pixel scale or bands make no sense";
    if (exponent < -200 || exponent > 200 || (codec == CODEC_FLOAT && (exponent || exceptions)) ||
        exceptions > NSKY_STAMP_BANDS * width * height / 8)
        return "its scaling makes no sense";
    if (nsky_get_u32(h + 40) != bytes - NSKY_RECORD_HEADER_BYTES)
        return "its length is not what the catalogue says";
    if (nsky_crc32(0, h + NSKY_RECORD_HEADER_BYTES, bytes - NSKY_RECORD_HEADER_BYTES) !=
        nsky_get_u32(h + 44))
        return "the checksum of its pixels is wrong";
    return NULL;
}

static const char *decompress(nsky_codec *codec, const uint8_t *payload, size_t payload_bytes,
                              size_t plain)
{
    if (ZSTD_getFrameContentSize(payload, payload_bytes) != plain)
        return "its pixels have another size than its header says";
    if (ZSTD_decompressDCtx(codec->decompressor, codec->planes.bytes, plain, payload,
                            payload_bytes) != plain)
        return "its pixels do not decompress";
    return NULL;
}

static nsky_status decode_pixels(nsky_codec *codec, const uint8_t *h, nsky_stamp *stamp,
                                 nsky_error *err)
{
    bool half = nsky_get_u16(h + 4) == CODEC_HALF;
    size_t count = (size_t)NSKY_STAMP_BANDS * stamp->width * stamp->height;
    uint32_t exceptions = nsky_get_u32(h + 56);
    const char *wrong;
    nsky_status status = grow_pixels(codec, count, err);

    if (status != NSKY_OK)
        return status;
    if (!codec->decompressor && !(codec->decompressor = ZSTD_createDCtx()))
        return nsky_fail(err, NSKY_ENOMEM, "out of memory for decompression");
    wrong = decompress(codec, h + NSKY_RECORD_HEADER_BYTES, nsky_get_u32(h + 40),
                       half ? 2 * count + (size_t)exceptions * NSKY_EXCEPTION_BYTES : 4 * count);
    if (!wrong && half)
        wrong = nsky_planes_get_half(&codec->planes, stamp->pixels, count,
                                     (int16_t)nsky_get_u16(h + 6), exceptions);
    else if (!wrong)
        nsky_planes_get_float(&codec->planes, stamp->pixels, count);
    return wrong ? nsky_fail(err, NSKY_EDATA, "%s", wrong) : NSKY_OK;
}

nsky_status nsky_record_decode(nsky_codec *codec, const uint8_t *record, uint32_t bytes,
                               nsky_record_info *info, nsky_stamp **out, nsky_error *err)
{
    assert(codec && record && info && out && err);
    const char *wrong = check_header(record, bytes);
    nsky_stamp *stamp = NULL;
    nsky_status status;

    *out = NULL;
    if (wrong)
        return nsky_fail(err, NSKY_EDATA, "%s", wrong);
    status = nsky_stamp_new(&stamp, nsky_get_u16(record + 8), nsky_get_u16(record + 10),
                            nsky_get_f32(record + 12), err);
    if (status != NSKY_OK)
        return status;
    memcpy(stamp->bands, record + 16, 4);
    stamp->flags = nsky_get_u32(record + 20);
    if ((status = decode_pixels(codec, record, stamp, err)) != NSKY_OK) {
        nsky_stamp_free(stamp);
        return status;
    }
    info->row = nsky_get_u64(record + 24);
    info->id = nsky_get_u64(record + 32);
    info->pixel_hash = nsky_get_u64(record + 48);
    info->crc = nsky_get_u32(record + 60);
    info->lossless = nsky_get_u16(record + 4) == CODEC_FLOAT;
    *out = stamp;
    return NSKY_OK;
}
