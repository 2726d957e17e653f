/* features_annuli.c - how much light there is at which radius, how unevenly, and of what colour. */
#include <math.h>

#include "eval/portrait.h"

#define ANNULI 14
#define WAVES_FIRST 2 /* annuli narrower than a PSF have no azimuth to speak of */

static const double edges[ANNULI + 1] = {0, 1.5, 3, 4.5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 62};
/* nanomaggies a pixel, about the noise of the survey: fixed, so that a feature means the same in
 * every stamp */
static const double soft[3] = {0.006, 0.008, 0.016};

typedef struct annulus {
    double mean[3], deviation[3], high[3]; /* high: the brightest tenth begins here */
    double wave[3][PORTRAIT_WAVES];        /* Fourier amplitudes, flux */
    double wave_noise[3];                  /* what noise alone would give */
} annulus;

static void measure(annulus *a, nsky_portrait *p, double low, double high)
{
    const nsky_grid *g = p->grid;
    uint32_t first, end;

    nsky_grid_annulus(g, low, high, &first, &end);
    const uint32_t count = end - first;
    for (uint32_t band = 0; band < 3; band++) {
        double sum = 0, square = 0, real[PORTRAIT_WAVES] = {0}, imaginary[PORTRAIT_WAVES] = {0};
        for (uint32_t k = first; k < end; k++) {
            uint32_t i = g->by_radius[k];
            double flux = p->flux[band][i];
            p->scratch[k - first] = (float)flux;
            sum += flux;
            square += flux * flux;
            for (int m = 0; m < PORTRAIT_WAVES; m++) {
                real[m] += flux * g->cosine[m][i];
                imaginary[m] += flux * g->sine[m][i];
            }
        }
        a->mean[band] = sum / count;
        a->deviation[band] = sqrt(fmax(square / count - a->mean[band] * a->mean[band], 0));
        a->high[band] = nsky_quantile(p->scratch, count, 0.9);
        a->wave_noise[band] = p->noise[band] / sqrt(count);
        for (int m = 0; m < PORTRAIT_WAVES; m++)
            a->wave[band][m] = hypot(real[m], imaginary[m]) / count;
    }
}

/* A share of the mean, where there is a mean above the noise. */
static double share(double value, double mean, double noise)
{
    return value / sqrt(mean * mean + 9 * noise * noise);
}

void nsky_features_annuli(nsky_feature_list *list, nsky_portrait *p)
{
    for (int k = 0; k < ANNULI; k++) {
        annulus a;
        measure(&a, p, edges[k], edges[k + 1]);
        for (uint32_t band = 0; band < 3; band++) {
            nsky_feature_put(list, a.mean[band] / soft[band]);
            nsky_feature_put(list, a.deviation[band] / soft[band]);
            nsky_feature_put(list,
                             share(a.high[band] - a.mean[band], a.mean[band], p->noise[band]));
        }
        nsky_feature_put(list, 3 * share(a.mean[0], a.mean[1], p->noise[1]));
        nsky_feature_put(list, 3 * share(a.mean[1], a.mean[2], p->noise[2]));
        for (int m = 0; m < PORTRAIT_WAVES && k >= WAVES_FIRST; m++)
            nsky_feature_put(list, 5 * share(a.wave[1][m], a.mean[1], 3 * a.wave_noise[1]));
    }
}
