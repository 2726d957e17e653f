/* build.h - the index of a generation: chosen, built, measured against exact search, published. */
#ifndef NSKY_INDEX_BUILD_H
#define NSKY_INDEX_BUILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "store/generation.h"

typedef struct nsky_index_options {
    uint64_t memory_bytes_max; /* 0: three quarters of what the machine has free */
    double recall_target;      /* of 10 nearest, 0.95 */
    const char *factory;       /* FAISS factory string, or NULL: chosen by row count */
    uint32_t bits;             /* of a code's dimension, 4 or 8; 0: 8 */
    uint32_t lists;            /* inverted lists, also for few rows; 0: chosen by row count */
    int graph;                 /* beside the lists: > 0 yes, < 0 no, 0: where it fits */
    bool retrain;              /* lists: train their tables anew, also where those there serve */
    /* Share `shard` of `shards` of what there is to encode for lists, beside other processes that
     * do the others: no generation yet. Run without shards then, with the same options, which takes
     * over what they made. 0 of 0: all. */
    uint32_t shard, shards;
    const atomic_bool *stop; /* or NULL */
    /* For tests; what comes out does not depend on them. */
    uint32_t threads;      /* 0: all cores */
    uint64_t segment_rows; /* a multiple of 4096 that is taken up again whole; 0: by memory */
} nsky_index_options;

typedef struct nsky_index_report {
    uint32_t generation;
    uint64_t rows;
    char kind[64]; /* "Flat", "Lists65536,PCA128,8bit", "...,Graph32", a factory string */
    double recall_at_10, recall_at_100;
    double seconds;
    bool up_to_date; /* there was nothing to do */
    bool shard;      /* rows [first, end) are encoded, for a run without shards */
    uint64_t first, end;
    uint64_t trained_rows; /* lists: that their tables were trained on; 0: no lists */
    uint64_t kept_rows;    /* whose codes are those of the index before */
    uint64_t taken_rows;   /* that shares had encoded */
} nsky_index_report;

/* Reads the live generation, publishes a new one that shares its vectors and adds an index and
 * columns.bin: index.faiss for small ones and by factory string, else lists.bin, codes.bin and
 * rows.bin, and where there is memory for it graph.bin beside them. A build of lists that was
 * interrupted carries on where it was. Lists whose tables still serve (index/keep.h) keep them and
 * the codes of their rows; what was added is encoded. An already indexed live generation with the
 * same options is left alone. NSKY_EBUSY: another writer, or this share is being made, or one that
 * would be taken.
 */
NSKY_MUST_CHECK nsky_status nsky_index_build(const char *store, const nsky_index_options *options,
                                             nsky_index_report *report, nsky_error *err);

/* After the catalogue's magnitudes, positions or known objects have changed: a new generation that
 * shares vectors and index with the live one and has new filter columns. A store that is not
 * indexed is left alone (*generation 0). */
NSKY_MUST_CHECK nsky_status nsky_index_refresh(const char *store, uint32_t *generation,
                                               nsky_error *err);

/* After rows were deleted or shown again: a new generation that shares everything with the live one
 * but the list of them. Nothing embedded yet: *generation 0. */
NSKY_MUST_CHECK nsky_status nsky_index_hide(const char *store, uint32_t *generation,
                                            nsky_error *err);

/*
 * What a new generation of `rows` vectors in a work folder can take over of the live one whose
 * vectors are its first: the index, by links, and what the manifest says of it; filter columns of
 * all rows are written. The rows behind the index (the delta) are searched one by one until
 * nsky_index_build takes them in. Without an index (or live NULL) nothing is done.
 */
NSKY_MUST_CHECK nsky_status nsky_index_adopt(const nsky_generation_work *work,
                                             const nsky_generation *live, uint64_t rows,
                                             nsky_json *manifest, nsky_error *err);

/* "FAISS 1.7.3 (AVX2), OpenBLAS": for nsky info. */
void nsky_index_versions(char *out, size_t bytes);

#endif
