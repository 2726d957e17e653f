/* speed.h - for `nearsky bench index`: the index of vectors in a folder, without a catalogue, built
 * as `nearsky index` would and then asked. One caller at a time.
 */
#ifndef NSKY_SPEED_H
#define NSKY_SPEED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/vectors.h"

typedef struct nsky_speed nsky_speed;

typedef struct nsky_speed_job {
    const char *folder; /* vectors.f16 or .i8 is there; the index's files go there */
    uint64_t rows;
    uint32_t dim;
    nsky_vector_type type;
    bool graph;                /* neighbours by the graph; else by the lists */
    uint32_t bits, lists;      /* of the lists; 0: chosen */
    uint64_t memory_bytes_max; /* for building */
    double recall_target;
    uint32_t threads;        /* 0: one a core */
    const atomic_bool *stop; /* or NULL */
} nsky_speed_job;

typedef struct nsky_speed_built {
    char kind[64];
    uint32_t coded, bits;           /* of the lists' codes, as `nsky_index_choose` has them */
    double build_s;                 /* 0: it was there */
    uint64_t ram_bytes, disk_bytes; /* codes, links and tables, without the vectors */
} nsky_speed_built;

/* Builds what is not there, opens it, and finds the effort for the target, which stays in the
 * folder (efforts-lists.json, efforts-graph.json). */
NSKY_MUST_CHECK nsky_status nsky_speed_open(nsky_speed **out, const nsky_speed_job *job,
                                            nsky_speed_built *built, nsky_error *err);
void nsky_speed_close(nsky_speed *speed); /* NULL is a no-op */

/* Exact answers: hits [count, k] row numbers, UINT32_MAX where there are no more. */
NSKY_MUST_CHECK nsky_status nsky_speed_truth(const nsky_speed *speed, const float *queries,
                                             uint32_t count, const uint8_t *allowed, uint32_t k,
                                             uint32_t *hits, nsky_error *err);

typedef struct nsky_speed_query {
    const float *queries; /* [count, dim] unit length */
    uint32_t count;
    const uint32_t *truth;  /* [count, 100] */
    const uint8_t *allowed; /* bitmap or NULL */
    uint64_t matching;
    double effort; /* times what was found for the target: 1 */
} nsky_speed_query;

typedef struct nsky_speed_point {
    double recall_at_10, recall_at_100;
    double p50_ms, p99_ms; /* one query at a time */
    double queries_per_s;  /* all cores */
} nsky_speed_point;

/* k = 10 for the times. dim is a multiple of 16. */
NSKY_MUST_CHECK nsky_status nsky_speed_measure(const nsky_speed *speed,
                                               const nsky_speed_query *query, nsky_speed_point *out,
                                               nsky_error *err);

#endif
