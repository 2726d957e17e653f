/* artefact.h (private) - what instruments and reductions add to the sky.
 * Thread rule: pure but for the generator given. */
#ifndef NSKY_SIM_ARTEFACT_H
#define NSKY_SIM_ARTEFACT_H

#include "common/rng.h"
#include "sim/scene.h"

typedef struct sim_artefact {
    uint32_t kind; /* NSKY_SIM_ARTEFACT_* */
    int band;      /* the one it is seen in, where it is seen in one */
    double x, y;   /* pixels: a point of it, or its middle */
    double angle;  /* TRAIL, COSMIC_RAY, CHIP_EDGE */
    double size;   /* half-length, radius or half-side; MISALIGNED and SKY_OFFSET: half-side */
    double amount; /* of the noise's sigma; BLEED: r magnitude; MISALIGNED: pixels */
    uint32_t seed;
} sim_artefact;

/* kind 0: any. Beside (x, y). */
sim_artefact sim_draw_artefact(nsky_rng *rng, uint32_t kind, double x, double y);
/* Does it show in a stamp around (x, y)? */
bool sim_artefact_touches(const sim_artefact *artefact, double x, double y);
/* before = true: what light does, drawn under the noise; false: what happens to the noise too. */
void sim_paint_artefact(const sim_artefact *artefact, sim_painter *painter, sim_canvas *canvas,
                        const sim_conditions *conditions, bool before);

#endif
