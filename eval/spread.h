/* spread.h - numbers that depend on which labels were drawn and which objects were met: their mean
 * over the draws, and the interval over both. Thread rule: blocks; one call at a time. */
#ifndef NSKY_EVAL_SPREAD_H
#define NSKY_EVAL_SPREAD_H

#include "eval/bootstrap.h"

#define NSKY_SPREAD_WIDTH_MAX 512

typedef struct nsky_spread {
    const nsky_bootstrap *bootstrap;
    uint32_t draws; /* 1: nothing was drawn */
    uint32_t width; /* numbers at once, at most NSKY_SPREAD_WIDTH_MAX */
    uint32_t threads;
    /* out [width] of one draw with the weights of a replicate; NaN: not defined. Any thread. */
    void (*measure)(const void *payload, uint32_t draw, uint32_t replicate, double *out);
    const void *payload;
} nsky_spread;

/* out [width]. A replicate draws the draws anew too. */
NSKY_MUST_CHECK nsky_status nsky_spread_measure(nsky_interval *out, const nsky_spread *spread,
                                                nsky_error *err);

#endif
