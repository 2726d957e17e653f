/* graph.h - for index/ (nsky_knn; nsky_graph is the network of encoder/): the index of a generation
 * whose codes and links fit in memory with room to spare. One flat graph of near neighbours over
 * 8-bit codes, entered at the medoids of clusters; what it finds is ranked exactly from
 * the stored vectors. docs/index.md says why.
 *
 * A vector x [dim] is kept as its `coded` principal directions, turned at random inside their space
 * (space.h), one byte each on one scale: x ~ mean + rotation^T (scale (code - 128)). Sums of
 * products of codes are whole numbers, so walks and builds are the same on every machine, for any
 * number of threads.
 *
 * graph.bin, little-endian: a header of NSKY_KNN_HEADER bytes with the XXH64 of every table, then
 * mean, rotation, entries, codes and links, each beginning at a multiple of 64 bytes.
 * Thread rule: read-only after open, any number of threads.
 */
#ifndef NSKY_KNN_H
#define NSKY_KNN_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "index/lists.h"

#define NSKY_KNN_FILE "graph.bin"
#define NSKY_KNN_HEADER 4096
#define NSKY_KNN_NONE UINT32_MAX /* a link that is not there */
#define NSKY_KNN_DEGREE_MAX 128
#define NSKY_KNN_BEAM_MAX 65536
#define NSKY_KNN_ENTRIES_MAX 4096

typedef struct nsky_knn {
    uint64_t rows;
    uint32_t dim, padded, coded; /* coded is a multiple of 64 */
    uint32_t degree, entry_count;
    float scale;           /* of one step of a code */
    const float *mean;     /* [padded] */
    const float *rotation; /* [coded, padded] */
    const uint32_t *entries;
    const uint8_t *codes;  /* [rows, coded]: 128 + value; a row without a vector is all 128 */
    const uint32_t *links; /* [rows, degree]: NSKY_KNN_NONE from the first that is not there */
    void *block;           /* owns all of the above */
    size_t block_bytes;
} nsky_knn;

/* Reads all of folder's graph.bin into memory and checks it. NSKY_ENOTFOUND: there is none.
 * NSKY_EDATA, NSKY_EMISMATCH name the file. */
NSKY_MUST_CHECK nsky_status nsky_knn_open(nsky_knn *out, const char *folder, uint64_t rows,
                                          uint32_t dim, nsky_error *err);
void nsky_knn_close(nsky_knn *graph); /* zeroes; a zeroed one is a no-op */
/* What an open graph of this shape takes. */
uint64_t nsky_knn_bytes(uint64_t rows, uint32_t dim, uint32_t coded, uint32_t degree);

typedef struct nsky_knn_query {
    const float *direction; /* [padded], unit length */
    const uint8_t *allowed; /* bitmap of rows, or NULL: all */
    uint64_t matching;      /* bits set in it; all rows for NULL */
    uint32_t beam;          /* rows kept in view; more of them: better and slower */
    uint32_t want;          /* candidates, 1 .. NSKY_KNN_BEAM_MAX */
    nsky_candidate *found;  /* [want]: best first, equal scores: lower row first */
    uint32_t count;         /* set: < want only when no more allowed rows have a vector */
    uint64_t compared;      /* set: codes looked at */
    bool swept;             /* set: all allowed rows' codes were looked at instead of a walk */
} nsky_knn_query;

/* All rows are walked through, allowed ones are found. Where few are allowed, or the walk ended
 * with too few of them, the codes of all that are allowed are compared. NSKY_ENOMEM. */
NSKY_MUST_CHECK nsky_status nsky_knn_search(const nsky_knn *graph, nsky_knn_query *query,
                                            nsky_error *err);

/* --- building --- */

typedef struct nsky_knn_job {
    const char *folder; /* where graph.bin goes */
    nsky_vectors vectors;
    uint64_t rows; /* < 2^32 - 1 */
    uint32_t dim;
    uint32_t coded, degree, beam; /* 0: the defaults */
    uint32_t threads;             /* 0: one a core; the result does not depend on it */
    const atomic_bool *stop;      /* or NULL */
} nsky_knn_job;

/* A build that is stopped begins anew: 10^6 rows take minutes. */
NSKY_MUST_CHECK nsky_status nsky_knn_build(const nsky_knn_job *job, nsky_error *err);
/* Directions that are kept of vectors of dim numbers, and links of a row, unless told otherwise. */
uint32_t nsky_knn_coded(uint32_t dim);
#define NSKY_KNN_DEGREE 32
#define NSKY_KNN_BEAM 80

#endif
