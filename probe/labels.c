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

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

nsky_status nsky_labels_order_classes(nsky_labels *labels, nsky_error *err)
{
    const char *names[NSKY_CLASSES_MAX];
    uint32_t new_number[NSKY_CLASSES_MAX] = {0}, counts[NSKY_CLASSES_MAX] = {0}, used = 0;
    char(*sorted)[NSKY_CLASS_BYTES] = nsky_alloc_zero(NSKY_CLASSES_MAX, sizeof *sorted, err);

    if (!sorted)
        return err->status;
    for (uint32_t i = 0; i < labels->count; i++)
        counts[labels->items[i].class]++;
    for (uint32_t c = 0; c < labels->classes; c++)
        if (counts[c] > 0)
            names[used++] = labels->names[c];
    qsort(names, used, sizeof *names, by_name);
    for (uint32_t c = 0; c < used; c++) {
        memcpy(sorted[c], names[c], NSKY_CLASS_BYTES);
        new_number[(names[c] - labels->names[0]) / NSKY_CLASS_BYTES] = c;
    }
    for (uint32_t i = 0; i < labels->count; i++)
        labels->items[i].class = new_number[labels->items[i].class];
    nsky_free(labels->names);
    labels->names = sorted;
    labels->classes = used;
    return NSKY_OK;
}
