/* augment_take.c - a stamp made ready: interleaved, four floats a pixel (three bands and
 * "observed"), so that one vector does all bands of a tap, with empty pixels around.
 * Thread rule: a scratch belongs to one thread. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/train/augment_pixels.h"

#define LANES NSKY_AUGMENT_LANES
#define PAD_LOW NSKY_AUGMENT_PAD_LOW
#define PAD_HIGH NSKY_AUGMENT_PAD_HIGH

nsky_status nsky_augment_scratch_new(nsky_augment_scratch **out, const nsky_augment *augment,
                                     const nsky_preprocess *how, nsky_error *err)
{
    assert(out && augment && how && err && how->size > 0 && how->size <= NSKY_STAMP_SIDE_MAX);
    nsky_augment_scratch *s = nsky_alloc_zero(1, sizeof *s, err);

    *out = NULL;
    if (!s)
        return err->status;
    s->how = *how;
    s->margin_max = nsky_augment_margin(augment);
    size_t side = how->size + 2 * (size_t)s->margin_max, planes = 3 * side * side;
    if (!(s->flux = nsky_alloc_aligned(planes, sizeof(float), err)) ||
        !(s->known = nsky_alloc_aligned(planes, sizeof(float), err)) ||
        !(s->columns = nsky_alloc_aligned(how->size * side, sizeof(float), err)) ||
        !(s->noise = nsky_alloc_aligned(planes, sizeof(float), err))) {
        nsky_augment_scratch_free(s);
        return err->status;
    }
    *out = s;
    return NSKY_OK;
}

void nsky_augment_scratch_free(nsky_augment_scratch *s)
{
    if (!s)
        return;
    nsky_free(s->pixels);
    nsky_free(s->mask);
    nsky_free(s->flux);
    nsky_free(s->known);
    nsky_free(s->columns);
    nsky_free(s->noise);
    nsky_free(s);
}

static nsky_status make_room(nsky_augment_scratch *s, size_t count, nsky_error *err)
{
    if (count <= s->padded_count)
        return NSKY_OK;
    nsky_free(s->pixels);
    nsky_free(s->mask);
    s->padded_count = 0;
    s->mask = NULL;
    if (!(s->pixels = nsky_alloc_aligned(count, LANES * sizeof(float), err)) ||
        !(s->mask = nsky_alloc_aligned(count, LANES * sizeof(float), err)))
        return err->status;
    s->padded_count = count;
    return NSKY_OK;
}

/* Missing pixels become 0 and are noted in the mask, which is only filled where there are any. */
static void interleave_row(const float *const band[3], uint32_t width, float *to, bool *missing)
{
    bool finite = true;

    for (uint32_t x = 0; x < width; x++) {
        float g = band[0][x], r = band[1][x], z = band[2][x];
        finite = finite & (g - g == 0) & (r - r == 0) & (z - z == 0);
        to[(size_t)LANES * x] = g;
        to[(size_t)LANES * x + 1] = r;
        to[(size_t)LANES * x + 2] = z;
        to[(size_t)LANES * x + 3] = 1;
    }
    if (finite)
        return;
    *missing = true;
    for (uint32_t i = 0; i < LANES * width; i++)
        to[i] = isfinite(to[i]) ? to[i] : 0;
}

static void fill_mask(nsky_augment_scratch *s, const nsky_stamp *stamp)
{
    size_t stride = (size_t)stamp->width + PAD_LOW + PAD_HIGH;

    memset(s->mask, 0, stride * (stamp->height + PAD_LOW + PAD_HIGH) * LANES * sizeof(float));
    for (uint32_t band = 0; band < 3; band++) {
        const float *from = nsky_stamp_band(stamp, band);
        for (uint32_t y = 0; y < stamp->height; y++) {
            float *to = s->mask + ((y + PAD_LOW) * stride + PAD_LOW) * LANES + band;
            for (uint32_t x = 0; x < stamp->width; x++)
                to[(size_t)LANES * x] = isfinite(from[(size_t)y * stamp->width + x]) ? 1 : 0;
        }
    }
}

nsky_status nsky_augment_take(nsky_augment_scratch *s, const nsky_stamp *stamp, nsky_error *err)
{
    assert(s && stamp && err);
    uint32_t width = stamp->width, height = stamp->height;
    size_t stride = (size_t)width + PAD_LOW + PAD_HIGH, rows = (size_t)height + PAD_LOW + PAD_HIGH;
    nsky_status status = make_room(s, stride * rows, err);

    if (status != NSKY_OK)
        return status;
    s->width = width;
    s->height = height;
    s->scale_arcsec_px = stamp->scale_arcsec_px;
    s->missing = false;
    memset(s->pixels, 0, stride * PAD_LOW * LANES * sizeof(float));
    for (uint32_t y = 0; y < height; y++) {
        float *row = s->pixels + (y + PAD_LOW) * stride * LANES;
        const float *const band[3] = {nsky_stamp_band(stamp, 0) + (size_t)y * width,
                                      nsky_stamp_band(stamp, 1) + (size_t)y * width,
                                      nsky_stamp_band(stamp, 2) + (size_t)y * width};
        memset(row, 0, (size_t)PAD_LOW * LANES * sizeof(float));
        interleave_row(band, width, row + (size_t)PAD_LOW * LANES, &s->missing);
        memset(row + (PAD_LOW + width) * (size_t)LANES, 0,
               (size_t)PAD_HIGH * LANES * sizeof(float));
    }
    memset(s->pixels + (rows - PAD_HIGH) * stride * LANES, 0,
           stride * PAD_HIGH * LANES * sizeof(float));
    if (s->missing)
        fill_mask(s, stamp);
    return NSKY_OK;
}
