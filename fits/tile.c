/* tile.c - the tiles of a compressed image, decoded from the mapped bytes with every length
 * checked.
 *
 * CFITSIO 4.2 trusts the lengths in such files: it overruns its buffers on damaged Rice streams and
 * stored tiles, and inflates without bound. These files come from uploads too, so we decode them;
 * the tests hold our pixels against CFITSIO's, bit for bit.
 */
#include "fits/tile.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <zlib.h>

#include "common/memory.h"
#include "fits/rice.h"

static nsky_status damaged(const nsky_tiles *tiles, uint64_t row, nsky_error *err)
{
    return nsky_fail(err, NSKY_EDATA, "%s: tile %llu of the compressed image in HDU %u is damaged",
                     tiles->fits->name, (unsigned long long)row, tiles->fits->current);
}

static const uint8_t *field(const nsky_tiles *tiles, uint64_t row, const nsky_tile_column *column)
{
    const nsky_fits_section *section = tiles->section;

    return (const uint8_t *)tiles->fits->data + section->data_offset + row * section->row_bytes +
           column->offset;
}

static uint64_t big_endian(const uint8_t *at, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* What the descriptor of a variable-length column points to. false: not inside the file. */
static bool stream_of(const nsky_tiles *tiles, uint64_t row, const nsky_tile_column *column,
                      const uint8_t **data, uint64_t *items)
{
    const nsky_fits_section *section = tiles->section;
    const uint8_t *at = field(tiles, row, column);
    int bytes = column->form == 'Q' ? 8 : 4;
    int item_bytes = column->items == 'B'   ? 1
                     : column->items == 'I' ? 2
                     : column->items == 'D' ? 8
                                            : 4;
    uint64_t offset = big_endian(at + bytes, bytes), heap = section->heap_offset;

    *items = big_endian(at, bytes); /* negative ones come out too large */
    if (*items > section->data_bytes || heap > section->data_bytes ||
        offset > section->data_bytes - heap ||
        *items * (uint64_t)item_bytes > section->data_bytes - heap - offset)
        return false;
    *data = (const uint8_t *)tiles->fits->data + section->data_offset + heap + offset;
    return true;
}

/* Inflates exactly one stream into tiles->bytes; *got: how much came out. */
static bool inflate_tile(nsky_tiles *tiles, const uint8_t *data, uint64_t bytes, size_t room,
                         size_t *got)
{
    z_stream stream = {0};

    if (bytes > UINT_MAX || room > UINT_MAX || inflateInit2(&stream, 15 + 32) != Z_OK)
        return false;
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)bytes;
    stream.next_out = tiles->bytes;
    stream.avail_out = (uInt)room;
    int result = inflate(&stream, Z_FINISH);
    *got = room - stream.avail_out;
    inflateEnd(&stream);
    return result == Z_STREAM_END;
}

/* Byte i of pixel p, where GZIP_2 has put all first bytes first. */
static inline uint8_t byte_at(const nsky_tiles *tiles, size_t p, size_t i, size_t unit,
                              size_t count, bool shuffled)
{
    return shuffled ? tiles->bytes[i * count + p] : tiles->bytes[p * unit + i];
}

/* tiles->bytes as big-endian floats or doubles. */
static void floats_from_bytes(nsky_tiles *tiles, size_t count, size_t unit, bool shuffled,
                              double scale, double zero)
{
    for (size_t p = 0; p < count; p++) {
        uint8_t raw[8];
        double value = NAN;
        for (size_t i = 0; i < unit; i++)
            raw[i] = byte_at(tiles, p, i, unit, count, shuffled);
        nsky_tile_number(raw, unit == 4 ? 'E' : 'D', &value);
        tiles->pixels[p] = (float)(scale == 1 && zero == 0 ? value : value * scale + zero);
    }
}

/* tiles->bytes as big-endian integers; bytes are unsigned, as everywhere in FITS. */
static void integers_from_bytes(nsky_tiles *tiles, size_t count, size_t unit, bool shuffled)
{
    for (size_t p = 0; p < count; p++) {
        uint32_t value = 0;
        for (size_t i = 0; i < unit; i++)
            value = value << 8 | byte_at(tiles, p, i, unit, count, shuffled);
        tiles->whole[p] = unit == 2 ? (uint32_t)(int16_t)value : value;
    }
}

static nsky_status decode_gzip(nsky_tiles *tiles, uint64_t row, const uint8_t *data, uint64_t bytes,
                               size_t count, double scale, double zero, nsky_error *err)
{
    bool shuffled = tiles->method == NSKY_TILE_GZIP_SHUFFLED, fraction;
    size_t got = 0;

    if (!inflate_tile(tiles, data, bytes, count * 8, &got) || got % count != 0)
        return damaged(tiles, row, err);
    size_t unit = got / count;
    fraction = tiles->section->hdu.bitpix < 0 && !tiles->quantised;
    if (fraction && (unit == 4 || unit == 8))
        floats_from_bytes(tiles, count, unit, shuffled, scale, zero);
    else if (!fraction && (unit == 1 || unit == 2 || unit == 4)) {
        integers_from_bytes(tiles, count, unit, shuffled && unit > 1);
        nsky_tile_from_integers(tiles, row, (const int32_t *)tiles->whole, count, scale, zero);
    } else
        return damaged(tiles, row, err);
    return NSKY_OK;
}

static nsky_status decode_rice(nsky_tiles *tiles, uint64_t row, const uint8_t *data, uint64_t bytes,
                               size_t count, double scale, double zero, nsky_error *err)
{
    if (!nsky_rice_decode(data, bytes, tiles->rice_bytes, tiles->rice_block, tiles->whole, count))
        return damaged(tiles, row, err);
    if (tiles->rice_bytes == 2)
        for (size_t i = 0; i < count; i++)
            tiles->whole[i] = (uint32_t)(int16_t)tiles->whole[i];
    nsky_tile_from_integers(tiles, row, (const int32_t *)tiles->whole, count, scale, zero);
    return NSKY_OK;
}

/* Tiles that would not compress: gzip'ed floats, or in old files plain numbers. */
static nsky_status decode_stored(nsky_tiles *tiles, uint64_t row, size_t count, nsky_error *err)
{
    const uint8_t *data;
    uint64_t items;
    size_t got = 0, unit = tiles->section->hdu.bitpix == -64 ? 8 : 4;

    if (tiles->plain.form && stream_of(tiles, row, &tiles->plain, &data, &items) &&
        items == count) {
        char form = tiles->plain.items;
        unit = form == 'B' ? 1 : form == 'I' ? 2 : form == 'D' ? 8 : 4;
        for (size_t p = 0; p < count; p++) {
            double value = NAN;
            nsky_tile_number(data + p * unit, form, &value);
            tiles->pixels[p] = (float)value;
        }
        return NSKY_OK;
    }
    if (!tiles->gzipped.form || !stream_of(tiles, row, &tiles->gzipped, &data, &items) ||
        items == 0 || tiles->section->hdu.bitpix > 0 ||
        !inflate_tile(tiles, data, items, count * unit, &got) || got != count * unit)
        return damaged(tiles, row, err);
    floats_from_bytes(tiles, count, unit, false, 1, 0);
    return NSKY_OK;
}

nsky_status nsky_tiles_decode(nsky_tiles *tiles, uint64_t row, size_t count, nsky_error *err)
{
    assert(row < tiles->section->hdu.rows && count > 0 && count <= tiles->most);
    double scale = tiles->key_scale, zero = tiles->key_zero;
    const uint8_t *data;
    uint64_t bytes;

    if (!stream_of(tiles, row, &tiles->compressed, &data, &bytes))
        return damaged(tiles, row, err);
    if (bytes == 0)
        return decode_stored(tiles, row, count, err);
    if (tiles->scale.form)
        nsky_tile_number(field(tiles, row, &tiles->scale), tiles->scale.form, &scale);
    if (tiles->zero.form)
        nsky_tile_number(field(tiles, row, &tiles->zero), tiles->zero.form, &zero);
    zero = zero * tiles->bscale + tiles->bzero; /* BSCALE and BZERO come on top */
    scale *= tiles->bscale;
    if (tiles->method == NSKY_TILE_RICE)
        return decode_rice(tiles, row, data, bytes, count, scale, zero, err);
    return decode_gzip(tiles, row, data, bytes, count, scale, zero, err);
}
