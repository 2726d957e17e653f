/* recall.h - private: what an index finds of what an exact scan finds. */
#ifndef NSKY_RECALL_H
#define NSKY_RECALL_H

#include "index/candidates.h"

typedef struct nsky_recall {
    uint32_t queries;
    double at_10, at_100; /* NaN where there are not that many other rows */
} nsky_recall;

/* Stored rows, evenly drawn by a fixed seed, look for their neighbours (themselves excluded), the
 * way the server would. */
NSKY_MUST_CHECK nsky_status nsky_recall_measure(const nsky_rerank *rerank, nsky_recall *out,
                                                nsky_error *err);

#endif
