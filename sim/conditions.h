/* conditions.h (private) - the nights a patch of sky was observed in: seeing, depth, dust.
 * Thread rule: pure but for the generator given. */
#ifndef NSKY_SIM_CONDITIONS_H
#define NSKY_SIM_CONDITIONS_H

#include "common/rng.h"
#include "sim/object.h"

typedef struct sim_conditions {
    double fwhm_arcsec[SIM_BANDS];
    double sigma[SIM_BANDS]; /* background noise, nanomaggies a pixel */
    double ebv;
    double transmission[SIM_BANDS]; /* of the Milky Way's dust: 10^(-0.4 A) */
} sim_conditions;

sim_conditions sim_draw_conditions(nsky_rng *rng);

/* Electrons a nanomaggie: variance of the light itself is flux / gain. */
extern const double sim_gain[SIM_BANDS];

/*
 * Background and photon noise onto one band.
 * pixels [height, width]; rows draw from their own streams of (seed, stream).
 * scratch [width]
 */
void sim_add_noise(float *pixels, uint32_t width, uint32_t height, double sigma, double gain,
                   uint64_t seed, uint32_t stream, float *scratch);

#endif
