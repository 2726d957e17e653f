/* lists_file.c - lists_file.h, and lists.h's opening: everything in the headers and tables is
 * checked before it is believed. */
#include "index/lists_file.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/memory.h"
#include "index/cluster.h"
#include "store/xxh64.h"

#define ALIGN 64

const char nsky_lists_magic[3][8] = {"NSKYLST1", "NSKYCOD1", "NSKYROW1"};

static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};

static uint64_t align(uint64_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

void nsky_lists_layout(const nsky_lists_header *h, uint64_t begins[NSKY_TABLES + 1])
{
    const uint64_t padded = nsky_scan_padded(h->dim), coded = h->coded, lists = h->lists;
    const uint64_t bytes[NSKY_TABLES] = {
        [NSKY_TABLE_LOW] = coded * 4,
        [NSKY_TABLE_STEP] = coded * 4,
        [NSKY_TABLE_CENTROID_LOW] = coded * 4,
        [NSKY_TABLE_CENTROID_STEP] = coded * 4,
        [NSKY_TABLE_MEAN] = padded * 4,
        [NSKY_TABLE_ROTATION] = coded * padded * 4,
        [NSKY_TABLE_GROUP_CENTRES] = h->groups * coded * 4,
        [NSKY_TABLE_GROUP_LISTS] = ((uint64_t)h->groups + 1) * 4,
        [NSKY_TABLE_CENTROIDS] = lists * coded * 4,
        [NSKY_TABLE_CENTROID_CODES] = nsky_code_blocks(lists) * NSKY_CODE_ROWS * coded,
        [NSKY_TABLE_OFFSETS] = (lists + 1) * 4,
    };
    uint64_t next = NSKY_LISTS_HEADER;
    for (int t = 0; t < NSKY_TABLES; t++) {
        begins[t] = next;
        next = align(next + bytes[t]);
    }
    begins[NSKY_TABLES] = next;
}

uint64_t nsky_lists_file_bytes(const nsky_lists_header *h, int file)
{
    const uint64_t slots = h->blocks * NSKY_CODE_ROWS;
    return NSKY_LISTS_HEADER +
           (file == 1 ? slots * h->coded * h->bits / 8 : slots * NSKY_SLOT_BYTES);
}

void nsky_lists_header_seal(nsky_lists_header *h)
{
    h->version = NSKY_LISTS_VERSION;
    h->checksum = nsky_xxh64(h, offsetof(nsky_lists_header, checksum), 0);
}

nsky_status nsky_lists_header_check(const nsky_lists_header *h, const char magic[8],
                                    const char *path, nsky_error *err)
{
    if (memcmp(h->magic, magic, sizeof h->magic) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: not a file of that kind; run `nearsky index` again",
                         path);
    if (h->checksum != nsky_xxh64(h, offsetof(nsky_lists_header, checksum), 0))
        return nsky_fail(err, NSKY_EDATA,
                         "%s: its header is damaged; restore it or run `nearsky index` again",
                         path);
    if (h->version != NSKY_LISTS_VERSION)
        return nsky_fail(err, NSKY_EMISMATCH, "%s: of version %u; run `nearsky index` again", path,
                         h->version);
    if (h->dim < 1 || h->dim > 65536 || h->coded < 16 || h->coded > NSKY_CODED_MAX ||
        h->coded % 16 != 0 || h->lists < 1 || h->lists > NSKY_LISTS_MAX || h->groups < 1 ||
        h->groups > h->lists || (h->bits != 4 && h->bits != 8) || h->rows >= NSKY_NO_ROW ||
        h->blocks > h->rows / NSKY_CODE_ROWS + h->lists)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: its header makes no sense; run `nearsky index` again", path);
    return NSKY_OK;
}

/* Maps one of the three and checks its header and size. */
static nsky_status open_file(nsky_lists *lists, int file, const char *path,
                             nsky_lists_header *header, nsky_error *err)
{
    nsky_status status = nsky_map_open(&lists->files[file], path, err);
    if (status != NSKY_OK)
        return status;
    const nsky_map *map = &lists->files[file];
    uint64_t begins[NSKY_TABLES + 1];
    if (map->bytes < NSKY_LISTS_HEADER)
        return nsky_fail(err, NSKY_EDATA, "%s: cut short; restore it or run `nearsky index` again",
                         path);
    memcpy(header, map->data, sizeof *header);
    if ((status = nsky_lists_header_check(header, nsky_lists_magic[file], path, err)) != NSKY_OK)
        return status;
    nsky_lists_layout(header, begins);
    uint64_t expected = file == 0 ? begins[NSKY_TABLES] : nsky_lists_file_bytes(header, file);
    if (map->bytes != expected)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: has %" PRIu64 " bytes, not %" PRIu64
                         "; restore it or run `nearsky index` again",
                         path, (uint64_t)map->bytes, expected);
    return NSKY_OK;
}

static bool all_finite(const float *values, uint64_t count)
{
    float sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += values[i] * 0.0f;
    return sum == 0.0f;
}

/* Increasing from 0 to `last`. */
static bool is_ladder(const uint32_t *steps, uint32_t count, uint64_t last)
{
    for (uint32_t i = 0; i < count; i++)
        if (steps[i] > steps[i + 1])
            return false;
    return steps[0] == 0 && steps[count] == last;
}

static const void *table_at(const nsky_lists *l, uint64_t offset)
{
    return (const unsigned char *)l->files[0].data + offset;
}

static nsky_status set_tables(nsky_lists *l, const nsky_lists_header *h, const char *path,
                              nsky_error *err)
{
    const unsigned char *data = l->files[0].data;
    uint64_t at[NSKY_TABLES + 1];
    nsky_lists_layout(h, at);
    if (nsky_xxh64(data + NSKY_LISTS_HEADER, l->files[0].bytes - NSKY_LISTS_HEADER, 0) != h->id)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: its tables are damaged; restore it or run `nearsky index` again",
                         path);
    l->rows = h->rows;
    l->dim = h->dim;
    l->padded = nsky_scan_padded(h->dim);
    l->coded = h->coded;
    l->lists = h->lists;
    l->groups = h->groups;
    l->blocks = h->blocks;
    l->slots = h->blocks * NSKY_CODE_ROWS;
    l->coder = (nsky_coder){.coded = h->coded, .bits = h->bits};
    l->centroid_coder = (nsky_coder){.coded = h->coded, .bits = 8};
    memcpy(l->coder.low, data + at[NSKY_TABLE_LOW], h->coded * sizeof(float));
    memcpy(l->coder.step, data + at[NSKY_TABLE_STEP], h->coded * sizeof(float));
    memcpy(l->centroid_coder.low, data + at[NSKY_TABLE_CENTROID_LOW], h->coded * sizeof(float));
    memcpy(l->centroid_coder.step, data + at[NSKY_TABLE_CENTROID_STEP], h->coded * sizeof(float));
    l->mean = table_at(l, at[NSKY_TABLE_MEAN]);
    l->rotation = table_at(l, at[NSKY_TABLE_ROTATION]);
    l->group_centres = table_at(l, at[NSKY_TABLE_GROUP_CENTRES]);
    l->group_lists = table_at(l, at[NSKY_TABLE_GROUP_LISTS]);
    l->centroids = table_at(l, at[NSKY_TABLE_CENTROIDS]);
    l->centroid_codes = table_at(l, at[NSKY_TABLE_CENTROID_CODES]);
    l->offsets = table_at(l, at[NSKY_TABLE_OFFSETS]);
    if (nsky_coder_check(&l->coder, err) != NSKY_OK ||
        nsky_coder_check(&l->centroid_coder, err) != NSKY_OK ||
        !is_ladder(l->group_lists, l->groups, l->lists) ||
        !is_ladder(l->offsets, l->lists, l->blocks) || !all_finite(l->mean, l->padded) ||
        !all_finite(l->rotation, (uint64_t)l->coded * l->padded) ||
        !all_finite(l->group_centres, (uint64_t)l->groups * l->coded) ||
        !all_finite(l->centroids, (uint64_t)l->lists * l->coded))
        return nsky_fail(err, NSKY_EDATA, "%s: its tables make no sense; run `nearsky index` again",
                         path);
    return NSKY_OK;
}

/* What the distance of a query to the centres is made of. */
static nsky_status measure_centres(nsky_lists *l, const char *path, nsky_error *err)
{
    float ignored;
    l->turned_mean = nsky_alloc(l->coded, sizeof *l->turned_mean, err);
    l->halves = nsky_alloc(l->lists, sizeof *l->halves, err);
    l->group_halves = nsky_alloc(l->groups, sizeof *l->group_halves, err);
    if (!l->turned_mean || !l->halves || !l->group_halves)
        return err->status;
    nsky_lists_direction(l, l->mean, l->turned_mean, &ignored, NULL);
    nsky_half_squares(l->halves, l->centroids, l->lists, l->coded);
    nsky_half_squares(l->group_halves, l->group_centres, l->groups, l->coded);
    if (!all_finite(l->halves, l->lists) || !all_finite(l->group_halves, l->groups))
        return nsky_fail(err, NSKY_EDATA, "%s: its centres lie nowhere; run `nearsky index` again",
                         path);
    return NSKY_OK;
}

static nsky_status open_all(nsky_lists *l, char *const paths[3], uint64_t rows, uint32_t dim,
                            nsky_error *err)
{
    nsky_lists_header headers[3];
    nsky_status status = NSKY_OK;
    for (int f = 0; f < 3 && status == NSKY_OK; f++) {
        status = open_file(l, f, paths[f], &headers[f], err);
        if (status == NSKY_OK && (headers[f].rows != rows || headers[f].dim != dim))
            status = nsky_fail(err, NSKY_EMISMATCH,
                               "%s: for %" PRIu64 " vectors of %u numbers, not %" PRIu64
                               " of %u; run `nearsky index` again",
                               paths[f], headers[f].rows, headers[f].dim, rows, dim);
        else if (status == NSKY_OK &&
                 (headers[f].id != headers[0].id || headers[f].blocks != headers[0].blocks ||
                  headers[f].coded != headers[0].coded || headers[f].bits != headers[0].bits))
            status = nsky_fail(err, NSKY_EMISMATCH,
                               "%s: belongs to another %s; run `nearsky index` again", paths[f],
                               names[0]);
    }
    if (status != NSKY_OK || (status = set_tables(l, &headers[0], paths[0], err)) != NSKY_OK ||
        (status = measure_centres(l, paths[0], err)) != NSKY_OK)
        return status;
    l->codes = (const uint8_t *)l->files[1].data + NSKY_LISTS_HEADER;
    const unsigned char *slots = (const unsigned char *)l->files[2].data + NSKY_LISTS_HEADER;
    l->row_of = (const uint32_t *)slots;
    l->slack = slots + l->slots * 4;
    return NSKY_OK;
}

nsky_status nsky_lists_open(nsky_lists *out, const char *folder, uint64_t rows, uint32_t dim,
                            nsky_error *err)
{
    assert(out && folder && err);
    char *paths[3] = {NULL, NULL, NULL};
    nsky_status status = NSKY_OK;
    memset(out, 0, sizeof *out);
    for (int f = 0; f < 3 && status == NSKY_OK; f++)
        if (!(paths[f] = nsky_format(err, "%s/%s", folder, names[f])))
            status = err->status;
    if (status == NSKY_OK)
        status = open_all(out, paths, rows, dim, err);
    for (int f = 0; f < 3; f++)
        nsky_free(paths[f]);
    if (status != NSKY_OK)
        nsky_lists_close(out);
    return status;
}

void nsky_lists_close(nsky_lists *lists)
{
    for (int f = 0; f < 3; f++)
        nsky_map_close(&lists->files[f]);
    nsky_free(lists->group_halves);
    nsky_free(lists->halves);
    nsky_free(lists->turned_mean);
    memset(lists, 0, sizeof *lists);
}

void nsky_lists_direction(const nsky_lists *lists, const float *w, float *turned, float *constant,
                          float *outside)
{
    nsky_dot_kernel kernels[3];
    nsky_dot_kernels(kernels);
    *constant = kernels[0].dot(w, lists->mean, lists->padded);
    for (uint32_t c = 0; c < lists->coded; c += 4) { /* a multiple of 16 */
        const float *rows = lists->rotation + (size_t)c * lists->padded;
        const float *const four[4] = {rows, rows + lists->padded, rows + 2 * (size_t)lists->padded,
                                      rows + 3 * (size_t)lists->padded};
        kernels[0].dot4(w, four, lists->padded, turned + c);
    }
    if (!outside)
        return;
    double square = 0, whole = 0;
    for (uint32_t first = 0; first < lists->padded; first += NSKY_SCAN_LANES) {
        double rest[NSKY_SCAN_LANES];
        for (uint32_t d = 0; d < NSKY_SCAN_LANES; d++)
            rest[d] = (double)w[first + d];
        for (uint32_t c = 0; c < lists->coded; c++)
            for (uint32_t d = 0; d < NSKY_SCAN_LANES; d++)
                rest[d] -= (double)lists->rotation[(size_t)c * lists->padded + first + d] *
                           (double)turned[c];
        for (uint32_t d = 0; d < NSKY_SCAN_LANES; d++) {
            square += rest[d] * rest[d];
            whole += (double)w[first + d] * (double)w[first + d];
        }
    }
    /* What the turned numbers' own rounding adds: a millionth of the whole. */
    *outside = (float)(sqrt(square) + 2e-6 * sqrt(whole));
}
