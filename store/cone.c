/* cone.c - what lies around a position, by the zones algorithm (Gray, Nieto-Santisteban and Szalay
 * 2007): declination cut into zones 30 arcsec high, RA indexed within each.
 * Thread rule: a handle belongs to one thread at a time. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "common/memory.h"
#include "store/survey_private.h"

#define MAX_HITS 10000
#define RADIANS 0.017453292519943295
#define MARGIN_DEG 1e-9 /* for rounding; the exact test comes after */

/* The nearest so far: a heap with the farthest on top. */
typedef struct near_row {
    double separation_deg;
    uint64_t row;
} near_row;

typedef struct near_heap {
    near_row *rows;
    uint32_t count, max;
} near_heap;

/* Ties go by row, so that answers are the same everywhere. */
static bool farther(near_row a, near_row b)
{
    return a.separation_deg != b.separation_deg ? a.separation_deg > b.separation_deg
                                                : a.row > b.row;
}

static void sift_up(near_heap *heap, uint32_t at)
{
    near_row moving = heap->rows[at];

    for (; at > 0 && farther(moving, heap->rows[(at - 1) / 2]); at = (at - 1) / 2)
        heap->rows[at] = heap->rows[(at - 1) / 2];
    heap->rows[at] = moving;
}

static void sift_down(near_heap *heap)
{
    near_row moving = heap->rows[0];
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < heap->count) {
        if (child + 1 < heap->count && farther(heap->rows[child + 1], heap->rows[child]))
            child++;
        if (!farther(heap->rows[child], moving))
            break;
        heap->rows[at] = heap->rows[child];
        at = child;
    }
    heap->rows[at] = moving;
}

static void keep_nearest(near_heap *heap, near_row found)
{
    if (heap->count < heap->max) {
        heap->rows[heap->count] = found;
        sift_up(heap, heap->count++);
    } else if (heap->max > 0 && farther(heap->rows[0], found)) {
        heap->rows[0] = found;
        sift_down(heap);
    }
}

static nsky_status scan(nsky_survey *survey, uint32_t zone, double ra_low, double ra_high,
                        nsky_sky centre, double radius_deg, near_heap *heap, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_ZONE, err);
    nsky_status status;
    bool row;

    if (!statement)
        return err->status;
    int bound = sqlite3_bind_int(statement, 1, (int)zone) |
                sqlite3_bind_double(statement, 2, ra_low) |
                sqlite3_bind_double(statement, 3, ra_high);
    while ((status = nsky_sql_step(&survey->sql, statement, bound, &row, err)) == NSKY_OK && row) {
        nsky_sky position = {sqlite3_column_double(statement, 1),
                             sqlite3_column_double(statement, 2)};
        near_row found = {0, (uint64_t)sqlite3_column_int64(statement, 0)};
        if (!nsky_sky_valid(position)) {
            status = nsky_fail(err, NSKY_EDATA,
                               "%s: the position of row %" PRIu64
                               " makes no sense; restore it from a copy",
                               survey->sql.path, found.row);
            break;
        }
        found.separation_deg = nsky_sky_separation_deg(centre, position);
        if (found.separation_deg > radius_deg)
            continue;
        bool deleted;
        if ((status = nsky_survey_is_deleted(survey, found.row, &deleted, err)) != NSKY_OK)
            break;
        if (!deleted)
            keep_nearest(heap, found);
    }
    sqlite3_reset(statement);
    return status;
}

/* Half the width in RA of a cone, at its widest; 180 when it holds a pole. */
static double half_width_deg(double dec_deg, double radius_deg)
{
    if (fabs(dec_deg) + radius_deg >= 90 - 1e-6)
        return 180;
    double sine = sin(radius_deg * RADIANS) / cos(dec_deg * RADIANS);
    return sine >= 1 ? 180 : asin(sine) / RADIANS * (1 + 1e-9) + MARGIN_DEG;
}

/* One or, across RA 0, two stretches of every zone that the cone touches. */
static nsky_status scan_zones(nsky_survey *survey, nsky_sky centre, double radius_deg,
                              near_heap *heap, nsky_error *err)
{
    uint32_t first = nsky_zone_of(centre.dec_deg - radius_deg - MARGIN_DEG);
    uint32_t last = nsky_zone_of(centre.dec_deg + radius_deg + MARGIN_DEG);
    double width = half_width_deg(centre.dec_deg, radius_deg);
    double low = centre.ra_deg - width, high = centre.ra_deg + width;
    bool all = width >= 180 - MARGIN_DEG;
    nsky_status status = NSKY_OK;

    for (uint32_t zone = first; zone <= last && status == NSKY_OK; zone++) {
        if (all) {
            status = scan(survey, zone, 0, 360, centre, radius_deg, heap, err);
            continue;
        }
        status = scan(survey, zone, fmax(low, 0), fmin(high, 360), centre, radius_deg, heap, err);
        if (status == NSKY_OK && low < 0)
            status = scan(survey, zone, low + 360, 360, centre, radius_deg, heap, err);
        if (status == NSKY_OK && high > 360)
            status = scan(survey, zone, 0, high - 360, centre, radius_deg, heap, err);
    }
    return status;
}

static int compare_near(const void *a, const void *b)
{
    near_row left = *(const near_row *)a, right = *(const near_row *)b;
    return farther(left, right) ? 1 : farther(right, left) ? -1 : 0;
}

nsky_status nsky_survey_cone(nsky_survey *survey, nsky_sky centre, double radius_arcsec,
                             uint32_t max, nsky_cone_hit *out, uint32_t *count, nsky_error *err)
{
    assert(survey && (out || max == 0) && count && err);
    near_heap heap = {NULL, 0, max};
    nsky_status status;

    *count = 0;
    if (!nsky_sky_valid(centre))
        return nsky_fail(err, NSKY_EINVAL, "RA %g, Dec %g is no position", centre.ra_deg,
                         centre.dec_deg);
    if (!(radius_arcsec >= 0 && radius_arcsec <= 180 * 3600.0))
        return nsky_fail(err, NSKY_EINVAL, "a radius of %g arcsec is not between 0 and 648000",
                         radius_arcsec);
    if (max > MAX_HITS)
        return nsky_fail(err, NSKY_ELIMIT, "%u hits are more than the %d a cone may give", max,
                         MAX_HITS);
    if (!(heap.rows = nsky_alloc(max, sizeof *heap.rows, err)))
        return err->status;
    status = scan_zones(survey, centre, radius_arcsec / 3600, &heap, err);
    qsort(heap.rows, heap.count, sizeof *heap.rows, compare_near);
    for (uint32_t i = 0; i < heap.count && status == NSKY_OK; i++) {
        out[i].separation_arcsec = heap.rows[i].separation_deg * 3600;
        status = nsky_survey_by_row(survey, heap.rows[i].row, &out[i].object, err);
    }
    if (status == NSKY_OK)
        *count = heap.count;
    nsky_free(heap.rows);
    return status;
}
