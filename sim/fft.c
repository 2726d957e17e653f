/* fft.c - radix-2 transforms along columns, whole rows per butterfly so that compilers vectorise.
 * Thread rule: one plan for each thread. */
#include "sim/fft.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"

#define TILE 16 /* of a transposition; a cache line of floats */

struct sim_fft {
    float *re, *im;       /* [side, side] */
    float *cosine, *sine; /* [SIM_FFT_SIDE_MAX / 2]: of 2 pi i / SIM_FFT_SIDE_MAX */
};

nsky_status sim_fft_new(sim_fft **out, nsky_error *err)
{
    sim_fft *fft = nsky_alloc_zero(1, sizeof *fft, err);
    size_t pixels = (size_t)SIM_FFT_SIDE_MAX * SIM_FFT_SIDE_MAX;

    *out = NULL;
    if (!fft)
        return NSKY_ENOMEM;
    fft->re = nsky_alloc_aligned(pixels, sizeof *fft->re, err);
    fft->im = fft->re ? nsky_alloc_aligned(pixels, sizeof *fft->im, err) : NULL;
    fft->cosine = fft->im ? nsky_alloc(SIM_FFT_SIDE_MAX, sizeof *fft->cosine, err) : NULL;
    if (!fft->cosine) {
        sim_fft_free(fft);
        return NSKY_ENOMEM;
    }
    fft->sine = fft->cosine + SIM_FFT_SIDE_MAX / 2;
    for (int i = 0; i < SIM_FFT_SIDE_MAX / 2; i++) {
        fft->cosine[i] = (float)cos(2 * M_PI * i / SIM_FFT_SIDE_MAX);
        fft->sine[i] = (float)sin(2 * M_PI * i / SIM_FFT_SIDE_MAX);
    }
    *out = fft;
    return NSKY_OK;
}

void sim_fft_free(sim_fft *fft)
{
    if (!fft)
        return;
    nsky_free(fft->re);
    nsky_free(fft->im);
    nsky_free(fft->cosine);
    nsky_free(fft);
}

static void swap_rows(float *image, uint32_t side, uint32_t i, uint32_t j)
{
    for (uint32_t x = 0; x < side; x++) {
        float keep = image[(size_t)i * side + x];
        image[(size_t)i * side + x] = image[(size_t)j * side + x];
        image[(size_t)j * side + x] = keep;
    }
}

static void reverse_bits(float *re, float *im, uint32_t side)
{
    for (uint32_t i = 1, j = 0; i < side; i++) {
        uint32_t bit = side >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            swap_rows(re, side, i, j);
            swap_rows(im, side, i, j);
        }
    }
}

/* (a, b) -> (a + b, a - b): the first step of an odd number of them. */
static __attribute__((noinline)) void butterfly(float *restrict a_re, float *restrict a_im,
                                                float *restrict b_re, float *restrict b_im,
                                                uint32_t side)
{
    for (uint32_t x = 0; x < side; x++) {
        float re = b_re[x], im = b_im[x];
        b_re[x] = a_re[x] - re;
        b_im[x] = a_im[x] - im;
        a_re[x] += re;
        a_im[x] += im;
    }
}

/* A factor of the transform, exp(+-2 pi i k / n). */
typedef struct twiddle {
    float re, im;
} twiddle;

/*
 * Two steps of radix 2 at once, to pass through memory half as often: (a, b) and (c, d) with w1,
 * then (a, c) with w2 and (b, d) with w2 turned a quarter.
 */
static __attribute__((noinline)) void butterfly4(float *restrict a_re, float *restrict a_im,
                                                 float *restrict b_re, float *restrict b_im,
                                                 float *restrict c_re, float *restrict c_im,
                                                 float *restrict d_re, float *restrict d_im,
                                                 uint32_t side, twiddle w1, twiddle w2, float sign)
{
    for (uint32_t x = 0; x < side; x++) {
        float br = b_re[x] * w1.re - b_im[x] * w1.im, bi = b_re[x] * w1.im + b_im[x] * w1.re;
        float dr = d_re[x] * w1.re - d_im[x] * w1.im, di = d_re[x] * w1.im + d_im[x] * w1.re;
        float p_re = a_re[x] + br, p_im = a_im[x] + bi, q_re = a_re[x] - br, q_im = a_im[x] - bi;
        float s_re = c_re[x] + dr, s_im = c_im[x] + di, t_re = c_re[x] - dr, t_im = c_im[x] - di;
        float u_re = s_re * w2.re - s_im * w2.im, u_im = s_re * w2.im + s_im * w2.re;
        float v_re = t_re * w2.re - t_im * w2.im, v_im = t_re * w2.im + t_im * w2.re;
        a_re[x] = p_re + u_re;
        a_im[x] = p_im + u_im;
        c_re[x] = p_re - u_re;
        c_im[x] = p_im - u_im;
        b_re[x] = q_re - sign * v_im;
        b_im[x] = q_im + sign * v_re;
        d_re[x] = q_re + sign * v_im;
        d_im[x] = q_im - sign * v_re;
    }
}

/* Along columns; sign -1 forward, +1 backward; not normalised. */
static void transform_columns(const sim_fft *fft, uint32_t side, float sign)
{
    float *re = fft->re, *im = fft->im;
    uint32_t half = 1;

    reverse_bits(re, im, side);
    if ((uint32_t)__builtin_ctz(side) % 2 == 1) {
        for (size_t at = 0; at < (size_t)side * side; at += 2 * (size_t)side)
            butterfly(re + at, im + at, re + at + side, im + at + side, side);
        half = 2;
    }
    for (; half < side; half *= 4)
        for (uint32_t start = 0; start < side; start += 4 * half)
            for (uint32_t k = 0; k < half; k++) {
                uint32_t at1 = k * (SIM_FFT_SIDE_MAX / 2 / half), at2 = at1 / 2;
                twiddle w1 = {fft->cosine[at1], sign * fft->sine[at1]};
                twiddle w2 = {fft->cosine[at2], sign * fft->sine[at2]};
                size_t step = (size_t)half * side, a = (size_t)(start + k) * side, b = a + step;
                size_t c = b + step, d = c + step;
                butterfly4(re + a, im + a, re + b, im + b, re + c, im + c, re + d, im + d, side, w1,
                           w2, sign);
            }
}

/* Rows of a tile share a cache set where a row is a power of two long: each is touched once to be
 * read and once to be written. */
static void read_tile(float tile[TILE][TILE], const float *from, uint32_t side)
{
    for (uint32_t y = 0; y < TILE; y++)
        for (uint32_t x = 0; x < TILE; x++)
            tile[x][y] = from[(size_t)y * side + x];
}

static void write_tile(float *to, const float tile[TILE][TILE], uint32_t side)
{
    for (uint32_t y = 0; y < TILE; y++)
        memcpy(to + (size_t)y * side, tile[y], sizeof tile[y]);
}

static void transpose(float *image, uint32_t side)
{
    float above[TILE][TILE], below[TILE][TILE];

    for (uint32_t ty = 0; ty < side; ty += TILE)
        for (uint32_t tx = ty; tx < side; tx += TILE) {
            float *a = image + (size_t)ty * side + tx, *b = image + (size_t)tx * side + ty;
            read_tile(above, a, side);
            read_tile(below, b, side);
            write_tile(a, (const float(*)[TILE])below, side);
            write_tile(b, (const float(*)[TILE])above, side);
        }
}

static void transform(const sim_fft *fft, uint32_t side, float sign)
{
    transform_columns(fft, side, sign);
    transpose(fft->re, side);
    transpose(fft->im, side);
    transform_columns(fft, side, sign);
}

/*
 * F is the spectrum of a + i b. With real even transfers A and B, the spectrum of the result is
 * F(k) (A + B) / 2 + conj(F(-k)) (A - B) / 2, because a's part is even under k -> -k, conj.
 */
static void multiply_pair(const sim_fft *fft, uint32_t side, const float *transfer_a,
                          const float *transfer_b)
{
    float *re = fft->re, *im = fft->im, scale = 1.0f / ((float)side * (float)side);
    uint32_t half = side / 2, stride = half + 1;

    for (uint32_t y = 0; y < side; y++)
        for (uint32_t x = 0; x < side; x++) {
            uint32_t mirror_y = (side - y) % side, mirror_x = (side - x) % side;
            size_t at = (size_t)y * side + x, mirror = (size_t)mirror_y * side + mirror_x;
            if (mirror < at)
                continue; /* done with its mirror image */
            size_t f = (size_t)(y <= half ? y : mirror_y) * stride + (x <= half ? x : mirror_x);
            float sum = (transfer_a[f] + transfer_b[f]) * 0.5f * scale;
            float difference = (transfer_a[f] - transfer_b[f]) * 0.5f * scale;
            float p_re = re[at], p_im = im[at], m_re = re[mirror], m_im = im[mirror];
            re[at] = p_re * sum + m_re * difference;
            im[at] = p_im * sum - m_im * difference;
            re[mirror] = m_re * sum + p_re * difference;
            im[mirror] = m_im * sum - p_im * difference;
        }
}

void sim_fft_convolve(sim_fft *fft, uint32_t side, float *a, const float *transfer_a, float *b,
                      const float *transfer_b)
{
    size_t bytes = (size_t)side * side * sizeof *a;

    assert(side >= TILE && side <= SIM_FFT_SIDE_MAX && (side & (side - 1)) == 0);
    memcpy(fft->re, a, bytes);
    if (b)
        memcpy(fft->im, b, bytes);
    else
        memset(fft->im, 0, bytes);
    transform(fft, side, -1.0f);
    multiply_pair(fft, side, transfer_a, b ? transfer_b : transfer_a);
    transform(fft, side, 1.0f);
    memcpy(a, fft->re, bytes);
    if (b)
        memcpy(b, fft->im, bytes);
}
