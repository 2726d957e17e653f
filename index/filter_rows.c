/* filter_rows.c - columns.h: a filter to the bits of all rows, block by block on all cores.
 *
 * A block of rows stays in the cache while test after test thins its bits out; the geometry of the
 * sky comes last and looks only at what is left. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/columns.h"
#include "index/parallel.h"
#include "index/region.h"

#define BLOCK_ROWS 8192ull
#define ROWS_TO_SHARE 400000     /* below, a thread does not pay */
#define COLOUR_ROUNDING_MAG 4e-6 /* two float32 magnitudes below 32 */

typedef struct evaluation {
    const nsky_columns *columns;
    const nsky_filter *filter;
    nsky_filter_kernel kernel;
    nsky_region region;
    uint64_t rows;
    uint8_t *bits;
} evaluation;

static bool bounded(double low, double high)
{
    return !isnan(low) || !isnan(high);
}

static float floor_of(double low)
{
    return isnan(low) ? -INFINITY : (float)low;
}

static float ceiling_of(double high)
{
    return isnan(high) ? INFINITY : (float)high;
}

static void test_values(const evaluation *e, uint64_t first, uint64_t count, uint8_t *bits)
{
    const nsky_columns *c = e->columns;
    const nsky_filter *f = e->filter;
    const nsky_filter_kernel *k = &e->kernel;

    for (int band = 0; band < 3; band++)
        if (bounded(f->mag_min[band], f->mag_max[band]))
            k->range(bits, c->mag[band] + first, count, floor_of(f->mag_min[band]),
                     ceiling_of(f->mag_max[band]));
    if (bounded(f->z_min, f->z_max))
        k->range(bits, c->z_phot + first, count, floor_of(f->z_min), ceiling_of(f->z_max));
    if (bounded(f->g_r_min, f->g_r_max))
        k->difference(bits, c->mag[0] + first, c->mag[1] + first, count,
                      floor_of(f->g_r_min - COLOUR_ROUNDING_MAG),
                      ceiling_of(f->g_r_max + COLOUR_ROUNDING_MAG));
    if (bounded(f->r_z_min, f->r_z_max))
        k->difference(bits, c->mag[1] + first, c->mag[2] + first, count,
                      floor_of(f->r_z_min - COLOUR_ROUNDING_MAG),
                      ceiling_of(f->r_z_max + COLOUR_ROUNDING_MAG));
    uint8_t care = f->hide_known || f->only_known ? NSKY_FLAG_KNOWN : 0;
    care |= e->region.everywhere ? 0 : NSKY_FLAG_NOWHERE;
    if (care || f->types)
        k->flags(bits, c->flags + first, count, f->types ? f->types : UINT32_MAX, care,
                 f->only_known ? NSKY_FLAG_KNOWN : 0);
    if (!e->region.everywhere && e->region.dec_span != UINT32_MAX)
        k->band(bits, c->dec + first, count, e->region.dec_low, e->region.dec_span);
}

static void test_places(const evaluation *e, uint64_t first, uint64_t count, uint8_t *bits)
{
    nsky_region_test(&e->region, e->columns->ra + first, e->columns->dec + first, count, bits);
}

/* The rows after the last whole byte, by way of copies: kernels take eight at a time. */
static void test_tail(const evaluation *e, uint64_t first, uint64_t count, uint8_t *bits)
{
    float values[4][8] = {{0}};
    uint32_t places[2][8] = {{0}};
    uint8_t flags[8] = {0};
    nsky_columns tail = {.rows = 8,
                         .mag = {values[0], values[1], values[2]},
                         .z_phot = values[3],
                         .ra = places[0],
                         .dec = places[1],
                         .flags = flags};
    evaluation copy = *e;

    for (uint64_t i = 0; i < count; i++) {
        for (int band = 0; band < 3; band++)
            values[band][i] = e->columns->mag[band][first + i];
        values[3][i] = e->columns->z_phot[first + i];
        places[0][i] = e->columns->ra[first + i];
        places[1][i] = e->columns->dec[first + i];
        flags[i] = e->columns->flags[first + i];
    }
    copy.columns = &tail;
    test_values(&copy, 0, 8, bits);
    if (!e->region.everywhere)
        test_places(&copy, 0, 8, bits);
    *bits &= (uint8_t)((1u << count) - 1);
}

static void evaluate(uint64_t block, uint32_t thread, void *payload)
{
    const evaluation *e = payload;
    const uint64_t first = block * BLOCK_ROWS;
    const uint64_t count = e->rows - first < BLOCK_ROWS ? e->rows - first : BLOCK_ROWS;
    const uint64_t whole = count / 8 * 8;
    uint8_t *bits = e->bits + first / 8;

    (void)thread;
    if (e->columns) {
        test_values(e, first, whole, bits);
        if (!e->region.everywhere)
            test_places(e, first, whole, bits);
        if (count > whole)
            test_tail(e, first + whole, count - whole, bits + whole / 8);
    }
    for (uint64_t i = 0; e->filter->bitmap && i < count / 8 + (count % 8 != 0); i++)
        bits[i] &= e->filter->bitmap[first / 8 + i];
}

/* Bits of the rows named, all others 0. */
static nsky_status keep_only(uint8_t *bits, uint64_t rows, const uint64_t *only, uint64_t count,
                             nsky_error *err)
{
    uint8_t *named = nsky_alloc_zero(rows / 8 + 1, 1, err);

    if (!named)
        return err->status;
    for (uint64_t i = 0; i < count; i++)
        if (only[i] < rows)
            named[only[i] >> 3] |= (uint8_t)(1u << (only[i] & 7));
    for (uint64_t i = 0; i < rows / 8 + 1; i++)
        bits[i] &= named[i];
    nsky_free(named);
    return NSKY_OK;
}

/* Few rows have one: theirs are looked up, all others fail. */
static nsky_status test_spectra(const nsky_columns *columns, const nsky_filter *filter,
                                uint64_t rows, uint8_t *bits, nsky_error *err)
{
    const float low = floor_of(filter->z_spec_min), high = ceiling_of(filter->z_spec_max);
    uint64_t *passing = nsky_alloc(columns->spec_count, sizeof *passing, err), count = 0;

    if (!passing)
        return err->status;
    for (uint64_t i = 0; i < columns->spec_count; i++)
        if (columns->spec_z[i] >= low && columns->spec_z[i] <= high)
            passing[count++] = columns->spec_row[i];
    nsky_status status = keep_only(bits, rows, passing, count, err);
    nsky_free(passing);
    return status;
}

nsky_status nsky_filter_bitmap(const nsky_columns *columns, uint64_t rows,
                               const nsky_filter *filter, const nsky_filter_kernel *kernel,
                               uint8_t **out, nsky_error *err)
{
    assert(filter && out && err);
    assert(columns || !nsky_filter_needs_columns(filter));
    nsky_filter_kernel kernels[2];
    evaluation e = {.columns = nsky_filter_needs_columns(filter) ? columns : NULL,
                    .filter = filter,
                    .rows = rows};
    const uint64_t blocks = rows / BLOCK_ROWS + (rows % BLOCK_ROWS != 0);

    *out = NULL;
    nsky_filter_kernels(kernels);
    e.kernel = kernel ? *kernel : kernels[0];
    nsky_status status = nsky_region_make(&e.region, filter, rows, err);
    if (status != NSKY_OK)
        return status;
    if (!(e.bits = nsky_alloc(rows / 8 + 1, 1, err))) {
        nsky_region_clear(&e.region);
        return err->status;
    }
    memset(e.bits, 0xff, rows / 8);
    e.bits[rows / 8] = (uint8_t)((1u << (rows & 7)) - 1);
    if (e.columns || filter->bitmap)
        nsky_parallel(blocks, nsky_parallel_threads(rows < ROWS_TO_SHARE ? 1 : 0, blocks), evaluate,
                      &e);
    if (bounded(filter->z_spec_min, filter->z_spec_max))
        status = test_spectra(columns, filter, rows, e.bits, err);
    if (status == NSKY_OK && filter->rows)
        status = keep_only(e.bits, rows, filter->rows, filter->row_count, err);
    nsky_region_clear(&e.region);
    if (status == NSKY_OK)
        *out = e.bits;
    else
        nsky_free(e.bits);
    return status;
}
