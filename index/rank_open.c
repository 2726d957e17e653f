/* rank_open.c - rank_lists.h: what ranking needs to know of an index, and probes in its space. */
#include <assert.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "index/rank_private.h"
#include "index/slack.h"

#define SAMPLE 4096
#define LENGTH_MAX 1.01 /* of a stored vector: unit, rounded */

/* --- the sample --- */

typedef struct sample_row {
    uint32_t row, list;
    uint64_t slot;
} sample_row;

static int by_row(const void *a, const void *b)
{
    const sample_row *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Slots spread evenly over all, those that hold a row. */
static uint32_t choose(const nsky_lists *l, sample_row *out)
{
    uint32_t count = 0, list = 0;
    const uint64_t wanted = l->slots < SAMPLE ? l->slots : SAMPLE;
    for (uint64_t i = 0; i < wanted; i++) {
        const uint64_t slot = (uint64_t)((double)l->slots / (double)wanted * (double)i);
        while (l->offsets[list + 1] <= slot / NSKY_CODE_ROWS)
            list++;
        if (l->row_of[slot] < l->rows)
            out[count++] = (sample_row){l->row_of[slot], list, slot};
    }
    qsort(out, count, sizeof *out, by_row);
    return count;
}

static void take_sample(uint64_t i, const void *row, uint32_t thread, void *payload)
{
    (void)thread;
    nsky_ranker *r = payload;
    nsky_vector_decode(r->scan->vectors.type, row, r->lists->dim, r->sample + i * r->lists->padded);
}

static nsky_status read_sample(nsky_ranker *r, sample_row *chosen, uint32_t *rows, nsky_error *err)
{
    const nsky_lists *l = r->lists;
    const uint32_t count = choose(l, chosen);
    float residual[NSKY_CODED_MAX];
    r->sample = nsky_alloc_zero((size_t)count * l->padded, sizeof *r->sample, err);
    r->sample_coded = nsky_alloc((size_t)count * l->coded, sizeof *r->sample_coded, err);
    r->sample_slack = nsky_alloc(count, 2 * sizeof *r->sample_slack, err);
    if (!r->sample || !r->sample_coded || !r->sample_slack)
        return err->status;
    for (uint32_t i = 0; i < count; i++) {
        const float *centroid = l->centroids + (size_t)chosen[i].list * l->coded;
        rows[i] = chosen[i].row;
        nsky_coder_decode(&l->coder, l->codes, chosen[i].slot, residual);
        for (uint32_t c = 0; c < l->coded; c++)
            r->sample_coded[(size_t)i * l->coded + c] = centroid[c] + residual[c];
        memcpy(r->sample_slack + (size_t)2 * i, l->slack + 2 * chosen[i].slot,
               2 * sizeof *l->slack);
    }
    r->sampled = count;
    return nsky_fetch_run(&r->fetch, rows, count, take_sample, r, err);
}

nsky_status nsky_ranker_open(nsky_ranker *out, const nsky_lists *lists, const nsky_scan *scan,
                             const char *path, nsky_error *err)
{
    assert(out && lists && scan && err && lists->rows <= scan->vectors.rows &&
           lists->dim == scan->vectors.dim);
    nsky_status status = NSKY_OK;
    sample_row *chosen = nsky_alloc(SAMPLE, sizeof *chosen, err);
    uint32_t *rows = nsky_alloc(SAMPLE, sizeof *rows, err);

    *out = (nsky_ranker){.lists = lists, .scan = scan, .fetch = {-1, scan->vectors, path}};
    out->slacks = nsky_alloc(lists->lists, sizeof *out->slacks, err);
    if (!chosen || !rows || !out->slacks)
        status = err->status;
    else if (path && (out->fetch.file = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        status = nsky_fail_errno(err, "%s", path);
    else if (out->fetch.file >= 0) /* scattered rows: nothing behind them is wanted */
        (void)posix_fadvise(out->fetch.file, 0, 0, POSIX_FADV_RANDOM);
    if (status == NSKY_OK) {
        nsky_pass_slacks(lists, 0, out->slacks);
        status = read_sample(out, chosen, rows, err);
    }
    nsky_free(chosen);
    nsky_free(rows);
    if (status != NSKY_OK)
        nsky_ranker_close(out);
    return status;
}

void nsky_ranker_close(nsky_ranker *ranker)
{
    if (ranker->lists && ranker->fetch.file >= 0)
        close(ranker->fetch.file);
    nsky_free(ranker->slacks);
    nsky_free(ranker->sample);
    nsky_free(ranker->sample_coded);
    nsky_free(ranker->sample_slack);
    memset(ranker, 0, sizeof *ranker);
}

/* --- probes --- */

static double length_of(const float *x, uint32_t n)
{
    double square = 0;
    for (uint32_t i = 0; i < n; i++)
        square += (double)x[i] * (double)x[i];
    return sqrt(square);
}

/* Root mean square of the sample's errors, as a share of their bounds; *score: in scores. */
static void measure(const nsky_ranker *r, const nsky_pass_probe *probe, const float *weights,
                    double bias, double *share, double *largest, double *score)
{
    const nsky_lists *l = r->lists;
    double shares = 0, errors = 0;
    nsky_dot_kernel dots[3];
    nsky_dot_kernels(dots);
    *largest = 0;
    for (uint32_t i = 0; i < r->sampled; i++) {
        const double exact =
            (double)dots[0].dot(weights, r->sample + (size_t)i * l->padded, l->padded) + bias;
        const double coded =
            (double)probe->constant +
            (double)dots[0].dot(probe->turned, r->sample_coded + (size_t)i * l->coded, l->coded);
        const double bound =
            (double)probe->inside * nsky_slack_length(r->sample_slack[(size_t)2 * i]) +
            (double)probe->outside * nsky_slack_length(r->sample_slack[(size_t)2 * i + 1]);
        const double of = bound > 0 ? fmin(fabs(exact - coded) / bound, 1) : 0;
        shares += of * of;
        errors += (exact - coded) * (exact - coded);
        *largest = fmax(*largest, of);
    }
    *share = r->sampled ? sqrt(shares / r->sampled) : 1;
    *score = r->sampled ? sqrt(errors / r->sampled) : NAN;
}

nsky_status nsky_ranker_probe(const nsky_ranker *r, nsky_pass_probe *out,
                              const nsky_rank_query *query, float *turned, uint32_t planes,
                              nsky_rank_errors *errors, nsky_error *err)
{
    const nsky_lists *l = r->lists;
    double largest, score;
    memset(out, 0, sizeof *out);
    nsky_lists_direction(l, query->weights, turned, &out->constant, &out->outside);
    out->constant += query->bias;
    const double whole = length_of(query->weights, l->padded);
    out->turned = turned;
    out->inside = (float)(length_of(turned, l->coded) * (1 + 1e-6));
    out->allowed = query->allowed;
    out->k = query->topk.k;
    out->least = -INFINITY;
    nsky_status status = nsky_code_query_prepare(&out->query, &l->coder, turned, planes, err);
    if (status != NSKY_OK)
        return status;
    /* Sums of padded numbers in sixteen lanes, of the direction and of the exact score; the mean,
     * a centroid and a vector are no longer than 1, 2 and LENGTH_MAX. */
    out->rounding = (float)((double)out->query.slack +
                            (l->padded / 16.0 + 16) * 0x1p-24 * 2 *
                                (whole * (3 + LENGTH_MAX) + fabs((double)query->bias)));
    if (!isfinite(out->constant) || !isfinite(out->rounding) || !isfinite(out->inside) ||
        !isfinite(out->outside))
        return nsky_fail(err, NSKY_EDATA, "a probe's weights are too large to rank with");
    measure(r, out, query->weights, (double)query->bias, &errors->share, &largest, &score);
    errors->score = score;
    /* Where the sample had far outliers the tails are long. */
    const double sigmas =
        errors->share > 0 ? fmax(NSKY_RANK_SIGMAS_MIN, 1.5 * largest / errors->share) : 0;
    out->reach = (float)fmin(fmax(sigmas * errors->share, 1e-3), 1);
    return NSKY_OK;
}
