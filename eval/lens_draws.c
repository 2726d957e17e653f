/* lens_draws.c - see lens_draws.h. */
#include "eval/lens_draws.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "eval/split.h"
#include "probe/classifier.h"
#include "probe/tasks.h"

enum kind { KIND_OTHER, KIND_LENS, KIND_LOOKALIKE, KINDS };

typedef struct work {
    const nsky_task *task;
    const nsky_features *features;
    const uint32_t *kind, *is_lens; /* [n] */
    uint32_t quota[KINDS];
    nsky_lens_draws *draws;
} work;

/* The scores of the test objects of `split`, but of negatives only those of kind `only`. */
static nsky_status rank(nsky_ranked *out, const work *w, const nsky_split *split,
                        const double *scores, bool matched, nsky_error *err)
{
    nsky_ranked_entry *entries = nsky_alloc(split->test_count, sizeof *entries, err);
    uint32_t count = 0;

    if (!entries)
        return err->status;
    for (uint32_t i = 0; i < split->test_count; i++) {
        uint32_t object = split->test[i];
        if (matched && w->kind[object] == KIND_OTHER)
            continue;
        entries[count++] = (nsky_ranked_entry){scores[i], object, w->kind[object] == KIND_LENS};
    }
    nsky_ranked_init(out, entries, count);
    return NSKY_OK;
}

static nsky_status run_draw(void *payload, uint32_t draw, nsky_error *err)
{
    const work *w = payload;
    const nsky_features *f = w->features;
    nsky_split split = {0};
    nsky_classifier *classifier = NULL;
    float *rows = NULL;
    double *scores = NULL;
    nsky_status status = nsky_split_draw(&split, w->task->truth, w->kind, KINDS, w->quota,
                                         NSKY_TEST_OTHERS, w->task->seed, draw, err);

    if (status != NSKY_OK || (status = nsky_split_fit(&classifier, &split, f, w->is_lens, 2,
                                                      w->task->seed + draw, err)) != NSKY_OK)
        goto done;
    rows = nsky_split_rows(f->x, f->dim, split.test, split.test_count, err);
    scores = nsky_alloc(split.test_count, sizeof *scores, err);
    if (!rows || !scores) {
        status = err->status;
        goto done;
    }
    nsky_classifier_score(classifier, rows, split.test_count, scores);
    if ((status = rank(&w->draws->all[draw], w, &split, scores, false, err)) == NSKY_OK)
        status = rank(&w->draws->matched[draw], w, &split, scores, true, err);
done:
    nsky_split_clear(&split);
    nsky_classifier_free(classifier);
    nsky_free(rows);
    nsky_free(scores);
    return status;
}

/* Counts too. */
static void find_kinds(const nsky_truth *truth, uint32_t *kind, uint32_t count[KINDS])
{
    for (uint32_t i = 0; i < truth->n; i++) {
        const nsky_truth_object *object = &truth->objects[i];
        if (object->lens == NSKY_LENS_UNKNOWN) {
            kind[i] = NSKY_SPLIT_LEAVE;
            continue;
        }
        kind[i] = object->lens == NSKY_IS_LENS ? KIND_LENS
                                               : (object->lookalike ? KIND_LOOKALIKE : KIND_OTHER);
        count[kind[i]]++;
    }
}

nsky_status nsky_lens_draws_new(nsky_lens_draws **out, const nsky_task *task,
                                const nsky_features *features, uint32_t labels, nsky_error *err)
{
    assert(out && task && features && labels >= 4 && err);
    uint32_t count[KINDS] = {0};
    uint32_t *kind = nsky_alloc(task->truth->n, sizeof *kind, err);
    uint32_t *is_lens = nsky_alloc(task->truth->n, sizeof *is_lens, err);
    nsky_lens_draws *draws = nsky_alloc_zero(1, sizeof *draws, err);
    nsky_status status = kind && is_lens && draws ? NSKY_OK : err->status;

    *out = NULL;
    if (status == NSKY_OK) {
        find_kinds(task->truth, kind, count);
        for (uint32_t i = 0; i < task->truth->n; i++)
            is_lens[i] = kind[i] == KIND_LENS;
        draws->count = task->draws;
        draws->all = nsky_alloc_zero(task->draws, sizeof *draws->all, err);
        draws->matched = nsky_alloc_zero(task->draws, sizeof *draws->matched, err);
        status = draws->all && draws->matched ? NSKY_OK : err->status;
    }
    if (status == NSKY_OK && (count[KIND_LENS] < labels || /* half of them: half of the labels */
                              count[KIND_OTHER] + count[KIND_LOOKALIKE] < labels))
        status = nsky_fail(
            err, NSKY_ENOTFOUND, "%u labels take %u lenses and as many others; there are %u and %u",
            labels, labels, count[KIND_LENS], count[KIND_OTHER] + count[KIND_LOOKALIKE]);
    if (status == NSKY_OK) {
        work w = {task, features, kind, is_lens, {0}, draws};
        w.quota[KIND_LENS] = labels / 2;
        w.quota[KIND_LOOKALIKE] =
            count[KIND_LOOKALIKE] == 0 ? 0 : (count[KIND_OTHER] == 0 ? labels / 2 : labels / 4);
        w.quota[KIND_OTHER] = labels - labels / 2 - w.quota[KIND_LOOKALIKE];
        status = nsky_tasks_run(task->draws, task->threads, run_draw, &w, err);
    }
    nsky_free(kind);
    nsky_free(is_lens);
    if (status == NSKY_OK)
        *out = draws;
    else
        nsky_lens_draws_free(draws);
    return status;
}

void nsky_lens_draws_free(nsky_lens_draws *draws)
{
    if (!draws)
        return;
    for (uint32_t d = 0; d < draws->count; d++) {
        if (draws->all)
            nsky_ranked_clear(&draws->all[d]);
        if (draws->matched)
            nsky_ranked_clear(&draws->matched[d]);
    }
    nsky_free(draws->all);
    nsky_free(draws->matched);
    nsky_free(draws);
}
