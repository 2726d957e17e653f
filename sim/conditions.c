/* conditions.c - seeing, depth and dust as the coadds of the Legacy Surveys have them; noise.
 * Thread rule: pure but for the generator given. */
#include "sim/conditions.h"

#include <math.h>

#include "image/stamp.h"
#include "sim/population.h"

#define FWHM_PER_SIGMA 2.354820045

/* l + c exp(s N(0, 1)). */
typedef struct shifted_lognormal {
    double c, s, l;
} shifted_lognormal;

/* Stein et al. 2022, the distributions behind their augmentations: PSF sigma in pixels of 0.262
 * arcsec, noise in nanomaggies a pixel, and E(B - V). */
static const shifted_lognormal psf_sigma_px[SIM_BANDS] = {
    {1.3153, 0.2110, 1.0807}, {0.9165, 0.3008, 1.2394}, {0.8234, 0.3471, 1.1928}};
static const shifted_lognormal noise_sigma[SIM_BANDS] = {
    {0.00376, 0.2265, -0.00067}, {0.00674, 0.2431, -0.00237}, {0.02608, 0.1335, -0.01434}};
static const shifted_lognormal reddening = {0.03338, 0.67306, 0.001146};

/* How much noisier the median field of DECaLS is than that fit, which leans on deeper DES area. */
static const double shallow_factor[SIM_BANDS] = {1.16, 1.85, 1.69};

/* A / E(B - V) of the DECam bands, Schlafly & Finkbeiner 2011. */
static const double extinction[SIM_BANDS] = {3.214, 2.165, 1.211};

/* From DECam zero points and total exposure, in line with the skies seen. */
const double sim_gain[SIM_BANDS] = {7300, 7150, 7850};

static double draw(nsky_rng *rng, const shifted_lognormal *d)
{
    /* Beyond 2.5 sigma are fields that a survey would have observed again. */
    return d->l + d->c * exp(d->s * sim_draw_clipped(rng, 0, 1, -2.5, 2.5));
}

sim_conditions sim_draw_conditions(nsky_rng *rng)
{
    sim_conditions conditions;
    double shallow = nsky_rng_uniform(rng);

    for (int band = 0; band < SIM_BANDS; band++) {
        conditions.fwhm_arcsec[band] =
            draw(rng, &psf_sigma_px[band]) * FWHM_PER_SIGMA * NSKY_SCALE_ARCSEC_PX;
        conditions.sigma[band] =
            draw(rng, &noise_sigma[band]) * (1 + shallow * (shallow_factor[band] - 1));
    }
    conditions.ebv = draw(rng, &reddening);
    for (int band = 0; band < SIM_BANDS; band++)
        conditions.transmission[band] = pow(10, -0.4 * extinction[band] * conditions.ebv);
    return conditions;
}

void sim_add_noise(float *pixels, uint32_t width, uint32_t height, double sigma, double gain,
                   uint64_t seed, uint32_t stream, float *scratch)
{
    float sky = (float)(sigma * sigma), per_flux = (float)(1 / gain);

    for (uint32_t y = 0; y < height; y++) {
        float *row = pixels + (size_t)y * width;
        nsky_rng rng = nsky_rng_at(seed, stream, y);
        nsky_rng_fill_normal(&rng, scratch, width);
        for (uint32_t x = 0; x < width; x++)
            row[x] += scratch[x] * sqrtf(sky + fmaxf(row[x], 0) * per_flux);
    }
}
