/* profile.h (private) - surface brightness of each shape.
 * Thread rule: pure. */
#ifndef NSKY_SIM_PROFILE_H
#define NSKY_SIM_PROFILE_H

#include "sim/object.h"

/* The b of a Sersic profile of index n >= 0.36: half of the light lies within r. */
double sim_sersic_b(double n);
/* Light of a profile with 1 at r = r_half: F = 2 pi n q r^2 e^b b^(-2n) Gamma(2n). */
double sim_sersic_total(double n, double r_half, double q);
/* Distance along the major axis at which a profile of flux 1 has fallen to `level` an arcsec^2. */
double sim_sersic_radius(double n, double r_half, double q, double level);

/* A component made ready: constants worked out once, then evaluated pixel by pixel. */
typedef struct sim_brush {
    const sim_component *component;
    const sim_lens *lens; /* ARC */
    float cosine, sine, inverse_r, inverse_q;
    float b, inverse_n, norm; /* of Sersic-like shapes */
} sim_brush;

sim_brush sim_brush_of(const sim_component *component, const sim_lens *lens);
/* Light per arcsec^2 at (x, y) from the component's centre. SERSIC and ARC: of a component of flux
 * 1 (before lensing); the others: in units of their own. */
float sim_brush_at(const sim_brush *brush, float x, float y);
/* true: the caller scales what it drew to the component's flux. */
bool sim_shape_needs_scaling(sim_shape shape);
/* Distance from the object's centre beyond which the component is below `level` nanomaggies an
 * arcsec^2 in every band. */
double sim_component_reach(const sim_component *component, const sim_lens *lens, double level);

#endif
