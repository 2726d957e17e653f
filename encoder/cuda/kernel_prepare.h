/* kernel_prepare.h (private) - from pixels on the bus to the network's input, one pixel an item.
 * The arithmetic is preprocess.h's and resample.h's; see grid.h. Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_PREPARE_H
#define NSKY_CUDA_KERNEL_PREPARE_H

#include <float.h>

#include "encoder/cuda/kernels.h"
#include "encoder/preprocess_pixel.h"
#include "image/resample_tap.h"

NSKY_ON_DEVICE static inline float nsky_wire_pixel(const nsky_wire *w, const uint16_t *pixels,
                                                   uint32_t band, uint32_t x, uint32_t y)
{
    size_t at = w->at + ((size_t)band * w->height + y) * w->width + x;

    return nsky_float_of_half(pixels[at]) * w->scale_first * w->scale_after;
}

/* The input pixels along one axis of n that an output pixel at d (from the middle) draws on. */
typedef struct nsky_axis {
    uint32_t first, end;
    double middle, d, whole; /* whole: what the weights are divided by at an edge */
} nsky_axis;

NSKY_ON_DEVICE static inline nsky_axis nsky_axis_of(uint32_t n, uint32_t size, double ratio,
                                                    uint32_t i)
{
    nsky_axis a;
    a.middle = (n - 1) / 2.0;
    a.d = (i - (size - 1) / 2.0) * ratio;
    a.whole = 1;
    double reach = nsky_tap_reach(ratio);
    double low = fmax(0.0, floor(a.d + a.middle - reach));
    double high = fmin(n - 1.0, ceil(a.d + a.middle + reach));
    a.first = low > high ? 0 : (uint32_t)low;
    a.end = low > high ? 0 : (uint32_t)high + 1;
    if (ratio <= 1 && fabs(a.d) < n / 2.0) { /* in the outer half of an edge pixel: still its sky */
        a.whole = 0;
        for (uint32_t j = a.first; j < a.end; j++)
            a.whole += nsky_tap_weight(j - a.middle, a.d, ratio);
    }
    return a;
}

/* As nsky_resample: NaN where less than half of the weight is known. */
NSKY_ON_DEVICE static inline void nsky_wire_resample(const nsky_wire *w, const uint16_t *pixels,
                                                     uint32_t size, uint32_t x, uint32_t y,
                                                     float flux[3])
{
    const nsky_axis across = nsky_axis_of(w->width, size, w->ratio, x);
    const nsky_axis up = nsky_axis_of(w->height, size, w->ratio, y);
    double area = w->ratio == 1 ? 1 : w->ratio * w->ratio;

    for (uint32_t band = 0; band < 3; band++) {
        double sum = 0, known = 0;
        for (uint32_t j = up.first; j < up.end; j++) {
            double wy = nsky_tap_weight(j - up.middle, up.d, w->ratio) / up.whole;
            for (uint32_t i = across.first; i < across.end; i++) {
                double weight =
                    wy * (nsky_tap_weight(i - across.middle, across.d, w->ratio) / across.whole);
                float value = nsky_wire_pixel(w, pixels, band, i, j);
                if (value == value) {
                    sum += weight * value;
                    known += weight;
                }
            }
        }
        double value = known >= NSKY_KNOWN_ENOUGH ? sum / known * area : (double)NAN;
        flux[band] = (float)(value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value);
    }
}

/* Pixel (x, y) of the network's grid: three fluxes, NaN where missing. */
NSKY_ON_DEVICE static inline void nsky_wire_flux(const nsky_wire *w, const uint16_t *pixels,
                                                 uint32_t size, uint32_t x, uint32_t y,
                                                 float flux[3])
{
    if (w->ratio != 1 || w->width % 2 != size % 2 || w->height % 2 != size % 2) {
        nsky_wire_resample(w, pixels, size, x, y, flux);
        return;
    }
    int64_t from_x = ((int64_t)w->width - size) / 2 + x;
    int64_t from_y = ((int64_t)w->height - size) / 2 + y;
    bool inside = from_x >= 0 && from_y >= 0 && from_x < w->width && from_y < w->height;
    for (uint32_t band = 0; band < 3; band++)
        flux[band] =
            inside ? nsky_wire_pixel(w, pixels, band, (uint32_t)from_x, (uint32_t)from_y) : NAN;
}

NSKY_ON_DEVICE static inline void nsky_prepare_item(const nsky_prepare_args *a, size_t item)
{
    size_t plane = (size_t)a->size * a->size;
    uint32_t image = (uint32_t)(item / plane), at = (uint32_t)(item % plane), x, y;
    uint32_t stamp = image / a->views;
    nsky_floats eight = {{0, 0, 0, 0, 0, 0, 0, 0}};
    float v[3], input[3];

    if (stamp < a->stamps) {
        nsky_view_source(a->size, image % a->views, at % a->size, at / a->size, &x, &y);
        nsky_wire_flux(&a->wires[stamp], a->pixels, a->size, x, y, v);
        nsky_look_pixel(&a->look, v, input);
        for (uint32_t c = 0; c < 3; c++)
            eight.v[c] = a->number == NSKY_NUMBER_INT8 ? input[c] * a->gain : input[c];
    }
    nsky_eight_put(a->number, a->out, item, &eight);
}

NSKY_ON_DEVICE static inline void nsky_pack_item(const nsky_pack_args *a, size_t item)
{
    size_t plane = (size_t)a->height * a->width, image = item / plane, at = item % plane;
    nsky_floats eight = {{0, 0, 0, 0, 0, 0, 0, 0}};

    for (uint32_t c = 0; c < NSKY_EIGHT; c++)
        if (c < a->channels)
            eight.v[c] = a->in[(image * a->channels + c) * plane + at];
    if (a->number == NSKY_NUMBER_INT8)
        for (uint32_t c = 0; c < NSKY_EIGHT; c++)
            eight.v[c] *= a->gain;
    nsky_eight_put(a->number, a->out, item, &eight);
}

#endif
