/* sky_rows.c - see sky_rows.h. */
#include "sim/sky_rows.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"
#include "sim/population.h"

#define STREAM_ROW 0x736B7972u   /* "skyr" */
#define STREAM_SHRED 0x73687264u /* "shrd" */
#define STREAM_BLANK 0x626C6E6Bu /* "blnk" */

#define RADIANS 0.017453292519943295
#define BRICK_DEG 0.25
#define STRIPES 720
#define ROWS_PER_BRICK 245 /* 76 million in the footprint's 310,000 bricks */
#define RELEASE_SOUTH 9010
#define RELEASE_NORTH 9011
#define OBJIDS_PER_ROW 17 /* most of a brick's sources are no galaxies that one looks at */

#define SHREDS_OF_10000 300 /* of every second row */
#define BLANKS_OF_10000 20
#define SHRED_ARCSEC_MAX 3.0
#define MAG_SLOPE 0.45
#define KNOWN_OF 50000
#define TYPE_PSF 0.02

typedef struct sky_brick {
    uint32_t id;
    uint16_t stripe, column, columns;
} sky_brick;

struct nsky_sim_sky {
    uint64_t rows, seed, bricks_used, rows_per_brick;
    uint32_t brick_count;
    sky_brick *bricks; /* [brick_count] of the footprint, ids ascending */
};

/* Where DR9 has pictures: outside the Milky Way, and of the south what DES and DECaLS saw. */
static bool in_footprint(double ra_deg, double dec_deg)
{
    const double pole_ra = 192.85948, pole_dec = 27.12825;
    double sine =
        sin(dec_deg * RADIANS) * sin(pole_dec * RADIANS) +
        cos(dec_deg * RADIANS) * cos(pole_dec * RADIANS) * cos((ra_deg - pole_ra) * RADIANS);
    double b = asin(fmin(fmax(sine, -1), 1)) / RADIANS;

    return b > 0 ? b > 18 && dec_deg > -9 && dec_deg < 84
                 : b < -18 && dec_deg > -67 && dec_deg < 34;
}

static uint32_t columns_of(uint32_t stripe)
{
    double dec = -90 + (stripe + 0.5) * BRICK_DEG;
    double columns = round(360 / BRICK_DEG * cos(dec * RADIANS));

    return columns < 1 ? 1 : (uint32_t)columns;
}

/* Counts, and where bricks is not NULL keeps, the bricks of the footprint. */
static uint32_t lay_bricks(sky_brick *bricks)
{
    uint32_t count = 0, id = 1;

    for (uint32_t stripe = 0; stripe < STRIPES; stripe++) {
        const uint32_t columns = columns_of(stripe);
        for (uint32_t column = 0; column < columns; column++, id++) {
            if (!in_footprint((column + 0.5) * 360 / columns, -90 + (stripe + 0.5) * BRICK_DEG))
                continue;
            if (bricks)
                bricks[count] =
                    (sky_brick){id, (uint16_t)stripe, (uint16_t)column, (uint16_t)columns};
            count++;
        }
    }
    return count;
}

nsky_status nsky_sim_sky_new(nsky_sim_sky **out, uint64_t rows, uint64_t seed, nsky_error *err)
{
    assert(out && err);
    *out = NULL;
    if (rows < 1 || rows > NSKY_SIM_SKY_ROWS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "a make-believe sky has 1 to %u rows",
                         NSKY_SIM_SKY_ROWS_MAX);
    nsky_sim_sky *sky = nsky_alloc_zero(1, sizeof *sky, err);
    if (!sky)
        return err->status;
    sky->rows = rows;
    sky->seed = seed;
    sky->brick_count = lay_bricks(NULL);
    if (!(sky->bricks = nsky_alloc(sky->brick_count, sizeof *sky->bricks, err))) {
        nsky_free(sky);
        return err->status;
    }
    lay_bricks(sky->bricks);
    const uint64_t crowded = (rows + sky->brick_count - 1) / sky->brick_count;
    sky->rows_per_brick = crowded > ROWS_PER_BRICK ? crowded : ROWS_PER_BRICK;
    sky->bricks_used = (rows + sky->rows_per_brick - 1) / sky->rows_per_brick;
    *out = sky;
    return NSKY_OK;
}

void nsky_sim_sky_free(nsky_sim_sky *sky)
{
    if (!sky)
        return;
    nsky_free(sky->bricks);
    nsky_free(sky);
}

static const sky_brick *brick_of(const nsky_sim_sky *sky, uint64_t row)
{
    return &sky->bricks[row / sky->rows_per_brick * sky->brick_count / sky->bricks_used];
}

bool nsky_sim_sky_is_shred(const nsky_sim_sky *sky, uint64_t row)
{
    assert(sky && row < sky->rows);
    if (row % sky->rows_per_brick % 2 == 0)
        return false;
    nsky_rng rng = nsky_rng_at(sky->seed, STREAM_SHRED, (uint32_t)row);
    return nsky_rng_below(&rng, 10000) < SHREDS_OF_10000;
}

bool nsky_sim_sky_is_blank(const nsky_sim_sky *sky, uint64_t row)
{
    assert(sky && row < sky->rows);
    nsky_rng rng = nsky_rng_at(sky->seed, STREAM_BLANK, (uint32_t)row);
    return nsky_rng_below(&rng, 10000) < BLANKS_OF_10000;
}

static void put_type(nsky_object *out, nsky_rng *rng, bool early)
{
    const double u = nsky_rng_uniform(rng);
    const char *type = u < TYPE_PSF ? "PSF"
                       : early      ? (u < 0.7 ? "DEV" : "SER")
                       : u < 0.45   ? "EXP"
                       : u < 0.85   ? "REX"
                                    : "SER";

    memcpy(out->type, type, strlen(type) + 1);
}

/* Of the sky as a whole, so that it changes slowly. */
static double reddening(double ra_deg, double dec_deg)
{
    return 0.05 + 0.03 * sin(3 * ra_deg * RADIANS) * cos(5 * dec_deg * RADIANS);
}

static void put_photometry(nsky_object *out, nsky_rng *rng)
{
    const double mag_z =
        sim_draw_magnitude(rng, SIM_PRIMARY_MAG_Z_MIN, SIM_PRIMARY_MAG_Z_MAX, MAG_SLOPE);
    const double z = sim_draw_redshift(rng, mag_z);
    const bool early = sim_draw_is_early(rng, mag_z, z);
    const sim_colour colour = sim_draw_colour(rng, early, z);

    out->mag_z = (float)mag_z;
    out->mag_r = (float)(mag_z + colour.r_z);
    out->mag_g = (float)(mag_z + colour.r_z + colour.g_r);
    out->z_phot = (float)(z + 0.02 * (1 + z) * nsky_rng_normal(rng));
    put_type(out, rng, early);
    const double missing = nsky_rng_uniform(rng), measured = nsky_rng_uniform(rng);
    if (missing < 0.005)
        out->mag_g = NAN;
    if (missing > 0.97 || out->z_phot <= 0)
        out->z_phot = NAN;
    if (measured < (mag_z < 17.7 ? 0.4 : 0.03))
        out->z_spec = (float)z;
}

static void put_place(const nsky_sim_sky *sky, uint64_t row, nsky_object *out, nsky_rng *rng)
{
    const sky_brick *brick = brick_of(sky, row);
    const double width = 360.0 / brick->columns;
    const uint64_t number = row % sky->rows_per_brick;
    const double south = -90 + brick->stripe * BRICK_DEG;
    const bool north = south > 32.4;

    out->ra_deg = fmin((brick->column + nsky_rng_uniform(rng)) * width, nextafter(360, 0));
    out->dec_deg = south + BRICK_DEG * nsky_rng_uniform(rng);
    out->ebv = (float)reddening(out->ra_deg, out->dec_deg);
    out->id = (uint64_t)(north ? RELEASE_NORTH : RELEASE_SOUTH) << 40 | (uint64_t)brick->id << 16 |
              (number * OBJIDS_PER_ROW + nsky_rng_below(rng, OBJIDS_PER_ROW) + 1);
    snprintf(out->source, sizeof out->source, "made-up/tractor-%06u.fits", brick->id);
}

static void put_shred(const nsky_sim_sky *sky, uint64_t row, nsky_object *out)
{
    nsky_object parent;
    nsky_rng rng = nsky_rng_at(sky->seed, STREAM_SHRED, (uint32_t)row);

    nsky_rng_u32(&rng); /* told that it is one */
    nsky_sim_sky_object(sky, row - 1, &parent);
    const double far = nsky_rng_range(&rng, 0.3, SHRED_ARCSEC_MAX) / 3600;
    const double angle = nsky_rng_range(&rng, 0, 2 * M_PI);
    const float fainter = (float)nsky_rng_range(&rng, 0.3, 2.5);
    const double ra = parent.ra_deg + far * cos(angle) / cos(parent.dec_deg * RADIANS);
    out->ra_deg = ra < 0 ? ra + 360 : ra >= 360 ? ra - 360 : ra;
    out->dec_deg = fmin(fmax(parent.dec_deg + far * sin(angle), -90), 90);
    out->mag_g = parent.mag_g + fainter + (float)nsky_rng_range(&rng, -0.2, 0.2);
    out->mag_r = parent.mag_r + fainter;
    out->mag_z = parent.mag_z + fainter + (float)nsky_rng_range(&rng, -0.2, 0.2);
    out->z_phot = parent.z_phot;
    out->z_spec = NAN;
    memcpy(out->type, "REX", sizeof "REX");
}

void nsky_sim_sky_object(const nsky_sim_sky *sky, uint64_t row, nsky_object *out)
{
    assert(sky && row < sky->rows && out);
    nsky_rng rng = nsky_rng_at(sky->seed, STREAM_ROW, (uint32_t)row);

    nsky_object_init(out);
    out->row = row;
    put_place(sky, row, out, &rng);
    if (nsky_sim_sky_is_shred(sky, row)) {
        put_shred(sky, row, out);
        return;
    }
    put_photometry(out, &rng);
    if (nsky_rng_below(&rng, KNOWN_OF) == 0)
        snprintf(out->known, sizeof out->known, "made-up lens %u", (unsigned)row);
}
