/* plan.c - the survey as arithmetic on its seed. Thread rule: pure. */
#include "sim/plan.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "common/rng.h"
#include "image/stamp.h"
#include "sim/stream.h"

#define REAL_GALAXIES 240.0 /* with z < 20 in a real brick of 3600 x 3600 pixels */
#define REAL_SIDE 3600.0
#define SPECIALS_PER_LENS 3 /* itself and two look-alikes */
#define FEISTEL_ROUNDS 6
#define BRICK_DEG 0.25
#define BRICK_ROWS 720
#define BLOCK_ROWS_MIN 4 /* bricks of a small survey still form a block, not a line */
#define DEC_MIN_DEG (-15.0)
#define DEC_SPAN_DEG 40.0
#define DEG (M_PI / 180)

sim_plan sim_plan_of(const nsky_sim_options *options)
{
    sim_plan plan = {.seed = options->seed,
                     .lens_fraction = options->lens_fraction,
                     .artefact_fraction = options->artefact_fraction,
                     .nearby = options->nearby};

    plan.stamps = options->stamps > 0;
    plan.fields = plan.stamps ? options->stamps : options->bricks;
    plan.side = options->size ? options->size : plan.stamps ? NSKY_STAMP_SIDE : NSKY_SIM_BRICK_SIDE;
    double bricks = plan.side * (double)plan.side / (REAL_SIDE * REAL_SIDE);
    plan.primaries =
        plan.stamps ? 1 : (uint32_t)fmax(1, rint(REAL_GALAXIES * options->density * bricks));
    return plan;
}

/* A Feistel network on the smallest even number of bits that hold count, walked until it lands
 * inside: Black & Rogaway 2002, "Ciphers with arbitrary finite domains". */
uint64_t sim_shuffle(uint64_t seed, uint64_t count, uint64_t index)
{
    uint32_t half = 1, key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};

    assert(index < count);
    while (half < 31 && count > 1ull << (2 * half))
        half++;
    uint32_t mask = (1u << half) - 1;
    do {
        uint32_t left = (uint32_t)(index >> half), right = (uint32_t)index & mask;
        for (uint32_t round = 0; round < FEISTEL_ROUNDS; round++) {
            uint32_t counter[4] = {right, round, 0, SIM_STREAM_SHUFFLE}, mixed[4];
            nsky_philox(key, counter, mixed);
            uint32_t keep = right;
            right = left ^ (mixed[0] & mask);
            left = keep;
        }
        index = (uint64_t)left << half | right;
    } while (index >= count);
    return index;
}

sim_part sim_plan_part(const sim_plan *plan, uint32_t field, uint32_t primary)
{
    static const nsky_sim_class lookalikes[] = {
        NSKY_SIM_BARE_DEFLECTOR,  NSKY_SIM_BLUE_SATELLITE,   NSKY_SIM_SPIRAL_MIMIC,
        NSKY_SIM_RING_MIMIC,      NSKY_SIM_CHANCE_NEIGHBOUR, NSKY_SIM_TIDAL_ARC,
        NSKY_SIM_TANGENTIAL_EDGE,
    };
    uint64_t kinds = sizeof lookalikes / sizeof *lookalikes;
    uint64_t primaries = (uint64_t)plan->fields * plan->primaries;
    uint64_t at = sim_shuffle(plan->seed, primaries, (uint64_t)field * plan->primaries + primary);
    uint64_t lenses = (uint64_t)llrint((double)primaries * plan->lens_fraction);
    uint64_t lens = at / SPECIALS_PER_LENS, which = at % SPECIALS_PER_LENS;

    if (lens >= lenses)
        return (sim_part){NSKY_SIM_ELLIPTICAL, 0};
    if (which == 0)
        return (sim_part){NSKY_SIM_LENS, (uint32_t)lens + 1};
    uint64_t turn = lens * (SPECIALS_PER_LENS - 1) + which - 1;
    return (sim_part){lookalikes[turn % kinds], (uint32_t)lens + 1};
}

/* Somewhere at moderate declination, so that surveys of different seeds rarely share a brick. */
static void block_origin(const sim_plan *plan, uint32_t *row, double *ra_deg)
{
    nsky_rng rng = nsky_rng_at(plan->seed, SIM_STREAM_SURVEY, 0);
    double dec = DEC_MIN_DEG + DEC_SPAN_DEG * nsky_rng_uniform(&rng);

    *row = (uint32_t)floor((dec + 90) / BRICK_DEG);
    *ra_deg = floor(nsky_rng_uniform(&rng) * 360);
}

sim_brick sim_plan_brick(const sim_plan *plan, uint32_t index)
{
    uint32_t row, rows = (uint32_t)fmax(BLOCK_ROWS_MIN, ceil(sqrt(plan->fields)));
    double start_ra;
    sim_brick brick;

    block_origin(plan, &row, &start_ra);
    row += index % rows;
    assert(row < BRICK_ROWS);
    double dec = -90 + BRICK_DEG * (row + 0.5);
    uint32_t columns = (uint32_t)(2 * ceil(180 / BRICK_DEG * cos(dec * DEG)));
    uint32_t column = ((uint32_t)(start_ra / 360 * columns) + index / rows) % columns;
    brick.centre = (nsky_sky){(column + 0.5) * 360 / columns, dec};
    brick.id = row * (uint32_t)(360 / BRICK_DEG) + column + 1;
    snprintf(brick.name, sizeof brick.name, "%04d%c%03d", (int)(brick.centre.ra_deg * 10) % 3600,
             dec < 0 ? 'm' : 'p', (int)fabs(dec * 10) % 900);
    return brick;
}

nsky_sky sim_plan_stamp(const sim_plan *plan, uint32_t index)
{
    nsky_rng rng = nsky_rng_at(plan->seed, SIM_STREAM_SURVEY, index + 1);
    double low = sin(DEC_MIN_DEG * DEG), high = sin((DEC_MIN_DEG + DEC_SPAN_DEG) * DEG);
    double ra = nsky_rng_range(&rng, 0, 360);

    return (nsky_sky){ra, asin(nsky_rng_range(&rng, low, high)) / DEG};
}

nsky_sky sim_pixel_to_sky(nsky_sky centre, uint32_t side, double x, double y)
{
    double middle = (side - 1) / 2.0, scale = NSKY_SCALE_ARCSEC_PX / 3600 * DEG;
    double xi = -(x - middle) * scale, eta = (y - middle) * scale;
    double s = sin(centre.dec_deg * DEG), c = cos(centre.dec_deg * DEG);
    double ra = centre.ra_deg + atan2(xi, c - eta * s) / DEG;
    double dec = atan2(s + eta * c, hypot(xi, c - eta * s)) / DEG;

    return (nsky_sky){ra < 0 ? ra + 360 : ra >= 360 ? ra - 360 : ra, dec};
}
