/* portrait_smooth.c - the smooth galaxy: its ellipse, its profile, and what is left without it. */
#include <math.h>
#include <string.h>

#include "eval/portrait.h"

#define ITERATIONS 25
#define SIZE_FIRST_PX 4.0
#define SIZE_MIN_PX 1.0
#define SIZE_MAX_PX 16.0
#define AXIS_RATIO_MIN 0.3
#define CONVERGED 0.002 /* of the size, from one step to the next */
#define REACH 3.0       /* sizes: beyond, the weight is nothing */
#define RINGS 40        /* of the profile */
#define RING_NARROW 16  /* of them a pixel wide, then ever wider */
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
        const moments before = m;
        m = (moments){2 * next.xx / sum, 2 * next.xy / sum, 2 * next.yy / sum};
        tame(&m);
        if (fabs(m.xx - before.xx) + fabs(m.yy - before.yy) + fabs(m.xy - before.xy) <
            CONVERGED * (m.xx + m.yy))
            break;
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

/* Pixels in the order of their rings: ring k is sorted[begin[k]..begin[k + 1] - 1]. */
typedef struct rings {
    uint32_t begin[RINGS + 2]; /* the last: beyond all rings */
    uint32_t *sorted;          /* [pixels] */
    const float *place;        /* [pixels] among the middles of the rings */
} rings;

static int ring_of(float place)
{
    int ring = (int)(place + 0.5f);

    return ring < RINGS ? ring : RINGS;
}

static void sort_rings(rings *r)
{
    uint32_t next[RINGS + 1];

    memset(r->begin, 0, sizeof r->begin);
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++)
        r->begin[ring_of(r->place[i]) + 1]++;
    for (int k = 0; k <= RINGS; k++) {
        next[k] = r->begin[k];
        r->begin[k + 1] += r->begin[k];
    }
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++)
        r->sorted[next[ring_of(r->place[i])]++] = i;
}

/* Medians of the rings, with straight lines between them; an empty ring takes its inner
 * neighbour's. */
static void subtract_profile(nsky_portrait *p, const rings *r, uint32_t band)
{
    double profile[RINGS + 1] = {0};

    for (int k = 0; k <= RINGS; k++) {
        const uint32_t first = r->begin[k], count = r->begin[k + 1] - first;
        float *values = p->rest[band]; /* filled only later */
        for (uint32_t i = 0; i < count; i++)
            values[i] = p->flux[band][r->sorted[first + i]];
        profile[k] = count > 0 ? nsky_quantile(values, count, 0.5) : (k > 0 ? profile[k - 1] : 0);
    }
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++) {
        const double place = fmin(r->place[i], RINGS);
        const int ring = (int)fmin(place, RINGS - 1);
        const double part = place - ring;
        p->rest[band][i] =
            (float)(p->flux[band][i] - (1 - part) * profile[ring] - part * profile[ring + 1]);
    }
}

void nsky_portrait_smooth(nsky_portrait *p)
{
    const nsky_grid *g = p->grid;
    const moments m = adaptive(p);
    const double det = m.xx * m.yy - m.xy * m.xy, root = sqrt(sqrt(det));
    const double mean = (m.xx + m.yy) / 2, half = hypot((m.xx - m.yy) / 2, m.xy);
    float *place = p->scratch;
    rings r = {.sorted = p->order, .place = place};

    p->size_px = root;
    p->axis_ratio = sqrt((mean - half) / (mean + half));
    for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++) {
        double x = g->x[i], y = g->y[i];
        double square = (m.yy * x * x - 2 * m.xy * x * y + m.xx * y * y) / det;
        place[i] = (float)ring_place(sqrt(square) * root);
    }
    sort_rings(&r);
    for (uint32_t band = 0; band < 3; band++)
        subtract_profile(p, &r, band);
}
