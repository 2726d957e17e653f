/* split.c - see split.h. */
#include "eval/split.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "common/memory.h"
#include "probe/folds.h"

#define STREAM_SPLIT 0x53504c54u /* "SPLT", and the draw added to it */
#define STREAM_FOLDS 0x464f4c44u /* "FOLD" */
#define KINDS_MAX 64

enum side { TEST, TRAIN, SPARE, LEFT_OUT };

/* Of each kind the first of the order are trained on, `quota` of them but no more than half; the
 * others are tested on, or only those of the second half. */
static void mark_sides(uint8_t *side, const uint32_t *order, const nsky_truth *truth,
                       const uint32_t *kind, uint32_t kinds, const uint32_t *quota,
                       nsky_split_test test)
{
    uint32_t half[KINDS_MAX] = {0}, met[KINDS_MAX] = {0};

    assert(kinds <= KINDS_MAX);
    for (uint32_t i = 0; i < truth->n; i++)
        if (kind[i] != NSKY_SPLIT_LEAVE)
            half[kind[i]]++;
    for (uint32_t k = 0; k < kinds; k++)
        half[k] /= 2;
    for (uint32_t i = 0; i < truth->n; i++) {
        const uint32_t object = order[i], k = kind[object];
        if (k == NSKY_SPLIT_LEAVE) {
            side[object] = LEFT_OUT;
            continue;
        }
        const uint32_t place = met[k]++;
        if (place < quota[k] && place < half[k])
            side[object] = TRAIN;
        else
            side[object] = place < half[k] && test == NSKY_TEST_HALF ? SPARE : TEST;
    }
}

static nsky_status fill(nsky_split *out, const nsky_truth *truth, const uint8_t *side,
                        uint8_t *seen, nsky_error *err)
{
    out->train = nsky_alloc(truth->n, sizeof *out->train, err);
    out->test = nsky_alloc(truth->n, sizeof *out->test, err);
    if (!out->train || !out->test)
        return err->status;
    for (uint32_t i = 0; i < truth->n; i++)
        if (side[i] == TRAIN || side[i] == SPARE) /* SPARE: for a larger quota */
            seen[truth->objects[i].group] = 1;
    for (uint32_t i = 0; i < truth->n; i++) {
        if (side[i] == TRAIN)
            out->train[out->train_count++] = i;
        else if (side[i] == TEST && !seen[truth->objects[i].group])
            out->test[out->test_count++] = i;
    }
    if (out->train_count == 0 || out->test_count == 0)
        return nsky_fail(err, NSKY_ENOTFOUND, "too few labelled objects to learn and judge by");
    return NSKY_OK;
}

nsky_status nsky_split_draw(nsky_split *out, const nsky_truth *truth, const uint32_t *kind,
                            uint32_t kinds, const uint32_t *quota, nsky_split_test test,
                            uint64_t seed, uint32_t draw, nsky_error *err)
{
    assert(out && truth && kind && quota && err);
    uint32_t *order = nsky_alloc(truth->n, sizeof *order, err);
    uint8_t *side = nsky_alloc_zero(truth->n, 1, err);
    uint8_t *seen = nsky_alloc_zero(truth->groups, 1, err);
    nsky_status status = order && side && seen ? NSKY_OK : err->status;

    memset(out, 0, sizeof *out);
    if (status == NSKY_OK) {
        nsky_shuffle(order, truth->n, seed, STREAM_SPLIT + draw);
        mark_sides(side, order, truth, kind, kinds, quota, test);
        status = fill(out, truth, side, seen, err);
    }
    nsky_free(order);
    nsky_free(side);
    nsky_free(seen);
    if (status != NSKY_OK)
        nsky_split_clear(out);
    return status;
}

nsky_status nsky_split_folds(uint32_t *fold, const nsky_truth *truth, uint32_t folds, uint64_t seed,
                             nsky_error *err)
{
    assert(fold && truth && folds > 0 && err);
    uint32_t *order = nsky_alloc(truth->groups, sizeof *order, err);
    uint32_t *place = nsky_alloc(truth->groups, sizeof *place, err);
    bool whole = order && place;

    if (whole) {
        nsky_shuffle(order, truth->groups, seed, STREAM_FOLDS);
        for (uint32_t i = 0; i < truth->groups; i++)
            place[order[i]] = i % folds;
        for (uint32_t i = 0; i < truth->n; i++)
            fold[i] = place[truth->objects[i].group];
    }
    nsky_free(order);
    nsky_free(place);
    return whole ? NSKY_OK : err->status;
}

void nsky_split_clear(nsky_split *split)
{
    nsky_free(split->train);
    nsky_free(split->test);
    memset(split, 0, sizeof *split);
}

float *nsky_split_rows(const float *x, uint32_t dim, const uint32_t *objects, uint32_t count,
                       nsky_error *err)
{
    float *rows = nsky_alloc((size_t)count * dim, sizeof *rows, err);

    for (uint32_t i = 0; rows && i < count; i++)
        memcpy(rows + (size_t)i * dim, x + (size_t)objects[i] * dim, dim * sizeof *rows);
    return rows;
}

nsky_status nsky_split_fit(nsky_classifier **out, const nsky_split *split,
                           const nsky_features *features, const uint32_t *label, uint32_t classes,
                           uint64_t seed, nsky_error *err)
{
    assert(out && split && features && label && err);
    const nsky_classifier_options options = {.seed = seed, .threads = 1};
    const uint32_t n = split->train_count;
    float *rows = nsky_split_rows(features->x, features->dim, split->train, n, err);
    uint32_t *picked = nsky_alloc(n, sizeof *picked, err);
    nsky_status status = rows && picked ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < n && status == NSKY_OK; i++)
        picked[i] = label[split->train[i]];
    if (status == NSKY_OK)
        status = nsky_classifier_fit(out, rows, n, features->dim, picked, classes, &options, err);
    nsky_free(rows);
    nsky_free(picked);
    return status;
}
