/* lens.h (private) - a singular isothermal ellipsoid with external shear.
 * Thread rule: pure. */
#ifndef NSKY_SIM_LENS_H
#define NSKY_SIM_LENS_H

#include <stdbool.h>

#include "sim/object.h"

/* alpha(theta), arcsec, around the lens's centre. */
void sim_deflect(const sim_lens *lens, double x, double y, double *alpha_x, double *alpha_y);
/* kappa(theta) = theta_E / (2 sqrt(q x^2 + y^2 / q)) in the lens's own axes. */
double sim_convergence(const sim_lens *lens, double x, double y);

/* Images' flux over source's, by summing the source's light over a grid of the sky. */
double sim_magnification(const sim_lens *lens, const sim_component *source);

/* Einstein radius of a velocity dispersion: 1.396" (sigma / 220 km/s)^2 D_ls / D_s; 0 when the
 * source is not behind the lens. And the way back. */
double sim_einstein_radius(double sigma_km_s, double z_lens, double z_source);
double sim_lens_sigma(double theta_e, double z_lens, double z_source);

#endif
