/* rank_lists.h - private: the best of all rows by linear scores, through the codes, exactly.
 *
 * What a score is: weights . stored vector + bias as nsky_scan_linear computes it, in float32 with
 * a fixed order of summation. The answer is the one that nsky_scan_linear gives, in the same order.
 * Certified: every row left out was shown by Cauchy-Schwarz to score less. Otherwise: by `sigmas`
 * times the error that a sample of rows showed for this very probe; then every row that was scored
 * exactly kept to it too, or the limit was widened until all did.
 * Rows that came after the lists were made are all scored.
 * Thread rule: read-only after open; any number of threads.
 */
#ifndef NSKY_RANK_LISTS_H
#define NSKY_RANK_LISTS_H

#include "index/lists.h"
#include "index/rank_fetch.h"
#include "index/rank_pass.h"

typedef struct nsky_ranker {
    const nsky_lists *lists;
    const nsky_scan *scan;
    nsky_fetch fetch;
    nsky_pass_slack *slacks; /* [lists] */
    uint32_t sampled;
    float *sample;         /* [sampled, padded] stored vectors */
    float *sample_coded;   /* [sampled, coded] what their codes say, centroid and all */
    uint8_t *sample_slack; /* [sampled, 2] */
} nsky_ranker;

/* Reads the slacks and a sample of the vectors. path: of the vectors' file, NULL: only in memory.
 * Borrows all three. */
NSKY_MUST_CHECK nsky_status nsky_ranker_open(nsky_ranker *out, const nsky_lists *lists,
                                             const nsky_scan *scan, const char *path,
                                             nsky_error *err);
void nsky_ranker_close(nsky_ranker *ranker); /* zeroes; a zeroed one is a no-op */

typedef enum nsky_rank_method {
    NSKY_RANK_SCAN,      /* all matching vectors were scored exactly */
    NSKY_RANK_CERTIFIED, /* codes, then exact scores; the rest by Cauchy-Schwarz */
    NSKY_RANK_SIGMAS,    /* codes, then exact scores; the rest by `sigmas` */
} nsky_rank_method;

typedef struct nsky_rank_query {
    const float *weights; /* [padded], zero past dim; finite */
    float bias;
    const uint8_t *allowed; /* bitmap of rows, or NULL: all */
    uint64_t matching;      /* rows that are allowed */
    nsky_topk topk;         /* empty before; filled, sorted */
    /* set: */
    nsky_rank_method method;
    float sigmas;      /* the limit, in standard deviations of the sample's errors */
    float sigmas_seen; /* the largest error of a row that was scored exactly, in the same */
    uint64_t rescored; /* vectors read */
} nsky_rank_query;

/* count <= NSKY_PASS_PROBES_MAX. threads 0: one a core. The same for any number of threads. */
NSKY_MUST_CHECK nsky_status nsky_ranker_run(const nsky_ranker *ranker, nsky_rank_query *queries,
                                            uint32_t count, uint32_t threads, nsky_error *err);

/* Scores [count, n] by their codes of rows [n], of which those from lists->rows on are none;
 * by several threads at once, thread < NSKY_PARALLEL_MAX. */
typedef void (*nsky_slots_use)(const uint32_t *rows, uint32_t n, const float *scores,
                               uint32_t thread, void *payload);
/* All rows of the lists once, a few at a time, in no order: any number of probes, no memory by the
 * row. Rows that are not allowed are among them. errors [count]: as below. */
NSKY_MUST_CHECK nsky_status nsky_ranker_visit(const nsky_ranker *ranker,
                                              const nsky_rank_query *queries, uint32_t count,
                                              uint32_t threads, nsky_slots_use use, void *payload,
                                              float *errors, nsky_error *err);
/*
 * Scores of all rows by their codes, in row order: what a histogram needs. scores [count, stride],
 * of which the first lists->rows are set; NaN for rows without a vector and rows not allowed.
 * errors [count]: standard deviation of the sample's errors.
 */
NSKY_MUST_CHECK nsky_status nsky_ranker_scores(const nsky_ranker *ranker,
                                               const nsky_rank_query *queries, uint32_t count,
                                               uint32_t threads, float *scores, uint64_t stride,
                                               float *errors, nsky_error *err);

/* Exact scores of rows, which ascend: scores [count]; NaN without a vector. */
NSKY_MUST_CHECK nsky_status nsky_ranker_exact(const nsky_ranker *ranker,
                                              const nsky_rank_query *query, const uint32_t *rows,
                                              uint64_t count, float *scores, nsky_error *err);

#endif
