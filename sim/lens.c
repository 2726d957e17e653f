/* lens.c - where light from behind a galaxy comes out.
 * Thread rule: pure. */
#include "sim/lens.h"

#include <assert.h>
#include <math.h>

#include "sim/cosmology.h"
#include "sim/profile.h"

/* 4 pi (220 km/s / c)^2 in arcsec. */
#define THETA_AT_220 1.396
#define Q_MAX \
    0.98 /* rounder than this the formulas lose digits: f = sqrt(1 - q^2) in a denominator */
#define SOFTENING 1e-9

/* Kormann, Schneider & Bartelmann 1994, normalised so that kappa = theta_E / (2 sqrt(q x^2 +
 * y^2/q)) with x along the major axis. */
void sim_deflect(const sim_lens *lens, double x, double y, double *alpha_x, double *alpha_y)
{
    double q = fmin(lens->q, Q_MAX), f = sqrt(1 - q * q), scale = lens->theta_e * sqrt(q) / f;
    double c = cos(lens->angle), s = sin(lens->angle);
    double u = c * x + s * y, v = -s * x + c * y;
    double psi = sqrt(q * q * u * u + v * v) + SOFTENING;
    double a = scale * atan(f * u / psi), b = scale * atanh(f * v / psi);

    *alpha_x = c * a - s * b + lens->gamma1 * x + lens->gamma2 * y;
    *alpha_y = s * a + c * b + lens->gamma2 * x - lens->gamma1 * y;
}

double sim_convergence(const sim_lens *lens, double x, double y)
{
    double q = fmin(lens->q, Q_MAX), c = cos(lens->angle), s = sin(lens->angle);
    double u = c * x + s * y, v = -s * x + c * y;

    return lens->theta_e / (2 * sqrt(q * u * u + v * v / q) + SOFTENING);
}

double sim_magnification(const sim_lens *lens, const sim_component *source)
{
    double extent = 2.2 * lens->theta_e + 3 * source->r + hypot(source->x, source->y);
    double step = fmax(source->r / 3, extent / 64), sum = 0;
    int half = (int)ceil(extent / step);
    sim_component light = *source;

    light.shape = SIM_ARC;
    sim_brush brush = sim_brush_of(&light, lens);
    for (int j = -half; j < half; j++)
        for (int i = -half; i < half; i++)
            sum += sim_brush_at(&brush, (float)((i + 0.5) * step), (float)((j + 0.5) * step));
    return sum * step * step;
}

static double distance_ratio(double z_lens, double z_source)
{
    return sim_angular_distance_between_mpc(z_lens, z_source) / sim_angular_distance_mpc(z_source);
}

double sim_einstein_radius(double sigma_km_s, double z_lens, double z_source)
{
    if (z_source <= z_lens)
        return 0;
    double ratio = sigma_km_s / 220;
    return THETA_AT_220 * ratio * ratio * distance_ratio(z_lens, z_source);
}

double sim_lens_sigma(double theta_e, double z_lens, double z_source)
{
    assert(z_source > z_lens && theta_e > 0);
    return 220 * sqrt(theta_e / (THETA_AT_220 * distance_ratio(z_lens, z_source)));
}
