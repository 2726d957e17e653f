/* target.c - texts to numbers to classes. Thread rule: see target.h. */
#include "encoder/train/target.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static nsky_status read_values(nsky_target *t, const char *path, nsky_error *err)
{
    if (!(t->values = nsky_alloc(t->labels.count, sizeof *t->values, err)))
        return NSKY_ENOMEM;
    for (uint64_t i = 0; i < t->labels.count; i++) {
        const char *text = t->labels.labels[i].text;
        char *end;
        t->values[i] = strtod(text, &end);
        if (end == text || *end != '\0' || !isfinite(t->values[i]))
            return nsky_fail(err, NSKY_EDATA,
                             "%s: the label \"%s\" is no number, which bins are made of", path,
                             text);
    }
    return NSKY_OK;
}

static nsky_status make_bins(nsky_target *t, const char *path, uint32_t bins,
                             const nsky_target *like, nsky_error *err)
{
    double low = t->values[0], high = t->values[0];

    for (uint64_t i = 0; i < t->labels.count; i++) {
        low = fmin(low, t->values[i]);
        high = fmax(high, t->values[i]);
    }
    t->class_count = like ? like->class_count : bins;
    t->low = like ? like->low : low;
    t->width = like ? like->width : (high - low) / bins;
    if (!(t->width > 0))
        return nsky_fail(err, NSKY_EINVAL, "%s: all labels are %g: there is nothing to learn", path,
                         low);
    if (!(t->classes = nsky_alloc(t->labels.count, sizeof *t->classes, err)))
        return NSKY_ENOMEM;
    for (uint64_t i = 0; i < t->labels.count; i++) {
        double bin = floor((t->values[i] - t->low) / t->width);
        t->classes[i] = bin < 0 ? 0 : bin >= t->class_count ? t->class_count - 1 : (uint32_t)bin;
    }
    return NSKY_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static nsky_status make_classes(nsky_target *t, const char *path, const nsky_target *like,
                                nsky_error *err)
{
    if (!like) {
        nsky_status status =
            nsky_train_labels_classes(&t->labels, &t->classes, &t->names, &t->class_count, err);
        if (status == NSKY_OK && t->class_count < 2)
            status =
                nsky_fail(err, NSKY_EINVAL, "%s: all labels are \"%s\": there is nothing to learn",
                          path, t->names[0]);
        return status;
    }
    t->class_count = like->class_count;
    if (!(t->classes = nsky_alloc(t->labels.count, sizeof *t->classes, err)))
        return NSKY_ENOMEM;
    for (uint64_t i = 0; i < t->labels.count; i++) {
        const char **at = bsearch(&t->labels.labels[i].text, like->names, like->class_count,
                                  sizeof *like->names, by_text);
        if (!at)
            return nsky_fail(err, NSKY_EINVAL, "%s: nothing of class \"%s\" is among the labels",
                             path, t->labels.labels[i].text);
        t->classes[i] = (uint32_t)(at - like->names);
    }
    return NSKY_OK;
}

/* "no" and "yes". */
static nsky_status make_flags(nsky_target *t, const char *path, nsky_error *err)
{
    static const char *const names[] = {"no", "yes"};
    uint64_t set = 0;

    t->class_count = 2;
    if (!(t->classes = nsky_alloc(t->labels.count, sizeof *t->classes, err)) ||
        !(t->names = nsky_alloc(2, sizeof *t->names, err)))
        return NSKY_ENOMEM;
    memcpy(t->names, names, sizeof names);
    for (uint64_t i = 0; i < t->labels.count; i++) {
        const char *text = t->labels.labels[i].text;
        t->classes[i] = *text && strcmp(text, "0") != 0;
        set += t->classes[i];
    }
    return set > 0 && set < t->labels.count
               ? NSKY_OK
               : nsky_fail(err, NSKY_EINVAL, "%s: a flag that is the same for all objects", path);
}

static nsky_status make_scale(nsky_target *t, const char *path, const nsky_target *like,
                              nsky_error *err)
{
    double sum = 0, squares = 0, count = (double)t->labels.count;

    t->class_count = 1;
    for (uint64_t i = 0; i < t->labels.count; i++)
        sum += t->values[i];
    for (uint64_t i = 0; i < t->labels.count; i++)
        squares += pow(t->values[i] - sum / count, 2);
    t->low = like ? like->low : sum / count;
    t->width = like ? like->width : sqrt(squares / count);
    if (!(t->width > 0))
        return nsky_fail(err, NSKY_EINVAL, "%s: all labels are %g: there is nothing to learn", path,
                         t->low);
    return NSKY_OK;
}

static nsky_status make(nsky_target *t, const char *path, const nsky_target_how *how,
                        nsky_error *err)
{
    nsky_status status;

    switch (how->kind) {
    case NSKY_TARGET_CLASSES:
        return make_classes(t, path, how->like, err);
    case NSKY_TARGET_FLAG:
        return make_flags(t, path, err);
    default:
        if ((status = read_values(t, path, err)) != NSKY_OK)
            return status;
        return how->kind == NSKY_TARGET_BINS ? make_bins(t, path, how->bins, how->like, err)
                                             : make_scale(t, path, how->like, err);
    }
}

nsky_status nsky_target_open(nsky_target **out, const char *path, const nsky_target_how *how,
                             nsky_loader *loader, nsky_error *err)
{
    assert(out && path && how && how->column && loader && err);
    nsky_target *t = nsky_alloc_zero(1, sizeof *t, err);
    nsky_status status;

    *out = NULL;
    if (!t)
        return NSKY_ENOMEM;
    t->kind = how->kind;
    status = nsky_train_labels_open(&t->labels, path, how->column, how->kind == NSKY_TARGET_FLAG,
                                    loader, err);
    if (status == NSKY_OK)
        status = make(t, path, how, err);
    if (status != NSKY_OK) {
        nsky_target_close(t);
        return status;
    }
    *out = t;
    return NSKY_OK;
}

void nsky_target_close(nsky_target *t)
{
    if (!t)
        return;
    nsky_train_labels_close(&t->labels);
    nsky_free(t->classes);
    nsky_free(t->names);
    nsky_free(t->values);
    nsky_free(t);
}

bool nsky_target_find(const nsky_target *t, uint64_t row, uint64_t *at)
{
    assert(t && at);
    uint64_t low = 0, high = t->labels.count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (t->labels.labels[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return low < t->labels.count && t->labels.labels[low].row == row;
}

uint32_t nsky_target_class(const nsky_target *t, uint64_t row)
{
    uint64_t at;
    bool found = nsky_target_find(t, row, &at);

    assert(found && t->classes);
    return found ? t->classes[at] : 0;
}

double nsky_target_estimate(const nsky_target *t, const double *shares)
{
    double sum = 0;

    if (t->kind == NSKY_TARGET_NUMBER)
        return t->low + t->width * shares[0];
    for (uint32_t k = 0; k < t->class_count; k++)
        sum += shares[k] * (t->low + (k + 0.5) * t->width);
    return sum;
}

nsky_json *nsky_target_describe(const nsky_target *t)
{
    assert(t);
    nsky_json *object = nsky_json_object();

    if (t->names) {
        nsky_json *names = nsky_json_array();
        for (uint32_t k = 0; k < t->class_count; k++)
            nsky_json_append_string(names, t->names[k]);
        nsky_json_put(object, "classes", names);
    } else if (t->kind == NSKY_TARGET_BINS) {
        nsky_json_put_integer(object, "bins", t->class_count);
        nsky_json_put_number(object, "low", t->low);
        nsky_json_put_number(object, "width", t->width);
    } else {
        nsky_json_put_number(object, "mean", t->low);
        nsky_json_put_number(object, "deviation", t->width);
    }
    return object;
}
