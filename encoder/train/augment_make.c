/* augment_make.c - a view's pixels from the numbers drawn for it: resampled, reddened, blurred to
 * the seeing and noisy to the depth that were drawn, stretched.
 * Thread rule: a scratch belongs to one thread. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/train/augment_pixels.h"

/* Divides by what is known; what is not becomes sky, with the stamp's noise where asked. */
static void complete(float *flux, const float *known, size_t count, float gain, float noise_sigma,
                     float *noise, nsky_rng *rng)
{
    size_t missing = 0;

    for (size_t i = 0; i < count; i++) {
        bool enough = known[i] >= NSKY_AUGMENT_KNOWN_ENOUGH;
        float value = flux[i] / (enough ? known[i] : 1) * gain;
        flux[i] = enough ? value : 0;
        missing += !enough;
    }
    if (missing == 0 || !(noise_sigma > 0))
        return;
    nsky_rng_fill_normal(rng, noise, missing);
    for (size_t i = 0; i < count; i++)
        if (!(known[i] >= NSKY_AUGMENT_KNOWN_ENOUGH))
            flux[i] = noise_sigma * *noise++;
}

static void crop_middle(const float *in, uint32_t size, uint32_t margin, float *out)
{
    size_t side = (size_t)size + 2 * (size_t)margin;

    for (uint32_t y = 0; y < size; y++)
        memcpy(out + (size_t)y * size, in + (y + margin) * side + margin, size * sizeof *out);
}

/* The blur that brings a band from its seeing, magnified with the picture, to the one drawn. */
static void choose_blur(const nsky_preprocess *how, const nsky_augment_numbers *n, int band,
                        nsky_augment_band *out)
{
    double px = NSKY_SCALE_ARCSEC_PX / how->scale_arcsec_px;
    double own = n->blur_own[band] * n->zoom, square = n->blur[band] * n->blur[band] - own * own;
    double sigma = square > 0 ? sqrt(square) * px : 0;

    out->taps[0] = 1;
    out->radius = nsky_augment_kernel(fmin(sigma, NSKY_AUGMENT_BLUR_MAX_PX), out->taps);
}

void nsky_augment_recipe_of(const nsky_preprocess *how, uint32_t width, uint32_t height,
                            float scale_arcsec_px, const nsky_augment_numbers *n,
                            nsky_augment_recipe *out)
{
    assert(how && n && out && width > 0 && height > 0);
    static const float no_taps[1] = {1};

    memset(out, 0, sizeof *out);
    for (int band = 0; band < 3; band++) {
        choose_blur(how, n, band, &out->bands[band]);
        if (out->bands[band].radius > out->margin)
            out->margin = out->bands[band].radius;
    }
    nsky_augment_grid g =
        nsky_augment_grid_of(how, width, height, scale_arcsec_px, n, how->size + 2 * out->margin);
    memcpy(out->origin, g.origin, sizeof out->origin);
    memcpy(out->right, g.right, sizeof out->right);
    memcpy(out->down, g.down, sizeof out->down);
    memcpy(out->key, n->rng.key, sizeof out->key);
    memcpy(out->counter, n->rng.counter, sizeof out->counter);
    double faint = n->keep_flux ? 1 / (n->zoom * n->zoom) : 1;
    double interpolated = nsky_augment_noise_left(no_taps, 0, g.step, g.exact);
    for (int band = 0; band < 3; band++) {
        nsky_augment_band *b = &out->bands[band];
        double noise = n->noise_own[band] * n->gain[band] * faint;
        /* The share of the stamp's white noise that interpolation and blur leave. */
        double left = noise * nsky_augment_noise_left(b->taps, b->radius, g.step, g.exact);
        double more = n->noise[band] * n->noise[band] - left * left;
        b->gain = (float)(n->gain[band] * g.area);
        b->fill_sigma = n->fill ? (float)(noise * interpolated) : 0;
        b->noise_sigma = more > 0 ? (float)sqrt(more) : 0;
    }
}

static void add_noise(float *flux, size_t count, float sigma, float *noise, nsky_rng *rng)
{
    if (!(sigma > 0))
        return;
    nsky_rng_fill_normal(rng, noise, count);
    for (size_t i = 0; i < count; i++)
        flux[i] += sigma * noise[i];
}

void nsky_augment_flux(nsky_augment_scratch *s, const nsky_augment_numbers *n, float *out)
{
    assert(s && s->width > 0 && n && out);
    nsky_rng rng = n->rng;
    nsky_augment_recipe r;

    nsky_augment_recipe_of(&s->how, s->width, s->height, s->scale_arcsec_px, n, &r);
    assert(r.margin <= s->margin_max);
    uint32_t size = s->how.size, side = size + 2 * r.margin;
    size_t plane = (size_t)side * side, crop = (size_t)size * size;
    nsky_augment_resample(s, s->pixels, &r, side, s->flux, s->known);
    if (s->missing)
        nsky_augment_resample(s, s->mask, &r, side, s->known, NULL);
    for (size_t band = 0; band < 3; band++) {
        const nsky_augment_band *b = &r.bands[band];
        float *flux = s->flux + band * plane;
        complete(flux, s->known + (s->missing ? band * plane : 0), plane, b->gain, b->fill_sigma,
                 s->noise, &rng);
        if (b->radius > 0)
            nsky_augment_blur(flux, size, r.margin, b->taps, b->radius, s->columns,
                              out + band * crop);
        else
            crop_middle(flux, size, r.margin, out + band * crop);
        add_noise(out + band * crop, crop, b->noise_sigma, s->noise, &rng);
    }
}

void nsky_augment_make(nsky_augment_scratch *s, const nsky_augment_numbers *n, float *out)
{
    nsky_augment_flux(s, n, out);
    nsky_preprocess_finish(&s->how, out);
}
