/* lookalike.c - what people and networks mistake for lenses, around the same deflectors.
 * Thread rule: pure but for the generator given. */
#include <assert.h>
#include <math.h>

#include "sim/deflector.h"
#include "sim/galaxy.h"

/* Where and how an additional blue thing sits. */
typedef struct place {
    double x, y, turn, radius;
} place;

static place draw_place(nsky_rng *rng, double near, double far)
{
    place p;

    p.turn = nsky_rng_range(rng, 0, 2 * M_PI);
    p.radius = nsky_rng_range(rng, near, far);
    p.x = p.radius * cos(p.turn);
    p.y = p.radius * sin(p.turn);
    return p;
}

/* As blue and as bright as magnified sources are, so that neither gives the game away. */
static void draw_blue(sim_component *c, nsky_rng *rng, double bright, double faint)
{
    double g_r = sim_draw_clipped(rng, 0.3, 0.2, -0.1, 0.8);
    double r_z = sim_draw_clipped(rng, 0.3, 0.2, -0.1, 0.8);
    double mag_g = nsky_rng_range(rng, bright, faint);

    sim_fluxes(c->flux, mag_g - g_r - r_z, (sim_colour){g_r, r_z});
}

static void add_blob(sim_object *out, nsky_rng *rng, double near, double far)
{
    place p = draw_place(rng, near, far);
    sim_component *c = sim_object_add(out, SIM_SERSIC);

    c->x = p.x;
    c->y = p.y;
    c->r = fmin(sim_draw_dex(rng, 0.35, 0.18), 1.2);
    c->q = nsky_rng_range(rng, 0.35, 1);
    c->angle = nsky_rng_range(rng, 0, M_PI);
    draw_blue(c, rng, 21.2, 23.2);
}

static void add_tangential_edge(sim_object *out, nsky_rng *rng, double theta_e)
{
    place p = draw_place(rng, fmax(theta_e, 1.2), fmax(1.9 * theta_e, 2));
    sim_component *c = sim_object_add(out, SIM_EDGE);

    c->x = p.x;
    c->y = p.y;
    c->angle = p.turn + M_PI / 2 + 0.15 * nsky_rng_normal(rng);
    c->r = nsky_rng_range(rng, 0.35, 0.75);
    c->width = c->r * 0.2;
    draw_blue(c, rng, 21.0, 22.8);
}

static void add_stream(sim_object *out, nsky_rng *rng, double theta_e)
{
    sim_component *c = sim_object_add(out, SIM_TAIL);

    c->r = theta_e * nsky_rng_range(rng, 1, 2.2);
    c->width = fmax(c->r * nsky_rng_range(rng, 0.12, 0.2), 0.25);
    c->phase = nsky_rng_range(rng, 0, 2 * M_PI);
    c->arms = nsky_rng_range(rng, 0.35, 1.0);
    draw_blue(c, rng, 20.9, 22.6);
    c->flux[1] *= 1.15; /* stars of the victim: not as blue as a starburst */
    c->flux[2] *= 1.3;
}

static void add_spiral_disc(sim_object *out, nsky_rng *rng, double theta_e)
{
    sim_component shade = {.r = 1};
    sim_disc disc = {.re = theta_e * nsky_rng_range(rng, 1, 1.7),
                     .q = nsky_rng_range(rng, 0.7, 1),
                     .angle = nsky_rng_range(rng, 0, M_PI),
                     .z = fmin(out->z, 0.35)};

    draw_blue(&shade, rng, 20.0, 21.6);
    disc.flux_z = shade.flux[2];
    sim_add_spiral(out, rng, &disc, nsky_rng_range(rng, 0.45, 0.7));
}

static void add_star_ring(sim_object *out, nsky_rng *rng, double theta_e)
{
    sim_component shade = {.r = 1};
    double radius = theta_e * nsky_rng_range(rng, 1, 1.9);
    sim_disc disc = {.q = nsky_rng_range(rng, 0.65, 1),
                     .angle = nsky_rng_range(rng, 0, M_PI),
                     .z = fmin(out->z, 0.35)};

    draw_blue(&shade, rng, 20.4, 22.0);
    disc.flux_z = shade.flux[2];
    sim_add_ring(out, rng, &disc, radius, radius * nsky_rng_range(rng, 0.12, 0.2));
}

void sim_make_lookalike(sim_object *out, nsky_rng *rng, nsky_sim_class class)
{
    double theta_e = out->lens.theta_e;

    assert(class >= NSKY_SIM_BARE_DEFLECTOR && class <= NSKY_SIM_TANGENTIAL_EDGE);
    if (class == NSKY_SIM_BLUE_SATELLITE)
        add_blob(out, rng, 0.9 * theta_e, 1.7 * theta_e);
    else if (class == NSKY_SIM_SPIRAL_MIMIC)
        add_spiral_disc(out, rng, theta_e);
    else if (class == NSKY_SIM_RING_MIMIC)
        add_star_ring(out, rng, theta_e);
    else if (class == NSKY_SIM_TIDAL_ARC)
        add_stream(out, rng, theta_e);
    else if (class == NSKY_SIM_CHANCE_NEIGHBOUR)
        add_blob(out, rng, 1.6 * theta_e, 3.5 * theta_e);
    else if (class == NSKY_SIM_TANGENTIAL_EDGE)
        add_tangential_edge(out, rng, theta_e);
    out->class = class;
    out->lens = (sim_lens){.grade = 0}; /* it bends light, but nothing is behind it */
    sim_object_sum(out);
}
