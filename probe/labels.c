/* labels.c - see labels.h. Thread rule: one thread. */
#include "probe/labels.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

nsky_status nsky_labels_add(nsky_labels *labels, const nsky_label *label, nsky_error *err)
{
    assert(labels && label && label->class < labels->classes && err);
    if (labels->count == NSKY_LABELS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "more than %u labels; use fewer", NSKY_LABELS_MAX);
    if (labels->count == labels->capacity) {
        uint32_t more = labels->capacity ? 2 * labels->capacity : 256;
        nsky_label *grown = nsky_realloc(labels->items, more, sizeof *grown, err);
        if (!grown)
            return err->status;
        labels->items = grown;
        labels->capacity = more;
    }
    labels->items[labels->count++] = *label;
    return NSKY_OK;
}

static int by_row(const void *a, const void *b)
{
    const nsky_label *x = a, *y = b;

    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

void nsky_labels_sort(nsky_labels *labels)
{
    if (labels->count > 1)
        qsort(labels->items, labels->count, sizeof *labels->items, by_row);
}

const nsky_label *nsky_labels_find(const nsky_labels *labels, uint64_t row)
{
    uint32_t low = 0, high = labels->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (labels->items[middle].row == row)
            return &labels->items[middle];
        if (labels->items[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void nsky_labels_free(nsky_labels *labels)
{
    if (!labels)
        return;
    nsky_free(labels->items);
    nsky_free(labels->names);
    nsky_free(labels);
}

static nsky_status two_classes(nsky_labels **out, const char *positive_name, nsky_error *err)
{
    nsky_labels *labels = nsky_alloc_zero(1, sizeof *labels, err);

    *out = labels;
    if (!labels)
        return err->status;
    labels->names = nsky_alloc_zero(2, sizeof *labels->names, err);
    if (!labels->names)
        return err->status;
    labels->classes = 2;
    memcpy(labels->names[0], NSKY_NEGATIVE, sizeof NSKY_NEGATIVE);
    memcpy(labels->names[1], positive_name, strlen(positive_name) + 1);
    return NSKY_OK;
}

/* Removes repeats; sorted. */
static nsky_status drop_repeats(nsky_labels *labels, nsky_error *err)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < labels->count; i++) {
        const nsky_label *last = kept ? &labels->items[kept - 1] : NULL;
        if (!last || last->row != labels->items[i].row) {
            labels->items[kept++] = labels->items[i];
            continue;
        }
        if (last->class != labels->items[i].class)
            return nsky_fail(err, NSKY_EINVAL,
                             "object %llu is among the positive and the negative examples",
                             (unsigned long long)last->id);
        labels->repeated++;
    }
    labels->count = kept;
    return NSKY_OK;
}

nsky_status nsky_labels_of_ids(nsky_labels **out, nsky_survey *survey, const char *positive_name,
                               const uint64_t *positive, uint32_t positive_count,
                               const uint64_t *negative, uint32_t negative_count, nsky_error *err)
{
    assert(out && survey && positive_name && strlen(positive_name) < NSKY_CLASS_BYTES && err);
    nsky_labels *labels;
    nsky_object object;
    nsky_status status = two_classes(&labels, positive_name, err);

    *out = NULL;
    if (status == NSKY_OK && positive_count == 0)
        status = nsky_fail(err, NSKY_EINVAL, "no positive example; give one or more");
    for (uint32_t i = 0; status == NSKY_OK && i < positive_count + negative_count; i++) {
        uint64_t id = i < positive_count ? positive[i] : negative[i - positive_count];
        status = nsky_survey_by_id(survey, id, &object, err);
        if (status == NSKY_ENOTFOUND)
            status = nsky_fail(err, NSKY_EINVAL, "%s example %u: no object has id %llu",
                               i < positive_count ? "positive" : "negative",
                               i < positive_count ? i : i - positive_count, (unsigned long long)id);
        if (status == NSKY_OK)
            status = nsky_labels_add(
                labels, &(nsky_label){.row = object.row, .id = id, .class = i < positive_count},
                err);
    }
    if (status == NSKY_OK) {
        nsky_labels_sort(labels);
        status = drop_repeats(labels, err);
    }
    if (status == NSKY_OK)
        *out = labels;
    else
        nsky_labels_free(labels);
    return status;
}
