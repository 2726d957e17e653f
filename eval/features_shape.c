/* features_shape.c - the whole galaxy: magnitudes, sizes, concentration, asymmetry, Gini, M20. */
#include <math.h>
#include <stdlib.h>

#include "eval/portrait.h"

#define APERTURE_PX 40.0
#define M20_SHARE 0.2

/* Radii that hold these shares of the light in the aperture. */
static const double shares[] = {0.2, 0.5, 0.8, 0.9};
#define SHARES (sizeof shares / sizeof *shares)

static double growth(const nsky_portrait *p, uint32_t band, double radii[SHARES])
{
    const nsky_grid *g = p->grid;
    uint32_t first, end;
    double total = 0, sum = 0;

    nsky_grid_annulus(g, 0, APERTURE_PX, &first, &end);
    for (uint32_t k = first; k < end; k++)
        total += p->flux[band][g->by_radius[k]];
    for (size_t s = 0; s < SHARES; s++)
        radii[s] = APERTURE_PX;
    for (uint32_t k = first; k < end; k++) {
        uint32_t i = g->by_radius[k];
        sum += p->flux[band][i];
        for (size_t s = 0; s < SHARES; s++)
            if (radii[s] == APERTURE_PX && sum >= shares[s] * total)
                radii[s] = g->radius[i];
    }
    return total;
}

/* |flux - turned flux| within a radius, over the light, less what noise gives. */
static double asymmetry(const nsky_portrait *p, uint32_t band, double radius, uint32_t quarters)
{
    const nsky_grid *g = p->grid;
    double off = 0, light = 0, area = 0;

    for (uint32_t k = 0; k < PORTRAIT_PIXELS && g->radius[g->by_radius[k]] < radius; k++) {
        uint32_t i = g->by_radius[k], x = i % PORTRAIT_SIDE, y = i / PORTRAIT_SIDE;
        uint32_t turned =
            quarters == 2 ? PORTRAIT_PIXELS - 1 - i : x * PORTRAIT_SIDE + (PORTRAIT_SIDE - 1 - y);
        off += fabs((double)p->flux[band][i] - p->flux[band][turned]);
        light += fabs((double)p->flux[band][i]);
        area += 1;
    }
    /* The mean of |a - b| of two independent normal numbers is 2 sigma / sqrt(pi). */
    return light > 0 ? (off - area * p->noise[band] * 2 / sqrt(M_PI)) / (2 * light) : 0;
}

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x < y) - (x > y);
}

/* Gini of |flux| within a radius, and M20: the second moment of the brightest fifth of the light
 * over that of all of it. */
static void gini_m20(nsky_portrait *p, uint32_t band, double radius, double *gini, double *m20)
{
    const nsky_grid *g = p->grid;
    uint32_t count = 0;
    double sum = 0, weighted = 0, moment = 0, bright_moment = 0;

    for (; count < PORTRAIT_PIXELS && g->radius[g->by_radius[count]] < radius; count++)
        p->scratch[count] = fabsf(p->flux[band][g->by_radius[count]]);
    *gini = *m20 = 0;
    if (count < 2)
        return;
    qsort(p->scratch, count, sizeof *p->scratch, descending);
    for (uint32_t k = 0; k < count; k++) {
        sum += p->scratch[k];
        weighted += ((double)count - 1 - 2.0 * k) * p->scratch[k];
    }
    *gini = sum > 0 ? weighted / (sum * (count - 1)) : 0;
    double reached = 0, floor_flux = INFINITY;
    for (uint32_t k = 0; k < count && reached < M20_SHARE * sum; k++) {
        reached += p->scratch[k];
        floor_flux = p->scratch[k];
    }
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = g->by_radius[k];
        double flux = fmax(p->flux[band][i], 0), square = (double)g->radius[i] * g->radius[i];
        moment += flux * square;
        bright_moment += flux >= floor_flux ? flux * square : 0;
    }
    *m20 = moment > 0 && bright_moment > 0 ? log10(bright_moment / moment) : 0;
}

void nsky_features_shape(nsky_feature_list *list, nsky_portrait *p)
{
    double total[3], radii[3][SHARES];

    for (uint32_t band = 0; band < 3; band++)
        total[band] = growth(p, band, radii[band]);
    for (uint32_t band = 0; band < 3; band++) {
        double r50 = fmax(radii[band][1], 1), gini, m20;
        double wide = fmin(fmax(2 * r50, 6), APERTURE_PX);
        nsky_feature_put(list, 10 * total[band]);
        nsky_feature_put(list, radii[band][1]);
        nsky_feature_put(list, 5 * log10(fmax(radii[band][2], 1) / fmax(radii[band][0], 0.7)));
        nsky_feature_put(list, 5 * log10(fmax(radii[band][3], 1) / r50));
        nsky_feature_put(list, 5 * asymmetry(p, band, wide, 2));
        nsky_feature_put(list, 5 * asymmetry(p, band, wide, 1));
        nsky_feature_put(list, 5 * asymmetry(p, band, fmax(r50, 3), 2));
        gini_m20(p, band, wide, &gini, &m20);
        nsky_feature_put(list, 5 * gini);
        nsky_feature_put(list, 2 * m20);
    }
    nsky_feature_put(list, 3 * total[0] / fmax(fabs(total[1]), p->noise[1]));
    nsky_feature_put(list, 3 * total[1] / fmax(fabs(total[2]), p->noise[2]));
    nsky_feature_put(list, radii[0][1] - radii[2][1]);
    nsky_feature_put(list, p->size_px);
    nsky_feature_put(list, 3 * p->axis_ratio);
}
