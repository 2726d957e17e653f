/* features_rest.c - what the smooth galaxy leaves behind, annulus by annulus: arms, rings, arcs. */
#include <math.h>

#include "eval/portrait.h"

#define ANNULI 9
#define SIGNIFICANT 2.5f /* sigma */

static const double edges[ANNULI + 1] = {2.5, 4, 5.5, 7, 9, 11.5, 15, 19, 25, 33};

/* Mean, spread, brightest twentieth and waves of one image in one annulus, in sigma. */
static void put_image(nsky_feature_list *list, nsky_portrait *p, const float *image, float noise,
                      uint32_t first, uint32_t end)
{
    const nsky_grid *g = p->grid;
    const double count = end - first;
    double sum = 0, square = 0, real[PORTRAIT_WAVES] = {0}, imaginary[PORTRAIT_WAVES] = {0};

    for (uint32_t k = first; k < end; k++) {
        uint32_t i = g->by_radius[k];
        double value = image[i] / noise;
        p->scratch[k - first] = (float)value;
        sum += value;
        square += value * value;
        for (int m = 0; m < PORTRAIT_WAVES; m++) {
            real[m] += value * g->cosine[m][i];
            imaginary[m] += value * g->sine[m][i];
        }
    }
    nsky_feature_put(list, sum / count);
    nsky_feature_put(list, sqrt(fmax(square / count - sum * sum / (count * count), 0)));
    nsky_feature_put(list, nsky_quantile(p->scratch, end - first, 0.95));
    for (int m = 0; m < 3; m++)
        nsky_feature_put(list, hypot(real[m], imaginary[m]) / count);
}

/* How much of the annulus stands out in g, and the colours of what does. */
static void put_bright(nsky_feature_list *list, const nsky_portrait *p, uint32_t first,
                       uint32_t end)
{
    double sum[3] = {0}, pixels = 0;

    for (uint32_t k = first; k < end; k++) {
        uint32_t i = p->grid->by_radius[k];
        if (p->rest[0][i] < SIGNIFICANT * p->noise[0])
            continue;
        pixels++;
        for (uint32_t band = 0; band < 3; band++)
            sum[band] += p->rest[band][i];
    }
    const double floor_g = p->noise[0] * sqrt(end - first);
    nsky_feature_put(list, 5 * pixels / (end - first));
    nsky_feature_put(list, 3 * sum[1] / (sum[0] + floor_g));
    nsky_feature_put(list, 3 * sum[2] / (sum[0] + floor_g));
}

void nsky_features_rest(nsky_feature_list *list, nsky_portrait *p)
{
    for (int k = 0; k < ANNULI; k++) {
        uint32_t first, end;
        nsky_grid_annulus(p->grid, edges[k], edges[k + 1], &first, &end);
        put_image(list, p, p->rest[0], p->noise[0], first, end);
        put_image(list, p, p->rest[2], p->noise[2], first, end);
        put_image(list, p, p->blue, p->noise[0], first, end);
        put_bright(list, p, first, end);
    }
}
