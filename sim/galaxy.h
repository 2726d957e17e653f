/* galaxy.h (private) - recipes that turn a draw of the population into components.
 * Thread rule: pure but for the generator given. */
#ifndef NSKY_SIM_GALAXY_H
#define NSKY_SIM_GALAXY_H

#include "common/rng.h"
#include "sim/object.h"
#include "sim/population.h"

/* Of an ordinary galaxy that is early or not. */
nsky_sim_class sim_draw_class(nsky_rng *rng, bool early);

/* A whole galaxy of this class (ELLIPTICAL to IRREGULAR) around the object's centre. Overwrites
 * everything in *out but x, y and role. */
void sim_make_galaxy(sim_object *out, nsky_rng *rng, nsky_sim_class class, double mag_z, double z);
/* A faint one without visible structure. */
void sim_make_small(sim_object *out, nsky_rng *rng, bool early, double mag_z, double z);

/* For recipes elsewhere: empties *out but for x, y and role; and, when its components are there,
 * writes what a catalogue says of it: one Sersic profile, that of the component with the most
 * light. */
void sim_begin_galaxy(sim_object *out, nsky_sim_class class, double z);
void sim_summarise(sim_object *out);

/* The pieces, appended to what is there. */
typedef struct sim_disc {
    double x, y, re, q, angle, z;
    double flux_z;
} sim_disc;

/* Half-light radius, index, axis ratio, direction. */
sim_component *sim_add_sersic(sim_object *out, double re, double n, double q, double direction);
sim_colour sim_colour_shifted(sim_colour colour, double g_r, double r_z);

/* Of a disc a fifth as thick as wide, from the cosine of its inclination. */
double sim_axis_ratio(double cos_inclination);

#define SIM_SCALE_LENGTHS_PER_RE 1.678 /* of an exponential disc */
#define SIM_EDGE_HEIGHT 0.17           /* scale height over scale length */

void sim_add_bulge(sim_object *out, nsky_rng *rng, const sim_disc *disc, double flux_z);
/* After sim_add_spiral: ends where the arms start, which become two. */
void sim_add_bar(sim_object *out, nsky_rng *rng, const sim_disc *disc, double flux_z);
/* Patchy arms of `share` of the disc's light on a smooth disc; bluer by how much they are arms. */
void sim_add_spiral(sim_object *out, nsky_rng *rng, const sim_disc *disc, double share);
void sim_add_ring(sim_object *out, nsky_rng *rng, const sim_disc *disc, double radius,
                  double width);
/* What lies about on a disc. Lengths in half-light radii of the disc, along its axes. */
typedef struct sim_clumps {
    uint32_t count; /* 1 to SIM_CLUMPS_MAX */
    double flux_z;  /* of all of them */
    double weight_dex;
    sim_colour colour;
    double bluer_g_r, bluer_r_z; /* at most */
    double spread;               /* sigma of the places along the major axis */
    double ahead, aside;         /* where their middle is */
    double small, large;         /* half-light radii */
    double flat;                 /* the least axis ratio */
} sim_clumps;

#define SIM_CLUMPS_MAX 40
void sim_add_clumps(sim_object *out, nsky_rng *rng, const sim_component *disc,
                    const sim_clumps *clumps);
void sim_add_edge_on(sim_object *out, nsky_rng *rng, const sim_disc *disc);

#endif
