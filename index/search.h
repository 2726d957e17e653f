/* search.h - a query to ranked hits over one generation of a survey.
 *
 * Approximate search goes through the index when the generation has one, then re-ranks by the
 * stored float16 vectors. Rows that came after the index was built (the delta) are compared one by
 * one; so are the rows that pass a filter where they are few; where they are many, the index is
 * searched through the filter, deeper and deeper until enough are found. An answer says which was
 * done. Never fewer hits than exist; deleted rows are none. Similarity is always the cosine of the
 * stored vectors.
 * Thread rule: one nsky_search serves any number of threads at once after open.
 */
#ifndef NSKY_SEARCH_H
#define NSKY_SEARCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "common/progress.h"
#include "index/filter.h"

#define NSKY_SEARCH_K_MAX 1000
#define NSKY_SEARCH_EXAMPLES_MAX 64
#define NSKY_SEARCH_EXCLUDE_MAX 1024
#define NSKY_WHY_BYTES 200

typedef struct nsky_search nsky_search;

/* Maps the live generation of a store (number 0) or a named one, its index and filter columns. */
NSKY_MUST_CHECK nsky_status nsky_search_open(nsky_search **out, const char *store,
                                             uint32_t generation, nsky_error *err);
void nsky_search_close(nsky_search *search);

uint32_t nsky_search_generation(const nsky_search *search);
uint64_t nsky_search_rows(const nsky_search *search);
uint32_t nsky_search_dim(const nsky_search *search);
uint64_t nsky_search_indexed(const nsky_search *search); /* of the rows; the rest is the delta */
uint64_t nsky_search_deleted(const nsky_search *search); /* of the rows */
bool nsky_search_is_deleted(const nsky_search *search, uint64_t row); /* false past the end */
const nsky_json *nsky_search_manifest(const nsky_search *search);     /* borrowed */
/* One stored vector as float32 [dim]. NSKY_ENOTFOUND past the last row. */
NSKY_MUST_CHECK nsky_status nsky_search_vector(const nsky_search *search, uint64_t row, float *out,
                                               nsky_error *err);

/* x [dim] as a stored vector would be. */
void nsky_search_round(const nsky_search *search, float *x);

/* How hard to look. FAST and BALANCED go by the index, where there is one: BALANCED finds the share
 * of true neighbours that the index was measured at, FAST looks at a quarter as much. */
typedef enum nsky_effort { NSKY_EFFORT_BALANCED, NSKY_EFFORT_FAST, NSKY_EFFORT_EXACT } nsky_effort;
const char *nsky_effort_name(nsky_effort effort); /* "balanced", "fast", "exact" */
bool nsky_effort_parse(nsky_effort *out, const char *name);

typedef struct nsky_query {
    const float *positive; /* [positive_count, dim]; at least one */
    uint32_t positive_count;
    const float *negative; /* [negative_count, dim] */
    uint32_t negative_count;
    uint32_t k;              /* 1..NSKY_SEARCH_K_MAX */
    const uint64_t *exclude; /* rows not to return (the examples themselves) */
    uint32_t exclude_count;
    nsky_effort effort;
    nsky_filter filter;
} nsky_query;

typedef struct nsky_hit {
    uint64_t row;
    float similarity;
} nsky_hit;

typedef struct nsky_answer {
    nsky_hit hits[NSKY_SEARCH_K_MAX]; /* best first; equal similarity: lower row first */
    uint32_t count;                   /* < k only when no more rows match */
    uint64_t matching;                /* rows that pass the filter, excluded ones apart */
    uint64_t scanned;                 /* vectors compared */
    /* "exact scan", "filtered exact scan", "index + re-ranking", "filtered index + re-ranking" */
    const char *method;
    char why[NSKY_WHY_BYTES]; /* what decided that, in a sentence without a full stop */
} nsky_answer;

/*
 * count queries at once, each to its own answer: this is where batching pays. The direction
 * searched is mean(positive), or 2 mean(positive) - mean(negative) (Qdrant's average-vector rule),
 * to unit length. NSKY_EINVAL names the query and what is wrong with it; then no answer is valid.
 */
NSKY_MUST_CHECK nsky_status nsky_search_run(nsky_search *search, const nsky_query *queries,
                                            uint32_t count, nsky_answer *answers, nsky_error *err);

/* --- linear scores of every row, for probes (score.c) --- */

#define NSKY_SCORE_PROBES_MAX 16
#define NSKY_SCORE_TOP_MAX 100000

/* weights . x + bias of the stored vectors as they are; one pass for several. */
typedef struct nsky_linear {
    const float *weights; /* [dim], finite */
    float bias;
} nsky_linear;

/* scores [count, rows]: NaN for a row without a vector and for deleted ones. Blocks of rows,
 * counted into progress (rows in all; may be NULL); NSKY_ECANCELLED when *stop (may be NULL) is
 * set. */
NSKY_MUST_CHECK nsky_status nsky_search_scores(const nsky_search *search, const nsky_linear *probes,
                                               uint32_t count, float *scores,
                                               nsky_progress *progress, const atomic_bool *stop,
                                               nsky_error *err);

/* The same score, bit for bit, of one vector [dim]; NaN when out of memory. */
float nsky_score_vector(const nsky_linear *probe, const float *x, uint32_t dim);

#define NSKY_METHOD_BYTES 32
typedef struct nsky_score_query {
    nsky_linear probe;
    uint32_t k; /* 1..NSKY_SCORE_TOP_MAX */
    nsky_filter filter;
    nsky_hit *hits;    /* [k], the caller's: best first, scores in `similarity` */
    uint32_t count;    /* set: < k only when no more rows match */
    uint64_t matching; /* set: rows that pass the filter */
    /* set: "exact scan"; "codes, certified": exact scores of the best by their codes, the rest is
     * excluded by Cauchy-Schwarz; "codes, by 6.0 sigma": ... by so many standard deviations of the
     * errors that a sample of rows showed for this probe (rank_lists.h) */
    char method[NSKY_METHOD_BYTES];
    uint64_t rescored; /* set: vectors scored exactly */
} nsky_score_query;

/* The k highest scores of each query; equal scores: lower row first. The same scores and the same
 * order as sorting nsky_search_scores gives; through the codes where the generation has lists. */
NSKY_MUST_CHECK nsky_status nsky_search_top_scores(const nsky_search *search,
                                                   nsky_score_query *queries, uint32_t count,
                                                   nsky_error *err);

/* Whether the generation has codes to rank everything by. */
bool nsky_search_has_codes(const nsky_search *search);
/* As nsky_search_scores, by the codes: seconds instead of minutes, and off by `error` (one standard
 * deviation, measured on a sample; [count]). Good for a histogram. NSKY_EINVAL: there are none. */
NSKY_MUST_CHECK nsky_status nsky_search_coded_scores(const nsky_search *search,
                                                     const nsky_linear *probes, uint32_t count,
                                                     float *scores, float *errors, nsky_error *err);
/* Called with n rows and their scores [count, n], by several threads at once; thread <
 * NSKY_SCORES_THREADS. */
#define NSKY_SCORES_THREADS 64
typedef void (*nsky_scores_use)(const uint32_t *rows, uint32_t n, const float *scores,
                                uint32_t thread, void *payload);
/* Every row that is allowed (a bitmap) and has a vector, once, in no order: by the codes where
 * there are some, else exactly. No memory by the row, any number of probes. rows <= UINT32_MAX. */
NSKY_MUST_CHECK nsky_status nsky_search_each_score(const nsky_search *search,
                                                   const nsky_linear *probes, uint32_t count,
                                                   const uint8_t *allowed, nsky_scores_use use,
                                                   void *payload, nsky_error *err);
/* Exact scores of some rows, in any order: scores [count, n]. */
NSKY_MUST_CHECK nsky_status nsky_search_row_scores(const nsky_search *search,
                                                   const nsky_linear *probes, uint32_t count,
                                                   const uint32_t *rows, uint64_t n, float *scores,
                                                   nsky_error *err);

/* What filters know of a row; NaN where that is nothing. NSKY_EINVAL: not indexed yet. */
typedef struct nsky_row_facts {
    float mag[3], z_phot;
    double ra_deg, dec_deg; /* rounded to 0.15 mas */
    bool known, deleted;
    nsky_type type;
} nsky_row_facts;
NSKY_MUST_CHECK nsky_status nsky_search_facts(const nsky_search *search, uint64_t row,
                                              nsky_row_facts *out, nsky_error *err);
/* A bit for each row that passes (row & 7 of byte row >> 3); the caller frees with nsky_free. */
NSKY_MUST_CHECK nsky_status nsky_search_allowed(const nsky_search *search,
                                                const nsky_filter *filter, uint8_t **out,
                                                uint64_t *matching, nsky_error *err);

/* Called for the i-th of some rows, by several threads at once; vector [dim]. */
typedef void (*nsky_vector_use)(uint64_t i, const float *vector, void *payload);
/* Stored vectors of some rows, in any order, many reads under way at once. n <= UINT32_MAX. */
NSKY_MUST_CHECK nsky_status nsky_search_vectors(const nsky_search *search, const uint32_t *rows,
                                                uint64_t n, nsky_vector_use use, void *payload,
                                                nsky_error *err);

/*
 * The k stored rows among `allowed` (a bitmap, as above) that are most similar to each of `count`
 * stored rows, themselves left out; exact. hits [count, k], counts [count]; a row without a vector
 * has none. 1 <= k <= NSKY_SEARCH_K_MAX - 1, count <= NSKY_NEAREST_MAX.
 */
#define NSKY_NEAREST_MAX 64
NSKY_MUST_CHECK nsky_status nsky_search_nearest(const nsky_search *search, const uint64_t *rows,
                                                uint32_t count, const uint8_t *allowed, uint32_t k,
                                                nsky_hit *hits, uint32_t *counts, nsky_error *err);

/* {kind, recall_at_10, recall_at_100, rows, delta_rows, deleted_rows} of the index; without one
 * kind is "exact" and there is no recall */
NSKY_MUST_CHECK nsky_status nsky_search_describe(const nsky_search *search, nsky_json **out,
                                                 nsky_error *err);

#endif
