/* psf.c - the Moffat point spread function and its Fourier transform.
 * Thread rule: pure. */
#include "sim/psf.h"

#include <assert.h>
#include <math.h>

double sim_moffat_alpha(double fwhm)
{
    return fwhm / (2 * sqrt(pow(2, 1.0 / SIM_PSF_BETA) - 1));
}

double sim_moffat(double alpha, double r)
{
    double base = 1 + r * r / (alpha * alpha);
    return (SIM_PSF_BETA - 1) / (M_PI * alpha * alpha) / (base * base * base);
}

double sim_moffat_radius(double alpha, double level)
{
    double peak = sim_moffat(alpha, 0);

    assert(level > 0);
    return level >= peak ? 0 : alpha * sqrt(pow(peak / level, 1.0 / SIM_PSF_BETA) - 1);
}

/* sum over c[i] x^i */
static double polynomial(const double *c, int count, double x)
{
    double sum = 0;

    for (int i = count - 1; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* Modified Bessel functions K_0 and K_1: Abramowitz & Stegun 9.8.5 to 9.8.8, good to 2e-7. */
static void bessel_k01(double x, double *k0, double *k1)
{
    static const double small_k0[] = {-0.57721566, 0.42278420, 0.23069756, 0.03488590,
                                      0.00262698,  0.00010750, 0.00000740};
    static const double small_k1[] = {1.0,         0.15443144,  -0.67278579, -0.18156897,
                                      -0.01919402, -0.00110404, -0.00004686};
    static const double large_k0[] = {1.25331414, -0.07832358, 0.02189568, -0.01062446,
                                      0.00587872, -0.00251540, 0.00053208};
    static const double large_k1[] = {1.25331414,  0.23498619, -0.03655620, 0.01504268,
                                      -0.00780353, 0.00325614, -0.00068245};
    static const double i0[] = {1.0,       3.5156229, 3.0899424, 1.2067492,
                                0.2659732, 0.0360768, 0.0045813};
    static const double i1[] = {0.5,        0.87890594, 0.51498869, 0.15084934,
                                0.02658733, 0.00301532, 0.00032411};

    if (x <= 2) {
        double y = x * x / 4, t = x / 3.75, u = t * t;
        *k0 = -log(x / 2) * polynomial(i0, 7, u) + polynomial(small_k0, 7, y);
        *k1 = log(x / 2) * x * polynomial(i1, 7, u) + polynomial(small_k1, 7, y) / x;
    } else {
        double falloff = exp(-x) / sqrt(x);
        *k0 = falloff * polynomial(large_k0, 7, 2 / x);
        *k1 = falloff * polynomial(large_k1, 7, 2 / x);
    }
}

double sim_moffat_transfer(double alpha, double frequency)
{
    double x = 2 * M_PI * frequency * alpha, k0, k1;

    if (x < 1e-3)
        return 1 - x * x / 4; /* the next term is x^4 log x */
    bessel_k01(x, &k0, &k1);
    return x * x / 2 * (k0 + 2 * k1 / x); /* K_2 = K_0 + 2 K_1 / x */
}

void sim_moffat_transfer_fill(double alpha, uint32_t side, float *out)
{
    uint32_t stride = side / 2 + 1;

    for (uint32_t y = 0; y < stride; y++)
        for (uint32_t x = 0; x <= y; x++) {
            double f = sqrt((double)x * x + (double)y * y) / side;
            float value = (float)sim_moffat_transfer(alpha, f);
            out[y * stride + x] = value;
            out[x * stride + y] = value;
        }
}
