/* disc.c - the parts that discs are made of: bulge, bar, arms, ring, clumps, a disc seen from the
 * side. Thread rule: pure but for the generator given. */
#include <assert.h>
#include <math.h>

#include "sim/galaxy.h"

#define EDGE_HEIGHT_SCATTER_DEX 0.08

sim_component *sim_add_sersic(sim_object *out, double re, double n, double q, double direction)
{
    sim_component *c = sim_object_add(out, SIM_SERSIC);

    c->r = re;
    c->n = n;
    c->q = q;
    c->angle = direction;
    return c;
}

sim_colour sim_colour_shifted(sim_colour colour, double g_r, double r_z)
{
    return (sim_colour){colour.g_r + g_r, colour.r_z + r_z};
}

void sim_add_bulge(sim_object *out, nsky_rng *rng, const sim_disc *disc, double flux_z)
{
    double n = nsky_rng_range(rng, 1.6, 3.2), re = disc->re * nsky_rng_range(rng, 0.12, 0.25);
    sim_component *c = sim_add_sersic(out, fmax(re, 0.1), n, sqrt(disc->q), disc->angle);

    c->x = disc->x;
    c->y = disc->y;
    sim_fluxes(c->flux, sim_mag(flux_z), sim_draw_colour(rng, true, disc->z));
}

void sim_add_spiral(sim_object *out, nsky_rng *rng, const sim_disc *disc, double share)
{
    sim_colour colour = sim_draw_colour(rng, false, disc->z);
    sim_component *smooth = sim_add_sersic(out, disc->re, 1, disc->q, disc->angle);

    sim_fluxes(smooth->flux, sim_mag(disc->flux_z * (1 - share)),
               sim_colour_shifted(colour, 0.06, 0.08));
    smooth->x = disc->x;
    smooth->y = disc->y;

    sim_component *c = sim_object_add(out, SIM_ARMS);
    double u = nsky_rng_uniform(rng), handed = nsky_rng_uniform(rng) < 0.5 ? -1 : 1;
    c->x = disc->x;
    c->y = disc->y;
    c->r = disc->re * 1.1;
    c->q = disc->q;
    c->angle = disc->angle;
    c->arms = u < 0.6 ? 2 : u < 0.85 ? 3 : 4;
    c->pitch = handed * nsky_rng_range(rng, 10, 28) * M_PI / 180;
    c->sharpness = nsky_rng_range(rng, 1.1, 2.9);
    c->phase = nsky_rng_range(rng, 0, 2 * M_PI);
    c->patches = nsky_rng_u32(rng) | 1;
    sim_fluxes(c->flux, sim_mag(disc->flux_z * share), sim_colour_shifted(colour, -0.22, -0.22));
}

void sim_add_ring(sim_object *out, nsky_rng *rng, const sim_disc *disc, double radius, double width)
{
    sim_component *c = sim_object_add(out, SIM_RING);

    c->x = disc->x;
    c->y = disc->y;
    c->r = radius;
    c->width = width;
    c->q = disc->q;
    c->angle = disc->angle;
    c->patches = nsky_rng_u32(rng) | 1;
    sim_fluxes(c->flux, sim_mag(disc->flux_z),
               sim_colour_shifted(sim_draw_colour(rng, false, disc->z), -0.2, -0.2));
}

void sim_add_clumps(sim_object *out, nsky_rng *rng, const sim_component *disc,
                    const sim_clumps *clumps)
{
    const double re = disc->r, q = disc->q, c = cos(disc->angle), s = sin(disc->angle);
    double weights[SIM_CLUMPS_MAX], sum = 0;

    assert(clumps->count >= 1 && clumps->count <= SIM_CLUMPS_MAX);
    for (uint32_t i = 0; i < clumps->count; i++)
        sum += weights[i] = sim_draw_dex(rng, 1, clumps->weight_dex);
    for (uint32_t i = 0; i < clumps->count; i++) {
        double u = clumps->spread * re * nsky_rng_normal(rng) + clumps->ahead * re,
               v = clumps->spread * re * q * nsky_rng_normal(rng) + clumps->aside * re;
        double direction = nsky_rng_range(rng, 0, M_PI);
        double flat = nsky_rng_range(rng, clumps->flat, 1);
        double size = re * nsky_rng_range(rng, clumps->small, clumps->large);
        sim_component *clump = sim_add_sersic(out, size, 1, flat, direction);
        clump->x = c * u - s * v;
        clump->y = s * u + c * v;
        double bluer_r_z = clumps->bluer_r_z * nsky_rng_uniform(rng);
        double bluer_g_r = clumps->bluer_g_r * nsky_rng_uniform(rng);
        sim_fluxes(clump->flux, sim_mag(clumps->flux_z * weights[i] / sum),
                   sim_colour_shifted(clumps->colour, -bluer_g_r, -bluer_r_z));
    }
}

/* Half-light radius of the disc -> scale length and height; a dust lane takes light back out, most
 * of it in the blue. */
void sim_add_edge_on(sim_object *out, nsky_rng *rng, const sim_disc *disc)
{
    static const double lane_depth[SIM_BANDS] = {0.36, 0.27, 0.15};
    sim_component *c = sim_object_add(out, SIM_EDGE);

    c->x = disc->x;
    c->y = disc->y;
    c->r = disc->re / SIM_SCALE_LENGTHS_PER_RE;
    c->width = c->r * SIM_EDGE_HEIGHT * sim_draw_dex(rng, 1, EDGE_HEIGHT_SCATTER_DEX);
    c->angle = disc->angle;
    sim_fluxes(c->flux, sim_mag(disc->flux_z),
               sim_colour_shifted(sim_draw_colour(rng, false, disc->z), 0.12, 0.1));
    if (nsky_rng_uniform(rng) < 0.6) {
        sim_component *lane = sim_object_add(out, SIM_EDGE);
        double depth = nsky_rng_range(rng, 0.6, 1.1);
        *lane = *c;
        lane->r *= 0.8;
        lane->width *= 0.35;
        lane->x -= sin(c->angle) * 0.15 * c->width; /* rarely exactly edge-on */
        lane->y += cos(c->angle) * 0.15 * c->width;
        for (int band = 0; band < SIM_BANDS; band++)
            lane->flux[band] *= -lane_depth[band] * depth * 0.8 * 0.35;
    }
}

/* The bar ends where the arms start. */
void sim_add_bar(sim_object *out, nsky_rng *rng, const sim_disc *disc, double flux_z)
{
    sim_component *arms = &out->components[out->count - 1];
    double length = disc->re * nsky_rng_range(rng, 0.45, 0.75), at = nsky_rng_range(rng, 0, M_PI);

    assert(arms->shape == SIM_ARMS);
    arms->arms = 2;
    arms->phase = at - log(length / arms->r) / tan(arms->pitch);
    sim_component *bar = sim_add_sersic(out, length * 0.6, 0.5, nsky_rng_range(rng, 0.24, 0.36),
                                        disc->angle + atan2(disc->q * sin(at), cos(at)));
    bar->x = disc->x;
    bar->y = disc->y;
    sim_fluxes(bar->flux, sim_mag(flux_z),
               sim_colour_shifted(sim_draw_colour(rng, true, disc->z), -0.12, -0.08));
}
