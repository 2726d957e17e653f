/* choose.h - private: which FAISS index suits how many rows. */
#ifndef NSKY_CHOOSE_H
#define NSKY_CHOOSE_H

#include <stdint.h>

#include "common/error.h"

/* Below this a scan of everything is quicker than anyone notices. */
#define NSKY_FLAT_ROWS_MAX 50000

typedef struct nsky_index_plan {
    char factory[64];
    uint32_t lists;        /* inverted lists; 0 for flat */
    uint64_t train_rows;   /* sample the index learns from */
    uint64_t memory_bytes; /* estimate while serving */
} nsky_index_plan;

/* NSKY_ELIMIT when even the smallest codes do not fit: the text says how much would. */
NSKY_MUST_CHECK nsky_status nsky_index_choose(nsky_index_plan *out, uint64_t rows, uint32_t dim,
                                              uint64_t memory_bytes_max, nsky_error *err);

#endif
