/* augment_resample.c - orientation, size and jitter at once: where a view's pixels lie on the
 * stamp, and what is there. No fused operations (see CMakeLists.txt): the same bits on every
 * machine. Thread rule: pure. */
#include <assert.h>
#include <math.h>

#include "encoder/train/augment_pixels.h"

#define LANES NSKY_AUGMENT_LANES
#define PAD_LOW NSKY_AUGMENT_PAD_LOW
#define PAD_HIGH NSKY_AUGMENT_PAD_HIGH
#define SAME_SCALE 1e-4 /* as nsky_resample */

/* Two pixels. */
typedef float pair
    __attribute__((vector_size(2 * LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

/* Exact at quarter turns, where sine and cosine of rounded angles are not. */
static void direction(double angle_deg, double *cosine, double *sine)
{
    double quarters = round(angle_deg / 90), rest = (angle_deg - 90 * quarters) * (M_PI / 180);
    double c = cos(rest), s = sin(rest);
    int quarter = (int)fmod(quarters, 4);

    quarter = quarter < 0 ? quarter + 4 : quarter;
    *cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
    *sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
}

static bool is_whole(double value)
{
    return value == floor(value);
}

nsky_augment_grid nsky_augment_grid_of(const nsky_preprocess *how, uint32_t width, uint32_t height,
                                       float scale_arcsec_px, const nsky_augment_numbers *n,
                                       uint32_t side)
{
    double ratio = (double)how->scale_arcsec_px / scale_arcsec_px, cosine, sine;
    nsky_augment_grid g;

    if (fabs(ratio - 1) <= SAME_SCALE)
        ratio = 1;
    direction(n->angle_deg, &cosine, &sine);
    g.step = ratio / n->zoom;
    g.area = n->keep_flux ? g.step * g.step : ratio * ratio;
    double fx = n->flip[0] ? -g.step : g.step, fy = n->flip[1] ? -g.step : g.step;
    double right[2] = {fx * cosine, fx * sine}, down[2] = {-fy * sine, fy * cosine};
    /* What the stamp's middle shows comes to jitter_px from the view's. */
    double half = (side - 1) / 2.0, cx = -half - n->jitter_px[0], cy = -half - n->jitter_px[1];
    double middle[2] = {(width - 1) / 2.0, (height - 1) / 2.0};
    g.exact = true;
    for (int axis = 0; axis < 2; axis++) {
        double origin = middle[axis] + cx * right[axis] + cy * down[axis];
        g.exact = g.exact && is_whole(origin) && is_whole(right[axis]) && is_whole(down[axis]);
        g.origin[axis] = (float)origin;
        g.right[axis] = (float)right[axis];
        g.down[axis] = (float)down[axis];
    }
    return g;
}

/* The 4 x 4 taps around (x, y). Two taps of a row at a time, summed in an order that does not
 * depend on how wide the machine's vectors are. */
static inline __attribute__((always_inline)) void sample(const float *pixels, size_t stride,
                                                         float x, float y, float width,
                                                         float height, float out[LANES])
{
    float fx, fy, wx[4], wy[4], both[2 * LANES];
    int32_t ix = nsky_augment_split(x, width, &fx), iy = nsky_augment_split(y, height, &fy);
    nsky_augment_cubic(fx, wx);
    nsky_augment_cubic(fy, wy);
    const pair near = {wx[0], wx[0], wx[0], wx[0], wx[1], wx[1], wx[1], wx[1]};
    const pair far = {wx[2], wx[2], wx[2], wx[2], wx[3], wx[3], wx[3], wx[3]};
    const float *from =
        pixels + ((size_t)(iy - 1 + PAD_LOW) * stride + (size_t)(ix - 1 + PAD_LOW)) * LANES;
    pair sum = {0};
    for (int j = 0; j < 4; j++, from += stride * LANES) {
        const pair *row = (const pair *)(const void *)from;
        sum += (row[0] * near + row[1] * far) * wy[j];
    }
    *(pair *)(void *)both = sum;
    for (int lane = 0; lane < LANES; lane++)
        out[lane] = both[lane] + both[LANES + lane];
}

static inline __attribute__((always_inline)) void
resample_body(const nsky_augment_scratch *s, const float *pixels, const nsky_augment_recipe *g,
              uint32_t side, float *out, float *inside)
{
    size_t stride = (size_t)s->width + PAD_LOW + PAD_HIGH, plane = (size_t)side * side;
    float width = (float)s->width, height = (float)s->height;

    for (uint32_t row = 0; row < side; row++) {
        float x0 = g->origin[0] + (float)row * g->down[0];
        float y0 = g->origin[1] + (float)row * g->down[1];
        float *to = out + (size_t)row * side;
        for (uint32_t column = 0; column < side; column++) {
            float v[LANES];
            sample(pixels, stride, x0 + (float)column * g->right[0],
                   y0 + (float)column * g->right[1], width, height, v);
            to[column] = v[0];
            to[plane + column] = v[1];
            to[2 * plane + column] = v[2];
            if (inside)
                inside[(size_t)row * side + column] = v[3];
        }
    }
}

static void resample_plain(const nsky_augment_scratch *s, const float *pixels,
                           const nsky_augment_recipe *g, uint32_t side, float *out, float *inside)
{
    resample_body(s, pixels, g, side, out, inside);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void resample_avx2(const nsky_augment_scratch *s,
                                                          const float *pixels,
                                                          const nsky_augment_recipe *g,
                                                          uint32_t side, float *out, float *inside)
{
    resample_body(s, pixels, g, side, out, inside);
}
#endif

void nsky_augment_resample(const nsky_augment_scratch *s, const float *pixels,
                           const nsky_augment_recipe *g, uint32_t side, float *out, float *inside)
{
    assert(s && pixels && g && out);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        resample_avx2(s, pixels, g, side, out, inside);
        return;
    }
#endif
    resample_plain(s, pixels, g, side, out, inside);
}
