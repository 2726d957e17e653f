/* deflector.h (private) - massive red galaxies, the lenses they make and what is mistaken for them.
 *
 * Deflector number k of a seed is the same galaxy wherever it is used, so that a lens and its
 * look-alikes differ in nothing but what was put around it.
 * Thread rule: pure but for the generator and the painter given. */
#ifndef NSKY_SIM_DEFLECTOR_H
#define NSKY_SIM_DEFLECTOR_H

#include "common/rng.h"
#include "sim/scene.h"

/* Collett 2015: what can be recognised as a lens from the ground. */
#define SIM_LENS_MAGNIFICATION_MIN 3.0
#define SIM_LENS_SNR_MIN 20.0

/* Overwrites everything in *out but x, y and role. lens holds the mass, also for look-alikes. */
void sim_make_deflector(sim_object *out, uint64_t seed, uint32_t number);

/* Adds a lensed source, redrawn until it would be recognised or chances run out (grade C).
 * NSKY_ENOMEM only. */
NSKY_MUST_CHECK nsky_status sim_make_lens(sim_object *out, nsky_rng *rng, sim_painter *painter,
                                          const sim_conditions *conditions, nsky_error *err);

/* theta_E^2 > R_s^2 + (FWHM / 2)^2, mu R_s > FWHM and mu > 3. */
bool sim_lens_resolved(const sim_lens *lens, double fwhm_arcsec);

/* Adds what makes a deflector look like a lens; class BARE_DEFLECTOR to TANGENTIAL_EDGE. */
void sim_make_lookalike(sim_object *out, nsky_rng *rng, nsky_sim_class class);

#endif
