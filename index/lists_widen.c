/* lists_widen.c - see lists_widen.h. */
#include "index/lists_widen.h"

#include <assert.h>
#include <math.h>

#define STEPS 6        /* of the lists wanted where all is allowed */
#define STEP_MATCHES 8 /* and so many matches, if they were as dense as everywhere */
#define FAR 12         /* times the lists wanted are enough, however far the matches */
#define POOR 3         /* times fewer matches than elsewhere */
#define MATCHES_A_CANDIDATE 3
#define MANY 100      /* candidates: here, too */
#define FEW_LISTS 12  /* below, thin filters need a little more */
#define ROUNDING 0.92 /* lists differ in how full they are */

void nsky_widening_init(nsky_widening *w, uint32_t nprobe, uint32_t want, double share, double fill)
{
    assert(w && nprobe >= 1 && share > 0 && share <= 1 && fill > 0 && fill <= 1);
    *w = (nsky_widening){.wanted = nprobe, .share = share, .fill = fill};
    w->steep = nprobe < FEW_LISTS || want > MANY;
    w->left = (uint64_t)want * MATCHES_A_CANDIDATE;
    w->step = nprobe < 2 * STEPS ? 1 : nprobe / STEPS;
}

static double worth_of(const nsky_widening *w, double part)
{
    const double eighth = sqrt(sqrt(sqrt(part)));
    const double rare = fmin(1, part / w->share), half = sqrt(rare);
    const double own = w->steep ? eighth * sqrt(eighth) : eighth;

    return own * half * sqrt(half);
}

bool nsky_widening_enough(nsky_widening *w, uint64_t slots, uint64_t matches)
{
    w->slots += slots;
    w->matches += matches;
    w->left -= matches < w->left ? matches : w->left;
    w->seen++;
    if (++w->in_step < w->step || w->share * (double)w->slots < STEP_MATCHES)
        return false;
    const double part =
        w->matches > 0 ? fmin(1, (double)w->matches / (w->fill * (double)w->slots)) : 0;
    w->worth += w->in_step * worth_of(w, part);
    w->poor += part * POOR < w->share ? w->in_step : 0;
    w->in_step = 0;
    w->slots = w->matches = 0;
    const double times = sqrt(w->seen / w->wanted) + w->poor / w->wanted;
    return w->left == 0 && w->worth >= ROUNDING * w->wanted * fmin(FAR, times);
}

uint32_t nsky_widening_guess(const nsky_widening *w)
{
    double lists = w->wanted * pow(w->share, w->steep ? -0.375 : -0.25);
    return (uint32_t)fmin(ceil(1.5 * lists) + w->step, UINT32_MAX);
}
