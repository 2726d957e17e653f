/* preprocess.c - crop and scale, stretch, order and normalise. Thread rule: any thread. */
#include "encoder/preprocess.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/preprocess_pixel.h"
#include "image/resample.h"
#include "image/stretch.h"

/* Pixels at a time. Stretching is a matter of each pixel alone, so there is no buffer of a whole
 * image. */
#define CHUNK 256

const nsky_preprocess nsky_preprocess_default = {
    .size = 96,
    .scale_arcsec_px = (float)NSKY_SCALE_ARCSEC_PX,
    .stretch = NSKY_STRETCH_VIEWER,
    .channel = {0, 1, 2},
    .mean = {0, 0, 0},
    .deviation = {1, 1, 1},
    .views = 1,
};

static void stretch_stein(const float *flux, uint32_t count, float *colour)
{
    float root = sqrtf(nsky_stretch_viewer.q);

    for (uint32_t i = 0; i < count; i++) {
        float x[3] = {flux[i], flux[count + i], flux[2 * (size_t)count + i]};
        nsky_stein_pixel(&nsky_stretch_viewer, root, x);
        for (size_t band = 0; band < 3; band++)
            colour[band * count + i] = x[band];
    }
}

void nsky_preprocess_finish(const nsky_preprocess *how, float *image)
{
    assert(how && image);
    float flux[3 * CHUNK], colour[3 * CHUNK];
    size_t plane = (size_t)how->size * how->size;

    for (size_t done = 0; done < plane; done += CHUNK) {
        uint32_t n = plane - done < CHUNK ? (uint32_t)(plane - done) : CHUNK;
        for (size_t band = 0; band < 3; band++)
            memcpy(flux + band * n, image + band * plane + done, n * sizeof *flux);
        if (how->stretch == NSKY_STRETCH_STEIN)
            stretch_stein(flux, n, colour);
        else
            nsky_stretch_apply(&nsky_stretch_viewer, flux, n, colour);
        for (size_t c = 0; c < 3; c++) {
            const float *from = colour + (size_t)how->channel[c] * n;
            float *to = image + c * plane + done;
            for (uint32_t i = 0; i < n; i++)
                to[i] = (from[i] - how->mean[c]) / how->deviation[c];
        }
    }
}

nsky_status nsky_preprocess_run(const nsky_preprocess *how, const nsky_stamp *stamp, float *out,
                                nsky_error *err)
{
    assert(how && stamp && out && err && how->size > 0 && how->size <= NSKY_STAMP_SIDE_MAX);
    size_t plane = (size_t)how->size * how->size;
    nsky_status status = nsky_resample(stamp, how->size, how->scale_arcsec_px, out, err);

    if (status != NSKY_OK)
        return status;
    for (size_t i = 0; i < 3 * plane; i++)
        if (isinf(out[i]))
            return nsky_fail(err, NSKY_EDATA, "the image has an infinite pixel");
    nsky_preprocess_finish(how, out);
    return NSKY_OK;
}

void nsky_preprocess_view(const float *in, uint32_t size, uint32_t view, float *out)
{
    assert(in && out && in != out && view < 8);
    size_t plane = (size_t)size * size;

    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < size; y++)
            for (uint32_t x = 0; x < size; x++) {
                uint32_t from_x, from_y;
                nsky_view_source(size, view, x, y, &from_x, &from_y);
                out[c * plane + (size_t)y * size + x] =
                    in[c * plane + (size_t)from_y * size + from_x];
            }
}
