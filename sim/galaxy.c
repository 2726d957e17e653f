/* galaxy.c - what each class of galaxy is made of.
 * Thread rule: pure but for the generator given. */
#include "sim/galaxy.h"

#include <assert.h>
#include <math.h>

#define DISC_THICKNESS 0.2
#define EDGE_ON_COS_MAX 0.17
#define FACE_ON_COS_MIN 0.42
#define CLUMPS_MIN 6
#define CLUMPS_MAX 18

static double angle(nsky_rng *rng)
{
    return nsky_rng_range(rng, 0, M_PI);
}

double sim_axis_ratio(double cos_inclination)
{
    double c2 = cos_inclination * cos_inclination, t2 = DISC_THICKNESS * DISC_THICKNESS;
    return sqrt(t2 + (1 - t2) * c2);
}

nsky_sim_class sim_draw_class(nsky_rng *rng, bool early)
{
    static const struct {
        nsky_sim_class class;
        double share;
    } late[] = {
        {NSKY_SIM_SPIRAL, 0.40},  {NSKY_SIM_BARRED, 0.18}, {NSKY_SIM_RING, 0.08},
        {NSKY_SIM_EDGE_ON, 0.14}, {NSKY_SIM_MERGER, 0.08}, {NSKY_SIM_IRREGULAR, 0.12},
    };
    double u = nsky_rng_uniform(rng);

    if (early)
        return NSKY_SIM_ELLIPTICAL;
    for (size_t i = 0; i < sizeof late / sizeof *late; i++)
        if ((u -= late[i].share) < 0)
            return late[i].class;
    return NSKY_SIM_SPIRAL;
}

/* Ellipticals: one Sersic profile; the luminous ones a little rounder. */
static void make_elliptical(sim_object *out, nsky_rng *rng, double mag_z)
{
    double re = sim_draw_size(rng, true, mag_z, out->z);
    double n = fmin(fmax(sim_draw_dex(rng, 4, 0.12), 2), 6);
    double direction = angle(rng), q = sim_draw_clipped(rng, 0.76, 0.15, 0.35, 1);
    sim_component *c = sim_add_sersic(out, re, n, q, direction);

    sim_fluxes(c->flux, mag_z, sim_draw_colour(rng, true, out->z));
}

static void make_disc(sim_object *out, nsky_rng *rng, nsky_sim_class class, double mag_z)
{
    bool edge = class == NSKY_SIM_EDGE_ON;
    double bulge_share = fmin(sim_draw_beta(rng, 1.5, 4), class == NSKY_SIM_RING ? 0.6 : 0.5);
    double total = sim_flux(mag_z), bar_share = 0;
    sim_disc disc = {.re = sim_draw_size(rng, false, mag_z, out->z), .z = out->z};
    double cos_i =
        edge ? nsky_rng_range(rng, 0, EDGE_ON_COS_MAX) : nsky_rng_range(rng, FACE_ON_COS_MIN, 1);

    disc.q = sim_axis_ratio(cos_i);
    disc.angle = angle(rng);
    disc.flux_z = total * (1 - bulge_share);
    if (edge) {
        bulge_share *= 0.7;
        disc.flux_z = total * (1 - bulge_share);
        sim_add_edge_on(out, rng, &disc);
    } else if (class == NSKY_SIM_RING) {
        double ring_share = nsky_rng_range(rng, 0.3, 0.55);
        sim_disc ring = disc;
        ring.flux_z *= ring_share;
        disc.flux_z *= 1 - ring_share;
        /* Inside a ring little is left of the disc. */
        sim_component *smooth = sim_add_sersic(out, 0.75 * disc.re, 1, disc.q, disc.angle);
        sim_fluxes(smooth->flux, sim_mag(disc.flux_z), sim_draw_colour(rng, false, out->z));
        double radius = disc.re * nsky_rng_range(rng, 1.25, 1.95);
        sim_add_ring(out, rng, &ring, radius, radius * nsky_rng_range(rng, 0.1, 0.18));
    } else {
        if (class == NSKY_SIM_BARRED) {
            bar_share = nsky_rng_range(rng, 0.1, 0.22);
            disc.flux_z *= 1 - bar_share;
        }
        sim_add_spiral(out, rng, &disc, nsky_rng_range(rng, 0.2, 0.44));
        if (bar_share > 0)
            sim_add_bar(out, rng, &disc, bar_share * total * (1 - bulge_share));
    }
    disc.q = edge ? 0.6 : disc.q;
    sim_add_bulge(out, rng, &disc, total * bulge_share);
}

/* A lumpy low-surface-brightness disc. */
static void make_irregular(sim_object *out, nsky_rng *rng, double mag_z)
{
    double re = sim_draw_size(rng, false, mag_z, out->z), total = sim_flux(mag_z);
    double clumped = nsky_rng_range(rng, 0.25, 0.55);
    sim_clumps clumps = {.count = CLUMPS_MIN + nsky_rng_below(rng, CLUMPS_MAX - CLUMPS_MIN + 1),
                         .flux_z = total * clumped,
                         .weight_dex = 0.35,
                         .spread = 0.7,
                         .ahead = 0.2,
                         .small = 0.08,
                         .large = 0.3,
                         .flat = 0.6,
                         .bluer_g_r = 0.2,
                         .bluer_r_z = 0.25};

    clumps.colour = sim_colour_shifted(sim_draw_colour(rng, false, out->z), -0.12, -0.15);
    double direction = angle(rng), q = nsky_rng_range(rng, 0.4, 0.9);
    sim_component *disc = sim_add_sersic(out, re, nsky_rng_range(rng, 0.6, 1.0), q, direction);
    sim_fluxes(disc->flux, sim_mag(total * (1 - clumped)), clumps.colour);
    sim_add_clumps(out, rng, disc, &clumps);
}

static void add_tail(sim_object *out, nsky_rng *rng, double separation, double total_z)
{
    sim_component *tail = sim_object_add(out, SIM_TAIL);
    double turn = nsky_rng_range(rng, 0, 2 * M_PI),
           radius = separation * nsky_rng_range(rng, 0.8, 1.8);

    tail->x = -cos(turn) * radius * 0.8;
    tail->y = -sin(turn) * radius * 0.8;
    tail->r = radius;
    tail->phase = turn + nsky_rng_range(rng, -0.9, 0.9);
    tail->arms = nsky_rng_range(rng, 0.7, 1.5);
    tail->width = fmax(radius * nsky_rng_range(rng, 0.12, 0.22), 0.35);
    sim_colour colour = sim_colour_shifted(sim_draw_colour(rng, false, out->z), 0.05, 0);
    sim_fluxes(tail->flux, sim_mag(total_z * nsky_rng_range(rng, 0.06, 0.15)), colour);
}

/* Two galaxies at one redshift, close enough to have pulled out tails. */
static void make_merger(sim_object *out, nsky_rng *rng, double mag_z)
{
    double fainter = nsky_rng_range(rng, 0, 1.5), share = 1 / (1 + pow(10, -0.4 * fainter));
    double re_first = 0, separation = 0, turn = nsky_rng_range(rng, 0, 2 * M_PI);

    for (int i = 0; i < 2; i++) {
        double mag = mag_z - 2.5 * log10(i == 0 ? share : 1 - share);
        uint32_t from = out->count;
        if (nsky_rng_uniform(rng) < 0.35)
            make_elliptical(out, rng, mag);
        else
            make_disc(out, rng, NSKY_SIM_SPIRAL, mag);
        if (i == 0) {
            re_first = out->components[0].r;
            separation = fmin(fmax(re_first * nsky_rng_range(rng, 1, 3), 1.2), 14);
        }
        for (uint32_t k = from; i == 1 && k < out->count; k++) {
            out->components[k].x += separation * cos(turn);
            out->components[k].y += separation * sin(turn);
        }
    }
    for (uint32_t i = 0; i < 1 + nsky_rng_below(rng, 2); i++)
        add_tail(out, rng, separation, sim_flux(mag_z));
}

void sim_summarise(sim_object *out)
{
    const sim_component *most = &out->components[0];

    for (uint32_t i = 1; i < out->count; i++)
        if (out->components[i].flux[1] > most->flux[1])
            most = &out->components[i];
    out->re = most->shape == SIM_EDGE ? most->r * SIM_SCALE_LENGTHS_PER_RE : most->r;
    out->q = most->shape == SIM_EDGE ? SIM_EDGE_HEIGHT : most->q;
    out->angle = most->angle;
    out->n = most->n;
    sim_object_sum(out);
}

void sim_begin_galaxy(sim_object *out, nsky_sim_class class, double z)
{
    double x = out->x, y = out->y;
    nsky_sim_role role = out->role;

    *out = (sim_object){.class = class, .role = role, .x = x, .y = y, .z = z};
}

void sim_make_galaxy(sim_object *out, nsky_rng *rng, nsky_sim_class class, double mag_z, double z)
{
    assert(class <= NSKY_SIM_IRREGULAR);
    sim_begin_galaxy(out, class, z);
    if (class == NSKY_SIM_ELLIPTICAL)
        make_elliptical(out, rng, mag_z);
    else if (class == NSKY_SIM_MERGER)
        make_merger(out, rng, mag_z);
    else if (class == NSKY_SIM_IRREGULAR)
        make_irregular(out, rng, mag_z);
    else
        make_disc(out, rng, class, mag_z);
    sim_summarise(out);
}

void sim_make_small(sim_object *out, nsky_rng *rng, bool early, double mag_z, double z)
{
    sim_begin_galaxy(out, early ? NSKY_SIM_ELLIPTICAL : NSKY_SIM_SPIRAL, z);
    double re = fmin(sim_draw_size(rng, early, mag_z, z), 2.5);
    double q =
        early ? sim_draw_clipped(rng, 0.75, 0.15, 0.35, 1) : sim_axis_ratio(nsky_rng_uniform(rng));
    sim_component *c = sim_add_sersic(out, re, early ? 4 : 1, q, angle(rng));

    sim_fluxes(c->flux, mag_z, sim_draw_colour(rng, early, z));
    sim_summarise(out);
}
