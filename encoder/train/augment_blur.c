/* augment_blur.c - Gaussians on the pixel grid, one axis after the other. No fused operations (see
 * CMakeLists.txt): the same bits on every machine. Thread rule: pure. */
#include <assert.h>
#include <string.h>

#include "encoder/train/augment_private.h"

#define BLOCK 32 /* pixels summed at a time */

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
