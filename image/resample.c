/* resample.c - bilinear towards finer grids, area averages towards coarser ones.
 * Pure functions: any thread. */
#include "image/resample.h"

#include <assert.h>
#include <math.h>

/* Scales this close count as equal: over half a stamp the grids drift by less than 0.08 pixels. */
#define SAME_SCALE 1e-3

/* The input pixels one output pixel draws on, along one axis. */
typedef struct span {
    int32_t first, count; /* may reach outside the stamp: that part is unknown sky */
    double centre, ratio; /* in input pixels; ratio = output / input pixel size */
} span;

static span span_at(uint32_t index, uint32_t out_size, uint32_t in_size, double ratio)
{
    span s = {.ratio = ratio};
    s.centre = (in_size - 1) / 2.0 + (index - (out_size - 1) / 2.0) * ratio;
    if (ratio <= 1.0) {
        s.first = (int32_t)floor(s.centre);
        s.count = 2;
    } else {
        s.first = (int32_t)floor(s.centre - ratio / 2 + 0.5);
        s.count = (int32_t)floor(s.centre + ratio / 2 + 0.5) - s.first + 1;
    }
    return s;
}

/* Weights of one span sum to 1. */
static double weight_of(const span *s, int32_t pixel)
{
    if (s->ratio <= 1.0)
        return fmax(0.0, 1.0 - fabs(s->centre - pixel));
    double low = fmax(s->centre - s->ratio / 2, pixel - 0.5);
    double high = fmin(s->centre + s->ratio / 2, pixel + 0.5);
    return fmax(0.0, high - low) / s->ratio;
}

/* The span cut to [0, size): what is cut off stays unknown, its weight missing from the sum. */
static void inside(const span *s, uint32_t size, int32_t *begin, int32_t *end)
{
    *begin = s->first < 0 ? 0 : s->first;
    *end = s->first + s->count > (int32_t)size ? (int32_t)size : s->first + s->count;
}

static float average(const float *plane, const nsky_stamp *stamp, const span *sx, const span *sy)
{
    int32_t x0, x1, y0, y1;
    inside(sx, stamp->width, &x0, &x1);
    inside(sy, stamp->height, &y0, &y1);
    double sum = 0.0, known = 0.0;
    for (int32_t y = y0; y < y1; y++) {
        double wy = weight_of(sy, y);
        if (wy == 0.0)
            continue;
        for (int32_t x = x0; x < x1; x++) {
            double weight = wy * weight_of(sx, x);
            float value = plane[(size_t)y * stamp->width + (size_t)x];
            if (weight == 0.0 || isnan(value))
                continue;
            sum += weight * value;
            known += weight;
        }
    }
    return known >= 0.5 ? (float)(sum / known) : NAN;
}

nsky_status nsky_resample(const nsky_stamp *stamp, uint32_t size, float scale_arcsec_px, float *out,
                          nsky_error *err)
{
    assert(stamp && out && err);
    double ratio = (double)scale_arcsec_px / stamp->scale_arcsec_px;
    if (size == 0 || size > 8192 || !(ratio > 1e-3 && ratio < 1e3))
        return nsky_fail(err, NSKY_EINVAL,
                         "cannot show %u pixels of %g arcsec from pixels of %g arcsec", size,
                         (double)scale_arcsec_px, (double)stamp->scale_arcsec_px);
    if (fabs(ratio - 1.0) < SAME_SCALE)
        ratio = 1.0;
    const float area = (float)(ratio * ratio); /* nanomaggies are per pixel */
    for (uint32_t band = 0; band < NSKY_STAMP_BANDS; band++) {
        const float *plane = nsky_stamp_band(stamp, band);
        for (uint32_t y = 0; y < size; y++) {
            span sy = span_at(y, size, stamp->height, ratio);
            for (uint32_t x = 0; x < size; x++) {
                span sx = span_at(x, size, stamp->width, ratio);
                *out++ = average(plane, stamp, &sx, &sy) * area;
            }
        }
    }
    return NSKY_OK;
}
