/* dot.c - one dot product three ways, bit for bit the same. Pure functions: any thread.
 *
 * Products and sums are rounded separately (no fused multiply-add): that is what all three can do
 * alike. */
#include <immintrin.h>

#include "index/scan.h"

/* The tree all kernels end with: lane l meets lane l + 8, then + 4, + 2, + 1. */
static float fold(const float lanes[NSKY_SCAN_LANES])
{
    float eight[8], four[4];
    for (int i = 0; i < 8; i++)
        eight[i] = lanes[i] + lanes[i + 8];
    for (int i = 0; i < 4; i++)
        four[i] = eight[i] + eight[i + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

static float dot_c(const float *a, const float *b, uint32_t padded)
{
    float lanes[NSKY_SCAN_LANES] = {0};
    for (uint32_t i = 0; i < padded; i += NSKY_SCAN_LANES)
        for (uint32_t l = 0; l < NSKY_SCAN_LANES; l++) {
            float product = a[i + l] * b[i + l];
            lanes[l] += product;
        }
    return fold(lanes);
}

/* The same tree, from lanes 0 to 7 and lanes 8 to 15. */
__attribute__((target("avx2"))) static float fold_wide(__m256 low, __m256 high)
{
    const __m256 eight = _mm256_add_ps(low, high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four)); /* 0 + 2, 1 + 3 */
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

__attribute__((target("avx512f"))) static float fold_wider(__m512 sum)
{
    const __m512d bits = _mm512_castps_pd(sum);
    return fold_wide(_mm512_castps512_ps256(sum),
                     _mm256_castpd_ps(_mm512_extractf64x4_pd(bits, 1)));
}

__attribute__((target("avx2"))) static float dot_avx2(const float *a, const float *b,
                                                      uint32_t padded)
{
    __m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();
    for (uint32_t i = 0; i < padded; i += NSKY_SCAN_LANES) {
        low = _mm256_add_ps(low, _mm256_mul_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
        high = _mm256_add_ps(high,
                             _mm256_mul_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8)));
    }
    return fold_wide(low, high);
}

__attribute__((target("avx512f"))) static float dot_avx512(const float *a, const float *b,
                                                           uint32_t padded)
{
    __m512 sum = _mm512_setzero_ps();
    for (uint32_t i = 0; i < padded; i += NSKY_SCAN_LANES)
        sum = _mm512_add_ps(sum, _mm512_mul_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    return fold_wider(sum);
}

static void dot4_c(const float *a, const float *const b[4], uint32_t padded, float out[4])
{
    for (int q = 0; q < 4; q++)
        out[q] = dot_c(a, b[q], padded);
}

__attribute__((target("avx2"))) static void dot4_avx2(const float *a, const float *const b[4],
                                                      uint32_t padded, float out[4])
{
    __m256 low[4], high[4];
    for (int q = 0; q < 4; q++)
        low[q] = high[q] = _mm256_setzero_ps();
    for (uint32_t i = 0; i < padded; i += NSKY_SCAN_LANES) {
        const __m256 x = _mm256_loadu_ps(a + i), y = _mm256_loadu_ps(a + i + 8);
        for (int q = 0; q < 4; q++) {
            low[q] = _mm256_add_ps(low[q], _mm256_mul_ps(x, _mm256_loadu_ps(b[q] + i)));
            high[q] = _mm256_add_ps(high[q], _mm256_mul_ps(y, _mm256_loadu_ps(b[q] + i + 8)));
        }
    }
    for (int q = 0; q < 4; q++)
        out[q] = fold_wide(low[q], high[q]);
}

__attribute__((target("avx512f"))) static void dot4_avx512(const float *a, const float *const b[4],
                                                           uint32_t padded, float out[4])
{
    __m512 sum[4];
    for (int q = 0; q < 4; q++)
        sum[q] = _mm512_setzero_ps();
    for (uint32_t i = 0; i < padded; i += NSKY_SCAN_LANES) {
        const __m512 x = _mm512_loadu_ps(a + i);
        for (int q = 0; q < 4; q++)
            sum[q] = _mm512_add_ps(sum[q], _mm512_mul_ps(x, _mm512_loadu_ps(b[q] + i)));
    }
    for (int q = 0; q < 4; q++)
        out[q] = fold_wider(sum[q]);
}

uint32_t nsky_dot_kernels(nsky_dot_kernel out[3])
{
    uint32_t count = 0;
    if (__builtin_cpu_supports("avx512f"))
        out[count++] = (nsky_dot_kernel){"avx512", dot_avx512, dot4_avx512};
    if (__builtin_cpu_supports("avx2"))
        out[count++] = (nsky_dot_kernel){"avx2", dot_avx2, dot4_avx2};
    out[count++] = (nsky_dot_kernel){"c", dot_c, dot4_c};
    return count;
}

uint32_t nsky_scan_padded(uint32_t dim)
{
    return (dim + NSKY_SCAN_LANES - 1) / NSKY_SCAN_LANES * NSKY_SCAN_LANES;
}
