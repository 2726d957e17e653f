/* population.c - the numbers behind the galaxies, after the sources named beside each table.
 * Thread rule: pure but for the generator given. */
#include "sim/population.h"

#include <assert.h>
#include <math.h>

#include "sim/cosmology.h"

#define REDSHIFT_MIN 0.012
#define REDSHIFT_MAX 1.1
#define SOLAR_MAG_Z 4.52   /* Willmer 2018, AB */
#define K_SLOPE_EARLY 0.55 /* K_z(z) roughly linear below z = 1 for old populations */
#define K_SLOPE_LATE 0.1
#define MASS_TO_LIGHT_EARLY 1.6
#define MASS_TO_LIGHT_LATE 0.8
#define SIZE_MASS_PIVOT 5e10

double sim_draw_dex(nsky_rng *rng, double median, double dex)
{
    return nsky_rng_lognormal(rng, median, dex * M_LN10);
}

double sim_draw_clipped(nsky_rng *rng, double mean, double sigma, double low, double high)
{
    return fmin(fmax(mean + sigma * nsky_rng_normal(rng), low), high);
}

double sim_draw_beta(nsky_rng *rng, double a, double b)
{
    assert(a > 1 && b > 1);
    double mode = (a - 1) / (a + b - 2), top = pow(mode, a - 1) * pow(1 - mode, b - 1);

    for (;;) {
        double x = nsky_rng_uniform(rng), y = nsky_rng_uniform(rng) * top;
        if (y < pow(x, a - 1) * pow(1 - x, b - 1))
            return x;
    }
}

double sim_draw_magnitude(nsky_rng *rng, double bright, double faint, double slope)
{
    double k = slope * M_LN10, u = nsky_rng_uniform(rng);

    assert(bright < faint && slope > 0);
    return faint + log(u + (1 - u) * exp(-k * (faint - bright))) / k;
}

/* Median 0.30 at z = 19.5 mag, as photometric redshifts of the Legacy Surveys have (papers.md 4).
 */
double sim_draw_redshift(nsky_rng *rng, double mag_z)
{
    double z0 = 0.30 * pow(10, 0.17 * (mag_z - 19.5)) / 1.41;
    double mode = pow(4.0 / 3, 2.0 / 3), top = mode * mode * exp(-4.0 / 3);

    for (;;) { /* in units of z0: t^2 exp(-t^1.5) is below 1e-7 beyond 8 */
        double t = nsky_rng_uniform(rng) * 8, z = t * z0;
        if (nsky_rng_uniform(rng) * top < t * t * exp(-pow(t, 1.5)) && z > REDSHIFT_MIN &&
            z < REDSHIFT_MAX)
            return z;
    }
}

/* About a third; more among the luminous, which at a given magnitude are the distant ones. */
bool sim_draw_is_early(nsky_rng *rng, double mag_z, double z)
{
    double fraction = 0.33 + 0.05 * (18.5 - mag_z) + 0.5 * (z - 0.2);
    return nsky_rng_uniform(rng) < fmin(fmax(fraction, 0.2), 0.75);
}

typedef struct colour_row {
    double z;
    sim_colour colour;
} colour_row;

/* Medians by photometric redshift of 2,800 published lens candidates, z >= 0.2 (papers.md 4); below
 * that nearby ellipticals; g - r beyond 0.6 without the arcs' blue. */
static const colour_row red_rows[] = {
    {0.00, {0.75, 0.52}}, {0.10, {0.95, 0.65}}, {0.20, {1.29, 0.76}}, {0.30, {1.54, 0.85}},
    {0.40, {1.76, 0.96}}, {0.50, {1.79, 1.13}}, {0.60, {1.80, 1.33}}, {0.70, {1.80, 1.51}},
    {0.80, {1.80, 1.68}}, {1.10, {1.75, 1.95}},
};
static const colour_row blue_rows[] = {
    {0.00, {0.42, 0.35}}, {0.10, {0.50, 0.40}}, {0.30, {0.75, 0.50}},
    {0.50, {0.85, 0.70}}, {0.80, {0.70, 0.90}}, {1.10, {0.50, 0.95}},
};

static sim_colour interpolate(const colour_row *rows, int count, double z)
{
    int i = 0;

    while (i < count - 2 && z > rows[i + 1].z)
        i++;
    double t = (z - rows[i].z) / (rows[i + 1].z - rows[i].z);
    t = fmin(fmax(t, 0), 1);
    const sim_colour *a = &rows[i].colour, *b = &rows[i + 1].colour;
    return (sim_colour){a->g_r + t * (b->g_r - a->g_r), a->r_z + t * (b->r_z - a->r_z)};
}

sim_colour sim_red_colour(double z)
{
    return interpolate(red_rows, sizeof red_rows / sizeof *red_rows, z);
}

sim_colour sim_blue_colour(double z)
{
    return interpolate(blue_rows, sizeof blue_rows / sizeof *blue_rows, z);
}

sim_colour sim_draw_colour(nsky_rng *rng, bool early, double z)
{
    sim_colour colour = early ? sim_red_colour(z) : sim_blue_colour(z);
    double scatter = early ? 0.065 : 0.14, shift = scatter * nsky_rng_normal(rng);

    /* Redder in one colour is redder in the other: most of the scatter is age and dust. */
    colour.g_r += shift + 0.3 * scatter * nsky_rng_normal(rng);
    colour.r_z += 0.7 * shift + 0.3 * scatter * nsky_rng_normal(rng);
    return colour;
}

void sim_fluxes(double flux[SIM_BANDS], double mag_z, sim_colour colour)
{
    flux[2] = sim_flux(mag_z);
    flux[1] = sim_flux(mag_z + colour.r_z);
    flux[0] = sim_flux(mag_z + colour.r_z + colour.g_r);
}

double sim_stellar_mass(bool early, double mag_z, double z)
{
    double k = (early ? K_SLOPE_EARLY : K_SLOPE_LATE) * z;
    double absolute = mag_z - sim_distance_modulus(z) - k;

    return pow(10, -0.4 * (absolute - SOLAR_MAG_Z)) *
           (early ? MASS_TO_LIGHT_EARLY : MASS_TO_LIGHT_LATE);
}

/* van der Wel et al. 2014, table 1 in closed form: kpc at M = 5e10 and its evolution. */
double sim_draw_size(nsky_rng *rng, bool early, double mag_z, double z)
{
    double mass = sim_stellar_mass(early, mag_z, z) / SIZE_MASS_PIVOT, kpc;

    if (early) /* the relation flattens below 2e10, else dwarfs would be points */
        kpc = 5.6 * pow(fmax(mass, 0.3), 0.75) * pow(1 + z, -1.48) * sim_draw_dex(rng, 1, 0.10);
    else
        kpc = 8.9 * pow(mass, 0.25) * pow(1 + z, -0.75) * sim_draw_dex(rng, 1, 0.16);
    return fmax(kpc / sim_kpc_per_arcsec(z), 0.15);
}

/* Counts rise as 10^(0.2 m); r - z follows g - r until M dwarfs, whose g - r stays near 1.5. */
void sim_draw_star(nsky_rng *rng, double flux[SIM_BANDS])
{
    double mag_r = sim_draw_magnitude(rng, 16, 22, 0.2), g_r, r_z;

    if (nsky_rng_uniform(rng) < 0.45) {
        g_r = sim_draw_clipped(rng, 1.5, 0.06, 1.2, 1.8);
        r_z = nsky_rng_range(rng, 0.8, 2.2);
    } else {
        g_r = nsky_rng_range(rng, 0.25, 1.35);
        r_z = 0.45 * g_r + 0.04 * nsky_rng_normal(rng);
    }
    flux[0] = sim_flux(mag_r + g_r);
    flux[1] = sim_flux(mag_r);
    flux[2] = sim_flux(mag_r - r_z);
}
