/* stamps.c - pictures to embed: elliptical blobs in three colours on noise, some with a companion.
 * Thread rule: any thread. */
#include <math.h>

#include "bench/gpu/check.h"
#include "common/rng.h"

#define SEED 20260401

static double blob(double x, double y, double angle, double ratio, double radius)
{
    double u = x * cos(angle) + y * sin(angle), v = y * cos(angle) - x * sin(angle);

    return exp(-sqrt(u * u + v * v / (ratio * ratio)) / radius);
}

nsky_status check_stamp_new(nsky_stamp **out, uint32_t number, bool plain, nsky_error *err)
{
    static const uint32_t sides[] = {CHECK_STAMP_SIDE, 152, 101, 64};
    static const float scales[] = {0.262f, 0.262f, 0.262f, 0.5f};
    uint32_t kind = plain ? 0 : number % 4, side = sides[kind];
    nsky_rng rng = nsky_rng_at(SEED, 1, number);
    nsky_status status = nsky_stamp_new(out, side, side, scales[kind], err);

    if (status != NSKY_OK)
        return status;
    double angle = nsky_rng_range(&rng, 0, M_PI), ratio = nsky_rng_range(&rng, 0.2, 1);
    double radius = nsky_rng_range(&rng, 2, 9), peak = nsky_rng_lognormal(&rng, 1, 1.2);
    double far = nsky_rng_range(&rng, 10, 40), red = nsky_rng_range(&rng, 0.5, 2.5);
    double beside = nsky_rng_below(&rng, 2) * nsky_rng_range(&rng, 0.1, 1);
    for (uint32_t band = 0; band < 3; band++)
        for (uint32_t y = 0; y < side; y++)
            for (uint32_t x = 0; x < side; x++) {
                double dx = x - (side - 1) / 2.0, dy = y - (side - 1) / 2.0;
                double light = pow(red, band) * blob(dx, dy, angle, ratio, radius) +
                               beside * blob(dx - far, dy + far / 2, angle + 1, 0.8, 3);
                float noise = (float)(0.01 * (1 + band) * nsky_rng_normal(&rng));
                nsky_stamp_band(*out, band)[(size_t)y * side + x] = (float)(peak * light) + noise;
            }
    if (!plain && number % 5 == 4) /* the edge of a brick */
        for (size_t i = 0; i < (size_t)side * side / 6; i++)
            (*out)->pixels[i] = NAN;
    return NSKY_OK;
}
