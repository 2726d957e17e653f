/* faiss_index.c - the only file that includes FAISS. See faiss_index.h for threads. */
#include "index/faiss_index.h"

#include <assert.h>
#include <stdio.h>

#include "common/memory.h"
#include "index/build.h"

#include <AutoTune_c.h>
#include <Index_c.h>
#include <error_c.h>
#include <index_factory_c.h>
#include <index_io_c.h>

struct nsky_faiss {
    FaissIndex *index;
    uint32_t dim;
};

static nsky_status failed(nsky_error *err, const char *what)
{
    const char *why = faiss_get_last_error();
    return nsky_fail(err, NSKY_EDATA, "FAISS could not %s: %s", what,
                     why ? why : "no reason given");
}

static nsky_status wrap(nsky_faiss **out, FaissIndex *index, uint32_t dim, nsky_error *err)
{
    *out = nsky_alloc_zero(1, sizeof **out, err);
    if (!*out) {
        faiss_Index_free(index);
        return err->status;
    }
    (*out)->index = index;
    (*out)->dim = dim;
    return NSKY_OK;
}

nsky_status nsky_faiss_new(nsky_faiss **out, uint32_t dim, const char *factory, nsky_error *err)
{
    assert(out && factory && err);
    FaissIndex *index = NULL;
    *out = NULL;
    if (faiss_index_factory(&index, (int)dim, factory, METRIC_L2) != 0) {
        const char *why = faiss_get_last_error();
        return nsky_fail(err, NSKY_EINVAL, "FAISS does not take the factory string \"%s\": %s",
                         factory, why ? why : "no reason given");
    }
    return wrap(out, index, dim, err);
}

nsky_status nsky_faiss_read(nsky_faiss **out, const char *path, uint32_t dim, uint64_t rows,
                            nsky_error *err)
{
    assert(out && path && err);
    FaissIndex *index = NULL;
    *out = NULL;
    if (faiss_read_index_fname(path, 0, &index) != 0) {
        const char *why = faiss_get_last_error();
        return nsky_fail(err, NSKY_EDATA,
                         "%s: not a readable index (%s); run `nearsky index` again", path,
                         why ? why : "no reason given");
    }
    if ((uint32_t)faiss_Index_d(index) != dim || (uint64_t)faiss_Index_ntotal(index) != rows) {
        nsky_status status = nsky_fail(
            err, NSKY_EMISMATCH,
            "%s: holds %lld vectors of %d numbers, not %llu of %u; run `nearsky index` again", path,
            (long long)faiss_Index_ntotal(index), faiss_Index_d(index), (unsigned long long)rows,
            dim);
        faiss_Index_free(index);
        return status;
    }
    return wrap(out, index, dim, err);
}

nsky_status nsky_faiss_write(const nsky_faiss *index, const char *path, nsky_error *err)
{
    if (faiss_write_index_fname(index->index, path) != 0) {
        const char *why = faiss_get_last_error();
        return nsky_fail(err, NSKY_EIO, "%s: %s", path, why ? why : "cannot write the index");
    }
    return NSKY_OK;
}

nsky_status nsky_faiss_train(nsky_faiss *index, const float *vectors, uint64_t count,
                             nsky_error *err)
{
    if (faiss_Index_is_trained(index->index))
        return NSKY_OK;
    return faiss_Index_train(index->index, (idx_t)count, vectors) == 0
               ? NSKY_OK
               : failed(err, "train the index");
}

nsky_status nsky_faiss_add(nsky_faiss *index, const float *vectors, uint64_t count, nsky_error *err)
{
    return faiss_Index_add(index->index, (idx_t)count, vectors) == 0
               ? NSKY_OK
               : failed(err, "add vectors to the index");
}

nsky_status nsky_faiss_set(nsky_faiss *index, const char *name, double value, nsky_error *err)
{
    FaissParameterSpace *space = NULL;
    if (faiss_ParameterSpace_new(&space) != 0)
        return failed(err, "make a parameter space");
    nsky_status status = NSKY_OK;
    if (faiss_ParameterSpace_set_index_parameter(space, index->index, name, value) != 0)
        status = failed(err, "set a search parameter");
    faiss_ParameterSpace_free(space);
    return status;
}

nsky_status nsky_faiss_search(const nsky_faiss *index, const float *queries, uint64_t count,
                              uint64_t k, int64_t *rows, nsky_error *err)
{
    float *distances = nsky_alloc(count * k, sizeof *distances, err);
    if (!distances)
        return err->status;
    nsky_status status = NSKY_OK;
    if (faiss_Index_search(index->index, (idx_t)count, queries, (idx_t)k, distances,
                           (idx_t *)rows) != 0)
        status = failed(err, "search the index");
    nsky_free(distances);
    return status;
}

void nsky_faiss_free(nsky_faiss *index)
{
    if (!index)
        return;
    faiss_Index_free(index->index);
    nsky_free(index);
}

void nsky_index_versions(char *out, size_t bytes)
{
    snprintf(out, bytes, "%s", NSKY_FAISS_TEXT);
}
