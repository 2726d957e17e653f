/* nearby.c - lenticulars with and without bars, three kinds of rings, dwarfs full of clumps.
 *
 * Proportions after Kormendy 1979 and Buta 2017 (ringed galaxies of Galaxy Zoo 2): rings end bars,
 * outer ones are twice as large, half of the ringed discs are lenticulars. Shares are for learning,
 * not the sky's: rings are three times as common here.
 * Thread rule: pure but for the generator given. */
#include "sim/nearby.h"

#include <assert.h>
#include <math.h>

#include "sim/galaxy.h"

#define CLUMPS_MIN 14
#define OUTER_RING 2.1 /* radii of the inner one */

/* A disc that parts are added to, and the light there is for all of them. */
typedef struct host {
    sim_disc disc;
    sim_colour colour;
    double total_z;
} host;

static host draw_host(nsky_rng *rng, double mag_z, double z, double early_share)
{
    bool early = nsky_rng_uniform(rng) < early_share;
    double cos_i = nsky_rng_range(rng, 0.35, 1);
    host h = {.total_z = sim_flux(mag_z), .disc = {.z = z, .q = sim_axis_ratio(cos_i)}};

    h.disc.re = sim_draw_size(rng, false, mag_z, z);
    h.disc.angle = nsky_rng_range(rng, 0, M_PI);
    h.colour = sim_draw_colour(rng, early, z);
    return h;
}

/* Of index 1 a disc; of 0.5 a lens: flat, with an edge, which is no ring. */
static void add_smooth(sim_object *out, const host *h, double re, double n, double flux_z)
{
    sim_component *c = sim_add_sersic(out, re, n, h->disc.q, h->disc.angle);

    sim_fluxes(c->flux, sim_mag(flux_z), h->colour);
}

/* Its own recipe's bulges are those of distant galaxies, which are all but points. */
static void add_bulge(sim_object *out, nsky_rng *rng, const host *h, double flux_z)
{
    sim_add_bulge(out, rng, &h->disc, flux_z);
    out->components[out->count - 1].r *= nsky_rng_range(rng, 1, 2);
}

/* `length` from the centre to an end, in the plane of the disc, where seen from the side shorter.
 */
static void add_bar(sim_object *out, nsky_rng *rng, const host *h, double length, double flux_z)
{
    double at = nsky_rng_range(rng, 0, M_PI), x = cos(at), y = h->disc.q * sin(at);
    double seen = hypot(x, y), thickness = nsky_rng_range(rng, 0.24, 0.5) / fmax(seen, 0.6);
    sim_component *bar =
        sim_add_sersic(out, length * seen * 0.6, 0.5, thickness, h->disc.angle + atan2(y, x));

    sim_fluxes(bar->flux, sim_mag(flux_z), sim_colour_shifted(h->colour, 0.04, 0.02));
}

/* Blue or not, patchy or not, and not quite a circle in the disc's plane. */
static void add_ring(sim_object *out, nsky_rng *rng, const host *h, double radius, double flux_z)
{
    double bluer = nsky_rng_range(rng, -0.3, 0.02);

    sim_add_ring(out, rng, &h->disc, radius, radius * nsky_rng_range(rng, 0.07, 0.3));
    sim_component *ring = &out->components[out->count - 1];
    if (nsky_rng_uniform(rng) < 0.5)
        ring->patches = 0;
    ring->q = fmin(ring->q * nsky_rng_range(rng, 0.85, 1.1), 1);
    ring->angle += nsky_rng_range(rng, -0.2, 0.2);
    sim_fluxes(ring->flux, sim_mag(flux_z), sim_colour_shifted(h->colour, bluer, bluer));
}

/* Beyond the ring: nothing, a second one, or arms. */
static void add_outskirts(sim_object *out, nsky_rng *rng, const host *h, double radius,
                          double flux_z)
{
    if (nsky_rng_uniform(rng) < 0.5) {
        add_ring(out, rng, h, radius * OUTER_RING, flux_z);
        return;
    }
    sim_disc arms = h->disc;
    arms.re = fmax(arms.re, radius);
    arms.flux_z = flux_z;
    sim_add_spiral(out, rng, &arms, nsky_rng_range(rng, 0.3, 0.6));
}

static void make_ringed(sim_object *out, nsky_rng *rng, double mag_z)
{
    host h = draw_host(rng, mag_z, out->z, 0.55);
    double bulge = nsky_rng_range(rng, 0.1, 0.4) * h.total_z, left = h.total_z - bulge;
    double radius = h.disc.re * nsky_rng_range(rng, 0.7, 1.7);
    double ring = left * nsky_rng_range(rng, 0.08, 0.45);
    double bar = nsky_rng_uniform(rng) < 0.6 ? left * nsky_rng_range(rng, 0.08, 0.25) : 0;
    double beyond = nsky_rng_uniform(rng) < 0.4 ? left * nsky_rng_range(rng, 0.08, 0.25) : 0;

    /* Within many rings the disc is cleared. */
    add_smooth(out, &h, h.disc.re * nsky_rng_range(rng, 0.6, 1.1), 1, left - ring - bar - beyond);
    add_ring(out, rng, &h, radius, ring);
    if (bar > 0)
        add_bar(out, rng, &h, radius * nsky_rng_range(rng, 0.8, 1), bar);
    if (beyond > 0)
        add_outskirts(out, rng, &h, radius, beyond);
    add_bulge(out, rng, &h, bulge);
}

/* A disc without arms, with or without a bar. */
static void make_lenticular(sim_object *out, nsky_rng *rng, double mag_z, bool barred)
{
    host h = draw_host(rng, mag_z, out->z, 0.85);
    double bulge = nsky_rng_range(rng, 0.1, barred ? 0.4 : 0.6) * h.total_z;
    double left = h.total_z - bulge;
    double bar = barred ? left * nsky_rng_range(rng, 0.1, 0.3) : 0;
    double lens = nsky_rng_uniform(rng) < 0.2 ? left * nsky_rng_range(rng, 0.1, 0.3) : 0;
    double edge = h.disc.re * nsky_rng_range(rng, 0.6, 1.1);

    add_smooth(out, &h, h.disc.re, 1, left - bar - lens);
    if (lens > 0)
        add_smooth(out, &h, edge * 0.6, 0.5, lens);
    if (barred)
        add_bar(out, rng, &h, edge, bar);
    add_bulge(out, rng, &h, bulge);
}

/* A blue disc, lopsided, in many small clumps, without a bulge. */
static void make_clumpy(sim_object *out, nsky_rng *rng, double mag_z)
{
    host h = draw_host(rng, mag_z, out->z, 0);
    double clumped = nsky_rng_range(rng, 0.1, 0.4);
    sim_clumps clumps = {.flux_z = h.total_z * clumped,
                         .weight_dex = 0.4,
                         .small = 0.03,
                         .large = 0.16,
                         .flat = 0.5,
                         .bluer_g_r = 0.25,
                         .bluer_r_z = 0.3};

    clumps.count = CLUMPS_MIN + nsky_rng_below(rng, SIM_CLUMPS_MAX - CLUMPS_MIN + 1);
    clumps.spread = nsky_rng_range(rng, 0.5, 0.9);
    clumps.ahead = 0.3 * nsky_rng_normal(rng);
    clumps.aside = 0.3 * nsky_rng_normal(rng);
    h.colour = clumps.colour = sim_colour_shifted(h.colour, -0.05, -0.1);
    add_smooth(out, &h, h.disc.re, nsky_rng_range(rng, 0.5, 1), h.total_z - clumps.flux_z);
    sim_add_clumps(out, rng, &out->components[0], &clumps);
}

/* How common it is, and how many of it are made here rather than by sim_make_galaxy. */
static const struct {
    double share, here;
} kinds[] = {
    [NSKY_SIM_ELLIPTICAL] = {0.18, 0.5}, [NSKY_SIM_SPIRAL] = {0.18, 0},
    [NSKY_SIM_BARRED] = {0.16, 0.5},     [NSKY_SIM_RING] = {0.22, 0.8},
    [NSKY_SIM_EDGE_ON] = {0.06, 0},      [NSKY_SIM_MERGER] = {0.08, 0},
    [NSKY_SIM_IRREGULAR] = {0.12, 0.8},
};

nsky_sim_class sim_draw_nearby_class(nsky_rng *rng)
{
    double u = nsky_rng_uniform(rng);

    for (nsky_sim_class class = NSKY_SIM_ELLIPTICAL; class < NSKY_SIM_IRREGULAR; class ++)
        if ((u -= kinds[class].share) < 0)
            return class;
    return NSKY_SIM_IRREGULAR;
}

void sim_make_nearby(sim_object *out, nsky_rng *rng, nsky_sim_class class, double mag_z, double z)
{
    assert(class <= NSKY_SIM_IRREGULAR);
    if (nsky_rng_uniform(rng) >= kinds[class].here) {
        sim_make_galaxy(out, rng, class, mag_z, z);
        return;
    }
    sim_begin_galaxy(out, class, z);
    if (class == NSKY_SIM_RING)
        make_ringed(out, rng, mag_z);
    else if (class == NSKY_SIM_IRREGULAR)
        make_clumpy(out, rng, mag_z);
    else
        make_lenticular(out, rng, mag_z, class == NSKY_SIM_BARRED);
    sim_summarise(out);
}
