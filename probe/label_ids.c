/* label_ids.c - labels.h: labels that come with ids, or from a column of the catalogue.
 * Thread rule: one thread. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "probe/labels.h"
#include "probe/sample.h"
#include "table/objects.h"

static nsky_status new_labels(nsky_labels **out, char (*names)[NSKY_CLASS_BYTES], uint32_t classes,
                              nsky_error *err)
{
    nsky_labels *labels = nsky_alloc_zero(1, sizeof *labels, err);

    *out = labels;
    if (!labels || !(labels->names = nsky_alloc_zero(NSKY_CLASSES_MAX, NSKY_CLASS_BYTES, err)))
        return err->status;
    if (names)
        memcpy(labels->names, names, (size_t)classes * NSKY_CLASS_BYTES);
    labels->classes = names ? classes : 1;
    return NSKY_OK;
}

/* Removes repeats; sorted. */
static nsky_status drop_repeats(nsky_labels *labels, bool numbers, nsky_error *err)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < labels->count; i++) {
        const nsky_label *last = kept ? &labels->items[kept - 1] : NULL, *next = &labels->items[i];
        if (!last || last->row != next->row) {
            labels->items[kept++] = *next;
            continue;
        }
        if (numbers && last->value != next->value)
            return nsky_fail(err, NSKY_EINVAL, "object %llu has two values, %g and %g",
                             (unsigned long long)last->id, last->value, next->value);
        if (last->class != next->class) {
            bool turned = next->class < last->class;
            return nsky_fail(err, NSKY_EINVAL, "object %llu is among the examples of %s and of %s",
                             (unsigned long long)last->id,
                             labels->names[turned ? next->class : last->class],
                             labels->names[turned ? last->class : next->class]);
        }
        labels->repeated++;
    }
    labels->count = kept;
    return NSKY_OK;
}

nsky_status nsky_labels_of_examples(nsky_labels **out, nsky_survey *survey,
                                    char (*names)[NSKY_CLASS_BYTES], uint32_t classes,
                                    const nsky_example *examples, uint32_t count, nsky_error *err)
{
    assert(out && survey && classes <= NSKY_CLASSES_MAX && err);
    nsky_labels *labels;
    nsky_object object;
    nsky_status status = new_labels(&labels, names, classes, err);

    *out = NULL;
    for (uint32_t i = 0; status == NSKY_OK && i < count; i++) {
        nsky_label label = {
            .id = examples[i].id, .class = examples[i].class, .value = examples[i].value};
        status = nsky_survey_by_id(survey, label.id, &object, err);
        if (status == NSKY_ENOTFOUND)
            status =
                nsky_fail(err, NSKY_EINVAL, "no object has id %llu, an example of %s",
                          (unsigned long long)label.id, names ? names[label.class] : "a number");
        label.row = object.row;
        if (status == NSKY_OK)
            status = nsky_labels_add(labels, &label, err);
    }
    if (status == NSKY_OK) {
        nsky_labels_sort(labels);
        status = drop_repeats(labels, !names, err);
    }
    if (status == NSKY_OK && names && classes > 2)
        status = nsky_labels_order_classes(labels, err);
    if (status == NSKY_OK)
        *out = labels;
    else
        nsky_labels_free(labels);
    return status;
}

nsky_status nsky_labels_of_ids(nsky_labels **out, nsky_survey *survey, const char *positive_name,
                               const uint64_t *positive, uint32_t positive_count,
                               const uint64_t *negative, uint32_t negative_count, nsky_error *err)
{
    assert(out && positive_name && strlen(positive_name) < NSKY_CLASS_BYTES && err);
    char names[2][NSKY_CLASS_BYTES] = {NSKY_NEGATIVE};
    const uint32_t count = positive_count + negative_count;

    *out = NULL;
    if (positive_count == 0)
        return nsky_fail(err, NSKY_EINVAL, "no positive example; give one or more");
    nsky_example *examples = nsky_alloc_zero(count, sizeof *examples, err);
    if (!examples)
        return err->status;
    memcpy(names[1], positive_name, strlen(positive_name) + 1);
    for (uint32_t i = 0; i < count; i++) {
        examples[i].id = i < positive_count ? positive[i] : negative[i - positive_count];
        examples[i].class = i < positive_count;
    }
    nsky_status status = nsky_labels_of_examples(out, survey, names, 2, examples, count, err);
    nsky_free(examples);
    return status;
}

/* A column of numbers other than the position; NULL: none. */
static const nsky_table_column *find_column(const char *name)
{
    for (uint32_t c = 0; c < NSKY_CATALOGUE_COLUMNS; c++) {
        const nsky_table_column *column = &nsky_catalogue_columns[c];
        if (strcmp(column->name, name) == 0 && column->type == NSKY_CELL_FLOAT)
            return column;
    }
    return NULL;
}

/* Rows that stand for the catalogue; a run of them shares a page or two of it. */
static nsky_status sample_catalogue(nsky_survey *survey, uint32_t **rows, uint32_t *count,
                                    nsky_error *err)
{
    const uint64_t all = nsky_survey_rows(survey);

    if (all > UINT32_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "more than %u rows", UINT32_MAX);
    return nsky_sample_rows(rows, count, all, NULL, NSKY_COLUMN_ROWS, err);
}

nsky_status nsky_labels_of_column(nsky_labels **out, nsky_survey *survey, const char *column_name,
                                  uint32_t most, nsky_error *err)
{
    assert(out && survey && column_name && most > 0 && err);
    const nsky_table_column *column = find_column(column_name);
    uint32_t *rows = NULL, looked_at = 0;
    nsky_labels *labels = NULL;
    nsky_object object;
    nsky_cell cell;

    *out = NULL;
    if (!column)
        return nsky_fail(err, NSKY_EINVAL,
                         "the catalogue has no column of numbers \"%.60s\"; there are mag_g, "
                         "mag_r, mag_z, z_phot, z_spec and ebv",
                         column_name);
    nsky_status status = new_labels(&labels, NULL, 1, err);
    if (status == NSKY_OK)
        status = sample_catalogue(survey, &rows, &looked_at, err);
    for (uint32_t i = 0; status == NSKY_OK && i < looked_at; i++) {
        if ((status = nsky_survey_by_row(survey, rows[i], &object, err)) != NSKY_OK)
            break;
        nsky_object_cells(&cell, column, 1, &object);
        if (isfinite(cell.number))
            status = nsky_labels_add(
                labels, &(nsky_label){.row = object.row, .id = object.id, .value = cell.number},
                err);
    }
    nsky_free(rows);
    if (status == NSKY_OK && labels->count == 0)
        status = nsky_fail(err, NSKY_EINVAL, "no object has a %s to learn from", column_name);
    const uint64_t count = status == NSKY_OK ? labels->count : 0;
    for (uint64_t i = 0; count > most && i < most; i++) /* spread as evenly as they were */
        labels->items[i] = labels->items[i * count / most];
    if (count > most)
        labels->count = most;
    if (status == NSKY_OK)
        *out = labels;
    else
        nsky_labels_free(labels);
    return status;
}
