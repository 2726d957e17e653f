/* resample.c - stamps on other pixel grids, exactly equivariant under quarter turns and flips.
 *
 * Sums of floats depend on their order, and a turned image would be summed in another order. So
 * every sum here is written symmetrically: taps are added in mirrored pairs from the outside in,
 * and the two passes are run in both orders (rows first, columns first) and averaged, which a
 * transposition merely swaps. Thread rule: pure functions.
 */
#include "image/resample.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/memory.h"
#include "image/resample_tap.h"

/* How each of `size` output pixels along one axis draws on `n` input pixels. Weights sum to 1 over
 * the infinite grid; those that fall outside the image are left out. */
typedef struct taps {
    uint32_t n, size, most;  /* most: room for weights of one output pixel */
    uint32_t *first, *count; /* [size] */
    double *weight;          /* [size, most] */
    double *inside;          /* [size] sum of the weights kept */
} taps;

static void taps_free(taps *t)
{
    nsky_free(t->first);
    nsky_free(t->count);
    nsky_free(t->weight);
    nsky_free(t->inside);
}

/* Sum of a tap row against samples `stride` apart, in mirrored pairs. */
static double paired_sum(const double *weight, uint32_t count)
{
    double sum = 0;
    for (uint32_t k = 0; k < count / 2; k++)
        sum += weight[k] + weight[count - 1 - k];
    return count % 2 ? sum + weight[count / 2] : sum;
}

static nsky_status taps_new(taps *t, uint32_t n, uint32_t size, double ratio, nsky_error *err)
{
    double reach = nsky_tap_reach(ratio);
    double most = fmin(2 * reach + 3, n);

    *t = (taps){.n = n, .size = size, .most = (uint32_t)most};
    t->first = nsky_alloc(size, sizeof *t->first, err);
    t->count = t->first ? nsky_alloc(size, sizeof *t->count, err) : NULL;
    t->inside = t->count ? nsky_alloc(size, sizeof *t->inside, err) : NULL;
    t->weight = t->inside ? nsky_alloc((size_t)size * t->most, sizeof *t->weight, err) : NULL;
    if (!t->weight)
        return err->status;

    for (uint32_t i = 0; i < size; i++) {
        double d = (i - (size - 1) / 2.0) * ratio, middle = (n - 1) / 2.0;
        double low = fmax(0, floor(d + middle - reach)),
               high = fmin(n - 1.0, ceil(d + middle + reach));
        double *weight = t->weight + (size_t)i * t->most;
        t->first[i] = 0;
        t->count[i] = 0;
        for (double j = low; j <= high; j++) {
            double w = nsky_tap_weight(j - middle, d, ratio);
            if (w <= 0) /* the weights are one run: only ends are 0 */
                continue;
            if (t->count[i] == 0)
                t->first[i] = (uint32_t)j;
            assert(t->count[i] < t->most);
            weight[t->count[i]++] = w;
        }
        t->inside[i] = paired_sum(weight, t->count[i]);
        if (ratio <= 1 &&
            fabs(d) < n / 2.0) { /* in the outer half of an edge pixel: still its sky */
            for (uint32_t k = 0; k < t->count[i]; k++)
                weight[k] /= t->inside[i];
            t->inside[i] = 1;
        }
    }
    return NSKY_OK;
}

/* Columns: in [n, width] -> out [size, width]. */
static void filter_columns(const taps *t, const double *in, uint32_t width, double *out)
{
    for (uint32_t i = 0; i < t->size; i++) {
        const double *weight = t->weight + (size_t)i * t->most;
        const double *rows = in + (size_t)t->first[i] * width;
        double *sum = out + (size_t)i * width;
        uint32_t count = t->count[i];

        memset(sum, 0, width * sizeof *sum);
        for (uint32_t k = 0; k < count / 2; k++) {
            const double *a = rows + (size_t)k * width, *b = rows + (size_t)(count - 1 - k) * width;
            double wa = weight[k], wb = weight[count - 1 - k];
            for (uint32_t x = 0; x < width; x++)
                sum[x] += a[x] * wa + b[x] * wb;
        }
        if (count % 2) {
            const double *a = rows + (size_t)(count / 2) * width;
            double wa = weight[count / 2];
            for (uint32_t x = 0; x < width; x++)
                sum[x] += a[x] * wa;
        }
    }
}

/* in [height, width] -> out [width, height] */
static void transpose(const double *in, uint32_t height, uint32_t width, double *out)
{
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            out[(size_t)x * height + y] = in[(size_t)y * width + x];
}

typedef struct scratch {
    taps x, y;
    double *image;     /* [height, width] one band, missing pixels 0 */
    double *a, *b, *c; /* each large enough for any intermediate */
    double *mask;      /* [size, size] known weight, where pixels are missing */
} scratch;

/* image [height, width] -> out [size, size]; both orders of the passes, averaged. */
static void filter_both(scratch *s, double *out)
{
    uint32_t width = s->x.n, height = s->y.n, size = s->x.size;

    filter_columns(&s->y, s->image, width, s->a); /* a [size, width] */
    transpose(s->a, size, width, s->b);           /* b [width, size] */
    filter_columns(&s->x, s->b, size, s->c);      /* c [size x, size y] */
    transpose(s->image, height, width, s->a);     /* a [width, height] */
    filter_columns(&s->x, s->a, height, s->b);    /* b [size x, height] */
    transpose(s->b, size, height, s->a);          /* a [height, size x] */
    filter_columns(&s->y, s->a, size, out);       /* out [size y, size x] */
    for (uint32_t y = 0; y < size; y++)
        for (uint32_t x = 0; x < size; x++)
            out[(size_t)y * size + x] =
                0.5 * (out[(size_t)y * size + x] + s->c[(size_t)x * size + y]);
}

static void resample_band(scratch *s, const float *band, double area, double *sum, float *out)
{
    uint32_t width = s->x.n, height = s->y.n, size = s->x.size;
    size_t count = (size_t)width * height;
    bool missing = false;

    for (size_t i = 0; i < count; i++)
        missing |= !isfinite(band[i]);
    if (missing) {
        for (size_t i = 0; i < count; i++)
            s->image[i] = isfinite(band[i]) ? 1 : 0;
        filter_both(s, s->mask);
    }
    for (size_t i = 0; i < count; i++)
        s->image[i] = isfinite(band[i]) ? band[i] : 0;
    filter_both(s, sum);

    for (uint32_t y = 0; y < size; y++) {
        for (uint32_t x = 0; x < size; x++) {
            size_t i = (size_t)y * size + x;
            double known = missing ? s->mask[i] : s->y.inside[y] * s->x.inside[x];
            double value = known >= NSKY_KNOWN_ENOUGH ? sum[i] / known * area : NAN;
            out[i] = (float)(value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value);
        }
    }
}

static nsky_status resample_general(const nsky_stamp *stamp, uint32_t size, double ratio,
                                    float *out, nsky_error *err)
{
    uint32_t longest = stamp->width > stamp->height ? stamp->width : stamp->height;
    uint32_t side = longest > size ? longest : size;
    size_t largest = (size_t)side * side;
    scratch s = {0};
    double *sum = NULL;
    nsky_status status;

    if ((status = taps_new(&s.x, stamp->width, size, ratio, err)) != NSKY_OK ||
        (status = taps_new(&s.y, stamp->height, size, ratio, err)) != NSKY_OK)
        goto done;
    double **blocks[] = {&s.image, &s.a, &s.b, &s.c, &s.mask, &sum};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (!(*blocks[i] = nsky_alloc_aligned(largest, sizeof(double), err))) {
            status = err->status;
            goto done;
        }
    }
    double area = fabs(ratio - 1) <= NSKY_SAME_SCALE ? 1 : ratio * ratio;
    for (uint32_t band = 0; band < NSKY_STAMP_BANDS; band++)
        resample_band(&s, nsky_stamp_band(stamp, band), area, sum,
                      out + (size_t)band * size * size);
done:
    nsky_free(sum);
    nsky_free(s.mask);
    nsky_free(s.c);
    nsky_free(s.b);
    nsky_free(s.a);
    nsky_free(s.image);
    taps_free(&s.x);
    taps_free(&s.y);
    return status;
}

/* The middle of the stamp, pixel by pixel; NaN around it where it is smaller. */
static void copy_centre(const nsky_stamp *stamp, uint32_t size, float *out)
{
    int64_t x0 = ((int64_t)stamp->width - size) / 2, y0 = ((int64_t)stamp->height - size) / 2;

    for (uint32_t band = 0; band < NSKY_STAMP_BANDS; band++) {
        const float *from = nsky_stamp_band(stamp, band);
        for (uint32_t y = 0; y < size; y++) {
            for (uint32_t x = 0; x < size; x++) {
                int64_t sx = x0 + x, sy = y0 + y;
                bool inside = sx >= 0 && sy >= 0 && sx < stamp->width && sy < stamp->height;
                *out++ = inside ? from[(size_t)sy * stamp->width + (size_t)sx] : NAN;
            }
        }
    }
}

nsky_status nsky_resample(const nsky_stamp *stamp, uint32_t size, float scale_arcsec_px, float *out,
                          nsky_error *err)
{
    assert(stamp && out && err);
    if (size == 0 || size > NSKY_RESAMPLE_SIDE_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "an image of %u x %u pixels: sides go from 1 to %d",
                         size, size, NSKY_RESAMPLE_SIDE_MAX);
    if (!(scale_arcsec_px > 0) || !isfinite(scale_arcsec_px))
        return nsky_fail(err, NSKY_EINVAL, "pixels of %g arcsec make no image",
                         (double)scale_arcsec_px);

    double ratio = (double)scale_arcsec_px / stamp->scale_arcsec_px;
    if (fabs(ratio - 1) <= NSKY_SAME_SCALE) {
        ratio = 1;
        if (stamp->width % 2 == size % 2 && stamp->height % 2 == size % 2) {
            copy_centre(stamp, size, out);
            return NSKY_OK;
        }
    }
    return resample_general(stamp, size, ratio, out, err);
}
