/* cluster.c - cluster.h: training in two levels, then together. */
#include "index/cluster.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/parallel.h"
#include "index/stop.h"

#define GROUP_ITERATIONS 10
#define LIST_ITERATIONS 8
#define JOINT_ITERATIONS 3
#define ROWS_A_GROUP 512 /* that the groups' centres are trained on */

typedef struct training {
    const nsky_cluster_options *options;
    nsky_clusters *clusters;
    const float *sample;
    uint64_t n;
    uint32_t *of;     /* [n]: group, later list */
    uint64_t *begins; /* [bins + 1] into order */
    uint32_t *order;  /* [n]: rows by group or list, ascending inside */
} training;

nsky_status nsky_clusters_new(nsky_clusters *out, uint32_t coded, uint32_t groups, uint32_t lists,
                              nsky_error *err)
{
    *out = (nsky_clusters){.coded = coded, .groups = groups, .lists = lists};
    out->group_centres = nsky_alloc_zero((size_t)groups * coded, sizeof(float), err);
    out->group_lists = nsky_alloc_zero((size_t)groups + 1, sizeof(uint32_t), err);
    out->centroids = nsky_alloc_zero((size_t)lists * coded, sizeof(float), err);
    out->group_halves = nsky_alloc_zero(groups, sizeof(float), err);
    out->halves = nsky_alloc_zero(lists, sizeof(float), err);
    return out->group_centres && out->group_lists && out->centroids && out->group_halves &&
                   out->halves
               ? NSKY_OK
               : err->status;
}

void nsky_clusters_free(nsky_clusters *clusters)
{
    nsky_free(clusters->halves);
    nsky_free(clusters->group_halves);
    nsky_free(clusters->centroids);
    nsky_free(clusters->group_lists);
    nsky_free(clusters->group_centres);
    *clusters = (nsky_clusters){0};
}

void nsky_half_squares(float *halves, const float *centres, uint32_t count, uint32_t coded)
{
    for (uint32_t c = 0; c < count; c++) {
        double square = 0;
        for (uint32_t d = 0; d < coded; d++)
            square +=
                (double)centres[(size_t)c * coded + d] * (double)centres[(size_t)c * coded + d];
        halves[c] = (float)(square / 2);
    }
}

void nsky_clusters_measure(nsky_clusters *c)
{
    nsky_half_squares(c->group_halves, c->group_centres, c->groups, c->coded);
    nsky_half_squares(c->halves, c->centroids, c->lists, c->coded);
}

/* About the root of the lists, a power of two: both levels cost the same then. */
static uint32_t group_count(uint32_t lists)
{
    uint32_t groups = 1;
    while (groups * groups < lists)
        groups *= 2;
    return groups < lists ? groups : lists;
}

static nsky_status run(training *t, uint64_t tasks, nsky_parallel_trial task, nsky_error *err)
{
    const nsky_status status =
        nsky_parallel_try(tasks, nsky_parallel_threads(t->options->threads, tasks), task, t, err);
    return status == NSKY_ENOMEM
               ? nsky_fail(err, status, "out of memory training the lists; give --memory less")
               : status;
}

static uint64_t assign_tasks(const training *t)
{
    return (t->n + NSKY_ASSIGN_ROWS - 1) / NSKY_ASSIGN_ROWS;
}

static nsky_status assign_task(uint64_t task, uint32_t thread, void *payload, nsky_error *err)
{
    (void)thread;
    training *t = payload;
    const uint64_t first = task * NSKY_ASSIGN_ROWS, left = t->n - first;
    const uint32_t n = left < NSKY_ASSIGN_ROWS ? (uint32_t)left : NSKY_ASSIGN_ROWS;
    const nsky_status status = nsky_index_check_stop(t->options->stop, err);
    return status == NSKY_OK
               ? nsky_clusters_assign(t->clusters, t->sample + first * t->clusters->coded, n,
                                      nsky_clusters_breadth(t->clusters), t->of + first, err)
               : status;
}

/* Rows by what `of` says, which is below bins. */
static void sort_rows(training *t, uint32_t bins)
{
    memset(t->begins, 0, ((size_t)bins + 1) * sizeof *t->begins);
    for (uint64_t i = 0; i < t->n; i++)
        t->begins[t->of[i]]++;
    for (uint64_t b = 0, sum = 0; b <= bins; b++) {
        sum += b < bins ? t->begins[b] : 0;
        t->begins[b] = sum;
    }
    for (uint64_t i = t->n; i-- > 0;)
        t->order[--t->begins[t->of[i]]] = (uint32_t)i;
}

/* Groups: trained on part of the sample; then every row is given one, by a set of clusters whose
 * lists are the groups. */
static nsky_status train_groups(training *t, nsky_error *err)
{
    nsky_clusters *c = t->clusters, flat;
    uint64_t rows =
        (uint64_t)c->groups * ROWS_A_GROUP < t->n ? (uint64_t)c->groups * ROWS_A_GROUP : t->n;
    float *part = nsky_alloc(rows * c->coded, sizeof *part, err);
    if (!part)
        return err->status;
    for (uint64_t i = 0; i < rows; i++)
        memcpy(part + i * c->coded, t->sample + i * t->n / rows * c->coded,
               c->coded * sizeof *part);
    nsky_status status = nsky_kmeans(c->group_centres, part, rows, c->coded, c->groups,
                                     GROUP_ITERATIONS, t->options->seed, err);
    nsky_free(part);
    if (status == NSKY_OK &&
        (status = nsky_clusters_new(&flat, c->coded, 1, c->groups, err)) == NSKY_OK) {
        flat.group_lists[1] = c->groups;
        memcpy(flat.centroids, c->group_centres, (size_t)c->groups * c->coded * sizeof(float));
        nsky_clusters_measure(&flat);
        t->clusters = &flat;
        status = run(t, assign_tasks(t), assign_task, err);
        t->clusters = c;
        nsky_clusters_free(&flat);
    }
    if (status == NSKY_OK)
        sort_rows(t, c->groups);
    return status;
}

/* Lists in proportion to a group's rows, at least one each where it has any; all in all `lists`. */
static void share_lists(training *t)
{
    nsky_clusters *c = t->clusters;
    uint32_t given = 0;
    for (uint32_t g = 0; g < c->groups; g++) {
        uint64_t before = t->begins[g], after = t->begins[g + 1];
        /* Rounded running sums: the shares add up by themselves. */
        uint64_t until = (after * c->lists + t->n / 2) / t->n;
        uint32_t share = until > given ? (uint32_t)until - given : 0;
        if (share > after - before) /* not more lists than rows */
            share = (uint32_t)(after - before);
        given += share;
        c->group_lists[g + 1] = given;
    }
    c->lists = given;
}

static nsky_status group_task(uint64_t task, uint32_t thread, void *payload, nsky_error *err)
{
    (void)thread;
    training *t = payload;
    nsky_clusters *c = t->clusters;
    const uint64_t begin = t->begins[task], rows = t->begins[task + 1] - begin;
    const uint32_t first = c->group_lists[task], lists = c->group_lists[task + 1] - first;
    nsky_status status = nsky_index_check_stop(t->options->stop, err);
    if (lists == 0 || status != NSKY_OK)
        return status;
    float *own = nsky_alloc(rows * c->coded, sizeof *own, err);
    if (!own)
        return err->status;
    for (uint64_t i = 0; i < rows; i++)
        memcpy(own + i * c->coded, t->sample + (size_t)t->order[begin + i] * c->coded,
               c->coded * sizeof *own);
    status = nsky_kmeans(c->centroids + (size_t)first * c->coded, own, rows, c->coded, lists,
                         LIST_ITERATIONS, t->options->seed + 1 + task, err);
    nsky_free(own);
    return status;
}

/* The mean of a list's rows; a list that lost all of them stays where it was. */
static nsky_status mean_task(uint64_t task, uint32_t thread, void *payload, nsky_error *err)
{
    (void)thread;
    training *t = payload;
    nsky_clusters *c = t->clusters;
    const uint64_t begin = t->begins[task], rows = t->begins[task + 1] - begin;
    if (rows == 0)
        return NSKY_OK;
    double *sum = nsky_alloc_zero(c->coded, sizeof *sum, err);
    if (!sum)
        return err->status;
    for (uint64_t i = 0; i < rows; i++)
        for (uint32_t d = 0; d < c->coded; d++)
            sum[d] += (double)t->sample[(size_t)t->order[begin + i] * c->coded + d];
    for (uint32_t d = 0; d < c->coded; d++)
        c->centroids[task * c->coded + d] = (float)(sum[d] / (double)rows);
    nsky_free(sum);
    return NSKY_OK;
}

/* Groups without lists go; a group's centre is the mean of its centroids. */
static void settle_groups(nsky_clusters *c)
{
    uint32_t kept = 0;
    for (uint32_t g = 0; g < c->groups; g++) {
        const uint32_t first = c->group_lists[g], end = c->group_lists[g + 1];
        if (first == end)
            continue;
        for (uint32_t d = 0; d < c->coded; d++) {
            double sum = 0;
            for (uint32_t l = first; l < end; l++)
                sum += (double)c->centroids[(size_t)l * c->coded + d];
            c->group_centres[(size_t)kept * c->coded + d] = (float)(sum / (end - first));
        }
        c->group_lists[++kept] = end;
    }
    c->groups = kept;
    nsky_clusters_measure(c);
}

static nsky_status train(training *t, nsky_error *err)
{
    nsky_status status = train_groups(t, err);
    if (status != NSKY_OK)
        return status;
    share_lists(t);
    if ((status = run(t, t->clusters->groups, group_task, err)) != NSKY_OK)
        return status;
    settle_groups(t->clusters);
    for (int i = 0; i < JOINT_ITERATIONS && status == NSKY_OK; i++) {
        status = run(t, assign_tasks(t), assign_task, err);
        if (status != NSKY_OK)
            return status;
        sort_rows(t, t->clusters->lists);
        status = run(t, t->clusters->lists, mean_task, err);
        settle_groups(t->clusters);
    }
    return status;
}

nsky_status nsky_clusters_train(nsky_clusters *out, const float *sample, uint64_t n, uint32_t coded,
                                const nsky_cluster_options *options, nsky_error *err)
{
    assert(out && sample && options && options->threads >= 1 && err);
    assert(options->lists >= 1 && options->lists <= n && n <= UINT32_MAX);
    training t = {.options = options, .clusters = out, .sample = sample, .n = n};
    nsky_status status =
        nsky_clusters_new(out, coded, group_count(options->lists), options->lists, err);
    t.of = nsky_alloc(n, sizeof *t.of, err);
    t.order = nsky_alloc(n, sizeof *t.order, err);
    t.begins = nsky_alloc((size_t)options->lists + 1, sizeof *t.begins, err);
    if (!t.of || !t.order || !t.begins)
        status = err->status;
    if (status == NSKY_OK)
        status = train(&t, err);
    nsky_free(t.begins);
    nsky_free(t.order);
    nsky_free(t.of);
    if (status != NSKY_OK)
        nsky_clusters_free(out);
    return status;
}
