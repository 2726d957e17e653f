/* truth.c - see truth.h. One thread. */
#include "eval/truth.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "ingest/csv.h"
#include "store/survey.h"

enum column {
    COLUMN_ID,
    COLUMN_NAME,
    COLUMN_RA,
    COLUMN_DEC,
    COLUMN_CLASS,
    COLUMN_LABEL,
    COLUMN_IS_LENS,
    COLUMN_DEFLECTOR,
    COLUMN_THETA_E,
    COLUMN_ARC_SNR,
    COLUMN_GRADE,
    COLUMN_Z_SPEC,
    COLUMN_MAG_G,
    COLUMN_MAG_R,
    COLUMN_MAG_Z,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {
    "id",      "name",    "ra",    "dec",    "class", "label", "is_lens", "deflector",
    "theta_e", "arc_snr", "grade", "z_spec", "mag_g", "mag_r", "mag_z"};

/* Classes of the simulator that resemble lenses, for tables without deflectors. */
static const char *const lookalike_classes[] = {
    "bare-deflector", "blue-satellite",   "spiral-mimic",       "ring-mimic",
    "tidal-arc",      "chance-neighbour", "tangential-edge-on",
};

typedef struct reader {
    nsky_csv *csv;
    const char *path;
    nsky_survey *survey;
    uint64_t rows;
    int column[COLUMNS]; /* -1: not there */
    nsky_truth *truth;
    uint32_t capacity;
} reader;

static const char *field(const reader *r, enum column which)
{
    return r->column[which] < 0 ? "" : nsky_csv_field(r->csv, (uint32_t)r->column[which]);
}

static nsky_status wrong(const reader *r, enum column which, const char *wanted, nsky_error *err)
{
    return nsky_fail(err, NSKY_EDATA, "%s: line %" PRIu64 ": %s is %s, not \"%.40s\"", r->path,
                     nsky_csv_line(r->csv), column_names[which], wanted, field(r, which));
}

/* Empty and "nan" are unknown; infinities are wrong. */
static nsky_status read_number(const reader *r, enum column which, double *out, nsky_error *err)
{
    const char *text = field(r, which);
    char *end = NULL;

    *out = NAN;
    if (*text == '\0')
        return NSKY_OK;
    *out = strtod(text, &end);
    return *end || isinf(*out) ? wrong(r, which, "a number", err) : NSKY_OK;
}

static nsky_status read_float(const reader *r, enum column which, float *out, nsky_error *err)
{
    double number;
    nsky_status status = read_number(r, which, &number, err);

    *out = (float)number;
    return status == NSKY_OK && isinf(*out) ? wrong(r, which, "a number", err) : status;
}

static void find_columns(reader *r)
{
    for (int which = 0; which < COLUMNS; which++) {
        r->column[which] = -1;
        for (uint32_t c = 0; c < nsky_csv_columns(r->csv); c++)
            if (strcmp(nsky_csv_column(r->csv, c), column_names[which]) == 0)
                r->column[which] = (int)c;
    }
    if (r->column[COLUMN_CLASS] < 0)
        r->column[COLUMN_CLASS] = r->column[COLUMN_LABEL];
}

static nsky_status check_columns(const reader *r, nsky_error *err)
{
    if (r->column[COLUMN_ID] < 0 && r->column[COLUMN_NAME] < 0 &&
        (r->column[COLUMN_RA] < 0 || r->column[COLUMN_DEC] < 0))
        return nsky_fail(err, NSKY_EDATA,
                         "%s: no column says which object a line is about: id, name, or ra and dec",
                         r->path);
    if (r->column[COLUMN_CLASS] < 0 && r->column[COLUMN_IS_LENS] < 0 &&
        r->column[COLUMN_Z_SPEC] < 0)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: nothing to judge by: no column class, label, is_lens or z_spec",
                         r->path);
    return NSKY_OK;
}

/* NSKY_ENOTFOUND: not in the store. */
static nsky_status find_by_position(const reader *r, nsky_object *object, nsky_error *err)
{
    nsky_cone_hit hit;
    uint32_t count = 0;
    nsky_sky at;
    nsky_status status;

    if ((status = read_number(r, COLUMN_RA, &at.ra_deg, err)) != NSKY_OK ||
        (status = read_number(r, COLUMN_DEC, &at.dec_deg, err)) != NSKY_OK)
        return status;
    if (!nsky_sky_valid(at))
        return nsky_fail(err, NSKY_EDATA, "%s: line %" PRIu64 ": %s, %s is no position in degrees",
                         r->path, nsky_csv_line(r->csv), field(r, COLUMN_RA), field(r, COLUMN_DEC));
    status = nsky_survey_cone(r->survey, at, NSKY_TRUTH_MATCH_ARCSEC, 1, &hit, &count, err);
    if (status != NSKY_OK)
        return status;
    if (count == 0)
        return nsky_fail(err, NSKY_ENOTFOUND, "nothing there");
    *object = hit.object;
    return NSKY_OK;
}

static nsky_status find_object(const reader *r, nsky_object *object, nsky_error *err)
{
    if (r->column[COLUMN_ID] >= 0) {
        const char *text = field(r, COLUMN_ID);
        char *end = NULL;
        errno = 0;
        uint64_t id = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno)
            return wrong(r, COLUMN_ID, "a whole number", err);
        return nsky_survey_by_id(r->survey, id, object, err);
    }
    if (r->column[COLUMN_NAME] >= 0)
        return nsky_survey_by_name(r->survey, field(r, COLUMN_NAME), object, err);
    return find_by_position(r, object, err);
}

/* Numbers the classes as they come; sort_classes puts them in order. */
static nsky_status read_class(reader *r, uint32_t *class, nsky_error *err)
{
    nsky_truth *truth = r->truth;
    const char *text = field(r, COLUMN_CLASS);

    *class = NSKY_TRUTH_NONE;
    if (*text == '\0')
        return NSKY_OK;
    if (strlen(text) >= NSKY_TRUTH_CLASS_BYTES)
        return nsky_fail(err, NSKY_ELIMIT,
                         "%s: line %" PRIu64 ": the class is longer than %d bytes", r->path,
                         nsky_csv_line(r->csv), NSKY_TRUTH_CLASS_BYTES - 1);
    if ((*class = nsky_truth_class(truth, text)) != NSKY_TRUTH_NONE)
        return NSKY_OK;
    if (truth->class_count == NSKY_TRUTH_CLASSES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: line %" PRIu64 ": more than %d classes", r->path,
                         nsky_csv_line(r->csv), NSKY_TRUTH_CLASSES_MAX);
    *class = truth->class_count++;
    memcpy(truth->classes[*class], text, strlen(text) + 1);
    return NSKY_OK;
}

static nsky_status read_lens(const reader *r, nsky_truth_object *object, nsky_error *err)
{
    const char *text = field(r, COLUMN_IS_LENS), *class = field(r, COLUMN_CLASS);

    if (r->column[COLUMN_IS_LENS] >= 0) {
        if (*text && strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
            return wrong(r, COLUMN_IS_LENS, "0 or 1", err);
        object->lens =
            *text == '\0' ? NSKY_LENS_UNKNOWN : (*text == '1' ? NSKY_IS_LENS : NSKY_NOT_LENS);
    } else {
        object->lens = *class == '\0' ? NSKY_LENS_UNKNOWN
                                      : (strcmp(class, "lens") == 0 ? NSKY_IS_LENS : NSKY_NOT_LENS);
    }
    object->lookalike = false;
    if (object->lens != NSKY_NOT_LENS)
        return NSKY_OK;
    object->lookalike = object->deflector >= 0;
    for (size_t i = 0; i < sizeof lookalike_classes / sizeof *lookalike_classes; i++)
        object->lookalike = object->lookalike || strcmp(class, lookalike_classes[i]) == 0;
    return NSKY_OK;
}

static nsky_status read_values(reader *r, nsky_truth_object *object, nsky_error *err)
{
    const char *grade = field(r, COLUMN_GRADE);
    double deflector;
    nsky_status status;

    if ((status = read_class(r, &object->class, err)) != NSKY_OK ||
        (status = read_number(r, COLUMN_DEFLECTOR, &deflector, err)) != NSKY_OK ||
        (status = read_float(r, COLUMN_THETA_E, &object->theta_e_arcsec, err)) != NSKY_OK ||
        (status = read_float(r, COLUMN_ARC_SNR, &object->arc_snr, err)) != NSKY_OK ||
        (status = read_float(r, COLUMN_Z_SPEC, &object->z_spec, err)) != NSKY_OK)
        return status;
    for (int band = 0; band < 3; band++) {
        float mag;
        status = read_float(r, (enum column)(COLUMN_MAG_G + band), &mag, err);
        if (status != NSKY_OK)
            return status;
        if (isfinite(mag))
            object->mag[band] = mag;
    }
    if (isfinite(deflector) &&
        !(deflector >= 0 && deflector <= 9e15 && floor(deflector) == deflector))
        return wrong(r, COLUMN_DEFLECTOR, "a whole number from 0", err);
    object->deflector = isfinite(deflector) ? (int64_t)deflector : -1;
    if (isfinite(object->z_spec) && object->z_spec <= -1)
        return wrong(r, COLUMN_Z_SPEC, "a redshift", err);
    object->grade = grade[0] && !grade[1] ? grade[0] : '\0';
    return read_lens(r, object, err);
}

static nsky_status add(reader *r, const nsky_object *known, nsky_error *err)
{
    nsky_truth *truth = r->truth;

    if (truth->n == NSKY_TRUTH_OBJECTS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: more than %u objects", r->path,
                         NSKY_TRUTH_OBJECTS_MAX);
    if (truth->n == r->capacity) {
        uint32_t larger = r->capacity ? 2 * r->capacity : 1024;
        nsky_truth_object *grown =
            nsky_realloc(truth->objects, larger, sizeof *truth->objects, err);
        if (!grown)
            return err->status;
        truth->objects = grown;
        r->capacity = larger;
    }
    truth->objects[truth->n] = (nsky_truth_object){
        .row = known->row,
        .ra_deg = known->ra_deg,
        .dec_deg = known->dec_deg,
        .mag = {known->mag_g, known->mag_r, known->mag_z},
    };
    nsky_status status = read_values(r, &truth->objects[truth->n], err);
    truth->n += status == NSKY_OK;
    return status;
}

static nsky_status read_lines(reader *r, nsky_error *err)
{
    nsky_object object;
    bool more = true;
    nsky_status status;

    while ((status = nsky_csv_next(r->csv, &more, err)) == NSKY_OK && more) {
        r->truth->lines++;
        status = find_object(r, &object, err);
        if (status == NSKY_ENOTFOUND || (status == NSKY_OK && object.row >= r->rows)) {
            r->truth->unmatched++;
            continue;
        }
        if (status != NSKY_OK || (status = add(r, &object, err)) != NSKY_OK)
            return status;
    }
    return status;
}

static int by_row(const void *a, const void *b)
{
    uint64_t x = ((const nsky_truth_object *)a)->row, y = ((const nsky_truth_object *)b)->row;

    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static nsky_status put_in_order(reader *r, nsky_error *err)
{
    nsky_truth *truth = r->truth;
    char names[NSKY_TRUTH_CLASSES_MAX][NSKY_TRUTH_CLASS_BYTES];
    uint32_t rank[NSKY_TRUTH_CLASSES_MAX];

    if (truth->n == 0)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "%s: none of its %u objects has a vector in %s: labels of another survey?",
                         r->path, truth->lines, nsky_survey_path(r->survey));
    memcpy(names, truth->classes, sizeof names);
    qsort(truth->classes, truth->class_count, sizeof *truth->classes, by_name);
    for (uint32_t c = 0; c < truth->class_count; c++)
        rank[c] = nsky_truth_class(truth, names[c]);
    qsort(truth->objects, truth->n, sizeof *truth->objects, by_row);
    for (uint32_t i = 0; i < truth->n; i++) {
        nsky_truth_object *object = &truth->objects[i];
        if (object->class != NSKY_TRUTH_NONE)
            object->class = rank[object->class];
        if (i > 0 && object->row == object[-1].row)
            return nsky_fail(err, NSKY_EDATA,
                             "%s: two lines are about row %" PRIu64 " of the store", r->path,
                             object->row);
    }
    return nsky_truth_group(truth, err);
}

nsky_status nsky_truth_read(nsky_truth **out, const char *path, const char *store, uint64_t rows,
                            nsky_error *err)
{
    assert(out && path && store && err);
    reader r = {.path = path, .rows = rows};
    nsky_status status;

    *out = NULL;
    if (!(r.truth = nsky_alloc_zero(1, sizeof *r.truth, err)))
        return err->status;
    if ((status = nsky_csv_open(&r.csv, path, err)) == NSKY_OK &&
        (status = nsky_survey_open(&r.survey, store, NSKY_SURVEY_READ, err)) == NSKY_OK) {
        find_columns(&r);
        if ((status = check_columns(&r, err)) == NSKY_OK &&
            (status = read_lines(&r, err)) == NSKY_OK)
            status = put_in_order(&r, err);
    }
    nsky_csv_close(r.csv);
    nsky_survey_close(r.survey);
    if (status == NSKY_OK)
        *out = r.truth;
    else
        nsky_truth_free(r.truth);
    return status;
}

void nsky_truth_free(nsky_truth *truth)
{
    if (!truth)
        return;
    nsky_free(truth->objects);
    nsky_free(truth);
}

uint32_t nsky_truth_class(const nsky_truth *truth, const char *name)
{
    for (uint32_t c = 0; c < truth->class_count; c++)
        if (strcmp(truth->classes[c], name) == 0)
            return c;
    return NSKY_TRUTH_NONE;
}
