/* choose.c - see choose.h; docs/index.md has the measurements behind the numbers. */
#include "index/choose.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "index/graph.h"
#include "index/lists_build.h"

/* The same bytes either way; 128 in 8 bits err a fifth as much in real directions (docs/index.md).
 */
#define CODED_MAX_8 128
#define CODED_MAX_4 256
#define CODED_MIN 64
#define LISTS_MOST 65536
#define LISTS_LEAST 256
#define TRAIN_ROWS_A_LIST 40
#define SEGMENT_ROWS_MAX (1u << 20)
#define MERGE_BYTES_MAX (1ull << 30)
#define MERGE_BYTES_MIN (1ull << 24)

/* Powers of two from six times the root of the rows on: of half as many a query reads more, of
 * twice as many filters read more lists, and building takes longer (docs/index.md). */
static uint32_t list_count(uint64_t rows)
{
    uint32_t lists = LISTS_LEAST;
    while (lists < LISTS_MOST && lists < 6.0 * sqrt((double)rows))
        lists *= 2;
    return lists;
}

/* Codes, rows and slack of every row; of a list its centroid in floats and in bytes, and on average
 * half a block that is not full. */
static uint64_t serving_bytes(const nsky_index_plan *plan, uint64_t rows)
{
    const uint64_t slot = (uint64_t)plan->coded * plan->bits / 8 + NSKY_SLOT_BYTES;
    return rows * slot + plan->lists * (plan->coded * 5ull + slot * NSKY_CODE_ROWS / 2);
}

/* While it is built: the sample, then a segment's records. */
static void fit_build(nsky_index_plan *plan, uint64_t rows, uint64_t memory)
{
    const uint64_t sample_max = memory / 3 / (plan->coded * sizeof(float));
    const uint64_t record = (uint64_t)plan->coded * plan->bits / 8 + 16;
    plan->train_rows = (uint64_t)plan->lists * TRAIN_ROWS_A_LIST;
    if (plan->train_rows > sample_max)
        plan->train_rows = sample_max;
    if (plan->train_rows < plan->lists)
        plan->train_rows = plan->lists;
    if (plan->train_rows > rows)
        plan->train_rows = rows;
    plan->segment_rows = memory / 8 / record / NSKY_SEGMENT_BATCH * NSKY_SEGMENT_BATCH;
    if (plan->segment_rows > SEGMENT_ROWS_MAX)
        plan->segment_rows = SEGMENT_ROWS_MAX;
    if (plan->segment_rows < 16ull * NSKY_SEGMENT_BATCH)
        plan->segment_rows = 16ull * NSKY_SEGMENT_BATCH;
    plan->merge_bytes = memory / 8;
    if (plan->merge_bytes > MERGE_BYTES_MAX)
        plan->merge_bytes = MERGE_BYTES_MAX;
    if (plan->merge_bytes < MERGE_BYTES_MIN)
        plan->merge_bytes = MERGE_BYTES_MIN;
}

nsky_status nsky_index_choose(nsky_index_plan *out, uint64_t rows, uint32_t dim, uint32_t bits,
                              uint32_t lists, uint64_t memory_bytes_max, nsky_error *err)
{
    assert(out && err);
    *out = (nsky_index_plan){.memory_bytes = rows * dim * sizeof(float)};
    if (lists == 0 && rows < NSKY_FLAT_ROWS_MAX && out->memory_bytes <= memory_bytes_max) {
        snprintf(out->kind, sizeof out->kind, "Flat");
        return NSKY_OK;
    }
    out->lists = lists ? lists : list_count(rows);
    if (out->lists > rows)
        out->lists = (uint32_t)rows;
    out->bits = bits ? bits : 8;
    const uint32_t coded_max = out->bits == 8 ? CODED_MAX_8 : CODED_MAX_4;
    out->coded = (dim + 15) / 16 * 16;
    if (out->coded > coded_max)
        out->coded = coded_max;
    while (serving_bytes(out, rows) > memory_bytes_max && out->coded > CODED_MIN)
        out->coded = out->coded / 2 < CODED_MIN ? CODED_MIN : out->coded / 32 * 16;
    out->memory_bytes = serving_bytes(out, rows);
    if (out->memory_bytes > memory_bytes_max)
        return nsky_fail(err, NSKY_ELIMIT,
                         "an index of %llu rows needs about %.1f GB; give --memory more than that",
                         (unsigned long long)rows, (double)out->memory_bytes / 1e9);
    fit_build(out, rows, memory_bytes_max);
    snprintf(out->kind, sizeof out->kind, "Lists%u,PCA%u,%ubit", out->lists, out->coded, out->bits);
    return NSKY_OK;
}

/* Neighbours are what most people ask for, and a graph finds them several times faster than lists
 * in twice their memory; filters and rankings stay with the lists. */
void nsky_index_choose_graph(nsky_index_plan *plan, uint64_t rows, uint32_t dim, nsky_knn_wish wish,
                             uint64_t memory_bytes_max)
{
    const uint64_t graph =
        nsky_knn_bytes(rows, dim, nsky_knn_coded(dim), NSKY_KNN_DEGREE) + rows * 32;
    const uint64_t vectors = rows * dim * 2;
    const size_t used = strlen(plan->kind);
    if (plan->lists == 0 || wish == NSKY_KNN_NO || rows >= NSKY_KNN_NONE ||
        (wish == NSKY_KNN_WHERE_IT_FITS && plan->memory_bytes + graph + vectors > memory_bytes_max))
        return;
    plan->graph = true;
    plan->memory_bytes += graph;
    snprintf(plan->kind + used, sizeof plan->kind - used, ",Graph%d", NSKY_KNN_DEGREE);
}
