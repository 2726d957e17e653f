/* build_faiss.c - build_private.h: an index by a factory string of FAISS, and the flat one of small
 * generations. */
#include <stdlib.h>
#include <string.h>

#include "common/half.h"
#include "common/memory.h"
#include "common/progress.h"
#include "index/build_private.h"
#include "index/faiss_index.h"
#include "index/stop.h"

#define ADD_BLOCK_ROWS 8192
#define NPROBE_FIRST 4
#define TRAIN_ROWS_MAX 400000

/* Every stride-th row: catalogues are ordered by brightness or by sky, and all must be seen. */
static nsky_status train(const nsky_build *b, nsky_faiss *faiss, nsky_error *err)
{
    const uint64_t count = b->from->rows < TRAIN_ROWS_MAX ? b->from->rows : TRAIN_ROWS_MAX;
    if (strcmp(b->plan.kind, "Flat") == 0)
        return NSKY_OK;
    float *sample = nsky_alloc(count * b->from->dim, sizeof *sample, err);
    if (!sample)
        return err->status;
    for (uint64_t i = 0; i < count; i++)
        nsky_generation_vector(b->from, i * b->from->rows / count, sample + i * b->from->dim);
    nsky_status status = nsky_faiss_train(faiss, sample, count, err);
    nsky_free(sample);
    return status;
}

static nsky_status add_all(const nsky_build *b, nsky_faiss *faiss, nsky_error *err)
{
    const uint64_t rows = b->from->rows;
    const uint32_t dim = b->from->dim;
    nsky_status status = NSKY_OK;
    float *block = nsky_alloc((size_t)ADD_BLOCK_ROWS * dim, sizeof *block, err);
    if (!block)
        return err->status;
    nsky_progress *progress = nsky_progress_start("index", "vectors", rows);
    for (uint64_t first = 0; first < rows && status == NSKY_OK; first += ADD_BLOCK_ROWS) {
        uint64_t count = rows - first < ADD_BLOCK_ROWS ? rows - first : ADD_BLOCK_ROWS;
        for (uint64_t i = 0; i < count; i++)
            nsky_vectors_read(&b->from->vectors, first + i, block + i * dim);
        if ((status = nsky_index_check_stop(b->options->stop, err)) == NSKY_OK)
            status = nsky_faiss_add(faiss, block, count, err);
        nsky_progress_add(progress, count);
    }
    nsky_progress_end(progress);
    nsky_free(block);
    return status;
}

/* Doubles the lists visited until the target is met or all are. */
static nsky_status measure(nsky_build *b, nsky_faiss *faiss, nsky_error *err)
{
    const nsky_rerank rerank = {faiss, &b->scan, b->scan.vectors.rows};
    const double target = b->options->recall_target > 0 ? b->options->recall_target : 0.95;
    if (b->faiss_lists == 0)
        return nsky_recall_measure(&rerank, &b->recall, err);
    nsky_status status = NSKY_OK;
    for (b->nprobe = NPROBE_FIRST; status == NSKY_OK; b->nprobe *= 2) {
        if (b->nprobe > b->faiss_lists)
            b->nprobe = b->faiss_lists;
        if ((status = nsky_index_check_stop(b->options->stop, err)) == NSKY_OK &&
            (status = nsky_faiss_set(faiss, "nprobe", b->nprobe, err)) == NSKY_OK)
            status = nsky_recall_measure(&rerank, &b->recall, err);
        if (!(b->recall.at_10 < target) || b->nprobe == b->faiss_lists)
            break;
    }
    return status;
}

/* Of "...,IVF4096,...": FAISS refuses what makes no sense. */
static uint32_t lists_of(const char *factory)
{
    const char *lists = strstr(factory, "IVF");
    unsigned long count = lists ? strtoul(lists + strlen("IVF"), NULL, 10) : 0;
    return count <= UINT32_MAX ? (uint32_t)count : 0;
}

nsky_status nsky_build_faiss(nsky_build *b, nsky_error *err)
{
    nsky_faiss *faiss = NULL;
    char *path = nsky_format(err, "%s/" NSKY_FAISS_FILE, b->work->path);
    if (!path)
        return err->status;
    b->faiss_lists = lists_of(b->plan.kind);
    nsky_status status = nsky_faiss_new(&faiss, b->from->dim, b->plan.kind, err);
    if (status == NSKY_OK && (status = train(b, faiss, err)) == NSKY_OK &&
        (status = add_all(b, faiss, err)) == NSKY_OK &&
        (status = measure(b, faiss, err)) == NSKY_OK)
        status = nsky_faiss_write(faiss, path, err);
    nsky_faiss_free(faiss);
    nsky_free(path);
    return status;
}

void nsky_build_faiss_describe(const nsky_build *b, nsky_json *index)
{
    nsky_json_put_string(index, "faiss", NSKY_FAISS_TEXT);
    nsky_json_put_integer(index, "lists", b->faiss_lists);
    nsky_json_put_integer(index, "nprobe", b->nprobe);
}
