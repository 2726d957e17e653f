/* augment_noise.c - how noisy a stamp is, and how noisy what was made of it. Thread rule: pure. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "encoder/train/augment_private.h"

#define PAIRS_MAX 4096u
#define CUBIC_REACH 4 /* pixels at which Keys' cubic no longer overlaps itself */
/* Median of |N(0, 1)|, and sqrt(2) for a difference of two. */
#define DIFFERENCE_MEDIAN (0.6744897501960817 * M_SQRT2)

/* The value that would be at `rank` if they were sorted (Hoare's selection). */
static float value_at_rank(float *values, uint32_t count, uint32_t rank)
{
    uint32_t low = 0, high = count - 1;

    while (low < high) {
        float pivot = values[low + (high - low) / 2];
        uint32_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot) /* stops at the pivot or at what was swapped */
                j--;
            if (i > j)
                break;
            float swap = values[i];
            values[i++] = values[j];
            values[j] = swap;
            if (j == 0)
                break;
            j--;
        }
        if (rank <= j)
            high = j;
        else if (rank >= i)
            low = i;
        else
            return values[rank];
    }
    return values[rank];
}

/* Neighbours along a row, spread evenly over the band. */
static float measure(const float *band, uint32_t width, uint32_t height)
{
    float difference[PAIRS_MAX] = {0};
    uint64_t pairs = (uint64_t)(width - 1) * height, every = (pairs + PAIRS_MAX - 1) / PAIRS_MAX;
    uint32_t count = 0;

    every = every | 1; /* odd: columns of an even width take turns */
    for (uint64_t i = 0; i < pairs && count < PAIRS_MAX; i += every) {
        const float *at = band + i / (width - 1) * width + i % (width - 1);
        float d = fabsf(at[1] - at[0]);
        if (isfinite(d))
            difference[count++] = d;
    }
    if (count < 2)
        return 0;
    return (float)(value_at_rank(difference, count, count / 2) / DIFFERENCE_MEDIAN);
}

void nsky_augment_measure_noise(const nsky_stamp *stamp, float noise[3])
{
    assert(stamp && noise);
    for (uint32_t band = 0; band < 3; band++)
        noise[band] = stamp->width < 2
                          ? 0
                          : measure(nsky_stamp_band(stamp, band), stamp->width, stamp->height);
}

/* Keys' cubic with itself at a distance, averaged over where between pixels one looks. */
static double cubic_with_itself(double distance)
{
    enum { STEPS = 16 };
    double sum = 0;

    for (int i = 0; i < 4 * STEPS; i++) {
        double u = -2 + (i + 0.5) / STEPS, at[2] = {fabs(u), fabs(u + distance)}, k[2];
        for (int j = 0; j < 2; j++) {
            double x = at[j];
            k[j] = x < 1   ? (1.5 * x - 2.5) * x * x + 1
                   : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2
                           : 0;
        }
        sum += k[0] * k[1] / STEPS;
    }
    return sum;
}

double nsky_augment_noise_left(const float *taps, uint32_t radius, double step, bool exact)
{
    assert(taps && step > 0);
    double variance = 0; /* of one axis; both together square it, and sigma is the root of that */
    int r = (int)radius;

    for (int lag = 0; lag <= 2 * r && (lag == 0 || (!exact && lag * step < CUBIC_REACH)); lag++) {
        double blur = 0;
        for (int k = lag - r; k <= r; k++)
            blur += (double)taps[abs(k)] * taps[abs(k - lag)];
        variance += (lag ? 2 : 1) * blur * (exact ? 1 : cubic_with_itself(lag * step));
    }
    return variance;
}
