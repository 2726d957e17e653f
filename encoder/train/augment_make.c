/* augment_make.c - a view's pixels from the numbers drawn for it: resampled, reddened, blurred to
 * the seeing and noisy to the depth that were drawn, stretched.
 * Thread rule: a scratch belongs to one thread. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/train/augment_pixels.h"

#define KNOWN_ENOUGH 0.49999f /* as nsky_resample */

/* Divides by what is known; what is not becomes sky, with the stamp's noise where asked. */
static void complete(float *flux, const float *known, size_t count, float gain, float noise_sigma,
                     float *noise, nsky_rng *rng)
{
    size_t missing = 0;

    for (size_t i = 0; i < count; i++) {
        bool enough = known[i] >= KNOWN_ENOUGH;
        float value = flux[i] / (enough ? known[i] : 1) * gain;
        flux[i] = enough ? value : 0;
        missing += !enough;
    }
    if (missing == 0 || !(noise_sigma > 0))
        return;
    nsky_rng_fill_normal(rng, noise, missing);
    for (size_t i = 0; i < count; i++)
        if (!(known[i] >= KNOWN_ENOUGH))
            flux[i] = noise_sigma * *noise++;
}

static void crop_middle(const float *in, uint32_t size, uint32_t margin, float *out)
{
    size_t side = (size_t)size + 2 * (size_t)margin;

    for (uint32_t y = 0; y < size; y++)
        memcpy(out + (size_t)y * size, in + (y + margin) * side + margin, size * sizeof *out);
}

typedef struct blurs {
    float taps[3][NSKY_AUGMENT_RADIUS_MAX + 1];
    uint32_t radius[3], margin;
} blurs;

/* The blur that brings each band from its seeing, magnified with the picture, to the one drawn. */
static void choose_blurs(const nsky_augment_scratch *s, const nsky_augment_numbers *n, blurs *out)
{
    double px = NSKY_SCALE_ARCSEC_PX / s->how.scale_arcsec_px;

    out->margin = 0;
    for (int band = 0; band < 3; band++) {
        double own = n->blur_own[band] * n->zoom,
               square = n->blur[band] * n->blur[band] - own * own;
        double sigma = square > 0 ? sqrt(square) * px : 0;
        out->taps[band][0] = 1;
        out->radius[band] =
            nsky_augment_kernel(fmin(sigma, NSKY_AUGMENT_BLUR_MAX_PX), out->taps[band]);
        if (out->radius[band] > out->margin)
            out->margin = out->radius[band];
    }
    assert(out->margin <= s->margin_max);
}

static void add_noise(float *flux, size_t count, float sigma, float *noise, nsky_rng *rng)
{
    if (!(sigma > 0))
        return;
    nsky_rng_fill_normal(rng, noise, count);
    for (size_t i = 0; i < count; i++)
        flux[i] += sigma * noise[i];
}

/* The share of the stamp's white noise, as sigma, that interpolation and blur leave. */
static double share_left(const blurs *b, int band, const nsky_augment_grid *g)
{
    return nsky_augment_noise_left(b->taps[band], b->radius[band], g->step, g->exact);
}

void nsky_augment_flux(nsky_augment_scratch *s, const nsky_augment_numbers *n, float *out)
{
    assert(s && s->width > 0 && n && out);
    static const float no_taps[1] = {1};
    nsky_rng rng = n->rng;
    blurs b;

    choose_blurs(s, n, &b);
    uint32_t size = s->how.size, side = size + 2 * b.margin;
    size_t plane = (size_t)side * side, crop = (size_t)size * size;
    nsky_augment_grid g = nsky_augment_grid_of(s, n, side);
    nsky_augment_resample(s, s->pixels, &g, side, s->flux, s->known);
    if (s->missing)
        nsky_augment_resample(s, s->mask, &g, side, s->known, NULL);
    double faint = n->keep_flux ? 1 / (n->zoom * n->zoom) : 1;
    double interpolated = nsky_augment_noise_left(no_taps, 0, g.step, g.exact);
    for (size_t band = 0; band < 3; band++) {
        double gain = n->gain[band] * g.area, noise = n->noise_own[band] * n->gain[band] * faint;
        float *flux = s->flux + band * plane;
        complete(flux, s->known + (s->missing ? band * plane : 0), plane, (float)gain,
                 n->fill ? (float)(noise * interpolated) : 0, s->noise, &rng);
        if (b.radius[band] > 0)
            nsky_augment_blur(flux, size, b.margin, b.taps[band], b.radius[band], s->columns,
                              out + band * crop);
        else
            crop_middle(flux, size, b.margin, out + band * crop);
        double left = noise * share_left(&b, (int)band, &g);
        double more = n->noise[band] * n->noise[band] - left * left;
        add_noise(out + band * crop, crop, more > 0 ? (float)sqrt(more) : 0, s->noise, &rng);
    }
}

void nsky_augment_make(nsky_augment_scratch *s, const nsky_augment_numbers *n, float *out)
{
    nsky_augment_flux(s, n, out);
    nsky_preprocess_finish(&s->how, out);
}
