/* bench_vectors.h - private: what `nearsky bench index` and the peers measure on, in a folder:
 *   shape.txt          "rows dim queries"
 *   vectors.f16 or .i8 [rows, dim], make-believe embeddings (sim/embeddings.h)
 *   queries.f32        [queries, dim], of the same distribution and not among the rows
 *   truth.u32          [queries, 100] exact neighbours
 *   allowed-P.bits     a bitmap that lets P rows of 10,000 through, and
 *   allowed-P.u32      [100, 100] the exact neighbours of the first 100 queries among them
 * and the same of filters that let some kinds of galaxies through, allowed-kinds-A-B.* */
#ifndef NSKY_CLI_BENCH_VECTORS_H
#define NSKY_CLI_BENCH_VECTORS_H

#include <stdint.h>

#include "common/error.h"
#include "common/vectors.h"

#define NSKY_BENCH_DEPTH 100
#define NSKY_BENCH_FILTERED 100 /* queries with filters */
#define NSKY_BENCH_FILTERS 8

/* Rows at random, or kinds of galaxies, which lie together. */
typedef struct nsky_bench_filter {
    const char *name;
    uint32_t of_10000;    /* rows; 0: kinds */
    uint32_t first, last; /* kinds */
} nsky_bench_filter;
extern const nsky_bench_filter nsky_bench_filters[NSKY_BENCH_FILTERS];

/* Vectors, queries and shape, unless they are there. */
NSKY_MUST_CHECK nsky_status nsky_bench_vectors(const char *folder, uint64_t rows, uint32_t dim,
                                               nsky_vector_type type, uint32_t queries,
                                               uint64_t seed, nsky_error *err);
/* The bitmap; the caller frees it with nsky_free. */
NSKY_MUST_CHECK nsky_status nsky_bench_allowed(uint8_t **out, uint64_t *matching, uint64_t rows,
                                               const nsky_bench_filter *filter, uint32_t dim,
                                               uint64_t seed, nsky_error *err);
/* folder/name; free with nsky_free. */
char *nsky_bench_path(const char *folder, const char *name, nsky_error *err);

#endif
