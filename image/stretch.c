/* stretch.c - the viewer's asinh stretch, in plain C that compilers turn into vector code.
 *
 * Every pixel goes through the same basic operations in the same order (no libm call, no fused
 * operations: see CMakeLists.txt), so a pixel's colour depends on its three fluxes only, never on
 * its place in the array, the vector width or the machine. Thread rule: pure functions.
 */
#include "image/stretch.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const nsky_stretch nsky_stretch_viewer = {{6.0f, 3.4f, 2.2f}, 0.03f, 20.0f};
const nsky_stretch nsky_stretch_faint = {{18.0f, 10.2f, 6.6f}, 0.05f, 20.0f};
const nsky_stretch nsky_stretch_bright = {{1.5f, 0.85f, 0.55f}, 0.015f, 60.0f};

/* Far above any real flux, far below where the arithmetic here overflows float32. */
#define FLUX_MAX 1e15f
#define ARGUMENT_MAX 1e18f
#define BLOCK 256

/* NaN becomes 0; the rest is clamped. Written as selects so that it vectorises. */
static inline float tame(float flux)
{
    float x = flux == flux ? flux : 0.0f;
    x = x > FLUX_MAX ? FLUX_MAX : x;
    return x < -FLUX_MAX ? -FLUX_MAX : x;
}

/* The same 32 bits, seen both ways. */
typedef union word {
    float number;
    uint32_t bits;
} word;

/*
 * Natural logarithm of a normal x >= 1 to about 1 ulp: Cephes' logf, branch-free. x = 2^e m with m
 * in [sqrt(1/2), sqrt(2)).
 */
static inline float log_from_one(float x)
{
    word w = {.number = x};
    uint32_t shifted = w.bits - 0x3f3504f3u; /* bits of sqrt(1/2): the exponent rounds at sqrt(2) */
    float e = (float)((int32_t)shifted >> 23);
    w.bits = (shifted & 0x007fffffu) + 0x3f3504f3u;
    float m = w.number - 1.0f;

    float z = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    p = p * m * z;
    p += e * -2.12194440e-4f;
    p -= 0.5f * z;
    return m + p + e * 0.693359375f;
}

/* asinh(y) for 0 <= y <= ARGUMENT_MAX, relative error below 4e-7 also near 0. */
static inline float asinh_positive(float y)
{
    float t = y + y * y / (1.0f + sqrtf(1.0f + y * y)); /* asinh(y) = log1p(t) */
    float u = 1.0f + t;
    float lost = t - (u - 1.0f); /* what rounding u dropped: carries small t */
    return log_from_one(u) + lost / u;
}

static inline float clip_unit(float value)
{
    value = value > 0.0f ? value : 0.0f;
    return value < 1.0f ? value : 1.0f;
}

/* Loops over whole blocks of local arrays: nothing overlaps, no tails, so compilers vectorise them.
 */
typedef struct block {
    float v[3][BLOCK], gain[BLOCK];
} block;

static void stretch_block(const nsky_stretch *stretch, block *b)
{
    const float m = stretch->m, q = stretch->q, root = sqrtf(q);
    float *gain = b->gain;

    for (int i = 0; i < BLOCK; i++)
        gain[i] = 0.0f;
    for (int band = 0; band < 3; band++) {
        const float scale = stretch->scale[band];
        float *v = b->v[band];
        for (int i = 0; i < BLOCK; i++) {
            v[i] = tame(v[i]) * scale + m;
            gain[i] += v[i] > 0.0f ? v[i] : 0.0f;
        }
    }
    for (int i = 0; i < BLOCK; i++) {
        float intensity = gain[i] / 3.0f;
        float y = q * intensity;
        y = y < ARGUMENT_MAX ? y : ARGUMENT_MAX;
        float f = asinh_positive(y) / root;
        gain[i] = f / (intensity > 0.0f ? intensity : 1e-6f); /* of 0: then f is 0, too */
    }
    for (int band = 0; band < 3; band++)
        for (int i = 0; i < BLOCK; i++)
            b->v[band][i] = clip_unit(b->v[band][i] * gain[i]);
}

void nsky_stretch_apply(const nsky_stretch *stretch, const float *flux, uint64_t count,
                        float *colour)
{
    assert(stretch && stretch->q > 0 && (count == 0 || (flux && colour)));
    block b = {0};

    for (uint64_t done = 0; done < count; done += BLOCK) {
        size_t n = count - done < BLOCK ? (size_t)(count - done) : BLOCK;
        for (uint64_t band = 0; band < 3; band++)
            memcpy(b.v[band], flux + band * count + done, n * sizeof(float));
        stretch_block(stretch, &b);
        for (uint64_t band = 0; band < 3; band++)
            memcpy(colour + band * count + done, b.v[band], n * sizeof(float));
    }
}

void nsky_stretch_invert(const nsky_stretch *stretch, const float *colour, uint64_t count,
                         float *flux)
{
    assert(stretch && stretch->q > 0 && (count == 0 || (flux && colour)));
    const double q = stretch->q, root = sqrt(q);

    for (uint64_t i = 0; i < count; i++) {
        double c[3], f = 0;
        for (int band = 0; band < 3; band++) {
            float value = colour[(uint64_t)band * count + i];
            c[band] = clip_unit(value == value ? value : 0.0f);
            f += c[band] / 3;
        }
        /* Unclipped colours average to f itself, because v f / I averages to f. */
        double gain = f > 0 ? sinh(root * f) / (q * f) : 1 / root;
        for (int band = 0; band < 3; band++)
            flux[(uint64_t)band * count + i] =
                (float)((c[band] * gain - stretch->m) / stretch->scale[band]);
    }
}
