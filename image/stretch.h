/* stretch.h - fluxes to colours and back, as the Legacy Survey's sky viewer paints them.
 *
 * dr2_rgb (Lang, legacysurvey/imagine): scales g 6.0, r 3.4, z 2.2; m = 0.03; Q = 20;
 *   I = mean over bands of max(0, x s + m);  f = asinh(Q I) / sqrt(Q);
 *   colour = clip((x s + m) f / I, 0, 1), red = z, green = r, blue = g.
 * Pictures for people and tensors for the network pass through the same function.
 */
#ifndef NSKY_STRETCH_H
#define NSKY_STRETCH_H

#include <stdint.h>

typedef struct nsky_stretch {
    float scale[3]; /* per band, blue to red */
    float m, q;
} nsky_stretch;

extern const nsky_stretch nsky_stretch_viewer; /* the formula above */
extern const nsky_stretch nsky_stretch_faint;  /* lifts what is barely above the sky */
extern const nsky_stretch nsky_stretch_bright; /* keeps cores from saturating */

/* flux, colour: three planes of `count` pixels, blue to red both ways (colour[0] = blue). Missing
 * (NaN) pixels become 0 flux. Finite input of any size gives finite output in [0, 1]. */
void nsky_stretch_apply(const nsky_stretch *stretch, const float *flux, uint64_t count,
                        float *colour);

/* The inverse, exact where no channel was clipped; saturated pixels come back too faint. */
void nsky_stretch_invert(const nsky_stretch *stretch, const float *colour, uint64_t count,
                         float *flux);

#endif
