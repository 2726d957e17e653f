/* features_arc.c - the brightest thing beside the galaxy: how far out, how blue, how bent around
 * the centre, and whether something answers it on the other side. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/portrait.h"

#define INNER_PX 3.0
#define OUTER_PX 30.0
#define SECTORS 36
#define HALF_WIDTH_PX 2.0 /* of the ring through the peak */
#define NEAR_PX 8.0       /* around the peak: its own shape */

/* 3 x 3 sums over sigma: a point source is about that wide. */
static void smooth(const float *image, float noise, float *out)
{
    memset(out, 0, PORTRAIT_PIXELS * sizeof *out);
    for (int y = 1; y < PORTRAIT_SIDE - 1; y++)
        for (int x = 1; x < PORTRAIT_SIDE - 1; x++) {
            float sum = 0;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++)
                    sum += image[(y + dy) * PORTRAIT_SIDE + x + dx];
            out[y * PORTRAIT_SIDE + x] = sum / (3 * noise);
        }
}

static uint32_t find_peak(const nsky_grid *g, const float *image)
{
    uint32_t first, end;

    nsky_grid_annulus(g, INNER_PX, OUTER_PX, &first, &end);
    uint32_t best = g->by_radius[first];
    for (uint32_t k = first; k < end; k++)
        if (image[g->by_radius[k]] > image[best])
            best = g->by_radius[k];
    return best;
}

/* Extent of what is bright near the peak, along the circle around the galaxy and across it, and how
 * it bends: an arc's ends lie inside of the tangent. */
static void put_bend(nsky_feature_list *list, const nsky_grid *g, const float *image, uint32_t peak)
{
    const double px = g->x[peak], py = g->y[peak], radius = g->radius[peak];
    double light = 0, along = 0, across = 0, bend = 0;

    /* The peak is at least NEAR_PX from the edge of the stamp. */
    const uint32_t left = peak % PORTRAIT_SIDE - (uint32_t)NEAR_PX,
                   low = peak / PORTRAIT_SIDE - (uint32_t)NEAR_PX, wide = 2 * (uint32_t)NEAR_PX + 1;
    for (uint32_t k = 0; k < wide * wide; k++) {
        uint32_t i = (low + k / wide) * PORTRAIT_SIDE + left + k % wide;
        double dx = g->x[i] - px, dy = g->y[i] - py, weight = image[i] - image[peak] / 4;
        if (weight <= 0 || dx * dx + dy * dy > NEAR_PX * NEAR_PX)
            continue;
        double tangent = (-dx * py + dy * px) / radius, radial = (dx * px + dy * py) / radius;
        light += weight;
        along += weight * tangent * tangent;
        across += weight * radial * radial;
        bend += weight * radial * tangent * tangent;
    }
    light = fmax(light, 1e-9);
    nsky_feature_put(list, sqrt(along / light));
    nsky_feature_put(list, sqrt(across / light));
    nsky_feature_put(list, log((along + 0.1 * light) / (across + 0.1 * light)));
    nsky_feature_put(list, bend / light / 4);
}

/* The ring through the peak in sectors: how many are bright, the longest run of them, and the
 * brightest opposite. */
static void put_ring(nsky_feature_list *list, const nsky_grid *g, const float *image, uint32_t peak)
{
    const double angle_of_peak = atan2((double)g->y[peak], (double)g->x[peak]);
    double sector[SECTORS] = {0}, opposite = 0;
    uint32_t pixels[SECTORS] = {0}, first, end, bright = 0, run = 0, longest = 0;

    nsky_grid_annulus(g, g->radius[peak] - HALF_WIDTH_PX, g->radius[peak] + HALF_WIDTH_PX, &first,
                      &end);
    for (uint32_t k = first; k < end; k++) {
        uint32_t i = g->by_radius[k];
        double turn =
            (atan2((double)g->y[i], (double)g->x[i]) - angle_of_peak) / (2 * M_PI) + 0.5 / SECTORS;
        int which = (int)((turn - floor(turn)) * SECTORS) % SECTORS;
        sector[which] += image[i];
        pixels[which]++;
    }
    for (int s = 0; s < SECTORS; s++) {
        sector[s] /= pixels[s] ? pixels[s] : 1;
        bright += sector[s] > 2;
        if (abs(s - SECTORS / 2) <= 4)
            opposite = fmax(opposite, sector[s]);
    }
    for (int s = 0; s < 2 * SECTORS; s++) {
        run = sector[s % SECTORS] > 2 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    nsky_feature_put(list, 5.0 * bright / SECTORS);
    nsky_feature_put(list, 5.0 * (longest > SECTORS ? SECTORS : longest) / SECTORS);
    nsky_feature_put(list, opposite);
    nsky_feature_put(list, 3 * opposite / (fabs((double)image[peak]) + 3));
}

static void put_peak(nsky_feature_list *list, nsky_portrait *p, const float *image, float noise)
{
    const nsky_grid *g = p->grid;

    smooth(image, noise, p->scratch);
    const uint32_t peak = find_peak(g, p->scratch);
    const double floor_g = p->noise[0];
    nsky_feature_put(list, p->scratch[peak]);
    nsky_feature_put(list, g->radius[peak] / 4);
    nsky_feature_put(list, 3 * p->rest[1][peak] / (fabs((double)p->rest[0][peak]) + floor_g));
    nsky_feature_put(list, 3 * p->rest[2][peak] / (fabs((double)p->rest[0][peak]) + floor_g));
    put_bend(list, g, p->scratch, peak);
    put_ring(list, g, p->scratch, peak);
}

void nsky_features_arc(nsky_feature_list *list, nsky_portrait *p)
{
    put_peak(list, p, p->rest[0], p->noise[0]);
    put_peak(list, p, p->blue, p->noise[0]);
}
