/* portrait_smooth.c - the smooth galaxy: its ellipse, its profile, and what is left without it. */
#include <math.h>
#include <string.h>

#include "eval/portrait.h"

#define ITERATIONS 25
#define SIZE_FIRST_PX 4.0
#define SIZE_MIN_PX 1.0
#define SIZE_MAX_PX 16.0
#define AXIS_RATIO_MIN 0.3
#define REACH 4.0      /* sizes: beyond, the weight is nothing */
#define RINGS 40       /* of the profile */
#define RING_NARROW 16 /* of them a pixel wide, then ever wider */
#define RING_GROWTH 1.09

/* Second moments. */
typedef struct moments {
    double xx, xy, yy;
} moments;

/* Keeps the shape of a galaxy: no needle, no point, not the whole stamp. */
static void tame(moments *m)
{
    double mean = (m->xx + m->yy) / 2, half = hypot((m->xx - m->yy) / 2, m->xy);
    double angle = atan2(m->xy, (m->xx - m->yy) / 2); /* twice the position angle */
    double large = mean + half, small = mean - half;

    large = fmin(fmax(large, SIZE_MIN_PX * SIZE_MIN_PX), SIZE_MAX_PX * SIZE_MAX_PX);
    small = fmin(fmax(small, large * AXIS_RATIO_MIN * AXIS_RATIO_MIN), large);
    *m = (moments){(large + small) / 2 + (large - small) / 2 * cos(angle),
                   (large - small) / 2 * sin(angle),
                   (large + small) / 2 - (large - small) / 2 * cos(angle)};
}

/* Moments under a Gaussian of their own shape, found by repetition: neighbours count for little. */
static moments adaptive(const nsky_portrait *p)
{
    const nsky_grid *g = p->grid;
    moments m = {SIZE_FIRST_PX * SIZE_FIRST_PX, 0, SIZE_FIRST_PX * SIZE_FIRST_PX};

    for (int step = 0; step < ITERATIONS; step++) {
        double det = m.xx * m.yy - m.xy * m.xy, sum = 0;
        double reach = REACH * sqrt((m.xx + m.yy) / 2 + hypot((m.xx - m.yy) / 2, m.xy));
        moments next = {0};
        for (uint32_t k = 0; k < PORTRAIT_PIXELS; k++) {
            uint32_t i = g->by_radius[k];
            double x = g->x[i], y = g->y[i], light = p->flux[1][i] + p->flux[2][i];
            if (g->radius[i] > reach)
                break;
            double square = (m.yy * x * x - 2 * m.xy * x * y + m.xx * y * y) / det;
            double weight = light * exp(-square / 2);
            sum += weight;
            next.xx += weight * x * x;
            next.xy += weight * x * y;
            next.yy += weight * y * y;
        }
        if (!(sum > 0) || !(next.xx + next.yy > 0))
            break; /* nothing there: the first guess, or the last good one */
        m = (moments){2 * next.xx / sum, 2 * next.xy / sum, 2 * next.yy / sum};
        tame(&m);
    }
    return m;
}

/* The place of an elliptical radius among the middles of the rings, as a fraction: the k-th of the
 * narrow ones is at k + 1/2 pixels. */
static double ring_place(double radius)
{
    if (radius <= RING_NARROW - 0.5)
        return fmax(0, radius - 0.5);
    return RING_NARROW - 1 +
           log1p((radius - (RING_NARROW - 0.5)) * (RING_GROWTH - 1)) / log(RING_GROWTH);
}

/* place [pixels]: where each is among the rings. Medians of each ring; empty ones take the last. */
static void subtract_profile(nsky_portrait *p, const float *place, uint32_t band)
{
    double profile[RINGS];

    for (int ring = 0; ring < RINGS; ring++) {
        uint32_t count = 0;
        float *values = p->rest[band]; /* filled only later */
        for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++)
            if ((int)(place[i] + 0.5f) == ring)
                values[count++] = p->flux[band][i];
        profile[ring] = count > 0 ? nsky_quantile(values, count, 0.5) : 0;
        if (count == 0 && ring > 0)
            profile[ring] = profile[ring - 1];
    }
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++) {
        int ring = (int)place[i];
        double part = place[i] - ring;
        double model = ring + 1 < RINGS ? (1 - part) * profile[ring] + part * profile[ring + 1]
                                        : profile[RINGS - 1];
        p->rest[band][i] = (float)(p->flux[band][i] - model);
    }
}

void nsky_portrait_smooth(nsky_portrait *p)
{
    const nsky_grid *g = p->grid;
    const moments m = adaptive(p);
    const double det = m.xx * m.yy - m.xy * m.xy, root = sqrt(sqrt(det));
    const double mean = (m.xx + m.yy) / 2, half = hypot((m.xx - m.yy) / 2, m.xy);
    float *place = p->scratch;

    p->size_px = root;
    p->axis_ratio = sqrt((mean - half) / (mean + half));
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++) {
        double x = g->x[i], y = g->y[i];
        double square = (m.yy * x * x - 2 * m.xy * x * y + m.xx * y * y) / det;
        place[i] = (float)ring_place(sqrt(square) * root);
    }
    for (uint32_t band = 0; band < 3; band++)
        subtract_profile(p, place, band);
}
