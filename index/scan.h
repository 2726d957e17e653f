/* scan.h - for index/ and eval/: every row against every query, exactly.
 *
 * Dot products are summed in sixteen lanes and a fixed tree, so plain C, AVX2 and AVX-512 give the
 * same bits and an answer does not depend on the machine or the number of threads.
 */
#ifndef NSKY_SCAN_H
#define NSKY_SCAN_H

#include <stdint.h>

#include "common/error.h"
#include "common/vectors.h"
#include "index/search.h"

#define NSKY_SCAN_LANES 16

typedef struct nsky_dot_kernel {
    const char *name; /* "c", "avx2", "avx512" */
    /* padded is a multiple of NSKY_SCAN_LANES; both arrays are zero past the real length. */
    float (*dot)(const float *a, const float *b, uint32_t padded);
    /* One against four, the same bits: four sums are under way while each waits for its last. */
    void (*dot4)(const float *a, const float *const b[4], uint32_t padded, float out[4]);
} nsky_dot_kernel;

/* All that this CPU runs, best first; the last is plain C. */
uint32_t nsky_dot_kernels(nsky_dot_kernel out[3]);
uint32_t nsky_scan_padded(uint32_t dim);

/* The k best of one query: a heap while filling, sorted by nsky_topk_sort. */
typedef struct nsky_topk {
    nsky_hit *hits; /* [k], borrowed */
    uint32_t k, count;
} nsky_topk;
void nsky_topk_offer(nsky_topk *topk, nsky_hit hit);
void nsky_topk_sort(nsky_topk *topk); /* best first; equal similarity: lower row first */

/* Rows a query may return: NULL = all, else bit (row & 7) of byte row >> 3. */
typedef struct nsky_scan {
    nsky_vectors vectors;
    uint32_t threads;              /* 0: one for each core where the work is worth it */
    const nsky_dot_kernel *kernel; /* NULL: the best */
} nsky_scan;

/* Cosines: the stored vectors' rounding is divided out. Rows of zeros (no vector) are
 * never hits. queries [count, padded] float32 of unit length; allowed [count] bitmaps or NULLs;
 * topks [count] empty. */
NSKY_MUST_CHECK nsky_status nsky_scan_run(const nsky_scan *scan, const float *queries,
                                          const uint8_t *const *allowed, uint32_t count,
                                          nsky_topk *topks, nsky_error *err);
/*
 * Linear scores instead of cosines: weights . row + bias, of rows [first, first + rows) of the
 * scan. weights [count, padded], bias [count]. Every score goes to scores [count, rows] (NaN for
 * rows of zeros and rows not allowed) or to topks [count], whichever is not NULL; allowed as above.
 */
typedef struct nsky_linear_scan {
    const float *weights, *bias;
    const uint8_t *const *allowed; /* [count] bitmaps or NULLs; NULL: all rows for all */
    uint32_t count;
    uint64_t first, rows;
    float *scores;
    nsky_topk *topks;
} nsky_linear_scan;
NSKY_MUST_CHECK nsky_status nsky_scan_linear(const nsky_scan *scan, const nsky_linear_scan *linear,
                                             nsky_error *err);
/* The same cosine for one row: re-ranking. NaN for a row without a vector. scratch [padded]. */
float nsky_scan_row(const nsky_scan *scan, uint64_t row, const float *query, float *scratch);

#endif
