/* psf.h (private) - how the air and the telescope blur: a Moffat profile for each band.
 *
 * I(r) = (beta - 1) / (pi alpha^2) (1 + r^2 / alpha^2)^-beta with beta = 3, as DECam images have
 * roughly; FWHM = 2 alpha sqrt(2^(1/beta) - 1).
 * Thread rule: pure, but for the plan that a cache belongs to. */
#ifndef NSKY_SIM_PSF_H
#define NSKY_SIM_PSF_H

#include <stdint.h>

#define SIM_PSF_BETA 3

double sim_moffat_alpha(double fwhm);
/* Surface brightness at distance r of a source of flux 1; any unit of length. */
double sim_moffat(double alpha, double r);
/* Distance at which it has fallen to `level`; 0 when it never reaches that. */
double sim_moffat_radius(double alpha, double level);
/* Fourier transform at `frequency` (cycles per unit of alpha): (k a)^2 K_2(k a) / 2, k = 2 pi f. */
double sim_moffat_transfer(double alpha, double frequency);
/* out [side/2 + 1, side/2 + 1] for sim_fft_convolve; alpha in pixels of that grid. */
void sim_moffat_transfer_fill(double alpha, uint32_t side, float *out);

#endif
