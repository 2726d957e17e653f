/* choose.c - rules of thumb, by measurement elsewhere: FAISS's guidelines for list counts (4 to 16
 * times the root of the rows), 4-bit fast-scan codes of half a byte for each kept dimension. */
#include "index/choose.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#define KEPT_DIMENSIONS 128
#define TRAIN_ROWS_A_LIST 50
#define TRAIN_ROWS_MAX 400000
#define LISTS_MAX 65536

static uint32_t list_count(uint64_t rows)
{
    uint32_t lists = 64;
    while (lists < LISTS_MAX && lists < 4.0 * sqrt((double)rows))
        lists *= 2;
    return lists;
}

nsky_status nsky_index_choose(nsky_index_plan *out, uint64_t rows, uint32_t dim,
                              uint64_t memory_bytes_max, nsky_error *err)
{
    assert(out && err);
    *out = (nsky_index_plan){.memory_bytes = rows * dim * sizeof(float)};
    if (rows < NSKY_FLAT_ROWS_MAX && out->memory_bytes <= memory_bytes_max) {
        snprintf(out->factory, sizeof out->factory, "Flat");
        return NSKY_OK;
    }
    const uint32_t kept = dim < KEPT_DIMENSIONS ? dim / 2 * 2 : KEPT_DIMENSIONS;
    out->lists = list_count(rows);
    out->train_rows = (uint64_t)out->lists * TRAIN_ROWS_A_LIST;
    if (out->train_rows > TRAIN_ROWS_MAX)
        out->train_rows = TRAIN_ROWS_MAX;
    if (out->train_rows > rows)
        out->train_rows = rows;
    out->memory_bytes = rows * (kept / 2 / 2 + 8) + (uint64_t)out->lists * kept * 8 +
                        out->train_rows * dim * sizeof(float);
    if (out->memory_bytes > memory_bytes_max)
        return nsky_fail(err, NSKY_ELIMIT,
                         "an index of %llu rows needs about %.1f GB; give --memory more than that",
                         (unsigned long long)rows, (double)out->memory_bytes / 1e9);
    /* Two dimensions a sub-quantizer; a graph finds the lists where there are many. */
    snprintf(out->factory, sizeof out->factory, "PCA%u,IVF%u%s,PQ%ux4fs", kept, out->lists,
             out->lists >= 4096 ? "_HNSW32" : "", kept / 2);
    return NSKY_OK;
}
