/* profile.c - Sersic profiles, and the way from any shape to its surface brightness.
 * Thread rule: pure. */
#include "sim/profile.h"

#include <assert.h>
#include <math.h>

#include "sim/lens.h"
#include "sim/pattern.h"

#define REACH_HALF_RADII_MAX 16.0
#define REACH_ARC_SOURCE_RADII 6.0

/* Ciotti & Bertin 1999, asymptotic expansion. */
double sim_sersic_b(double n)
{
    return 2 * n - 1.0 / 3 + 4 / (405 * n) + 46 / (25515 * n * n);
}

double sim_sersic_total(double n, double r_half, double q)
{
    double b = sim_sersic_b(n);
    return 2 * M_PI * n * q * r_half * r_half * exp(b) * pow(b, -2 * n) * tgamma(2 * n);
}

double sim_sersic_radius(double n, double r_half, double q, double level)
{
    double b = sim_sersic_b(n), at_half = 1 / sim_sersic_total(n, r_half, q);
    double x = 1 + log(at_half / level) / b; /* (R / R_e)^(1/n) */

    return x <= 0 ? 0 : r_half * pow(x, n);
}

sim_brush sim_brush_of(const sim_component *c, const sim_lens *lens)
{
    sim_brush brush = {
        .component = c,
        .lens = lens,
        .cosine = (float)cos(c->angle),
        .sine = (float)sin(c->angle),
        .inverse_r = (float)(1 / c->r),
        .inverse_q = (float)(1 / (c->q > 0 ? c->q : 1)),
    };

    assert(c->r > 0);
    if (c->shape == SIM_SERSIC || c->shape == SIM_ARC) {
        brush.b = (float)sim_sersic_b(c->n);
        brush.inverse_n = (float)(1 / c->n);
        brush.norm = (float)(exp(sim_sersic_b(c->n)) / sim_sersic_total(c->n, c->r, c->q));
    }
    return brush;
}

/* R^(1/n) from R^2, without powf where the index is a usual one. */
static inline float root(const sim_brush *brush, float r_squared)
{
    double n = brush->component->n;

    if (n == 1)
        return sqrtf(r_squared);
    if (n == 0.5)
        return r_squared;
    if (n == 4)
        return sqrtf(sqrtf(sqrtf(r_squared)));
    return powf(r_squared, 0.5f * brush->inverse_n);
}

/* (x, y) in the component's own axes, in units of its radius, ellipse made a circle. */
static inline float sersic_at(const sim_brush *brush, float x, float y)
{
    float u = (brush->cosine * x + brush->sine * y) * brush->inverse_r;
    float v = (brush->cosine * y - brush->sine * x) * brush->inverse_r * brush->inverse_q;

    return brush->norm * expf(-brush->b * root(brush, u * u + v * v));
}

float sim_brush_at(const sim_brush *brush, float x, float y)
{
    const sim_component *c = brush->component;

    switch (c->shape) {
    case SIM_SERSIC:
        return sersic_at(brush, x, y);
    case SIM_ARC: {
        double ax, ay;
        sim_deflect(brush->lens, x, y, &ax, &ay);
        return sersic_at(brush, (float)(x - ax - c->x), (float)(y - ay - c->y));
    }
    case SIM_ARMS:
        return sim_arms_at(brush, x, y);
    case SIM_RING:
        return sim_ring_at(brush, x, y);
    case SIM_EDGE:
        return sim_edge_at(brush, x, y);
    case SIM_TAIL:
        return sim_tail_at(brush, x, y);
    }
    return 0;
}

bool sim_shape_needs_scaling(sim_shape shape)
{
    return shape != SIM_SERSIC && shape != SIM_ARC;
}

static double brightest(const sim_component *c)
{
    double most = 0;

    for (int band = 0; band < SIM_BANDS; band++)
        most = fmax(most, fabs(c->flux[band]));
    return most;
}

double sim_component_reach(const sim_component *c, const sim_lens *lens, double level)
{
    double flux = brightest(c), offset = hypot(c->x, c->y), reach = 0;

    if (flux <= 0)
        return 0;
    switch (c->shape) {
    case SIM_SERSIC:
        reach = sim_sersic_radius(c->n, c->r, c->q, level / flux);
        break;
    case SIM_ARMS: /* arms stand out of the disc by a factor of a few */
        reach = sim_sersic_radius(1, c->r, c->q, level / flux / 4);
        break;
    case SIM_RING:
    case SIM_TAIL:
        return offset + c->r + 4 * c->width;
    case SIM_EDGE:
        reach = c->r * log(fmax(flux / (4 * c->r * c->width) / level, 3));
        break;
    case SIM_ARC:
        return 2 * lens->theta_e + offset + REACH_ARC_SOURCE_RADII * c->r;
    }
    return offset + fmin(reach, REACH_HALF_RADII_MAX * c->r);
}
