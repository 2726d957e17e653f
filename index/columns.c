/* columns.c - writing and mapping the filter columns. A mapped nsky_columns is read by any thread.
 */
#include "index/columns.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "store/survey.h"

static const char magic[8] = "NSKYCOL1";

enum { COLUMN_COUNT = 7 };
static const size_t column_bytes[COLUMN_COUNT] = {4, 4, 4, 4, 8, 8, 1};

static size_t padded(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

typedef struct gather {
    unsigned char *column[COLUMN_COUNT];
    uint64_t rows, seen;
} gather;

static bool take(const nsky_object *object, void *payload)
{
    gather *all = payload;
    const uint64_t i = all->seen++;
    const float floats[4] = {object->mag_g, object->mag_r, object->mag_z, object->z_phot};
    for (int c = 0; c < 4; c++)
        memcpy(all->column[c] + 4 * i, &floats[c], 4);
    memcpy(all->column[4] + 8 * i, &object->ra_deg, 8);
    memcpy(all->column[5] + 8 * i, &object->dec_deg, 8);
    all->column[6][i] = object->known[0] != '\0';
    return all->seen < all->rows;
}

/* One block with the columns one behind the other, as in the file. */
static nsky_status gather_columns(const char *store, uint64_t rows, unsigned char **block,
                                  size_t *bytes, nsky_error *err)
{
    nsky_survey *survey = NULL;
    gather all = {.rows = rows};
    *bytes = 0;
    for (int c = 0; c < COLUMN_COUNT; c++)
        *bytes += padded(rows * column_bytes[c]);
    *block = nsky_alloc_zero(*bytes, 1, err);
    if (!*block)
        return err->status;
    unsigned char *next = *block;
    for (int c = 0; c < COLUMN_COUNT; next += padded(rows * column_bytes[c++]))
        all.column[c] = next;
    nsky_status status = nsky_survey_open(&survey, store, NSKY_SURVEY_READ, err);
    if (status == NSKY_OK && rows > 0)
        status = nsky_survey_each(survey, 0, take, &all, err);
    if (status == NSKY_OK && all.seen != rows)
        status = nsky_fail(err, NSKY_EMISMATCH, "%s: the catalogue has %llu of %llu rows", store,
                           (unsigned long long)all.seen, (unsigned long long)rows);
    nsky_survey_close(survey);
    return status;
}

nsky_status nsky_columns_write(const char *store, uint64_t rows, const char *path, nsky_error *err)
{
    assert(store && path && err);
    unsigned char *block = NULL;
    size_t bytes = 0;
    nsky_file_writer writer = {0};
    nsky_status status = gather_columns(store, rows, &block, &bytes, err);
    if (status == NSKY_OK && (status = nsky_file_begin(&writer, path, err)) == NSKY_OK) {
        /* Failures of the stream stick to it; commit finds them. */
        fwrite(magic, sizeof magic, 1, writer.stream);
        fwrite(&rows, sizeof rows, 1, writer.stream);
        fwrite(block, 1, bytes, writer.stream);
        status = nsky_file_commit(&writer, err);
    }
    nsky_file_abort(&writer);
    nsky_free(block);
    return status;
}

nsky_status nsky_columns_open(nsky_columns *out, const char *path, uint64_t rows, nsky_error *err)
{
    assert(out && path && err);
    memset(out, 0, sizeof *out);
    nsky_status status = nsky_map_open(&out->map, path, err);
    if (status != NSKY_OK)
        return status;
    const unsigned char *data = out->map.data;
    size_t expected = 16, offset = 16;
    for (int c = 0; c < COLUMN_COUNT; c++)
        expected += padded(rows * column_bytes[c]);
    if (out->map.bytes < 16 || memcmp(data, magic, sizeof magic) != 0)
        status =
            nsky_fail(err, NSKY_EDATA, "%s: no filter columns; run `nearsky index` again", path);
    else if (memcmp(data + 8, &rows, 8) != 0 || out->map.bytes != expected)
        status = nsky_fail(err, NSKY_EMISMATCH, "%s: not for %llu rows; run `nearsky index` again",
                           path, (unsigned long long)rows);
    if (status != NSKY_OK) {
        nsky_columns_close(out);
        return status;
    }
    const void *column[COLUMN_COUNT];
    for (int c = 0; c < COLUMN_COUNT; offset += padded(rows * column_bytes[c++]))
        column[c] = data + offset;
    for (int band = 0; band < 3; band++)
        out->mag[band] = column[band];
    out->z_phot = column[3];
    out->ra_deg = column[4];
    out->dec_deg = column[5];
    out->known = column[6];
    out->rows = rows;
    return NSKY_OK;
}

void nsky_columns_close(nsky_columns *columns)
{
    nsky_map_close(&columns->map);
    memset(columns, 0, sizeof *columns);
}
