/* nccl.c - see nccl.h. Of NCCL's interface only what is used is declared here, as NCCL 2 has it
 * since its beginning, so that neither its header nor its library is needed to build (a test
 * compares with the header where there is one). Thread rule: one thread at a time. */
#include "encoder/cuda/nccl.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/nccl_abi.h"

#define LIBRARY "libnccl.so.2"
#define VERSION_MIN 20700 /* 2.7: in place sums, errors of other ranks */

typedef struct library {
    nsky_nccl_version_fn *version;
    nsky_nccl_id_fn *id;
    nsky_nccl_init_fn *init;
    nsky_nccl_sum_fn *sum;
    nsky_nccl_async_fn *async;
    nsky_nccl_comm_fn *destroy, *abort;
    nsky_nccl_text_fn *text;
} library;

struct nsky_ranks {
    void *comm;
    bool failed;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static library nccl;
static nsky_error reason = NSKY_ERROR_INIT; /* why there is none */

/* C has no cast from an object to a function. */
static bool find(void *handle, const char *name, void *function, size_t bytes)
{
    void *symbol = dlsym(handle, name);

    memcpy(function, &symbol, bytes);
    return symbol != NULL;
}

#define FIND(handle, name, member) find(handle, name, &nccl.member, sizeof nccl.member)

/* Never closed: its threads may be running. */
static void load_once(void)
{
    const char *given = getenv(NSKY_NCCL_ENV), *path = given ? given : LIBRARY;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int version = 0;

    if (!handle) {
        nsky_fail(&reason, NSKY_EDEVICE,
                  "NCCL cannot be opened (%.600s); install NCCL 2 (the Python package "
                  "nvidia-nccl-cu13 has it), set %s to its libnccl.so.2, or train on one card",
                  dlerror(), NSKY_NCCL_ENV);
        return;
    }
    if (!FIND(handle, "ncclGetVersion", version) || !FIND(handle, "ncclGetUniqueId", id) ||
        !FIND(handle, "ncclCommInitRank", init) || !FIND(handle, "ncclAllReduce", sum) ||
        !FIND(handle, "ncclCommGetAsyncError", async) ||
        !FIND(handle, "ncclCommDestroy", destroy) || !FIND(handle, "ncclCommAbort", abort) ||
        !FIND(handle, "ncclGetErrorString", text) || nccl.version(&version) != NSKY_NCCL_SUCCESS ||
        version < VERSION_MIN)
        nsky_fail(&reason, NSKY_EDEVICE, "%s is no NCCL of 2.7 or newer (%d); install one", path,
                  version);
}

static nsky_status load(nsky_error *err)
{
    pthread_once(&once, load_once);
    if (reason.status != NSKY_OK)
        *err = reason;
    return reason.status;
}

static nsky_status fail(nsky_error *err, int code, const char *what)
{
    return nsky_fail(err, NSKY_EDEVICE,
                     "NCCL: %s failed: %.300s; end all ranks and resume from the checkpoint "
                     "(NCCL_DEBUG=WARN says more)",
                     what, nccl.text(code));
}

nsky_status nsky_ranks_join(nsky_ranks **out, const nsky_ranks_options *options, nsky_error *err)
{
    assert(out && options && err);
    nsky_nccl_id id = {{0}};
    uint8_t message[NSKY_MEET_BYTES] = {0};
    int code = NSKY_NCCL_SUCCESS;
    nsky_status status;

    _Static_assert(sizeof id == sizeof message, "what ranks meet for is NCCL's id");
    *out = NULL;
    if ((status = load(err)) != NSKY_OK)
        return status;
    if (options->rank == 0 && (code = nccl.id(&id)) != NSKY_NCCL_SUCCESS)
        return fail(err, code, "a new id");
    memcpy(message, &id, sizeof id);
    if ((status = nsky_ranks_meet(options, message, err)) != NSKY_OK)
        return status;
    memcpy(&id, message, sizeof id);
    nsky_ranks *r = nsky_alloc_zero(1, sizeof *r, err);
    if (!r)
        return err->status;
    code = nccl.init(&r->comm, (int)options->count, id, (int)options->rank);
    if (code != NSKY_NCCL_SUCCESS) {
        nsky_free(r);
        return fail(err, code, "joining the ranks' cards");
    }
    *out = r;
    return NSKY_OK;
}

nsky_status nsky_ranks_sum(nsky_ranks *r, float *values, size_t count, void *stream,
                           nsky_error *err)
{
    assert(r && (values || count == 0) && err);
    int code = nccl.sum(values, values, count, NSKY_NCCL_FLOAT32, NSKY_NCCL_SUM, r->comm, stream);

    if (code == NSKY_NCCL_SUCCESS)
        return NSKY_OK;
    r->failed = true;
    return fail(err, code, "summing gradients");
}

nsky_status nsky_ranks_check(nsky_ranks *r, nsky_error *err)
{
    assert(r && err);
    int happened = NSKY_NCCL_SUCCESS;
    int code = nccl.async(r->comm, &happened);

    if (code == NSKY_NCCL_SUCCESS && happened == NSKY_NCCL_SUCCESS)
        return NSKY_OK;
    r->failed = true;
    return fail(err, code != NSKY_NCCL_SUCCESS ? code : happened, "a sum of gradients");
}

void nsky_ranks_share(uint32_t rank, uint32_t count, uint32_t whole, uint32_t *first, uint32_t *end)
{
    assert(rank < count && first && end);
    *first = (uint32_t)((uint64_t)whole * rank / count);
    *end = (uint32_t)((uint64_t)whole * (rank + 1) / count);
}

void nsky_ranks_leave(nsky_ranks *r)
{
    if (!r)
        return;
    /* Destroying waits for the others, who may be gone. */
    (void)(r->failed ? nccl.abort(r->comm) : nccl.destroy(r->comm));
    nsky_free(r);
}
