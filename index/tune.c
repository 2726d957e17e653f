/* tune.c - see tune.h. The exact scan is the oracle. */
#include "index/tune.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/half.h"
#include "common/memory.h"
#include "common/rng.h"

#define ROWS_ASKED 200
#define PROBES_ASKED 50
#define DEPTH 100
#define POSITIVES 10
#define SEED 20211022
#define MARGIN 0.005 /* what 200 queries do not know of recall@10 */
#define GENEROUS 8   /* candidates a hit, while lists are counted */
#define LOSS 0.002   /* of recall@10, for fewer candidates; of recall@100 twice as much */

/* Queries with their truth. */
typedef struct asked {
    uint32_t count;
    float *directions; /* [count, padded] */
    uint64_t *self;    /* [count]: a row that is not to come back, or UINT64_MAX */
    nsky_hit *truth;   /* [count, DEPTH + 1] */
    uint32_t *found;   /* [count] of truth */
} asked;

typedef struct tuning {
    const nsky_lists *lists;
    const nsky_scan *scan;
    uint32_t threads;
    const atomic_bool *stop;
} tuning;

static nsky_status check_stop(const tuning *t, nsky_error *err)
{
    return t->stop && atomic_load(t->stop)
               ? nsky_fail(err, NSKY_ECANCELLED, "stopped; run `nearsky index` again")
               : NSKY_OK;
}

static void close_asked(asked *a)
{
    nsky_free(a->found);
    nsky_free(a->truth);
    nsky_free(a->self);
    nsky_free(a->directions);
}

static nsky_status open_asked(asked *a, uint32_t count, uint32_t padded, nsky_error *err)
{
    *a = (asked){.count = count};
    a->directions = nsky_alloc_zero((size_t)count * padded, sizeof *a->directions, err);
    a->self = nsky_alloc(count, sizeof *a->self, err);
    a->truth = nsky_alloc((size_t)count * (DEPTH + 1), sizeof *a->truth, err);
    a->found = nsky_alloc_zero(count, sizeof *a->found, err);
    return a->directions && a->self && a->truth && a->found ? NSKY_OK : err->status;
}

static bool to_unit(float *x, uint32_t dim)
{
    double square = 0;
    for (uint32_t d = 0; d < dim; d++)
        square += (double)x[d] * (double)x[d];
    for (uint32_t d = 0; d < dim && square > 0; d++)
        x[d] = (float)((double)x[d] / sqrt(square));
    return square > 0;
}

/* Rows with a vector, evenly drawn. */
static void draw_rows(const tuning *t, asked *a)
{
    const nsky_scan *scan = t->scan;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < 4 * a->count && kept < a->count; i++) {
        nsky_rng rng = nsky_rng_at(SEED, 0, i);
        uint64_t row = nsky_rng_u64(&rng) % scan->rows;
        float *x = a->directions + (size_t)kept * t->lists->padded;
        nsky_half_to_floats(x, scan->vectors + row * scan->dim, scan->dim);
        if (to_unit(x, scan->dim))
            a->self[kept++] = row;
    }
    a->count = kept;
}

/* The exact answer: one pass over everything for all of them. */
static nsky_status find_truth(const tuning *t, asked *a, nsky_error *err)
{
    nsky_status status = check_stop(t, err);
    nsky_topk *topks = nsky_alloc(a->count, sizeof *topks, err);
    if (!topks)
        return err->status;
    for (uint32_t q = 0; q < a->count; q++)
        topks[q] = (nsky_topk){a->truth + (size_t)q * (DEPTH + 1), DEPTH + 1, 0};
    if (status == NSKY_OK && a->count > 0)
        status = nsky_scan_run(t->scan, a->directions, NULL, a->count, topks, err);
    for (uint32_t q = 0; status == NSKY_OK && q < a->count; q++) {
        nsky_hit *truth = topks[q].hits;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < topks[q].count; i++)
            if (truth[i].row != a->self[q])
                truth[kept++] = truth[i];
        a->found[q] = kept < DEPTH ? kept : DEPTH;
    }
    nsky_free(topks);
    return status;
}

/* Directions of probes, from the rows' true neighbours. */
static void draw_probes(const tuning *t, const asked *rows, asked *a)
{
    const nsky_scan *scan = t->scan;
    const uint32_t padded = t->lists->padded;
    uint32_t kept = 0;
    for (uint32_t q = 0; q < rows->count && kept < a->count; q++) {
        float *w = a->directions + (size_t)kept * padded;
        float row[NSKY_SCAN_LANES];
        const uint32_t positives = rows->found[q] < POSITIVES ? rows->found[q] : POSITIVES;
        if (positives == 0)
            continue;
        for (uint32_t d = 0; d < scan->dim; d++) {
            double sum = 0;
            for (uint32_t p = 0; p < positives; p++) {
                uint64_t at = rows->truth[(size_t)q * (DEPTH + 1) + p].row;
                nsky_half_to_floats(row, scan->vectors + at * scan->dim + d, 1);
                sum += (double)row[0];
            }
            w[d] = (float)(sum / positives - (double)t->lists->mean[d]);
        }
        if (to_unit(w, scan->dim))
            a->self[kept++] = UINT64_MAX;
    }
    a->count = kept;
}

static double share_found(const asked *a, const nsky_topk *topks, uint32_t k)
{
    double sum = 0;
    uint32_t counted = 0;
    for (uint32_t q = 0; q < a->count; q++) {
        const uint32_t true_ones = a->found[q] < k ? a->found[q] : k;
        uint32_t common = 0;
        for (uint32_t i = 0; i < true_ones; i++)
            for (uint32_t j = 0; j < topks[q].count; j++)
                common += a->truth[(size_t)q * (DEPTH + 1) + i].row == topks[q].hits[j].row;
        counted += true_ones > 0;
        sum += true_ones > 0 ? (double)common / true_ones : 0;
    }
    return counted > 0 ? sum / counted : NAN;
}

/* Recall at k of one effort. */
static nsky_status try_effort(const tuning *t, const asked *a, const nsky_lists_effort *effort,
                              uint32_t k, double *recall, nsky_error *err)
{
    nsky_lists_ask *asks = nsky_alloc_zero(a->count, sizeof *asks, err);
    nsky_topk *topks = nsky_alloc(a->count, sizeof *topks, err);
    nsky_hit *hits = nsky_alloc((size_t)a->count * k, sizeof *hits, err);
    nsky_status status = asks && topks && hits ? check_stop(t, err) : err->status;
    *recall = NAN;
    for (uint32_t q = 0; q < a->count && status == NSKY_OK; q++) {
        topks[q] = (nsky_topk){hits + (size_t)q * k, k, 0};
        asks[q] = (nsky_lists_ask){.direction = a->directions + (size_t)q * t->lists->padded,
                                   .share = 1,
                                   .effort = *effort,
                                   .exclude = &a->self[q],
                                   .exclude_count = a->self[q] != UINT64_MAX,
                                   .topk = &topks[q]};
    }
    if (status == NSKY_OK && a->count > 0 &&
        (status = nsky_by_lists(t->lists, t->scan, asks, a->count, t->threads, err)) == NSKY_OK)
        *recall = share_found(a, topks, k);
    nsky_free(hits);
    nsky_free(topks);
    nsky_free(asks);
    return status;
}

/* 1, 2, 3, 4, 6, 8, 12, 16, ... */
static uint32_t next_step(uint32_t step)
{
    return step < 2 ? step + 1 : (step & (step - 1)) == 0 ? step + step / 2 : step / 3 * 4;
}

static nsky_status count_lists(const tuning *t, const asked *a, double target,
                               nsky_lists_effort *effort, double *reached, nsky_error *err)
{
    nsky_status status = NSKY_OK;
    *effort = (nsky_lists_effort){1, 10 * GENEROUS, GENEROUS};
    for (;; effort->nprobe = next_step(effort->nprobe)) {
        if (effort->nprobe > t->lists->lists)
            effort->nprobe = t->lists->lists;
        status = try_effort(t, a, effort, 10, reached, err);
        if (status != NSKY_OK || !(*reached < target + MARGIN) || effort->nprobe == t->lists->lists)
            return status;
    }
}

/* Fewer candidates, as long as hardly anything is lost. Codes so coarse that more are needed than
 * were tried first get more. */
static nsky_status count_candidates(const tuning *t, const asked *a, double target, double reached,
                                    nsky_lists_effort *effort, nsky_error *err)
{
    static const uint32_t counts[] = {20, 30, 40, 60, 80, 120, 160, 240, 400, 800};
    static const double a_hit[] = {1.2, 1.5, 2, 3, 4, 6, GENEROUS};
    nsky_status status = NSKY_OK;
    double recall = 0, most = 0;
    effort->candidates_a_hit = 1;
    for (size_t i = 0; i < sizeof counts / sizeof *counts && status == NSKY_OK; i++) {
        effort->candidates = counts[i];
        status = try_effort(t, a, effort, 10, &recall, err);
        if (!(recall < reached - LOSS || recall < target))
            break;
    }
    effort->candidates_a_hit = GENEROUS;
    if (status == NSKY_OK)
        status = try_effort(t, a, effort, DEPTH, &most, err);
    for (size_t i = 0; i < sizeof a_hit / sizeof *a_hit && status == NSKY_OK; i++) {
        effort->candidates_a_hit = a_hit[i];
        status = try_effort(t, a, effort, DEPTH, &recall, err);
        if (!(recall < most - 2 * LOSS))
            break;
    }
    return status;
}

static nsky_lists_effort quick_one(nsky_lists_effort effort)
{
    effort.nprobe = effort.nprobe > 4 ? effort.nprobe / 4 : 1;
    effort.candidates = effort.candidates > 20 ? effort.candidates / 2 : effort.candidates;
    effort.candidates_a_hit = fmax(1, effort.candidates_a_hit / 2);
    return effort;
}

static nsky_status measure(const tuning *t, const asked *a, const nsky_lists_effort *effort,
                           nsky_recall *out, nsky_error *err)
{
    out->queries = a->count;
    nsky_status status = try_effort(t, a, effort, 10, &out->at_10, err);
    if (status == NSKY_OK)
        status = try_effort(t, a, effort, DEPTH, &out->at_100, err);
    return status;
}

nsky_status nsky_lists_tune(nsky_tuned *out, const nsky_lists *lists, const nsky_scan *scan,
                            double target, uint32_t threads, const atomic_bool *stop,
                            nsky_error *err)
{
    assert(out && lists && scan && err);
    const tuning t = {lists, scan, threads, stop};
    asked rows = {0}, probes = {0};
    double reached = NAN;
    memset(out, 0, sizeof *out);
    nsky_status status = open_asked(&rows, ROWS_ASKED, lists->padded, err);
    if (status == NSKY_OK &&
        (status = open_asked(&probes, PROBES_ASKED, lists->padded, err)) == NSKY_OK) {
        draw_rows(&t, &rows);
        status = find_truth(&t, &rows, err);
    }
    if (status == NSKY_OK) {
        draw_probes(&t, &rows, &probes);
        status = find_truth(&t, &probes, err);
    }
    if (status == NSKY_OK &&
        (status = count_lists(&t, &rows, target, &out->efforts[0], &reached, err)) == NSKY_OK)
        status = count_candidates(&t, &rows, target, reached, &out->efforts[0], err);
    out->efforts[1] = quick_one(out->efforts[0]);
    for (int e = 0; e < 2 && status == NSKY_OK; e++)
        if ((status = measure(&t, &rows, &out->efforts[e], &out->rows[e], err)) == NSKY_OK)
            status = measure(&t, &probes, &out->efforts[e], &out->probes[e], err);
    close_asked(&probes);
    close_asked(&rows);
    return status;
}

/* --- in the manifest --- */

nsky_json *nsky_efforts_describe(const nsky_tuned *tuned)
{
    nsky_json *all = nsky_json_object();
    for (int e = 0; e < 2; e++) {
        nsky_json *one = nsky_json_object();
        nsky_json_put_integer(one, "nprobe", tuned->efforts[e].nprobe);
        nsky_json_put_integer(one, "candidates", tuned->efforts[e].candidates);
        nsky_json_put_fixed(one, "candidates_a_hit", tuned->efforts[e].candidates_a_hit, 2);
        nsky_json_put_fixed(one, "recall_at_10", tuned->rows[e].at_10, 4);
        nsky_json_put_fixed(one, "recall_at_100", tuned->rows[e].at_100, 4);
        nsky_json_put_fixed(one, "probe_recall_at_10", tuned->probes[e].at_10, 4);
        nsky_json_put_fixed(one, "probe_recall_at_100", tuned->probes[e].at_100, 4);
        nsky_json_put(all, nsky_effort_name((nsky_effort)e), one);
    }
    return all;
}

static bool is_whole(double value, double least, double most)
{
    return value >= least && value <= most && value == floor(value);
}

nsky_status nsky_efforts_read(nsky_lists_effort efforts[2], const nsky_json *index,
                              const char *folder, nsky_error *err)
{
    for (int e = 0; e < 2; e++) {
        const char *name = nsky_effort_name((nsky_effort)e);
        const nsky_json *one = nsky_json_get(nsky_json_get(index, "efforts"), name);
        double nprobe = nsky_json_get_number(one, "nprobe", NAN);
        double candidates = nsky_json_get_number(one, "candidates", NAN);
        double a_hit = nsky_json_get_number(one, "candidates_a_hit", NAN);
        if (!is_whole(nprobe, 1, NSKY_LISTS_MAX) || !is_whole(candidates, 1, 1e6) ||
            !(a_hit >= 1 && a_hit <= 1000))
            return nsky_fail(
                err, NSKY_EDATA,
                "%s/manifest.json: effort %s makes no sense; run `nearsky index` again", folder,
                name);
        efforts[e] = (nsky_lists_effort){(uint32_t)nprobe, (uint32_t)candidates, a_hit};
    }
    return NSKY_OK;
}
