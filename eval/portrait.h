/* portrait.h (private) - one galaxy as hand-made features see it, and the grid it is drawn on.
 *
 * Everything is measured around the centre of the stamp in annuli, so that a turned or mirrored
 * stamp gives the same features (to rounding where the turn is by 90 degrees).
 * Thread rule: the grid is read-only once made; a portrait belongs to one thread.
 */
#ifndef NSKY_EVAL_PORTRAIT_H
#define NSKY_EVAL_PORTRAIT_H

#include <stdint.h>

#include "common/error.h"
#include "image/stamp.h"

#define PORTRAIT_SIDE 128 /* pixels of 0.262 arcsec */
enum { PORTRAIT_PIXELS = PORTRAIT_SIDE * PORTRAIT_SIDE };
#define PORTRAIT_WAVES 4 /* azimuthal Fourier components: m = 1..4 */
#define PORTRAIT_FEATURES_MAX 512

typedef struct nsky_grid {
    float x[PORTRAIT_PIXELS], y[PORTRAIT_PIXELS]; /* from the centre, pixels */
    float radius[PORTRAIT_PIXELS];
    float cosine[PORTRAIT_WAVES][PORTRAIT_PIXELS], sine[PORTRAIT_WAVES][PORTRAIT_PIXELS];
    uint32_t by_radius[PORTRAIT_PIXELS]; /* pixels, nearest first: an annulus is a range of it */
} nsky_grid;

typedef struct nsky_portrait {
    const nsky_grid *grid;
    float flux[3][PORTRAIT_PIXELS]; /* nanomaggies less the sky; missing pixels 0; g r z */
    float noise[3];                 /* of a pixel, above 0 */
    float rest[3][PORTRAIT_PIXELS]; /* less the smooth galaxy too */
    float blue[PORTRAIT_PIXELS];    /* g less what r predicts with the colour of the centre */
    double size_px, axis_ratio;     /* of the galaxy's inner ellipse */
    float scratch[PORTRAIT_PIXELS];
    uint32_t order[PORTRAIT_PIXELS]; /* scratch too */
} nsky_portrait;

/* Features in their order. */
typedef struct nsky_feature_list {
    float *out; /* [PORTRAIT_FEATURES_MAX] */
    uint32_t count;
} nsky_feature_list;

NSKY_MUST_CHECK nsky_status nsky_grid_new(nsky_grid **out, nsky_error *err);
/* The range of by_radius with low <= radius < high. */
void nsky_grid_annulus(const nsky_grid *grid, double low, double high, uint32_t *first,
                       uint32_t *end);

/* Fills flux, noise, rest and blue. */
NSKY_MUST_CHECK nsky_status nsky_portrait_draw(nsky_portrait *portrait, const nsky_stamp *stamp,
                                               nsky_error *err);
/* rest: less the median around ellipses like the galaxy's inner one; sets size and axis ratio. */
void nsky_portrait_smooth(nsky_portrait *portrait);

/* A feature, finite whatever the value; heavy tails are drawn in (asinh). */
void nsky_feature_put(nsky_feature_list *list, double value);

/* All of them, in order: how many there are. out [PORTRAIT_FEATURES_MAX]. */
uint32_t nsky_handmade_measure(nsky_portrait *portrait, float *out);

/* The groups of features: light in annuli, colours and waves; the whole galaxy's shape; what is
 * left in annuli when the smooth galaxy is gone; the one brightest thing that is left. */
void nsky_features_annuli(nsky_feature_list *list, nsky_portrait *portrait);
void nsky_features_shape(nsky_feature_list *list, nsky_portrait *portrait);
void nsky_features_rest(nsky_feature_list *list, nsky_portrait *portrait);
void nsky_features_arc(nsky_feature_list *list, nsky_portrait *portrait);

/* Of values [count], which are put in another order. q in 0..1. */
float nsky_quantile(float *values, uint32_t count, double q);

#endif
