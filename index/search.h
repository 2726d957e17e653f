/* search.h - a query to ranked hits over one generation of a survey.
 *
 * Approximate search goes through the FAISS index when the generation has one, then re-ranks by the
 * stored float16 vectors; without an index, and for filters, everything that matches is scanned
 * exactly. Similarity is always the cosine of the stored vectors.
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

#define NSKY_SEARCH_K_MAX 1000
#define NSKY_SEARCH_EXAMPLES_MAX 64
#define NSKY_SEARCH_EXCLUDE_MAX 1024

typedef struct nsky_search nsky_search;

/* Maps the live generation of a store (number 0) or a named one, its index and filter columns. */
NSKY_MUST_CHECK nsky_status nsky_search_open(nsky_search **out, const char *store,
                                             uint32_t generation, nsky_error *err);
void nsky_search_close(nsky_search *search);

uint32_t nsky_search_generation(const nsky_search *search);
uint64_t nsky_search_rows(const nsky_search *search);
uint32_t nsky_search_dim(const nsky_search *search);
const nsky_json *nsky_search_manifest(const nsky_search *search); /* borrowed */
/* One stored vector as float32 [dim]. NSKY_ENOTFOUND past the last row. */
NSKY_MUST_CHECK nsky_status nsky_search_vector(const nsky_search *search, uint64_t row, float *out,
                                               nsky_error *err);

/* Bounds are inclusive; NaN = no bound. A row whose value is unknown fails a bounded test. */
typedef struct nsky_filter {
    double mag_min[3], mag_max[3];                     /* g r z */
    double z_min, z_max;                               /* photometric redshift */
    double cone_ra_deg, cone_dec_deg, cone_radius_deg; /* NaN radius: anywhere */
    bool hide_known;
} nsky_filter;
void nsky_filter_init(nsky_filter *filter); /* no bounds */
bool nsky_filter_is_empty(const nsky_filter *filter);

typedef struct nsky_query {
    const float *positive; /* [positive_count, dim]; at least one */
    uint32_t positive_count;
    const float *negative; /* [negative_count, dim] */
    uint32_t negative_count;
    uint32_t k;              /* 1..NSKY_SEARCH_K_MAX */
    const uint64_t *exclude; /* rows not to return (the examples themselves) */
    uint32_t exclude_count;
    bool exact; /* scan everything, whatever the index */
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
    const char *method; /* "exact scan", "index + re-ranking", "filtered exact scan" */
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

/* scores [count, rows]: NaN for a row without a vector. Blocks of rows, counted into progress (rows
 * in all; may be NULL); NSKY_ECANCELLED when *stop (may be NULL) is set. */
NSKY_MUST_CHECK nsky_status nsky_search_scores(const nsky_search *search, const nsky_linear *probes,
                                               uint32_t count, float *scores,
                                               nsky_progress *progress, const atomic_bool *stop,
                                               nsky_error *err);

/* The same score, bit for bit, of one vector [dim]; NaN when out of memory. */
float nsky_score_vector(const nsky_linear *probe, const float *x, uint32_t dim);

typedef struct nsky_score_query {
    nsky_linear probe;
    uint32_t k; /* 1..NSKY_SCORE_TOP_MAX */
    nsky_filter filter;
    nsky_hit *hits;    /* [k], the caller's: best first, scores in `similarity` */
    uint32_t count;    /* set: < k only when no more rows match */
    uint64_t matching; /* set: rows that pass the filter */
} nsky_score_query;

/* The k highest scores of each query; equal scores: lower row first. The same order as sorting
 * nsky_search_scores gives. */
NSKY_MUST_CHECK nsky_status nsky_search_top_scores(const nsky_search *search,
                                                   nsky_score_query *queries, uint32_t count,
                                                   nsky_error *err);

/* What filters know of a row; NaN where that is nothing. NSKY_EINVAL: not indexed yet. */
typedef struct nsky_row_facts {
    float mag[3], z_phot;
    double ra_deg, dec_deg;
    bool known;
} nsky_row_facts;
NSKY_MUST_CHECK nsky_status nsky_search_facts(const nsky_search *search, uint64_t row,
                                              nsky_row_facts *out, nsky_error *err);
/* A bit for each row that passes (row & 7 of byte row >> 3); the caller frees with nsky_free. */
NSKY_MUST_CHECK nsky_status nsky_search_allowed(const nsky_search *search,
                                                const nsky_filter *filter, uint8_t **out,
                                                uint64_t *matching, nsky_error *err);

/*
 * The k stored rows among `allowed` (a bitmap, as above) that are most similar to each of `count`
 * stored rows, themselves left out; exact. hits [count, k], counts [count]; a row without a vector
 * has none. 1 <= k <= NSKY_SEARCH_K_MAX - 1, count <= NSKY_NEAREST_MAX.
 */
#define NSKY_NEAREST_MAX 64
NSKY_MUST_CHECK nsky_status nsky_search_nearest(const nsky_search *search, const uint64_t *rows,
                                                uint32_t count, const uint8_t *allowed, uint32_t k,
                                                nsky_hit *hits, uint32_t *counts, nsky_error *err);

/* {kind, recall_at_10, ...} of the index, or {kind: "exact"} */
NSKY_MUST_CHECK nsky_status nsky_search_describe(const nsky_search *search, nsky_json **out,
                                                 nsky_error *err);

#endif
