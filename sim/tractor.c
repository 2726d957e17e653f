/* tractor.c - the catalogue of a brick, with the columns of Legacy Surveys DR9 that readers use.
 * Thread rule: one thread at a time. */
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "fits/writer.h"
#include "image/stamp.h"
#include "sim/catalogue.h"
#include "sim/stream.h"

#define FWHM_PER_SIGMA 2.3548
#define ROUND_EXPONENTIAL_ARCSEC 0.45 /* below this a fit cannot tell an ellipse from a circle */
#define DEV_INDEX_MIN 3.4
#define CALIBRATION 0.01 /* no flux is known better than this, relative */

enum {
    RA,
    DEC,
    FLUX,
    FLUX_IVAR = FLUX + SIM_BANDS,
    MW = FLUX_IVAR + SIM_BANDS,
    PSF = MW + SIM_BANDS,
    SHAPE_R = PSF + SIM_BANDS,
    SHAPE_E1,
    SHAPE_E2,
    SERSIC,
    EBV,
    DOUBLES
};
enum { RELEASE, BRICKID, OBJID, PRIMARY, MASKBITS, INTEGERS };
#define COLUMNS (DOUBLES + INTEGERS + 2)

/* DR9's names and units, in this file's order. */
static const struct {
    const char *name, *unit;
} doubles[DOUBLES] = {
    {"ra", "deg"},
    {"dec", "deg"},
    {"flux_g", "nanomaggy"},
    {"flux_r", "nanomaggy"},
    {"flux_z", "nanomaggy"},
    {"flux_ivar_g", "1/nanomaggy^2"},
    {"flux_ivar_r", "1/nanomaggy^2"},
    {"flux_ivar_z", "1/nanomaggy^2"},
    {"mw_transmission_g", NULL},
    {"mw_transmission_r", NULL},
    {"mw_transmission_z", NULL},
    {"psfsize_g", "arcsec"},
    {"psfsize_r", "arcsec"},
    {"psfsize_z", "arcsec"},
    {"shape_r", "arcsec"},
    {"shape_e1", NULL},
    {"shape_e2", NULL},
    {"sersic", NULL},
    {"ebv", "mag"},
};
static const char *const integers[INTEGERS] = {"release", "brickid", "objid", "brick_primary",
                                               "maskbits"};

/* Bits of DR9's maskbits: SATUR_G.. are 2^2 to 2^4, ALLMASK_G.. 2^5 to 2^7. */
#define MASK_SATURATED 0x1C
#define MASK_ALL 0xE0

typedef struct table {
    double *doubles;   /* [DOUBLES, rows] */
    int64_t *integers; /* [INTEGERS, rows] */
    const char **types, **bricks;
} table;

static const char *type_of(const sim_object *object)
{
    if (object->class == NSKY_SIM_STAR)
        return "PSF";
    if (object->re < ROUND_EXPONENTIAL_ARCSEC)
        return "REX";
    if (object->class == NSKY_SIM_ELLIPTICAL || object->deflector)
        return object->n > DEV_INDEX_MIN ? "DEV" : "SER";
    return object->class == NSKY_SIM_RING || object->class == NSKY_SIM_MERGER ? "SER" : "EXP";
}

static int64_t maskbits(uint32_t artefacts)
{
    int64_t bits = artefacts & NSKY_SIM_ARTEFACT_BLEED ? MASK_SATURATED : 0;

    return artefacts & NSKY_SIM_ARTEFACT_NO_BAND ? bits | MASK_ALL : bits;
}

/* Noise over as many pixels as the blurred object covers, 4 pi sigma^2. */
static double flux_variance(const sim_conditions *seen, const sim_object *object, int band)
{
    double psf_px = seen->fwhm_arcsec[band] / FWHM_PER_SIGMA / NSKY_SCALE_ARCSEC_PX;
    double re_px = object->re / NSKY_SCALE_ARCSEC_PX;
    double pixels = 4 * M_PI * (psf_px * psf_px + re_px * re_px);
    double flux = object->total[band] * seen->transmission[band];

    return pixels * seen->sigma[band] * seen->sigma[band] + flux / sim_gain[band] +
           CALIBRATION * CALIBRATION * flux * flux;
}

static void fill_row(table *t, const sim_field *field, const sim_brick *brick, uint32_t i)
{
    const sim_object *object = &field->objects[i];
    const sim_conditions *seen = &field->conditions;
    nsky_rng rng = nsky_rng_at(field->seed, SIM_STREAM_CATALOGUE, i);
    nsky_sky sky = sim_pixel_to_sky(brick->centre, field->side, object->x, object->y);
    bool star = object->class == NSKY_SIM_STAR;
    double row[DOUBLES] = {[RA] = sky.ra_deg, [DEC] = sky.dec_deg, [EBV] = seen->ebv};

    for (int band = 0; band < SIM_BANDS; band++) {
        double variance = flux_variance(seen, object, band);
        row[FLUX + band] =
            object->total[band] * seen->transmission[band] + sqrt(variance) * nsky_rng_normal(&rng);
        row[FLUX_IVAR + band] = 1 / variance;
        row[MW + band] = seen->transmission[band];
        row[PSF + band] = seen->fwhm_arcsec[band];
    }
    double e = star ? 0 : (1 - object->q) / (1 + object->q);
    double pa = object->angle - M_PI / 2; /* north through east */
    row[SHAPE_R] = star ? 0 : object->re;
    row[SHAPE_E1] = e * cos(2 * pa);
    row[SHAPE_E2] = e * sin(2 * pa);
    row[SERSIC] = star ? 0 : object->n;
    for (int column = 0; column < DOUBLES; column++)
        t->doubles[(size_t)column * field->count + i] = row[column];
    int64_t whole[INTEGERS] = {SIM_RELEASE, brick->id, i + 1, 1, maskbits(object->artefacts)};
    for (int column = 0; column < INTEGERS; column++)
        t->integers[(size_t)column * field->count + i] = whole[column];
    t->types[i] = type_of(object);
    t->bricks[i] = brick->name;
}

static nsky_status write(const char *path, const table *t, uint32_t rows, const sim_brick *brick,
                         nsky_error *err)
{
    nsky_fits_column columns[COLUMNS] = {{.name = "brickname", .strings = t->bricks},
                                         {.name = "type", .strings = t->types}};
    nsky_fits_writer *writer;
    uint32_t count = 2;

    for (int i = 0; i < INTEGERS; i++)
        columns[count++] =
            (nsky_fits_column){.name = integers[i], .integers = t->integers + (size_t)i * rows};
    for (int i = 0; i < DOUBLES; i++)
        columns[count++] = (nsky_fits_column){.name = doubles[i].name,
                                              .unit = doubles[i].unit,
                                              .doubles = t->doubles + (size_t)i * rows};
    nsky_status status = nsky_fits_create(&writer, path, err);
    if (status != NSKY_OK)
        return status;
    if ((status = nsky_fits_append_table(writer, "TRACTOR", columns, count, rows, err)) !=
            NSKY_OK ||
        (status = nsky_fits_put_string(writer, "BRICK", brick->name, NULL, err)) != NSKY_OK ||
        (status = nsky_fits_put_string(writer, "ORIGIN", "nearsky simulate",
                                       "a make-believe survey", err)) != NSKY_OK) {
        nsky_fits_discard(writer);
        return status;
    }
    return nsky_fits_finish(writer, err);
}

nsky_status sim_write_tractor(const char *path, const sim_brick *brick, const sim_field *field,
                              nsky_error *err)
{
    uint32_t rows = field->count;
    table t = {0};
    nsky_status status = NSKY_ENOMEM;

    t.doubles = nsky_alloc((size_t)rows * DOUBLES, sizeof *t.doubles, err);
    t.integers = nsky_alloc((size_t)rows * INTEGERS, sizeof *t.integers, err);
    t.types = nsky_alloc(rows, sizeof *t.types, err);
    t.bricks = nsky_alloc(rows, sizeof *t.bricks, err);
    if (t.doubles && t.integers && t.types && t.bricks) {
        for (uint32_t i = 0; i < rows; i++)
            fill_row(&t, field, brick, i);
        status = write(path, &t, rows, brick, err);
    }
    nsky_free(t.doubles);
    nsky_free(t.integers);
    nsky_free(t.types);
    nsky_free(t.bricks);
    return status;
}
