/* augment.c - what is drawn for a view. Thread rule: any thread. */
#include "encoder/train/augment.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/train/augment_private.h"
#include "image/resample.h"

#define AUGMENT_WORD 0x41554756u /* keeps these numbers apart from those of orders */
#define EBV_MAX 5.0

/* Magnitudes of extinction per E(B-V), over -2.5: DECam g, r, z (Schlafly & Finkbeiner 2011 with
 * the Legacy Survey's coefficients 3.214, 2.165, 1.211) and i (1.592) where it stands in for z. */
static const double reddening_slope[3] = {-3.214 / 2.5, -2.165 / 2.5, -1.211 / 2.5};
#define REDDENING_SLOPE_I (-1.592 / 2.5)

/* Distributions of the DR9 south that the published training code draws from. */
#define DR9_EBV                                                                               \
    {                                                                                         \
        .kind = NSKY_DRAW_LOGNORMAL, .scale = 0.03338f, .sigma = 0.67306f, .shift = 0.001146f \
    }
#define LOGNORMAL(c, s, l)                                                    \
    {                                                                         \
        .kind = NSKY_DRAW_LOGNORMAL, .scale = (c), .sigma = (s), .shift = (l) \
    }
#define UNIFORM(a, b)                                      \
    {                                                      \
        .kind = NSKY_DRAW_UNIFORM, .low = (a), .high = (b) \
    }
#define TIMES(a, b)                                      \
    {                                                    \
        .kind = NSKY_DRAW_TIMES, .low = (a), .high = (b) \
    }
#define DR9_SEEING                                                               \
    {                                                                            \
        LOGNORMAL(1.3153f, .2110f, 1.0807f), LOGNORMAL(.9165f, .3008f, 1.2394f), \
            LOGNORMAL(.8234f, .3471f, 1.1928f)                                   \
    }
#define DR9_NOISE                                                                   \
    {                                                                               \
        LOGNORMAL(.00376f, .2265f, -.00067f), LOGNORMAL(.00674f, .2431f, -.00237f), \
            LOGNORMAL(.02608f, .1335f, -.01434f)                                    \
    }
/* Medians of the above: the best guess for a stamp whose seeing nobody wrote down. */
#define DR9_SEEING_MEDIAN                                                             \
    {                                                                                 \
        UNIFORM(2.396f, 2.396f), UNIFORM(2.1559f, 2.1559f), UNIFORM(2.0162f, 2.0162f) \
    }

const nsky_augment nsky_augment_default = {
    .reddening = UNIFORM(0, 0.1f),
    .reddening_own = DR9_EBV,
    .reddening_catalogue = true,
    .flips = true,
    .rotation = true,
    .zoom_low = 0.9f,
    .zoom_high = 1.1f,
    .blur = DR9_SEEING,
    .blur_own = DR9_SEEING_MEDIAN,
    .jitter_px = 7,
    .noise = {TIMES(1, 1.5f), TIMES(1, 1.5f), TIMES(1, 1.5f)},
    .fill = true,
};

const nsky_augment nsky_augment_stein = {
    .reddening = UNIFORM(0, 1),
    .reddening_own = DR9_EBV,
    .flips = true,
    .rotation = true,
    .zoom_low = 0.9f,
    .zoom_high = 1.1f,
    .blur = {UNIFORM(1.32f, 5), UNIFORM(1.27f, 4.5f), UNIFORM(1.21f, 4.25f)},
    .blur_own = DR9_SEEING,
    .jitter_px = 7,
    .noise = {UNIFORM(.001094f, .013f), UNIFORM(.001094f, .018f), UNIFORM(.001094f, .061f)},
    .noise_own = DR9_NOISE,
};

const nsky_augment nsky_augment_none = {.zoom_low = 1, .zoom_high = 1};

/* Takes the same numbers from rng whatever it does with them. */
static double draw(const nsky_draw *d, double own, nsky_rng *rng)
{
    double uniform = nsky_rng_uniform(rng), normal = nsky_rng_normal(rng);

    switch (d->kind) {
    case NSKY_DRAW_UNIFORM:
        return d->low + ((double)d->high - d->low) * uniform;
    case NSKY_DRAW_LOGNORMAL:
        return fmax(0, d->shift + d->scale * exp(d->sigma * normal));
    case NSKY_DRAW_TIMES:
        return own * (d->low + ((double)d->high - d->low) * uniform);
    case NSKY_DRAW_AROUND:
        return fmax(0, own + d->low + ((double)d->high - d->low) * uniform);
    case NSKY_DRAW_OFF:
        break;
    }
    return 0;
}

static void draw_reddening(const nsky_augment *a, float ebv, bool red_is_i, nsky_rng *rng,
                           double gain[3])
{
    double own = draw(&a->reddening_own, 0, rng);

    if (a->reddening_catalogue && isfinite(ebv))
        own = fmin(fmax(ebv, 0), EBV_MAX);
    double target = draw(&a->reddening, own, rng);
    if (a->reddening.kind == NSKY_DRAW_OFF)
        target = own;
    for (uint32_t band = 0; band < 3; band++) {
        double slope = band == 2 && red_is_i ? REDDENING_SLOPE_I : reddening_slope[band];
        gain[band] = pow(10, slope * fmin(fmax(target - own, -EBV_MAX), EBV_MAX));
    }
}

/* A generator of the view's own: seed, epoch and view become its key, sample its stream. */
static nsky_rng rng_of(uint64_t seed, uint32_t epoch, uint64_t sample, uint32_t view)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {epoch, view, 0, AUGMENT_WORD};
    uint32_t word[4];

    nsky_philox(key, counter, word);
    return nsky_rng_at((uint64_t)word[1] << 32 | word[0], (uint32_t)(sample >> 32),
                       (uint32_t)sample);
}

void nsky_augment_draw(const nsky_augment *a, const nsky_augment_own *own, bool red_is_i,
                       uint64_t seed, uint32_t epoch, uint64_t sample, uint32_t view,
                       nsky_augment_numbers *out)
{
    assert(a && own && out);
    nsky_rng rng = rng_of(seed, epoch, sample, view);

    draw_reddening(a, own->ebv, red_is_i, &rng, out->gain);
    for (int axis = 0; axis < 2; axis++) {
        bool flip = nsky_rng_uniform(&rng) < 0.5;
        out->flip[axis] = a->flips && flip;
    }
    double turn = 360 * nsky_rng_uniform(&rng);
    out->angle_deg = a->rotation ? turn : 0;
    out->zoom = a->zoom_low + ((double)a->zoom_high - a->zoom_low) * nsky_rng_uniform(&rng);
    for (int axis = 0; axis < 2; axis++)
        out->jitter_px[axis] = a->jitter_px * (2 * nsky_rng_uniform(&rng) - 1);
    for (int band = 0; band < 3; band++) {
        out->blur_own[band] = draw(&a->blur_own[band], 0, &rng);
        out->blur[band] = draw(&a->blur[band], out->blur_own[band], &rng);
        double noise = draw(&a->noise_own[band], 0, &rng);
        bool measured = a->noise_own[band].kind == NSKY_DRAW_OFF;
        out->noise_own[band] = measured ? own->noise[band] : noise;
        out->noise[band] = draw(&a->noise[band], out->noise_own[band], &rng);
        if (!(own->noise[band] > 0)) /* nothing there, or no picture of the sky */
            out->noise[band] = 0;
    }
    out->keep_flux = a->zoom_keeps_flux;
    out->fill = a->fill;
    out->rng = rng;
}

uint32_t nsky_augment_margin(const nsky_augment *a)
{
    assert(a);
    bool blurs = a->blur[0].kind || a->blur[1].kind || a->blur[2].kind;

    return blurs ? NSKY_AUGMENT_RADIUS_MAX : 0;
}

double nsky_augment_reach(const nsky_augment *a, const nsky_preprocess *how)
{
    double half = how->size / 2.0 + nsky_augment_margin(a);

    return ((half + a->jitter_px) * M_SQRT2) / a->zoom_low + 3;
}

/* [low, low + kept): the middle of `all` pixels, which stays the middle. */
static uint32_t keep_middle(uint32_t all, double reach, uint32_t *low)
{
    uint32_t most = (uint32_t)fmin(2 * ceil(reach), 2.0 * NSKY_STAMP_SIDE_MAX);

    *low = all > most ? (all - most) / 2 : 0;
    return all - 2 * *low;
}

static nsky_status cut_middle(nsky_stamp **out, const nsky_stamp *stamp, double reach,
                              nsky_error *err)
{
    uint32_t x0, y0;
    uint32_t width = keep_middle(stamp->width, reach, &x0);
    uint32_t height = keep_middle(stamp->height, reach, &y0);

    if (width == stamp->width && height == stamp->height)
        return NSKY_OK;
    nsky_status status = nsky_stamp_new(out, width, height, stamp->scale_arcsec_px, err);
    if (status != NSKY_OK)
        return status;
    memcpy((*out)->bands, stamp->bands, sizeof stamp->bands);
    (*out)->flags = stamp->flags;
    for (uint32_t band = 0; band < 3; band++)
        for (uint32_t y = 0; y < height; y++)
            memcpy(nsky_stamp_band(*out, band) + (size_t)y * width,
                   nsky_stamp_band(stamp, band) + (size_t)(y + y0) * stamp->width + x0,
                   width * sizeof(float));
    return NSKY_OK;
}

nsky_status nsky_augment_prepare(nsky_stamp **out, const nsky_stamp *stamp,
                                 const nsky_augment *augment, const nsky_preprocess *how,
                                 nsky_error *err)
{
    assert(out && stamp && augment && how && err);
    double ratio = (double)how->scale_arcsec_px / stamp->scale_arcsec_px;
    double reach = nsky_augment_reach(augment, how);
    uint32_t longest = stamp->width > stamp->height ? stamp->width : stamp->height, low;

    *out = NULL;
    if (ratio <= NSKY_AUGMENT_RATIO_MAX)
        return cut_middle(out, stamp, ratio * reach, err);
    uint32_t side = (uint32_t)fmax(1, longest / ratio);
    side = keep_middle(side, reach, &low);
    nsky_status status = nsky_stamp_new(out, side, side, how->scale_arcsec_px, err);
    if (status != NSKY_OK)
        return status;
    memcpy((*out)->bands, stamp->bands, sizeof stamp->bands);
    (*out)->flags = stamp->flags;
    status = nsky_resample(stamp, side, how->scale_arcsec_px, (*out)->pixels, err);
    if (status != NSKY_OK) {
        nsky_stamp_free(*out);
        *out = NULL;
    }
    return status;
}

void nsky_augment_know_noise(const nsky_stamp *prepared, const nsky_preprocess *how, float noise[3])
{
    float ratio = how->scale_arcsec_px / prepared->scale_arcsec_px;

    nsky_augment_measure_noise(prepared, noise);
    for (int band = 0; band < 3; band++)
        noise[band] *= ratio * ratio;
}

/* What the caller knows; measured where he does not. */
static nsky_augment_own own_of(const nsky_stamp *prepared, const nsky_preprocess *how,
                               const nsky_augment_own *own)
{
    nsky_augment_own known = {NAN, {0, 0, 0}};

    nsky_augment_know_noise(prepared, how, known.noise);
    for (int band = 0; own && band < 3; band++)
        if (!isnan(own->noise[band]))
            known.noise[band] = own->noise[band];
    if (own)
        known.ebv = own->ebv;
    return known;
}

nsky_status nsky_augment_view(const nsky_augment *augment, const nsky_preprocess *how,
                              const nsky_stamp *stamp, const nsky_augment_own *own, uint64_t seed,
                              uint32_t epoch, uint64_t sample, uint32_t view, float *out,
                              nsky_augment_scratch *scratch, nsky_error *err)
{
    assert(augment && how && stamp && out && scratch && err);
    nsky_augment_numbers numbers;
    nsky_stamp *changed = NULL;
    nsky_status status = nsky_augment_prepare(&changed, stamp, augment, how, err);
    const nsky_stamp *prepared = changed ? changed : stamp;

    if (status == NSKY_OK)
        status = nsky_augment_take(scratch, prepared, err);
    if (status == NSKY_OK) {
        nsky_augment_own known = own_of(prepared, how, own);
        nsky_augment_draw(augment, &known, stamp->bands[2] == 'i', seed, epoch, sample, view,
                          &numbers);
        nsky_augment_make(scratch, &numbers, out);
    }
    nsky_stamp_free(changed);
    return status;
}
