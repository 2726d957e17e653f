/* object.h (private) - what one thing in the sky is made of, before anything is drawn.
 *
 * Lengths are arcsec. x runs along image columns (west), y along rows (north); angles are radians
 * from x towards y. Fluxes are nanomaggies, [g r z].
 * Plain data: no thread rule. */
#ifndef NSKY_SIM_OBJECT_H
#define NSKY_SIM_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim.h"

#define SIM_BANDS 3
#define SIM_COMPONENTS_MAX 48

typedef enum sim_shape {
    SIM_SERSIC,
    SIM_ARMS, /* exponential disc seen through a logarithmic spiral */
    SIM_RING, /* Gaussian annulus, patchy */
    SIM_EDGE, /* exponential along the plane, sech^2 across it */
    SIM_TAIL, /* Gaussian ridge along a piece of a circle, fading along it */
    SIM_ARC,  /* a Sersic source behind the object's lens */
} sim_shape;

/* beta = theta - alpha_SIE - alpha_shear, around the object's centre. */
typedef struct sim_lens {
    double theta_e;  /* arcsec */
    double q, angle; /* of the mass */
    double gamma1, gamma2;
    double z_source, sigma_km_s;
    double source_x, source_y, source_re; /* arcsec, unlensed */
    double source_mag_g;                  /* unlensed */
    double magnification;
    double arc_snr; /* the better of g and r */
    char grade;     /* A, B: a person would see it; C: perhaps not */
} sim_lens;

/* One additive piece. What the parameters mean depends on the shape. */
typedef struct sim_component {
    sim_shape shape;
    double x, y;            /* of its centre, from the object's */
    double flux[SIM_BANDS]; /* whole, before dust in front; may be negative for dust inside */
    double r;               /* half-light radius along the major axis; EDGE: scale length;
                               RING, TAIL: radius of the circle */
    double q, angle;        /* axis ratio, direction of the major axis */
    double n;               /* SERSIC, ARC: index */
    double width;           /* RING, TAIL: sigma across; EDGE: scale height */
    double arms, pitch, contrast, sharpness, phase; /* ARMS; TAIL: phase, and arms = its length */
    uint32_t patches; /* seed of the patchiness of ARMS and RING; 0: smooth */
} sim_component;

typedef struct sim_object {
    nsky_sim_class class;
    nsky_sim_role role;
    double x, y; /* pixels of the canvas, 0 = centre of the first one */
    double z;
    double total[SIM_BANDS]; /* flux as listed in a catalogue, before dust in front */
    double re, q, angle, n;  /* as one Sersic profile would describe it, for the catalogue */
    bool is_lens;
    sim_lens lens;      /* of lenses; theta_e = 0 in everything else */
    uint32_t deflector; /* lenses and matched negatives: which deflector was drawn; else 0 */
    uint32_t artefacts; /* NSKY_SIM_ARTEFACT_*: what spoils its neighbourhood */
    uint32_t count;
    sim_component components[SIM_COMPONENTS_MAX];
} sim_object;

/* Appends a round component of index 1; asserts that there is room. */
sim_component *sim_object_add(sim_object *object, sim_shape shape);
/* Sums of the components' fluxes go into total. */
void sim_object_sum(sim_object *object);

static inline double sim_mag(double flux)
{
    return flux > 0 ? 22.5 - 2.5 * __builtin_log10(flux) : 99.0;
}

static inline double sim_flux(double mag)
{
    return __builtin_pow(10, 0.4 * (22.5 - mag));
}

#endif
