/* rank_private.h (private) - what the files of the ranking share. */
#ifndef NSKY_RANK_PRIVATE_H
#define NSKY_RANK_PRIVATE_H

#include "index/rank_lists.h"

#define NSKY_RANK_SIGMAS_MIN 6.0
#define NSKY_RANK_GATHERED 16384 /* so few matching rows are read, whatever the codes say */
#define NSKY_RANK_AFFORDED 32768 /* vectors, and 2 k, that are read to certify */

typedef struct nsky_rank_errors {
    double share; /* root mean square of the sample's errors over their bounds */
    double score; /* ... of the errors themselves */
} nsky_rank_errors;

/* turned [coded] becomes the probe's. NSKY_EDATA: its numbers are too large. */
NSKY_MUST_CHECK nsky_status nsky_ranker_probe(const nsky_ranker *ranker, nsky_pass_probe *out,
                                              const nsky_rank_query *query, float *turned,
                                              uint32_t planes, nsky_rank_errors *errors,
                                              nsky_error *err);

typedef enum nsky_rank_step {
    NSKY_STEP_DONE,
    NSKY_STEP_AGAIN,   /* another pass, the probe has been told which */
    NSKY_STEP_CERTIFY, /* the answer stands; another pass may show that it is certain */
    NSKY_STEP_SCAN,    /* the codes tell too many rows apart too badly: score all */
} nsky_rank_step;

/* What pass found for its probe q, into query's best (a heap). share: the sample's. */
NSKY_MUST_CHECK nsky_status nsky_ranker_settle(const nsky_ranker *ranker, const nsky_pass *pass,
                                               uint32_t q, nsky_rank_query *query, bool certifying,
                                               double share, nsky_rank_step *step, nsky_error *err);

#endif
