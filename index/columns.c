/* columns.c - writing and mapping the filter columns. A mapped nsky_columns is read by any thread.
 */
#include "index/columns.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "common/sky.h"
#include "store/survey.h"

#define HEADER_BYTES 64
#define TURN 4294967296.0 /* 2^32 */

static const char magic[8] = "NSKYCOL2", old_magic[8] = "NSKYCOL1";

/* In the file's order; the last two are as long as there are spectra. */
enum { MAG_G, MAG_R, MAG_Z, Z_PHOT, RA, DEC, FLAGS, SPEC_ROW, SPEC_Z, COLUMNS };

static size_t item_bytes(int column)
{
    return column == FLAGS ? 1 : 4;
}

/* Offsets from the file's beginning; offset[COLUMNS] is its length. false: beyond a size_t. */
static bool lay_out(uint64_t rows, uint64_t spectra, size_t offset[COLUMNS + 1])
{
    offset[0] = HEADER_BYTES;
    for (int c = 0; c < COLUMNS; c++) {
        size_t bytes;
        if (!nsky_mul_size(c >= SPEC_ROW ? spectra : rows, item_bytes(c), &bytes) ||
            !nsky_add_size(bytes, 63, &bytes) ||
            !nsky_add_size(offset[c], bytes / 64 * 64, &offset[c + 1]))
            return false;
    }
    return true;
}

uint32_t nsky_columns_ra(double ra_deg)
{
    return (uint32_t)(uint64_t)(ra_deg * (TURN / 360) + 0.5); /* a whole turn wraps to 0 */
}

uint32_t nsky_columns_dec(double dec_deg)
{
    double code = (dec_deg + 90) * (TURN / 180) + 0.5;

    return code >= TURN ? UINT32_MAX : (uint32_t)code;
}

double nsky_columns_ra_deg(uint32_t ra)
{
    return ra * (360 / TURN);
}

double nsky_columns_dec_deg(uint32_t dec)
{
    return dec == UINT32_MAX ? 90 : dec * (180 / TURN) - 90;
}

typedef struct gather {
    unsigned char *block; /* without the header */
    size_t offset[COLUMNS + 1];
    uint64_t rows, seen;
    uint32_t *spec_row; /* owned, grown by doubling */
    float *spec_z;
    uint64_t spectra, spectra_room;
    nsky_error *err;
} gather;

static void put(const gather *all, int column, uint64_t row, const void *value)
{
    memcpy(all->block + all->offset[column] - HEADER_BYTES + row * item_bytes(column), value,
           item_bytes(column));
}

static bool keep_spectrum(gather *all, uint64_t row, float z)
{
    if (all->spectra == all->spectra_room) {
        uint64_t room = all->spectra_room ? 2 * all->spectra_room : 1024;
        void *rows = nsky_realloc(all->spec_row, room, sizeof *all->spec_row, all->err);
        if (!rows)
            return false;
        all->spec_row = rows;
        void *values = nsky_realloc(all->spec_z, room, sizeof *all->spec_z, all->err);
        if (!values)
            return false;
        all->spec_z = values;
        all->spectra_room = room;
    }
    all->spec_row[all->spectra] = (uint32_t)row;
    all->spec_z[all->spectra++] = z;
    return true;
}

static bool take(const nsky_object *object, void *payload)
{
    gather *all = payload;
    const uint64_t row = all->seen++;
    const float floats[4] = {object->mag_g, object->mag_r, object->mag_z, object->z_phot};
    const nsky_sky at = {object->ra_deg, object->dec_deg};
    const bool somewhere = nsky_sky_valid(at);
    const uint32_t ra = somewhere ? nsky_columns_ra(at.ra_deg) : 0;
    const uint32_t dec = somewhere ? nsky_columns_dec(at.dec_deg) : 0;
    const uint8_t flags =
        (uint8_t)((unsigned)nsky_type_of(object->type) | (object->known[0] ? NSKY_FLAG_KNOWN : 0) |
                  (somewhere ? 0 : NSKY_FLAG_NOWHERE));

    for (int c = 0; c < 4; c++)
        put(all, MAG_G + c, row, &floats[c]);
    put(all, RA, row, &ra);
    put(all, DEC, row, &dec);
    put(all, FLAGS, row, &flags);
    if (!isnan(object->z_spec) && !keep_spectrum(all, row, object->z_spec))
        return false;
    return all->seen < all->rows;
}

/* The columns one behind the other, as in the file, spectra apart. */
static nsky_status gather_columns(const char *store, gather *all, nsky_error *err)
{
    nsky_survey *survey = NULL;

    if (all->rows > UINT32_MAX || !lay_out(all->rows, 0, all->offset))
        return nsky_fail(err, NSKY_ELIMIT, "%s: more rows than 2^32 - 1", store);
    all->err = err;
    all->block = nsky_alloc_zero(all->offset[COLUMNS] - HEADER_BYTES, 1, err);
    if (!all->block)
        return err->status;
    nsky_status status = nsky_survey_open(&survey, store, NSKY_SURVEY_READ, err);
    if (status == NSKY_OK && all->rows > 0)
        status = nsky_survey_each(survey, 0, take, all, err);
    if (status == NSKY_OK && all->seen != all->rows)
        status =
            err->status != NSKY_OK
                ? err->status /* no memory for a spectrum */
                : nsky_fail(err, NSKY_EMISMATCH, "%s: the catalogue has %llu of %llu rows", store,
                            (unsigned long long)all->seen, (unsigned long long)all->rows);
    nsky_survey_close(survey);
    return status;
}

static void make_header(unsigned char header[HEADER_BYTES], uint64_t rows, uint64_t spectra)
{
    memset(header, 0, HEADER_BYTES);
    memcpy(header, magic, sizeof magic);
    memcpy(header + 8, &rows, 8);
    memcpy(header + 16, &spectra, 8);
    uint32_t crc = nsky_crc32(0, header, 24);
    memcpy(header + 24, &crc, 4);
}

static void write_padded(FILE *stream, const void *data, size_t bytes)
{
    static const char zeros[64];

    if (bytes > 0)
        fwrite(data, 1, bytes, stream);
    fwrite(zeros, 1, (bytes + 63) / 64 * 64 - bytes, stream);
}

nsky_status nsky_columns_write(const char *store, uint64_t rows, const char *path, nsky_error *err)
{
    assert(store && path && err);
    gather all = {.rows = rows};
    unsigned char header[HEADER_BYTES];
    nsky_file_writer writer = {0};
    nsky_status status = gather_columns(store, &all, err);

    if (status == NSKY_OK && (status = nsky_file_begin(&writer, path, err)) == NSKY_OK) {
        make_header(header, rows, all.spectra);
        /* Failures of the stream stick to it; commit finds them. */
        fwrite(header, 1, sizeof header, writer.stream);
        fwrite(all.block, 1, all.offset[COLUMNS] - HEADER_BYTES, writer.stream);
        write_padded(writer.stream, all.spec_row, all.spectra * 4);
        write_padded(writer.stream, all.spec_z, all.spectra * 4);
        status = nsky_file_commit(&writer, err);
    }
    nsky_file_abort(&writer);
    nsky_free(all.block);
    nsky_free(all.spec_row);
    nsky_free(all.spec_z);
    return status;
}

static nsky_status check_header(const nsky_map *map, const char *path, uint64_t rows,
                                uint64_t *spectra, size_t offset[COLUMNS + 1], nsky_error *err)
{
    unsigned char expected[HEADER_BYTES];
    uint64_t found = 0;

    if (map->bytes >= 8 && memcmp(map->data, old_magic, 8) == 0)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "%s: filter columns of an older nearsky; run `nearsky index`", path);
    if (map->bytes < HEADER_BYTES || memcmp(map->data, magic, sizeof magic) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: no filter columns; run `nearsky index` again", path);
    memcpy(&found, (const char *)map->data + 8, 8);
    memcpy(spectra, (const char *)map->data + 16, 8);
    make_header(expected, found, *spectra);
    if (memcmp(map->data, expected, HEADER_BYTES) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: its header is damaged; restore it from a copy",
                         path);
    if (found != rows || *spectra > rows || !lay_out(rows, *spectra, offset) ||
        offset[COLUMNS] != map->bytes)
        return nsky_fail(err, NSKY_EMISMATCH, "%s: not for %llu rows; run `nearsky index` again",
                         path, (unsigned long long)rows);
    return NSKY_OK;
}

nsky_status nsky_columns_open(nsky_columns *out, const char *path, uint64_t rows, nsky_error *err)
{
    assert(out && path && err);
    size_t offset[COLUMNS + 1];

    memset(out, 0, sizeof *out);
    if (!nsky_file_exists(path))
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file", path);
    nsky_status status = nsky_map_open(&out->map, path, err);
    if (status == NSKY_OK)
        status = check_header(&out->map, path, rows, &out->spec_count, offset, err);
    if (status != NSKY_OK) {
        nsky_columns_close(out);
        return status;
    }
    const unsigned char *data = out->map.data;
    for (int band = 0; band < 3; band++)
        out->mag[band] = (const void *)(data + offset[MAG_G + band]);
    out->z_phot = (const void *)(data + offset[Z_PHOT]);
    out->ra = (const void *)(data + offset[RA]);
    out->dec = (const void *)(data + offset[DEC]);
    out->flags = data + offset[FLAGS];
    out->spec_row = (const void *)(data + offset[SPEC_ROW]);
    out->spec_z = (const void *)(data + offset[SPEC_Z]);
    out->rows = rows;
    return NSKY_OK;
}

void nsky_columns_close(nsky_columns *columns)
{
    nsky_map_close(&columns->map);
    memset(columns, 0, sizeof *columns);
}
