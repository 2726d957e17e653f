/* population.h (private) - how bright, how far, how red and how large galaxies and stars are.
 * Thread rule: pure but for the generator given. */
#ifndef NSKY_SIM_POPULATION_H
#define NSKY_SIM_POPULATION_H

#include <stdbool.h>

#include "common/rng.h"
#include "sim/object.h"

#define SIM_PRIMARY_MAG_Z_MIN 15.3
#define SIM_PRIMARY_MAG_Z_MAX 20.0
#define SIM_NEARBY_MAG_Z_MIN 12.5 /* what volunteers classify in pictures */
#define SIM_NEARBY_MAG_Z_MAX 16.5

/* Number counts N ~ 10^(slope m) between two magnitudes. */
double sim_draw_magnitude(nsky_rng *rng, double bright, double faint, double slope);
/* p(z) ~ z^2 exp[-(z / z0)^1.5] with a median that grows with magnitude. */
double sim_draw_redshift(nsky_rng *rng, double mag_z);
bool sim_draw_is_early(nsky_rng *rng, double mag_z, double z);

typedef struct sim_colour {
    double g_r, r_z;
} sim_colour;

sim_colour sim_red_colour(double z);  /* medians of early types by redshift */
sim_colour sim_blue_colour(double z); /* of star-forming ones */
/* Scatter about them as galaxies have. */
sim_colour sim_draw_colour(nsky_rng *rng, bool early, double z);
/* flux [g r z] of a source with this z magnitude and colour. */
void sim_fluxes(double flux[SIM_BANDS], double mag_z, sim_colour colour);

/* Half-light radius, arcsec, from mass and redshift with the scatter of van der Wel et al. 2014. */
double sim_draw_size(nsky_rng *rng, bool early, double mag_z, double z);
double sim_stellar_mass(bool early, double mag_z, double z); /* solar */

void sim_draw_star(nsky_rng *rng, double flux[SIM_BANDS]);

/* --- small distributions --- */
double sim_draw_dex(nsky_rng *rng, double median, double dex);
double sim_draw_clipped(nsky_rng *rng, double mean, double sigma, double low, double high);
double sim_draw_beta(nsky_rng *rng, double a, double b); /* a, b > 1; by rejection */

#endif
