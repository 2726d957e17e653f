/* tune.c - see tune.h. The exact scan is the oracle. */
#include "index/tune.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/oracle.h"
#include "index/stop.h"

#define PROBES_ASKED 50
#define DEPTH NSKY_ORACLE_DEPTH
#define SEED 20211022
#define GENEROUS 8 /* candidates a hit, while lists are counted */

typedef struct tuning {
    const nsky_lists *lists;
    const nsky_scan *scan;
    uint32_t threads;
    const atomic_bool *stop;
} tuning;

/* Recall at k of one effort. */
static nsky_status try_effort(const tuning *t, const nsky_oracle *a,
                              const nsky_lists_effort *effort, uint32_t k, double *recall,
                              nsky_error *err)
{
    nsky_lists_ask *asks = nsky_alloc_zero(a->count, sizeof *asks, err);
    nsky_topk *topks = nsky_alloc(a->count, sizeof *topks, err);
    nsky_hit *hits = nsky_alloc((size_t)a->count * k, sizeof *hits, err);
    nsky_status status = asks && topks && hits ? nsky_index_check_stop(t->stop, err) : err->status;
    *recall = NAN;
    for (uint32_t q = 0; q < a->count && status == NSKY_OK; q++) {
        topks[q] = (nsky_topk){hits + (size_t)q * k, k, 0};
        asks[q] = (nsky_lists_ask){.direction = a->directions + (size_t)q * a->padded,
                                   .share = 1,
                                   .effort = *effort,
                                   .exclude = &a->self[q],
                                   .exclude_count = a->self[q] != UINT64_MAX,
                                   .topk = &topks[q]};
    }
    if (status == NSKY_OK && a->count > 0 &&
        (status = nsky_by_lists(t->lists, t->scan, asks, a->count, t->threads, err)) == NSKY_OK)
        *recall = nsky_oracle_recall(a, topks, k);
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

static nsky_status count_lists(const tuning *t, const nsky_oracle *a, double target,
                               nsky_lists_effort *effort, double *reached, nsky_error *err)
{
    nsky_status status = NSKY_OK;
    *effort = (nsky_lists_effort){1, 10 * GENEROUS, GENEROUS};
    for (;; effort->nprobe = next_step(effort->nprobe)) {
        if (effort->nprobe > t->lists->lists)
            effort->nprobe = t->lists->lists;
        status = try_effort(t, a, effort, 10, reached, err);
        if (status != NSKY_OK || !(*reached < target + NSKY_ORACLE_MARGIN) ||
            effort->nprobe == t->lists->lists)
            return status;
    }
}

/* Fewer candidates, as long as hardly anything is lost. Codes so coarse that more are needed than
 * were tried first get more. */
static nsky_status count_candidates(const tuning *t, const nsky_oracle *a, double target,
                                    double reached, nsky_lists_effort *effort, nsky_error *err)
{
    static const uint32_t counts[] = {20, 30, 40, 60, 80, 120, 160, 240, 400, 800};
    static const double a_hit[] = {1.2, 1.5, 2, 3, 4, 6, GENEROUS};
    nsky_status status = NSKY_OK;
    double recall = 0, most = 0;
    effort->candidates_a_hit = 1;
    for (size_t i = 0; i < sizeof counts / sizeof *counts && status == NSKY_OK; i++) {
        effort->candidates = counts[i];
        status = try_effort(t, a, effort, 10, &recall, err);
        if (!(recall < reached - NSKY_ORACLE_LOSS || recall < target))
            break;
    }
    effort->candidates_a_hit = GENEROUS;
    if (status == NSKY_OK)
        status = try_effort(t, a, effort, DEPTH, &most, err);
    for (size_t i = 0; i < sizeof a_hit / sizeof *a_hit && status == NSKY_OK; i++) {
        effort->candidates_a_hit = a_hit[i];
        status = try_effort(t, a, effort, DEPTH, &recall, err);
        if (!(recall < most - 2 * NSKY_ORACLE_LOSS))
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

static nsky_status measure(const tuning *t, const nsky_oracle *a, const nsky_lists_effort *effort,
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
    nsky_oracle rows = {0}, probes = {0};
    double reached = NAN;
    memset(out, 0, sizeof *out);
    nsky_status status = nsky_oracle_rows(&rows, scan, NSKY_ORACLE_ROWS, SEED, stop, err);
    if (status == NSKY_OK)
        status = nsky_oracle_probes(&probes, scan, PROBES_ASKED, &rows, lists->mean, stop, err);
    if (status == NSKY_OK &&
        (status = count_lists(&t, &rows, target, &out->efforts[0], &reached, err)) == NSKY_OK)
        status = count_candidates(&t, &rows, target, reached, &out->efforts[0], err);
    out->efforts[1] = quick_one(out->efforts[0]);
    for (int e = 0; e < 2 && status == NSKY_OK; e++)
        if ((status = measure(&t, &rows, &out->efforts[e], &out->rows[e], err)) == NSKY_OK)
            status = measure(&t, &probes, &out->efforts[e], &out->probes[e], err);
    nsky_oracle_close(&probes);
    nsky_oracle_close(&rows);
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
