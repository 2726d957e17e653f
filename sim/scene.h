/* scene.h (private) - objects onto pixels: drawn finely, blurred, binned.
 * Thread rule: one painter for each thread. */
#ifndef NSKY_SIM_SCENE_H
#define NSKY_SIM_SCENE_H

#include "sim/conditions.h"
#include "sim/object.h"

/* A patch of sky in nanomaggies, without noise until someone adds it. */
typedef struct sim_canvas {
    float *pixels; /* [3, height, width] */
    uint32_t width, height;
} sim_canvas;

#define SIM_VISIBLE 0.12 /* of the noise, a pixel: where drawing stops */

typedef struct sim_painter sim_painter;

NSKY_MUST_CHECK nsky_status sim_painter_new(sim_painter **out, nsky_error *err);
void sim_painter_free(sim_painter *painter);

/* What follows is seen through these conditions. */
void sim_painter_look(sim_painter *painter, const sim_conditions *conditions);
const sim_conditions *sim_painter_conditions(const sim_painter *painter);

/* Adds one object, star or galaxy; parts outside the canvas are left out. */
void sim_paint(sim_painter *painter, sim_canvas *canvas, const sim_object *object);
/* Only the components that are (arcs = true) or are not lensed. */
void sim_paint_part(sim_painter *painter, sim_canvas *canvas, const sim_object *object, bool arcs);
/* A point or, with blur_arcsec > 0, a smudge: the profile of a star, so much wider. */
void sim_paint_point(sim_painter *painter, sim_canvas *canvas, double x, double y,
                     const double flux[SIM_BANDS], double blur_arcsec);

#endif
