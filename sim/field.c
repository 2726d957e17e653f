/* field.c - fills one brick or stamp with primaries, their groups, faint galaxies and stars.
 * Thread rule: one thread at a time. */
#include "sim/field.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "image/stamp.h"
#include "sim/deflector.h"
#include "sim/galaxy.h"
#include "sim/nearby.h"
#include "sim/stream.h"

/* Per stamp of 152 x 152 pixels. */
#define STAMP_AREA (152.0 * 152.0)
#define FIELD_GALAXIES 3.0
#define STARS 0.7
#define HAZE 9.0 /* galaxies too faint for the catalogue */

#define FIELD_MAG_Z_BRIGHT 19.8
#define FIELD_MAG_Z_FAINT 22.8
#define FIELD_MAG_R_FAINT 23.3
#define FIELD_SLOPE 0.32
#define FIELD_EARLY_SHARE 0.25
#define PRIMARY_SLOPE 0.15 /* between the sky's 0.4 and the flat of training sets */

#define EDGE_MARGIN 80.0 /* pixels: stamps of primaries stay inside their brick */
#define PRIMARY_GAP 26.0 /* pixels between primaries, where there is room */
#define PLACE_TRIES 40
#define CLEAR_ARCSEC 2.6 /* around the primary of a stamp: nothing hides it */
#define GROUP_SHARE 0.2  /* of ellipticals have fainter ones around them */
#define GROUP_MEMBERS_MAX 4

static sim_object *append(sim_field *field)
{
    assert(field->count < field->capacity);
    sim_object *object = &field->objects[field->count++];
    memset(object, 0, sizeof *object);
    return object;
}

static bool crowded(const sim_field *field, double x, double y, double gap)
{
    for (uint32_t i = 0; i < field->count; i++)
        if (hypot(field->objects[i].x - x, field->objects[i].y - y) < gap)
            return true;
    return false;
}

static void place_primary(const sim_field *field, const sim_plan *plan, nsky_rng *rng, double *x,
                          double *y)
{
    double margin = fmin(EDGE_MARGIN, field->side / 2.0 - 1);

    *x = *y = (field->side - 1) / 2.0;
    for (int i = 0; i < PLACE_TRIES && !plan->stamps; i++) {
        *x = nsky_rng_range(rng, margin, field->side - 1 - margin);
        *y = nsky_rng_range(rng, margin, field->side - 1 - margin);
        if (!crowded(field, *x, *y, PRIMARY_GAP))
            break;
    }
}

/* class ELLIPTICAL and no deflector: whatever the population has; `forced` overrides its class. */
static nsky_status make_primary(sim_object *object, const sim_plan *plan, sim_part part,
                                const nsky_sim_class *forced, nsky_rng *rng, const sim_field *field,
                                sim_painter *painter, nsky_error *err)
{
    object->role = NSKY_SIM_PRIMARY;
    if (part.deflector) {
        sim_make_deflector(object, plan->seed, part.deflector);
        if (part.class == NSKY_SIM_LENS)
            return sim_make_lens(object, rng, painter, &field->conditions, err);
        sim_make_lookalike(object, rng, part.class);
        return NSKY_OK;
    }
    double bright = plan->nearby ? SIM_NEARBY_MAG_Z_MIN : SIM_PRIMARY_MAG_Z_MIN;
    double faint = plan->nearby ? SIM_NEARBY_MAG_Z_MAX : SIM_PRIMARY_MAG_Z_MAX;
    double mag_z = sim_draw_magnitude(rng, bright, faint, PRIMARY_SLOPE);
    double z = sim_draw_redshift(rng, mag_z);
    nsky_sim_class class = plan->nearby ? sim_draw_nearby_class(rng)
                                        : sim_draw_class(rng, sim_draw_is_early(rng, mag_z, z));
    (plan->nearby ? sim_make_nearby : sim_make_galaxy)(object, rng, forced ? *forced : class, mag_z,
                                                       z);
    return NSKY_OK;
}

static nsky_status add_primaries(sim_field *field, const sim_plan *plan, uint32_t index,
                                 const sim_part *shown, sim_painter *painter, nsky_error *err)
{
    nsky_rng places = nsky_rng_at(field->seed, SIM_STREAM_POSITION, 0);
    nsky_status status;

    for (uint32_t i = 0; i < plan->primaries; i++) {
        nsky_rng rng = nsky_rng_at(field->seed, SIM_STREAM_PRIMARY, i);
        sim_part part = shown ? *shown : sim_plan_part(plan, index, i);
        double x, y;
        place_primary(field, plan, &places, &x, &y);
        sim_object *object = append(field);
        object->x = x;
        object->y = y;
        if ((status = make_primary(object, plan, part, shown ? &shown->class : NULL, &rng, field,
                                   painter, err)) != NSKY_OK)
            return status;
    }
    return NSKY_OK;
}

/* Fainter ellipticals of the same redshift around some of the ellipticals, lenses included. */
static void add_group(sim_field *field, uint32_t primary)
{
    nsky_rng rng = nsky_rng_at(field->seed, SIM_STREAM_GROUP, primary);
    double x = field->objects[primary].x, y = field->objects[primary].y;
    double z = field->objects[primary].z, mag_z = sim_mag(field->objects[primary].total[2]);
    bool old = field->objects[primary].class == NSKY_SIM_ELLIPTICAL ||
               field->objects[primary].deflector > 0;

    if (nsky_rng_uniform(&rng) >= GROUP_SHARE || !old)
        return;
    for (uint32_t i = 0, n = 1 + nsky_rng_below(&rng, GROUP_MEMBERS_MAX); i < n; i++) {
        double turn = nsky_rng_range(&rng, 0, 2 * M_PI);
        double away = nsky_rng_range(&rng, 5, 19) / NSKY_SCALE_ARCSEC_PX;
        double fainter = sim_draw_magnitude(&rng, 0.8, 3.2, 0.25);
        sim_object *object = append(field);
        object->role = NSKY_SIM_FIELD;
        object->x = x + away * cos(turn);
        object->y = y + away * sin(turn);
        sim_make_small(object, &rng, true, mag_z + fainter, z);
    }
}

static void place_anywhere(const sim_field *field, const sim_plan *plan, nsky_rng *rng, double *x,
                           double *y)
{
    double middle = (field->side - 1) / 2.0, clear = CLEAR_ARCSEC / NSKY_SCALE_ARCSEC_PX;

    do {
        *x = nsky_rng_range(rng, -0.5, field->side - 0.5);
        *y = nsky_rng_range(rng, -0.5, field->side - 0.5);
    } while (plan->stamps && hypot(*x - middle, *y - middle) < clear);
}

static void add_field_galaxy(sim_field *field, const sim_plan *plan, uint32_t item)
{
    nsky_rng rng = nsky_rng_at(field->seed, SIM_STREAM_FIELD_GALAXY, item);
    sim_object *object = append(field);
    double x, y;

    object->role = NSKY_SIM_FIELD;
    place_anywhere(field, plan, &rng, &x, &y);
    object->x = x;
    object->y = y;
    do {
        double mag_z = sim_draw_magnitude(&rng, FIELD_MAG_Z_BRIGHT, FIELD_MAG_Z_FAINT, FIELD_SLOPE);
        bool early = nsky_rng_uniform(&rng) < FIELD_EARLY_SHARE;
        sim_make_small(object, &rng, early, mag_z, sim_draw_redshift(&rng, mag_z));
    } while (sim_mag(object->total[1]) > FIELD_MAG_R_FAINT);
}

static void add_star(sim_field *field, const sim_plan *plan, uint32_t item)
{
    nsky_rng rng = nsky_rng_at(field->seed, SIM_STREAM_STAR, item);
    sim_object *object = append(field);

    object->class = NSKY_SIM_STAR;
    object->role = NSKY_SIM_FOREGROUND;
    place_anywhere(field, plan, &rng, &object->x, &object->y);
    sim_draw_star(&rng, object->total);
}

static void add_artefacts(sim_field *field, const sim_plan *plan, uint32_t forced)
{
    for (uint32_t i = 0; i < plan->primaries; i++) {
        nsky_rng rng = nsky_rng_at(field->seed, SIM_STREAM_ARTEFACT, i);
        if (nsky_rng_uniform(&rng) < plan->artefact_fraction || forced)
            field->artefacts[field->artefact_count++] =
                sim_draw_artefact(&rng, forced, field->objects[i].x, field->objects[i].y);
    }
    for (uint32_t i = 0; i < field->count; i++)
        for (uint32_t k = 0; k < field->artefact_count; k++)
            if (sim_artefact_touches(&field->artefacts[k], field->objects[i].x,
                                     field->objects[i].y))
                field->objects[i].artefacts |= field->artefacts[k].kind;
}

/* Catalogue order must not tell what is special. */
static int by_position(const void *a, const void *b)
{
    const sim_object *p = a, *q = b;
    return p->y != q->y ? (p->y < q->y ? -1 : 1) : (p->x > q->x) - (p->x < q->x);
}

static nsky_status fill(sim_field *field, const sim_plan *plan, uint32_t index,
                        const sim_part *shown, uint32_t artefact, sim_painter *painter,
                        nsky_error *err)
{
    nsky_rng rng = nsky_rng_at(field->seed, SIM_STREAM_CONDITIONS, 0);
    double stamps = field->side * (double)field->side / STAMP_AREA;
    nsky_status status;

    field->conditions = sim_draw_conditions(&rng);
    sim_painter_look(painter, &field->conditions);
    uint32_t galaxies = nsky_rng_poisson(&rng, FIELD_GALAXIES * stamps);
    uint32_t stars = nsky_rng_poisson(&rng, STARS * stamps);
    field->capacity = plan->primaries * (1 + GROUP_MEMBERS_MAX) + galaxies + stars;
    field->objects = nsky_alloc(field->capacity, sizeof *field->objects, err);
    field->artefacts = nsky_alloc(plan->primaries, sizeof *field->artefacts, err);
    if (!field->objects || !field->artefacts)
        return NSKY_ENOMEM;
    if ((status = add_primaries(field, plan, index, shown, painter, err)) != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < plan->primaries; i++)
        add_group(field, i);
    for (uint32_t i = 0; i < galaxies; i++)
        add_field_galaxy(field, plan, i);
    for (uint32_t i = 0; i < stars; i++)
        add_star(field, plan, i);
    add_artefacts(field, plan, artefact);
    if (!plan->stamps)
        qsort(field->objects, field->count, sizeof *field->objects, by_position);
    return NSKY_OK;
}

static nsky_status make(sim_field *out, const sim_plan *plan, uint32_t index, const sim_part *shown,
                        uint32_t artefact, sim_painter *painter, nsky_error *err)
{
    nsky_rng rng = nsky_rng_at(plan->seed, SIM_STREAM_FIELD_SEED, index);
    nsky_status status;

    *out = (sim_field){.seed = nsky_rng_u64(&rng), .side = plan->side};
    if ((status = fill(out, plan, index, shown, artefact, painter, err)) != NSKY_OK)
        sim_field_clear(out);
    return status;
}

nsky_status sim_field_plan(sim_field *out, const sim_plan *plan, uint32_t index,
                           sim_painter *painter, nsky_error *err)
{
    return make(out, plan, index, NULL, 0, painter, err);
}

nsky_status sim_field_example(sim_field *out, const sim_plan *plan, uint32_t index,
                              nsky_sim_class class, uint32_t artefact, sim_painter *painter,
                              nsky_error *err)
{
    sim_part shown = {class, class >= NSKY_SIM_LENS ? index + 1 : 0};

    assert(plan->stamps && class < NSKY_SIM_STAR);
    return make(out, plan, index, &shown, artefact, painter, err);
}

void sim_field_clear(sim_field *field)
{
    nsky_free(field->objects);
    nsky_free(field->artefacts);
    *field = (sim_field){0};
}

/* A floor of galaxies below the catalogue's limit: smudges hardly wider than stars. */
static void paint_haze(const sim_field *field, sim_painter *painter, sim_canvas *canvas)
{
    nsky_rng rng = nsky_rng_at(field->seed, SIM_STREAM_HAZE, 0);
    uint32_t count = nsky_rng_poisson(&rng, HAZE * field->side * field->side / STAMP_AREA);

    for (uint32_t i = 0; i < count; i++) {
        double x = nsky_rng_range(&rng, 0, field->side), y = nsky_rng_range(&rng, 0, field->side);
        double mag_r = sim_draw_magnitude(&rng, 23.3, 26, 0.32), flux[SIM_BANDS];
        double g_r = sim_draw_clipped(&rng, 0.5, 0.3, -0.1, 1.6);
        double r_z = sim_draw_clipped(&rng, 0.5, 0.3, -0.1, 1.6);
        sim_fluxes(flux, mag_r - r_z, (sim_colour){g_r, r_z});
        sim_paint_point(painter, canvas, x, y, flux, fmin(sim_draw_dex(&rng, 0.35, 0.15), 1));
    }
}

void sim_field_draw(const sim_field *field, sim_painter *painter, sim_canvas *canvas,
                    float *scratch)
{
    size_t plane = (size_t)field->side * field->side;

    assert(canvas->width == field->side && canvas->height == field->side);
    memset(canvas->pixels, 0, SIM_BANDS * plane * sizeof(float));
    for (uint32_t i = 0; i < field->count; i++)
        sim_paint(painter, canvas, &field->objects[i]);
    paint_haze(field, painter, canvas);
    for (uint32_t i = 0; i < field->artefact_count; i++)
        sim_paint_artefact(&field->artefacts[i], painter, canvas, &field->conditions, true);
    for (uint32_t band = 0; band < SIM_BANDS; band++)
        sim_add_noise(canvas->pixels + band * plane, field->side, field->side,
                      field->conditions.sigma[band], sim_gain[band], field->seed,
                      SIM_STREAM_NOISE + band, scratch);
    for (uint32_t i = 0; i < field->artefact_count; i++)
        sim_paint_artefact(&field->artefacts[i], painter, canvas, &field->conditions, false);
}
