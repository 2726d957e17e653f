/* augment_pixels.c - a view's pixels: one cubic resampling for orientation, size and jitter, a
 * separable blur, noise, stretch.
 *
 * Pixels are interleaved, four floats each (three bands and "observed"), so that one vector does
 * all bands of a tap. No fused operations (see CMakeLists.txt): the same bits on every machine.
 * Thread rule: a scratch belongs to one thread.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/train/augment_private.h"

#define LANES 4
#define PAD_LOW 3 /* empty pixels around the stamp, so that taps need no test of their own */
#define PAD_HIGH 4
#define KNOWN_ENOUGH 0.49999f /* as nsky_resample */
#define SAME_SCALE 1e-4
#define BLOCK 32 /* pixels summed at a time */

typedef float vec
    __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

struct nsky_augment_scratch {
    nsky_preprocess how;
    uint32_t margin_max;
    uint32_t width, height; /* of the stamp taken */
    float scale_arcsec_px;
    bool missing;         /* some of its pixels are */
    size_t padded_count;  /* pixels there is room for in pixels and mask */
    float *pixels, *mask; /* [height + pads, width + pads, 4] */
    float *flux;          /* [3, side, side], side = size + 2 margin_max */
    float *known;         /* [3, side, side] */
    float *columns;       /* [size, side] */
    float *noise;         /* [3, side, side] */
};

nsky_status nsky_augment_scratch_new(nsky_augment_scratch **out, const nsky_augment *augment,
                                     const nsky_preprocess *how, nsky_error *err)
{
    assert(out && augment && how && err && how->size > 0 && how->size <= NSKY_STAMP_SIDE_MAX);
    nsky_augment_scratch *s = nsky_alloc_zero(1, sizeof *s, err);
    bool blurs = augment->blur[0].kind || augment->blur[1].kind || augment->blur[2].kind;

    *out = NULL;
    if (!s)
        return err->status;
    s->how = *how;
    s->margin_max = blurs ? NSKY_AUGMENT_RADIUS_MAX : 0;
    size_t side = how->size + 2 * (size_t)s->margin_max, planes = 3 * side * side;
    if (!(s->flux = nsky_alloc_aligned(planes, sizeof(float), err)) ||
        !(s->known = nsky_alloc_aligned(planes, sizeof(float), err)) ||
        !(s->columns = nsky_alloc_aligned(how->size * side, sizeof(float), err)) ||
        !(s->noise = nsky_alloc_aligned(planes, sizeof(float), err))) {
        nsky_augment_scratch_free(s);
        return err->status;
    }
    *out = s;
    return NSKY_OK;
}

void nsky_augment_scratch_free(nsky_augment_scratch *s)
{
    if (!s)
        return;
    nsky_free(s->pixels);
    nsky_free(s->mask);
    nsky_free(s->flux);
    nsky_free(s->known);
    nsky_free(s->columns);
    nsky_free(s->noise);
    nsky_free(s);
}

/* --- the stamp, interleaved --- */

static nsky_status make_room(nsky_augment_scratch *s, size_t count, nsky_error *err)
{
    if (count <= s->padded_count)
        return NSKY_OK;
    nsky_free(s->pixels);
    nsky_free(s->mask);
    s->padded_count = 0;
    s->mask = NULL;
    if (!(s->pixels = nsky_alloc_aligned(count, LANES * sizeof(float), err)) ||
        !(s->mask = nsky_alloc_aligned(count, LANES * sizeof(float), err)))
        return err->status;
    s->padded_count = count;
    return NSKY_OK;
}

/* Missing pixels become 0 and are noted in the mask, which is only filled where there are any. */
static void interleave_row(const float *const band[3], uint32_t width, float *to, bool *missing)
{
    bool finite = true;

    for (uint32_t x = 0; x < width; x++) {
        float g = band[0][x], r = band[1][x], z = band[2][x];
        finite = finite & (g - g == 0) & (r - r == 0) & (z - z == 0);
        to[LANES * x] = g;
        to[LANES * x + 1] = r;
        to[LANES * x + 2] = z;
        to[LANES * x + 3] = 1;
    }
    if (finite)
        return;
    *missing = true;
    for (uint32_t i = 0; i < LANES * width; i++)
        to[i] = isfinite(to[i]) ? to[i] : 0;
}

static void fill_mask(nsky_augment_scratch *s, const nsky_stamp *stamp)
{
    size_t stride = (size_t)stamp->width + PAD_LOW + PAD_HIGH;

    memset(s->mask, 0, stride * (stamp->height + PAD_LOW + PAD_HIGH) * LANES * sizeof(float));
    for (uint32_t band = 0; band < 3; band++) {
        const float *from = nsky_stamp_band(stamp, band);
        for (uint32_t y = 0; y < stamp->height; y++) {
            float *to = s->mask + ((y + PAD_LOW) * stride + PAD_LOW) * LANES + band;
            for (uint32_t x = 0; x < stamp->width; x++)
                to[(size_t)LANES * x] = isfinite(from[(size_t)y * stamp->width + x]) ? 1 : 0;
        }
    }
}

nsky_status nsky_augment_take(nsky_augment_scratch *s, const nsky_stamp *stamp, nsky_error *err)
{
    assert(s && stamp && err);
    uint32_t width = stamp->width, height = stamp->height;
    size_t stride = (size_t)width + PAD_LOW + PAD_HIGH, rows = (size_t)height + PAD_LOW + PAD_HIGH;
    nsky_status status = make_room(s, stride * rows, err);

    if (status != NSKY_OK)
        return status;
    s->width = width;
    s->height = height;
    s->scale_arcsec_px = stamp->scale_arcsec_px;
    s->missing = false;
    memset(s->pixels, 0, stride * PAD_LOW * LANES * sizeof(float));
    for (uint32_t y = 0; y < height; y++) {
        float *row = s->pixels + (y + PAD_LOW) * stride * LANES;
        const float *const band[3] = {nsky_stamp_band(stamp, 0) + (size_t)y * width,
                                      nsky_stamp_band(stamp, 1) + (size_t)y * width,
                                      nsky_stamp_band(stamp, 2) + (size_t)y * width};
        memset(row, 0, PAD_LOW * LANES * sizeof(float));
        interleave_row(band, width, row + PAD_LOW * LANES, &s->missing);
        memset(row + (PAD_LOW + width) * (size_t)LANES, 0, PAD_HIGH * LANES * sizeof(float));
    }
    memset(s->pixels + (rows - PAD_HIGH) * stride * LANES, 0,
           stride * PAD_HIGH * LANES * sizeof(float));
    if (s->missing)
        fill_mask(s, stamp);
    return NSKY_OK;
}

/* --- resampling --- */

/* Where the view's pixels lie on the stamp: (x, y) = origin + column right + row down. */
typedef struct grid {
    float origin[2], right[2], down[2];
    double step; /* stamp pixels a view pixel */
    double area; /* of a view pixel in stamp pixels, for fluxes */
    bool exact;  /* all fall on stamp pixels */
} grid;

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

static grid make_grid(const nsky_augment_scratch *s, const nsky_augment_numbers *n, uint32_t side)
{
    double ratio = (double)s->how.scale_arcsec_px / s->scale_arcsec_px, cosine, sine;
    grid g;

    if (fabs(ratio - 1) <= SAME_SCALE)
        ratio = 1;
    direction(n->angle_deg, &cosine, &sine);
    g.step = ratio / n->zoom;
    g.area = n->keep_flux ? g.step * g.step : ratio * ratio;
    double fx = n->flip[0] ? -g.step : g.step, fy = n->flip[1] ? -g.step : g.step;
    double right[2] = {fx * cosine, fx * sine}, down[2] = {-fy * sine, fy * cosine};
    /* What the stamp's middle shows comes to jitter_px from the view's. */
    double half = (side - 1) / 2.0, cx = -half - n->jitter_px[0], cy = -half - n->jitter_px[1];
    double middle[2] = {(s->width - 1) / 2.0, (s->height - 1) / 2.0};
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

/* Keys' cubic convolution, a = -1/2, for the taps at -1, 0, 1, 2 around a fraction f. */
static inline __attribute__((always_inline)) void cubic(float f, float weight[4])
{
    float f2 = f * f, f3 = f2 * f;

    weight[0] = -0.5f * f3 + f2 - 0.5f * f;
    weight[1] = 1.5f * f3 - 2.5f * f2 + 1;
    weight[2] = -1.5f * f3 + 2 * f2 + 0.5f * f;
    weight[3] = 0.5f * f3 - 0.5f * f2;
}

static inline __attribute__((always_inline)) vec load(const float *from)
{
    return *(const vec *)(const void *)from;
}

/* The 4 x 4 taps around (x, y), both clamped to where all beyond is empty anyway. */
static inline __attribute__((always_inline)) vec sample(const float *pixels, size_t stride, float x,
                                                        float y, float x_max, float y_max)
{
    x = x < -2 ? -2 : x > x_max ? x_max : x;
    y = y < -2 ? -2 : y > y_max ? y_max : y;
    int32_t ix = (int32_t)(x + 2) - 2, iy = (int32_t)(y + 2) - 2; /* floor: x + 2 >= 0 */
    float wx[4], wy[4];
    cubic(x - (float)ix, wx);
    cubic(y - (float)iy, wy);
    const float *from =
        pixels + ((size_t)(iy - 1 + PAD_LOW) * stride + (size_t)(ix - 1 + PAD_LOW)) * LANES;
    vec sum = {0, 0, 0, 0};
    for (int j = 0; j < 4; j++, from += stride * LANES) {
        vec row = load(from) * wx[0] + load(from + LANES) * wx[1] + load(from + 2 * LANES) * wx[2] +
                  load(from + 3 * LANES) * wx[3];
        sum += row * wy[j];
    }
    return sum;
}

/* out [3, side, side]; inside [side, side]: how much of each pixel's weight lies on the stamp. */
static void resample(const nsky_augment_scratch *s, const float *pixels, const grid *g,
                     uint32_t side, float *out, float *inside)
{
    size_t stride = (size_t)s->width + PAD_LOW + PAD_HIGH, plane = (size_t)side * side;
    float x_max = (float)s->width + 1, y_max = (float)s->height + 1;

    for (uint32_t row = 0; row < side; row++) {
        float x0 = g->origin[0] + (float)row * g->down[0];
        float y0 = g->origin[1] + (float)row * g->down[1];
        float *to = out + (size_t)row * side;
        for (uint32_t column = 0; column < side; column++) {
            vec v = sample(pixels, stride, x0 + (float)column * g->right[0],
                           y0 + (float)column * g->right[1], x_max, y_max);
            to[column] = v[0];
            to[plane + column] = v[1];
            to[2 * plane + column] = v[2];
            if (inside)
                inside[(size_t)row * side + column] = v[3];
        }
    }
}

/* Divides by what is known; what is not becomes sky, with the stamp's noise where asked. */
static void complete(float *flux, const float *known, size_t count, float gain, float noise_sigma,
                     float *noise, nsky_rng *rng)
{
    size_t missing = 0;

    for (size_t i = 0; i < count; i++) {
        bool enough = known[i] >= KNOWN_ENOUGH;
        float value = flux[i] / (enough ? known[i] : 1) * gain;
        flux[i] = enough ? value : 0;
        missing += !enough;
    }
    if (missing == 0 || !(noise_sigma > 0))
        return;
    nsky_rng_fill_normal(rng, noise, missing);
    for (size_t i = 0; i < count; i++)
        if (!(known[i] >= KNOWN_ENOUGH))
            flux[i] = noise_sigma * *noise++;
}

/* --- blur --- */

uint32_t nsky_augment_kernel(double sigma_px, float taps[NSKY_AUGMENT_RADIUS_MAX + 1])
{
    enum { START = 2 * NSKY_AUGMENT_RADIUS_MAX };
    double bessel[START + 2] = {0}, total, kept, t = sigma_px * sigma_px;
    uint32_t radius = 0;

    if (!(sigma_px >= 0.05))
        return 0;
    /* exp(-t) I_n(t), by Miller's backward recurrence, which needs no start value. */
    bessel[START] = 1e-300;
    for (int n = START; n > 0; n--) {
        bessel[n - 1] = bessel[n + 1] + 2 * n / t * bessel[n];
        if (bessel[n - 1] > 1e200)
            for (int i = n - 1; i <= START; i++)
                bessel[i] *= 1e-250;
    }
    total = bessel[0];
    for (int n = 1; n <= START; n++)
        total += 2 * bessel[n];
    for (kept = bessel[0]; kept < (1 - 2e-4) * total && radius < NSKY_AUGMENT_RADIUS_MAX;)
        kept += 2 * bessel[++radius];
    for (uint32_t n = 0; n <= radius; n++)
        taps[n] = (float)(bessel[n] / kept);
    return radius;
}

/* out[i] = taps over in[i + k step], k = -radius .. radius; in pairs, from the middle out. */
static inline __attribute__((always_inline)) void blur_line(const float *in, size_t step,
                                                            uint32_t count, const float *taps,
                                                            uint32_t radius, float *out)
{
    float sum[BLOCK];

    for (uint32_t first = 0; first < count; first += BLOCK) {
        /* The last block overlaps the one before rather than being a shorter one. */
        uint32_t at = first + BLOCK <= count ? first : count > BLOCK ? count - BLOCK : 0;
        uint32_t n = count - at < BLOCK ? count - at : BLOCK;
        const float *middle = in + at;
        if (n == BLOCK) {
            for (int i = 0; i < BLOCK; i++)
                sum[i] = middle[i] * taps[0];
            for (uint32_t k = 1; k <= radius; k++) {
                const float *a = middle - k * step, *b = middle + k * step;
                for (int i = 0; i < BLOCK; i++)
                    sum[i] += (a[i] + b[i]) * taps[k];
            }
        } else {
            for (uint32_t i = 0; i < n; i++) {
                sum[i] = middle[i] * taps[0];
                for (uint32_t k = 1; k <= radius; k++)
                    sum[i] += (middle[i - k * step] + middle[i + k * step]) * taps[k];
            }
        }
        memcpy(out + at, sum, n * sizeof *sum);
    }
}

static inline __attribute__((always_inline)) void blur_body(const float *in, uint32_t size,
                                                            uint32_t margin, const float *taps,
                                                            uint32_t radius, float *columns,
                                                            float *out)
{
    size_t side = (size_t)size + 2 * (size_t)margin;

    for (uint32_t y = 0; y < size; y++)
        blur_line(in + (y + margin) * side, side, (uint32_t)side, taps, radius, columns + y * side);
    for (uint32_t y = 0; y < size; y++)
        blur_line(columns + y * side + margin, 1, size, taps, radius, out + (size_t)y * size);
}

static void blur_plain(const float *in, uint32_t size, uint32_t margin, const float *taps,
                       uint32_t radius, float *columns, float *out)
{
    blur_body(in, size, margin, taps, radius, columns, out);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void blur_avx2(const float *in, uint32_t size,
                                                      uint32_t margin, const float *taps,
                                                      uint32_t radius, float *columns, float *out)
{
    blur_body(in, size, margin, taps, radius, columns, out);
}
#endif

void nsky_augment_blur(const float *in, uint32_t size, uint32_t margin, const float *taps,
                       uint32_t radius, float *columns, float *out)
{
    assert(in && taps && columns && out && radius <= margin);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        blur_avx2(in, size, margin, taps, radius, columns, out);
        return;
    }
#endif
    blur_plain(in, size, margin, taps, radius, columns, out);
}

static void crop_middle(const float *in, uint32_t size, uint32_t margin, float *out)
{
    size_t side = (size_t)size + 2 * (size_t)margin;

    for (uint32_t y = 0; y < size; y++)
        memcpy(out + (size_t)y * size, in + (y + margin) * side + margin, size * sizeof *out);
}

/* --- a view --- */

typedef struct blurs {
    float taps[3][NSKY_AUGMENT_RADIUS_MAX + 1];
    uint32_t radius[3], margin;
} blurs;

/* The blur that brings each band from its seeing, magnified with the picture, to the one drawn. */
static void choose_blurs(const nsky_augment_scratch *s, const nsky_augment_numbers *n, blurs *out)
{
    double px = NSKY_SCALE_ARCSEC_PX / s->how.scale_arcsec_px;

    out->margin = 0;
    for (int band = 0; band < 3; band++) {
        double own = n->blur_own[band] * n->zoom,
               square = n->blur[band] * n->blur[band] - own * own;
        double sigma = square > 0 ? sqrt(square) * px : 0;
        out->taps[band][0] = 1;
        out->radius[band] =
            nsky_augment_kernel(fmin(sigma, NSKY_AUGMENT_BLUR_MAX_PX), out->taps[band]);
        if (out->radius[band] > out->margin)
            out->margin = out->radius[band];
    }
    assert(out->margin <= s->margin_max);
}

static void add_noise(float *flux, size_t count, float sigma, float *noise, nsky_rng *rng)
{
    if (!(sigma > 0))
        return;
    nsky_rng_fill_normal(rng, noise, count);
    for (size_t i = 0; i < count; i++)
        flux[i] += sigma * noise[i];
}

/* The share of the stamp's white noise, as sigma, that interpolation and blur leave. */
static double share_left(const blurs *b, int band, const grid *g)
{
    return nsky_augment_noise_left(b->taps[band], b->radius[band], g->step, g->exact);
}

void nsky_augment_make(nsky_augment_scratch *s, const nsky_augment_numbers *n, float *out)
{
    assert(s && s->width > 0 && n && out);
    static const float no_taps[1] = {1};
    nsky_rng rng = n->rng;
    blurs b;

    choose_blurs(s, n, &b);
    uint32_t size = s->how.size, side = size + 2 * b.margin;
    size_t plane = (size_t)side * side, crop = (size_t)size * size;
    grid g = make_grid(s, n, side);
    resample(s, s->pixels, &g, side, s->flux, s->known);
    if (s->missing)
        resample(s, s->mask, &g, side, s->known, NULL);
    double interpolated = nsky_augment_noise_left(no_taps, 0, g.step, g.exact);
    for (size_t band = 0; band < 3; band++) {
        double gain = n->gain[band] * g.area, noise = n->noise_own[band] * gain;
        float *flux = s->flux + band * plane;
        complete(flux, s->known + (s->missing ? band * plane : 0), plane, (float)gain,
                 n->fill ? (float)(noise * interpolated) : 0, s->noise, &rng);
        if (b.radius[band] > 0)
            nsky_augment_blur(flux, size, b.margin, b.taps[band], b.radius[band], s->columns,
                              out + band * crop);
        else
            crop_middle(flux, size, b.margin, out + band * crop);
        double left = noise * share_left(&b, (int)band, &g);
        double more = n->noise[band] * n->noise[band] - left * left;
        add_noise(out + band * crop, crop, more > 0 ? (float)sqrt(more) : 0, s->noise, &rng);
    }
    nsky_preprocess_finish(&s->how, out);
}
