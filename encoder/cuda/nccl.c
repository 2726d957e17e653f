/* nccl.c - see nccl.h. Of NCCL's interface only what is used is declared here, as NCCL 2 has it
 * since its beginning, so that neither its header nor its library is needed to build (a test
 * compares with the header where there is one). Thread rule: one thread at a time. */
#include "encoder/cuda/nccl.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/memory.h"
#include "encoder/cuda/nccl_abi.h"
#include "encoder/cuda/nccl_watch.h"

#define LIBRARY "libnccl.so.2"
#define VERSION_MIN 20700 /* 2.7: in place sums, errors of other ranks */
#define LEAVE_S 30.0      /* for the others to leave, too */
#define TURN_S 2          /* for a call to come back, before it is ended from outside */
#define POLL_NS 10000000L

typedef struct library {
    nsky_nccl_version_fn *version;
    nsky_nccl_id_fn *id;
    nsky_nccl_init_fn *init;
    nsky_nccl_sum_fn *sum;
    nsky_nccl_gather_fn *gather;
    nsky_nccl_async_fn *async;
    nsky_nccl_comm_fn *destroy, *abort;
    nsky_nccl_text_fn *text;
} library;

struct nsky_ranks {
    _Atomic(void *) comm; /* NULL: given up; whoever takes it ends it */
    uint32_t rank, count;
    nsky_watch *watch;
    pthread_mutex_t turn; /* of calls with comm; see give_up */
    atomic_bool failed;
    atomic_uint gone; /* the rank for which it was given up, or NSKY_RANK_NONE */
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
        !FIND(handle, "ncclAllGather", gather) || !FIND(handle, "ncclCommGetAsyncError", async) ||
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

/* --- calls that wait for the others, in a thread that is left behind if they never come --- */

typedef struct call {
    atomic_int users; /* the last one frees it */
    atomic_bool over;
    int code;
    bool joins; /* else it leaves */
    nsky_nccl_id id;
    int rank, count;
    void *comm;
} call;

static void call_release(call *c)
{
    if (atomic_fetch_sub(&c->users, 1) == 1)
        nsky_free(c);
}

static void *call_run(void *payload)
{
    call *c = payload;

    c->code = c->joins ? nccl.init(&c->comm, c->count, c->id, c->rank) : nccl.destroy(c->comm);
    atomic_store(&c->over, true);
    call_release(c);
    return NULL;
}

/* True: it is over, and what came of it is in c. */
static bool call_wait(call *c, nsky_watch *watch, double timeout_s)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    double began_s = nsky_now_s();
    pthread_t thread;

    atomic_store(&c->users, 2);
    if (pthread_create(&thread, NULL, call_run, c) != 0) {
        atomic_store(&c->users, 1);
        return false;
    }
    pthread_detach(thread);
    while (!atomic_load(&c->over) && nsky_now_s() - began_s < timeout_s &&
           nsky_watch_missing(watch) == NSKY_RANK_NONE)
        nanosleep(&pause, NULL);
    return atomic_load(&c->over);
}

/* --- joining --- */

static nsky_status fail_missing(const nsky_ranks *r, nsky_status status, nsky_error *err)
{
    uint32_t missing = r->gone != NSKY_RANK_NONE ? r->gone : nsky_watch_missing(r->watch);

    if (missing == NSKY_RANK_NONE)
        return nsky_fail(err, status,
                         "the ranks could not be joined in time; end all that are left, and start "
                         "them again (NCCL_DEBUG=WARN says more)");
    return nsky_fail(err, status,
                     "rank %u/%u has ended; start all ranks again with the same words: they go on "
                     "from the last checkpoint",
                     missing + 1, r->count);
}

static nsky_status join_cards(nsky_ranks *r, const nsky_ranks_options *options,
                              const nsky_nccl_id *id, nsky_error *err)
{
    call *c = nsky_alloc_zero(1, sizeof *c, err);
    nsky_status status = NSKY_OK;

    if (!c)
        return err->status;
    c->joins = true;
    c->id = *id;
    c->rank = (int)r->rank;
    c->count = (int)r->count;
    if (!call_wait(c, r->watch, options->timeout_s))
        status = fail_missing(r, NSKY_EBUSY, err);
    else if (c->code != NSKY_NCCL_SUCCESS)
        status = fail(err, c->code, "joining the ranks' cards");
    else
        r->comm = c->comm;
    call_release(c);
    return status;
}

static struct timespec turn_until(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TURN_S;
    return until;
}

/* In the watch's thread: another rank is gone, and what waits for it on the card must end. A call
 * that has not come back by now waits for it, too. */
static void give_up(void *payload)
{
    nsky_ranks *r = payload;
    const struct timespec until = turn_until();
    bool mine = pthread_mutex_timedlock(&r->turn, &until) == 0;

    r->gone = nsky_watch_missing(r->watch);
    r->failed = true;
    void *comm = atomic_exchange(&r->comm, NULL);
    if (comm)
        (void)nccl.abort(comm);
    if (mine)
        pthread_mutex_unlock(&r->turn);
}

static nsky_status join(nsky_ranks *r, const nsky_ranks_options *options, nsky_error *err)
{
    nsky_nccl_id id = {{0}};
    uint8_t message[NSKY_MEET_BYTES] = {0};
    int code = NSKY_NCCL_SUCCESS;
    nsky_status status;

    _Static_assert(sizeof id == sizeof message, "what ranks meet for is NCCL's id");
    if ((status = nsky_watch_begin(&r->watch, options, err)) != NSKY_OK)
        return status;
    if (options->rank == 0 && (code = nccl.id(&id)) != NSKY_NCCL_SUCCESS)
        return fail(err, code, "a new id");
    memcpy(message, &id, sizeof id);
    if ((status = nsky_ranks_meet(options, message, err)) != NSKY_OK)
        return status;
    memcpy(&id, message, sizeof id);
    if ((status = join_cards(r, options, &id, err)) != NSKY_OK)
        return status;
    return nsky_watch_start(r->watch, give_up, r, err);
}

nsky_status nsky_ranks_join(nsky_ranks **out, const nsky_ranks_options *options, nsky_error *err)
{
    assert(out && options && options->folder && err);
    nsky_status status;
    nsky_ranks *r;

    *out = NULL;
    if ((status = nsky_ranks_valid(options, err)) != NSKY_OK || (status = load(err)) != NSKY_OK)
        return status;
    if (!(r = nsky_alloc_zero(1, sizeof *r, err)))
        return err->status;
    pthread_mutex_init(&r->turn, NULL);
    r->rank = options->rank;
    r->count = options->count;
    r->gone = NSKY_RANK_NONE;
    if ((status = join(r, options, err)) != NSKY_OK) {
        nsky_ranks_leave(r, false);
        return status;
    }
    *out = r;
    return NSKY_OK;
}

/* --- at work --- */

/* Under the turn. */
static nsky_status came(nsky_ranks *r, int code, const char *what, nsky_error *err)
{
    if (code == NSKY_NCCL_SUCCESS)
        return NSKY_OK;
    r->failed = true;
    if (r->gone != NSKY_RANK_NONE || nsky_watch_missing(r->watch) != NSKY_RANK_NONE)
        return fail_missing(r, NSKY_EDEVICE, err);
    return fail(err, code, what);
}

nsky_status nsky_ranks_sum(nsky_ranks *r, float *values, size_t count, void *stream,
                           nsky_error *err)
{
    assert(r && (values || count == 0) && err);
    pthread_mutex_lock(&r->turn);
    void *comm = r->comm;
    nsky_status status =
        comm ? came(r,
                    nccl.sum(values, values, count, NSKY_NCCL_FLOAT32, NSKY_NCCL_SUM, comm, stream),
                    "summing gradients", err)
             : fail_missing(r, NSKY_EDEVICE, err);
    pthread_mutex_unlock(&r->turn);
    return status;
}

nsky_status nsky_ranks_gather(nsky_ranks *r, void *whole, size_t bytes_each, void *stream,
                              nsky_error *err)
{
    assert(r && (whole || bytes_each == 0) && err);
    const char *mine = (const char *)whole + r->rank * bytes_each;

    pthread_mutex_lock(&r->turn);
    void *comm = r->comm;
    nsky_status status =
        comm ? came(r, nccl.gather(mine, whole, bytes_each, NSKY_NCCL_BYTE, comm, stream),
                    "gathering", err)
             : fail_missing(r, NSKY_EDEVICE, err);
    pthread_mutex_unlock(&r->turn);
    return status;
}

nsky_status nsky_ranks_check(nsky_ranks *r, nsky_error *err)
{
    assert(r && err);
    int happened = NSKY_NCCL_SUCCESS;
    nsky_status status;

    pthread_mutex_lock(&r->turn);
    void *comm = r->comm;
    if (comm) {
        int code = nccl.async(comm, &happened);
        status = came(r, code != NSKY_NCCL_SUCCESS ? code : happened, "a sum of gradients", err);
    } else {
        status = fail_missing(r, NSKY_EDEVICE, err);
    }
    pthread_mutex_unlock(&r->turn);
    return status;
}

void nsky_ranks_share(uint32_t rank, uint32_t count, uint32_t whole, uint32_t *first, uint32_t *end)
{
    assert(rank < count && first && end);
    *first = (uint32_t)((uint64_t)whole * rank / count);
    *end = (uint32_t)((uint64_t)whole * (rank + 1) / count);
}

/* Destroying waits for the others; aborting does not. */
static void leave_cards(nsky_ranks *r, void *comm, bool done)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    call *c = done ? nsky_alloc_zero(1, sizeof *c, &ignored) : NULL;

    if (!c) {
        (void)nccl.abort(comm);
        return;
    }
    c->comm = comm;
    (void)call_wait(c, r->watch, LEAVE_S);
    call_release(c);
}

void nsky_ranks_leave(nsky_ranks *r, bool done)
{
    if (!r)
        return;
    if (r->watch)
        nsky_watch_stop(r->watch);
    done = done && !r->failed;
    void *comm = atomic_exchange(&r->comm, NULL);
    if (comm)
        leave_cards(r, comm, done);
    nsky_watch_end(r->watch, done);
    pthread_mutex_destroy(&r->turn);
    nsky_free(r);
}
