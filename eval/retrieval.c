/* retrieval.c - what the nearest by cosine are: of the query's class, and lenses for a lens.
 *
 * Every object of the labels may be found, but never the query itself. The sample's queries are
 * resampled, not what they may find: intervals say how much the choice of queries matters.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "eval/neighbours.h"
#include "eval/spread.h"
#include "eval/task.h"
#include "probe/folds.h"

#define NEAR 10
#define FAR 100
#define STREAM_QUERIES 0x71727973u /* "qrys" */
#define CLASSES NSKY_TRUTH_CLASSES_MAX

/* What one query found, of FAR. */
typedef struct outcome {
    uint32_t object, class;
    double precision, ndcg;         /* of its class, among NEAR */
    double lenses_near, lenses_far; /* shares */
} outcome;

typedef struct work {
    const nsky_task *task;
    uint32_t size[CLASSES];  /* objects of each class */
    bool taken[CLASSES];     /* enough of them to fill the first NEAR */
    bool lookalike[CLASSES]; /* most of them are */
    uint32_t lenses;         /* in all */
    outcome *outcomes;       /* [count], by class */
    uint32_t count;
    uint32_t queries[CLASSES]; /* of each class */
} work;

/* The columns of `measure`: by class, then these. */
enum number {
    P_CLASS = 0,
    N_CLASS = CLASSES,
    P_MACRO = 2 * CLASSES,
    P_PLAIN,
    N_MACRO,
    N_PLAIN,
    LENS_NEAR,
    LENS_FAR,
    NUMBERS
};

static void count_classes(work *w)
{
    const nsky_truth *truth = w->task->truth;
    uint32_t lookalikes[CLASSES] = {0};

    for (uint32_t i = 0; i < truth->n; i++) {
        const nsky_truth_object *object = &truth->objects[i];
        w->lenses += object->lens == NSKY_IS_LENS;
        if (object->class == NSKY_TRUTH_NONE)
            continue;
        w->size[object->class]++;
        lookalikes[object->class] += object->lookalike;
    }
    for (uint32_t c = 0; c < truth->class_count; c++) {
        w->taken[c] = w->size[c] > NEAR;
        w->lookalike[c] = 2 * lookalikes[c] > w->size[c];
    }
}

/* Seeded: the first of a shuffle, class by class. */
static nsky_status choose_queries(work *w, nsky_error *err)
{
    const nsky_truth *truth = w->task->truth;
    uint32_t *order = nsky_alloc(truth->n, sizeof *order, err);

    w->outcomes = nsky_alloc_zero(truth->n, sizeof *w->outcomes, err);
    if (!order || !w->outcomes) {
        nsky_free(order);
        return err->status;
    }
    nsky_shuffle(order, truth->n, w->task->seed, STREAM_QUERIES);
    for (uint32_t c = 0; c < truth->class_count; c++)
        for (uint32_t i = 0; i < truth->n && w->taken[c]; i++) {
            if (truth->objects[order[i]].class != c ||
                (w->task->queries > 0 && w->queries[c] >= w->task->queries))
                continue;
            w->outcomes[w->count++] = (outcome){.object = order[i], .class = c};
            w->queries[c]++;
        }
    nsky_free(order);
    return w->count > 0 ? NSKY_OK
                        : nsky_fail(err, NSKY_ENOTFOUND, "no class has more than %d objects", NEAR);
}

/* nDCG with relevance 0 or 1: the best possible is NEAR of the class in the first NEAR places. */
static void judge(const work *w, outcome *o, const uint32_t *found)
{
    const nsky_truth *truth = w->task->truth;
    double gain = 0, best = 0;
    uint32_t same = 0, near = 0, far = 0;

    for (uint32_t place = 0; place < FAR && found[place] != NSKY_NEIGHBOUR_NONE; place++) {
        const nsky_truth_object *hit = &truth->objects[found[place]];
        far += hit->lens == NSKY_IS_LENS;
        if (place >= NEAR)
            continue;
        near += hit->lens == NSKY_IS_LENS;
        same += hit->class == o->class;
        gain += hit->class == o->class ? 1 / log2(place + 2) : 0;
    }
    o->precision = (double)same / NEAR;
    o->lenses_near = (double)near / NEAR;
    o->lenses_far = (double)far / FAR;
    for (uint32_t place = 0; place < NEAR; place++)
        best += 1 / log2(place + 2);
    o->ndcg = gain / best;
}

static nsky_status ask(work *w, const nsky_features *features, nsky_error *err)
{
    uint32_t *queries = nsky_alloc(w->count, sizeof *queries, err);
    uint32_t *found = nsky_alloc((size_t)w->count * FAR, sizeof *found, err);
    nsky_status status = queries && found ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < w->count && status == NSKY_OK; i++)
        queries[i] = w->outcomes[i].object;
    if (status == NSKY_OK) {
        nsky_neighbours_query query = {.features = features,
                                       .queries = queries,
                                       .count = w->count,
                                       .k = FAR,
                                       .threads = w->task->threads};
        status = nsky_neighbours_find(found, &query, err);
    }
    for (uint32_t i = 0; i < w->count && status == NSKY_OK; i++)
        judge(w, &w->outcomes[i], found + (size_t)i * FAR);
    nsky_free(queries);
    nsky_free(found);
    return status;
}

/* Means over classes: macro over all, plain without the look-alikes. */
static void add_macros(const work *w, double *out)
{
    double count[2] = {0};

    out[P_MACRO] = out[P_PLAIN] = out[N_MACRO] = out[N_PLAIN] = 0;
    for (uint32_t c = 0; c < w->task->truth->class_count; c++) {
        if (isnan(out[P_CLASS + c]))
            continue;
        out[P_MACRO] += out[P_CLASS + c];
        out[N_MACRO] += out[N_CLASS + c];
        count[0]++;
        if (w->lookalike[c])
            continue;
        out[P_PLAIN] += out[P_CLASS + c];
        out[N_PLAIN] += out[N_CLASS + c];
        count[1]++;
    }
    out[P_MACRO] /= count[0];
    out[N_MACRO] /= count[0];
    out[P_PLAIN] = count[1] > 0 ? out[P_PLAIN] / count[1] : NAN;
    out[N_PLAIN] = count[1] > 0 ? out[N_PLAIN] / count[1] : NAN;
}

static void measure(const void *payload, uint32_t draw, uint32_t replicate, double *out)
{
    const work *w = payload;
    double weight_of[CLASSES] = {0}, lens_weight = 0;

    (void)draw;
    for (int v = 0; v < NUMBERS; v++)
        out[v] = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const outcome *o = &w->outcomes[i];
        double weight = nsky_bootstrap_weight(w->task->bootstrap, replicate, o->object);
        weight_of[o->class] += weight;
        out[P_CLASS + o->class] += weight * o->precision;
        out[N_CLASS + o->class] += weight * o->ndcg;
        if (w->task->truth->objects[o->object].lens != NSKY_IS_LENS)
            continue;
        lens_weight += weight;
        out[LENS_NEAR] += weight * o->lenses_near;
        out[LENS_FAR] += weight * o->lenses_far;
    }
    for (int c = 0; c < CLASSES; c++) {
        out[P_CLASS + c] = weight_of[c] > 0 ? out[P_CLASS + c] / weight_of[c] : NAN;
        out[N_CLASS + c] = weight_of[c] > 0 ? out[N_CLASS + c] / weight_of[c] : NAN;
    }
    out[LENS_NEAR] = lens_weight > 0 ? out[LENS_NEAR] / lens_weight : NAN;
    out[LENS_FAR] = lens_weight > 0 ? out[LENS_FAR] / lens_weight : NAN;
    add_macros(w, out);
}

static nsky_status add_lenses(nsky_scores *scores, const work *w, const nsky_interval *numbers,
                              nsky_error *err)
{
    uint32_t queries = 0;
    nsky_status status;

    for (uint32_t i = 0; i < w->count; i++)
        queries += w->task->truth->objects[w->outcomes[i].object].lens == NSKY_IS_LENS;
    if (queries == 0)
        return NSKY_OK;
    nsky_interval prevalence = nsky_wilson(w->lenses - 1, w->task->truth->n - 1);
    if ((status = nsky_scores_add(scores, numbers[LENS_NEAR], queries, err,
                                  "retrieval.lens.p_at_10")) == NSKY_OK &&
        (status = nsky_scores_add(scores, numbers[LENS_FAR], queries, err,
                                  "retrieval.lens.p_at_100")) == NSKY_OK)
        status = nsky_scores_add(scores, prevalence, w->task->truth->n - 1, err,
                                 "retrieval.lens.prevalence");
    return status;
}

static nsky_status add_scores(nsky_scores *scores, const work *w, const nsky_interval *numbers,
                              nsky_error *err)
{
    static const char *const macro[4] = {"p_at_10.macro", "p_at_10.macro_plain", "ndcg_at_10.macro",
                                         "ndcg_at_10.macro_plain"};
    const nsky_truth *truth = w->task->truth;
    nsky_status status = NSKY_OK;

    for (int v = 0; v < 4 && status == NSKY_OK; v++)
        if (!isnan(numbers[P_MACRO + v].value))
            status = nsky_scores_add(scores, numbers[P_MACRO + v], w->count, err, "retrieval.%s",
                                     macro[v]);
    for (uint32_t c = 0; c < truth->class_count && status == NSKY_OK; c++) {
        if (!w->taken[c])
            continue;
        status = nsky_scores_add(scores, numbers[P_CLASS + c], w->queries[c], err,
                                 "retrieval.p_at_10.class.%s", truth->classes[c]);
        if (status == NSKY_OK)
            status = nsky_scores_add(scores, numbers[N_CLASS + c], w->queries[c], err,
                                     "retrieval.ndcg_at_10.class.%s", truth->classes[c]);
    }
    return status == NSKY_OK ? add_lenses(scores, w, numbers, err) : status;
}

nsky_status nsky_task_retrieval(nsky_scores *scores, const nsky_task *task,
                                const nsky_features *features, nsky_error *err)
{
    assert(scores && task && features && err);
    work w = {.task = task};
    nsky_interval numbers[NUMBERS];
    const nsky_spread spread = {task->bootstrap, 1, NUMBERS, task->threads, measure, &w};
    nsky_status status;

    count_classes(&w);
    if ((status = choose_queries(&w, err)) == NSKY_OK &&
        (status = ask(&w, features, err)) == NSKY_OK &&
        (status = nsky_spread_measure(numbers, &spread, err)) == NSKY_OK)
        status = add_scores(scores, &w, numbers, err);
    nsky_free(w.outcomes);
    return status;
}
