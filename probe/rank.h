/* rank.h - every object of a survey in the order of a probe's scores, and what to expect of it.
 *
 * Scores in the list are those of the exact scan kernels, the order is theirs (equal scores: lower
 * row first), so that the command line, HTTP and a sort of all scores agree. Where the generation
 * has codes and a list of at most NSKY_SCORE_TOP_MAX is wanted, the rest (histogram, what to expect
 * of all) comes from the codes: seconds instead of minutes, and `score_error` says how far off.
 * Memory: 4 bytes a row for each probe; a list of all rows takes 24 bytes a row more.
 * Thread rule: blocks; any thread.
 */
#ifndef NSKY_PROBE_RANK_H
#define NSKY_PROBE_RANK_H

#include <stdatomic.h>
#include <stdio.h>

#include "index/search.h"
#include "probe/probe.h"
#include "table/table.h"

#define NSKY_RANK_PROBES_MAX 8
#define NSKY_RANK_BINS 50

typedef struct nsky_rank_options {
    const nsky_probe *probes[NSKY_RANK_PROBES_MAX]; /* ranked by the first */
    uint32_t outputs[NSKY_RANK_PROBES_MAX];
    uint32_t count;
    const nsky_probe *guard; /* of the column `artefact` (guard.h); NULL: it is empty */
    nsky_filter filter;
    uint64_t top; /* 0: all */
    nsky_progress *progress;
    const atomic_bool *stop;
} nsky_rank_options;

typedef struct nsky_ranking {
    nsky_rank_options options;
    uint64_t scored;                /* rows with a vector */
    uint64_t matching;              /* of these, rows that pass the filter */
    uint64_t count;                 /* in the list */
    uint32_t *rows;                 /* [count], best first */
    float *scores;                  /* [probes, count] */
    char method[NSKY_METHOD_BYTES]; /* as in nsky_score_query */
    float score_error; /* of the scores behind the histogram: one standard deviation; 0: none */
    /* of the matching rows, by the first probe's score, in equal steps from low to high */
    uint64_t histogram[NSKY_RANK_BINS];
    float low, high;
    /* positives to expect in the list, and among all that match: the sum of the probabilities; NaN
     * without calibration. 95%: the draw itself, and the calibration's error. */
    double expected, expected_low, expected_high, expected_all;
    bool known_is_known;                       /* the store is indexed */
    uint64_t known_in_list, known_in_matching; /* objects of imported lists */
} nsky_ranking;

/* NSKY_EMISMATCH: a probe for other vectors. NSKY_ECANCELLED. */
NSKY_MUST_CHECK nsky_status nsky_rank(nsky_ranking **out, const nsky_search *search,
                                      const nsky_rank_options *options, nsky_error *err);
void nsky_ranking_free(nsky_ranking *ranking); /* NULL is a no-op */
/* What to expect, in the words of JSON: the caller frees. */
nsky_json *nsky_ranking_summary(const nsky_ranking *ranking);

/* Expected positives of count scores, with the interval; out {value, low, high}. */
void nsky_expected_positives(const nsky_calibration *calibration, const float *scores,
                             uint64_t count, double out[3]);

/* --- rank_table.c: rank, id, name, ra, dec, score, probability, novelty, mag_g, mag_r, mag_z,
 * z_phot, known, artefact, and for every further probe NAME_score, NAME_probability --- */
#define NSKY_RANK_COLUMNS 14
#define NSKY_RANK_COLUMNS_MAX (NSKY_RANK_COLUMNS + 2 * NSKY_RANK_PROBES_MAX)

typedef struct nsky_rank_table {
    nsky_table table; /* hand this to table.h */
    /* the rest is its own */
    nsky_table_column columns[NSKY_RANK_COLUMNS_MAX];
    char names[2 * NSKY_RANK_PROBES_MAX][96];
    nsky_provenance provenance;
    nsky_fact facts[4];
    char query[400];
    const nsky_search *search;
    nsky_survey *survey;
    const nsky_rank_options *options;
    const uint32_t *rows;
    const float *scores;
    uint64_t count;
    double *novelty, *artefact; /* [count] */
} nsky_rank_table;

/* Borrows everything. Cleared with nsky_rank_table_clear. */
NSKY_MUST_CHECK nsky_status nsky_rank_table_init(nsky_rank_table *out, const nsky_search *search,
                                                 nsky_survey *survey,
                                                 const nsky_rank_options *options,
                                                 const uint32_t *rows, const float *scores,
                                                 uint64_t count, nsky_error *err);
void nsky_rank_table_clear(nsky_rank_table *table);

#endif
