/* fft.h (private) - convolution of a square image with a round point spread, by Fourier transform.
 *
 * Two real images travel as the real and imaginary part of one. The transform works on whole rows
 * at a time and leaves the spectrum transposed, which a round transfer function does not notice.
 * Thread rule: one plan for each thread. */
#ifndef NSKY_SIM_FFT_H
#define NSKY_SIM_FFT_H

#include <stdint.h>

#include "common/error.h"

#define SIM_FFT_SIDE_MAX 1024

typedef struct sim_fft sim_fft;

/* For sides that are powers of two from 16 to SIM_FFT_SIDE_MAX. */
NSKY_MUST_CHECK nsky_status sim_fft_new(sim_fft **out, nsky_error *err);
void sim_fft_free(sim_fft *fft);

/*
 * Both images in place, circularly: what leaves one edge enters at the opposite one.
 * a, b [side, side]; transfer_a, transfer_b [side/2 + 1, side/2 + 1]: the (real, even) transfer
 * functions at frequencies (row, column) / side, symmetric. b may be NULL.
 */
void sim_fft_convolve(sim_fft *fft, uint32_t side, float *a, const float *transfer_a, float *b,
                      const float *transfer_b);

#endif
