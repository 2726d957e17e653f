/* scores.h - named numbers with intervals, as the tasks find them and the reports print them.
 * Thread rule: one thread. */
#ifndef NSKY_EVAL_SCORES_H
#define NSKY_EVAL_SCORES_H

#include <stdint.h>

#include "common/error.h"
#include "probe/metrics.h"

#define NSKY_SCORE_KEY_BYTES 96
#define NSKY_SCORES_MAX 4096

typedef struct nsky_score {
    char key[NSKY_SCORE_KEY_BYTES]; /* "retrieval.p_at_10.macro": see docs/eval.md */
    nsky_interval number;
    uint32_t n; /* what it was measured on: queries, lenses, galaxies */
} nsky_score;

typedef struct nsky_scores {
    nsky_score *list; /* in the order they came */
    uint32_t count, capacity;
} nsky_scores;

NSKY_MUST_CHECK nsky_status nsky_scores_add(nsky_scores *scores, nsky_interval number, uint32_t n,
                                            nsky_error *err, const char *format, ...)
    NSKY_PRINTF(5, 6);
const nsky_score *nsky_scores_find(const nsky_scores *scores, const char *key); /* or NULL */
void nsky_scores_clear(nsky_scores *scores);

#endif
