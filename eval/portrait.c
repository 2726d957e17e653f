/* portrait.c - a stamp made ready for measuring; see portrait.h. */
#include "eval/portrait.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/memory.h"
#include "image/resample.h"

#define SKY_RADIUS_PX 45.0   /* beyond: more sky than galaxy */
#define CENTRE_RADIUS_PX 3.0 /* within: the colour of the centre */
#define NOISE_MIN 1e-6f      /* nanomaggies; of made-up images without any */
#define SIGMA_PER_MEDIAN 1.4826f

static int nearer(const void *a, const void *b, void *grid)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const float *radius = ((const nsky_grid *)grid)->radius;

    if (radius[i] != radius[j])
        return radius[i] < radius[j] ? -1 : 1;
    return (i > j) - (i < j);
}

nsky_status nsky_grid_new(nsky_grid **out, nsky_error *err)
{
    nsky_grid *grid = nsky_alloc(1, sizeof *grid, err);

    *out = grid;
    if (!grid)
        return err->status;
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++) {
        uint32_t column = i % PORTRAIT_SIDE, row = i / PORTRAIT_SIDE;
        float x = (float)column - (PORTRAIT_SIDE - 1) / 2.0f;
        float y = (float)row - (PORTRAIT_SIDE - 1) / 2.0f;
        grid->x[i] = x;
        grid->y[i] = y;
        grid->radius[i] = sqrtf(x * x + y * y);
        for (int m = 0; m < PORTRAIT_WAVES; m++) {
            double angle = (m + 1) * atan2((double)y, (double)x);
            grid->cosine[m][i] = (float)cos(angle);
            grid->sine[m][i] = (float)sin(angle);
        }
        grid->by_radius[i] = i;
    }
    qsort_r(grid->by_radius, PORTRAIT_PIXELS, sizeof *grid->by_radius, nearer, grid);
    return NSKY_OK;
}

static uint32_t count_within(const nsky_grid *grid, double radius)
{
    uint32_t low = 0, high = PORTRAIT_PIXELS;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (grid->radius[grid->by_radius[middle]] < radius)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void nsky_grid_annulus(const nsky_grid *grid, double low, double high, uint32_t *first,
                       uint32_t *end)
{
    *first = count_within(grid, low);
    *end = count_within(grid, high);
}

/* Quickselect; the middle as pivot, so that sorted input is no worst case. */
float nsky_quantile(float *values, uint32_t count, double q)
{
    if (count == 0)
        return 0;
    int64_t low = 0, high = (int64_t)count - 1, wanted = (int64_t)(q * (count - 1));
    while (low < high) {
        float pivot = values[(low + high) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i <= j) {
                float swap = values[i];
                values[i++] = values[j];
                values[j--] = swap;
            }
        }
        if (wanted <= j)
            high = j;
        else if (wanted >= i)
            low = i;
        else
            break;
    }
    return values[wanted];
}

void nsky_feature_put(nsky_feature_list *list, double value)
{
    assert(list->count < PORTRAIT_FEATURES_MAX);
    list->out[list->count++] = isfinite(value) ? (float)asinh(value) : 0;
}

/* Sky and noise from the outskirts: median, and the median of |pixel - median|. Missing pixels are
 * left out. */
static void subtract_sky(nsky_portrait *p, uint32_t band)
{
    const nsky_grid *grid = p->grid;
    float *flux = p->flux[band];
    uint32_t first, end, count = 0;

    nsky_grid_annulus(grid, SKY_RADIUS_PX, PORTRAIT_SIDE, &first, &end);
    for (uint32_t k = first; k < end; k++)
        if (!isnan(flux[grid->by_radius[k]]))
            p->scratch[count++] = flux[grid->by_radius[k]];
    const float sky = nsky_quantile(p->scratch, count, 0.5);
    for (uint32_t k = 0; k < count; k++)
        p->scratch[k] = fabsf(p->scratch[k] - sky);
    p->noise[band] = fmaxf(SIGMA_PER_MEDIAN * nsky_quantile(p->scratch, count, 0.5), NOISE_MIN);
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++)
        flux[i] = isnan(flux[i]) ? 0 : flux[i] - sky;
}

static void find_blue(nsky_portrait *p)
{
    double product = 0, square = 0;

    for (uint32_t k = 0; k < PORTRAIT_PIXELS; k++) {
        uint32_t i = p->grid->by_radius[k];
        if (p->grid->radius[i] >= CENTRE_RADIUS_PX)
            break;
        product += (double)p->flux[0][i] * p->flux[1][i];
        square += (double)p->flux[1][i] * p->flux[1][i];
    }
    const float colour = square > 0 ? (float)(product / square) : 0;
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++)
        p->blue[i] = p->flux[0][i] - colour * p->flux[1][i];
}

nsky_status nsky_portrait_draw(nsky_portrait *p, const nsky_stamp *stamp, nsky_error *err)
{
    nsky_status status =
        nsky_resample(stamp, PORTRAIT_SIDE, (float)NSKY_SCALE_ARCSEC_PX, p->flux[0], err);

    if (status != NSKY_OK)
        return status;
    for (uint32_t band = 0; band < 3; band++) {
        for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++)
            if (isinf(p->flux[band][i]))
                return nsky_fail(err, NSKY_EDATA, "the image has an infinite pixel");
        subtract_sky(p, band);
    }
    find_blue(p);
    nsky_portrait_smooth(p);
    return NSKY_OK;
}
