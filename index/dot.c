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

__attribute__((target("avx2"))) static float dot_avx2(const float *a, const float *b,
                                                      uint32_t padded)
{
    __m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();
    for (uint32_t i = 0; i < padded; i += NSKY_SCAN_LANES) {
        low = _mm256_add_ps(low, _mm256_mul_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
        high = _mm256_add_ps(high,
                             _mm256_mul_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8)));
    }
    float lanes[NSKY_SCAN_LANES];
    _mm256_storeu_ps(lanes, low);
    _mm256_storeu_ps(lanes + 8, high);
    return fold(lanes);
}

__attribute__((target("avx512f"))) static float dot_avx512(const float *a, const float *b,
                                                           uint32_t padded)
{
    __m512 sum = _mm512_setzero_ps();
    for (uint32_t i = 0; i < padded; i += NSKY_SCAN_LANES)
        sum = _mm512_add_ps(sum, _mm512_mul_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    float lanes[NSKY_SCAN_LANES];
    _mm512_storeu_ps(lanes, sum);
    return fold(lanes);
}

uint32_t nsky_dot_kernels(nsky_dot_kernel out[3])
{
    uint32_t count = 0;
    if (__builtin_cpu_supports("avx512f"))
        out[count++] = (nsky_dot_kernel){"avx512", dot_avx512};
    if (__builtin_cpu_supports("avx2"))
        out[count++] = (nsky_dot_kernel){"avx2", dot_avx2};
    out[count++] = (nsky_dot_kernel){"c", dot_c};
    return count;
}

uint32_t nsky_scan_padded(uint32_t dim)
{
    return (dim + NSKY_SCAN_LANES - 1) / NSKY_SCAN_LANES * NSKY_SCAN_LANES;
}
