/* suggest_pool.h (private) - the most promising of many rows, kept while they go by.
 * Thread rule: a pool belongs to one thread at a time. */
#ifndef NSKY_PROBE_SUGGEST_POOL_H
#define NSKY_PROBE_SUGGEST_POOL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nsky_candidate {
    uint32_t row;
    float unsure; /* more is better; while rows go by on a scale of its own */
    float score;  /* of the output asked for */
    float likest; /* highest cosine to one chosen already */
    bool chosen;
} nsky_candidate;

typedef struct nsky_pool {
    nsky_candidate *items; /* [max], owned by whoever made it; the least promising first */
    uint32_t count, max;
} nsky_pool;

/* The same max rows stay whatever the order they come in: of equal ones the lower rows. */
void nsky_pool_offer(nsky_pool *pool, uint32_t row, float unsure);

#endif
