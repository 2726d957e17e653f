/* fake_nccl.c - a libnccl.so.2 of host memory: ranks of threads or processes share a file named by
 * the id, and sums are made in the order of ranks. Within a program that has host_device.c, what is
 * given a stream happens there in its turn; else, and without a stream, at once. A rank that waits
 * goes on, with what it has, once its communicator is aborted. FAKE_NCCL=init or sum makes that
 * call fail in rank 1. Thread rule: a communicator one thread at a time, but for abort. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "encoder/cuda/nccl_abi.h"

#define RANKS 8
#define ROOM 16384 /* bytes at a time */
#define REMOTE_ERROR 6
#define INVALID_ARGUMENT 4

#define SHOWN __attribute__((visibility("default")))

/* Of host_device.c, where there is one. */
__attribute__((weak)) int host_start(void *stream, void (*run)(const void *args), const void *args,
                                     size_t bytes);

/* Zeroed by its making; who comes last of the ranks lets the others go on. */
typedef struct shared {
    _Atomic uint32_t came, rounds;
    char bytes[RANKS][ROOM];
} shared;

typedef struct comm {
    shared *all;
    int count, rank;
    _Atomic int aborted;
    struct comm *next; /* of those that were aborted: what waits in streams may still name them */
} comm;

/* A collective call, as it lies in a stream. */
typedef struct work {
    comm *c;
    const char *from;
    char *to;
    size_t bytes;
} work;

SHOWN nsky_nccl_version_fn ncclGetVersion;
SHOWN nsky_nccl_id_fn ncclGetUniqueId;
SHOWN nsky_nccl_init_fn ncclCommInitRank;
SHOWN nsky_nccl_sum_fn ncclAllReduce;
SHOWN nsky_nccl_gather_fn ncclAllGather;
SHOWN nsky_nccl_async_fn ncclCommGetAsyncError;
SHOWN nsky_nccl_comm_fn ncclCommDestroy, ncclCommAbort;
SHOWN nsky_nccl_text_fn ncclGetErrorString;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static comm *aborted_ones;

static int fails(const char *call, int rank)
{
    const char *wanted = getenv("FAKE_NCCL");

    return wanted && strcmp(wanted, call) == 0 && rank == 1;
}

static void barrier(comm *c)
{
    uint32_t round = c->all->rounds;

    if (c->aborted)
        return;
    if (++c->all->came == (uint32_t)c->count) {
        c->all->came = 0;
        c->all->rounds++;
        return;
    }
    while (c->all->rounds == round && !c->aborted)
        usleep(50);
}

int ncclGetVersion(int *version)
{
    *version = getenv("FAKE_NCCL_OLD") ? 20400 : 22703;
    return 0;
}

int ncclGetUniqueId(nsky_nccl_id *id)
{
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return INVALID_ARGUMENT;
    memset(id, 0, sizeof *id);
    snprintf(id->internal, sizeof id->internal, "/nsky-fake-nccl-%016llx",
             (unsigned long long)number);
    return 0;
}

int ncclCommInitRank(void **out, int count, nsky_nccl_id id, int rank)
{
    if (fails("init", rank) || count > RANKS)
        return REMOTE_ERROR;
    int file = shm_open(id.internal, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof(shared)) != 0)
        return INVALID_ARGUMENT;
    comm *c = calloc(1, sizeof *c);
    c->all = mmap(NULL, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    c->count = count;
    c->rank = rank;
    close(file);
    barrier(c);
    if (rank == 0)
        shm_unlink(id.internal);
    *out = c;
    return 0;
}

static void run_sum(const void *opaque)
{
    const work *w = opaque;
    comm *c = w->c;

    for (size_t first = 0; first < w->bytes; first += ROOM) {
        size_t n = w->bytes - first < ROOM ? w->bytes - first : ROOM;
        memcpy(c->all->bytes[c->rank], w->from + first, n);
        barrier(c);
        for (size_t i = 0; i < n; i += sizeof(float)) {
            float sum = 0, value;
            for (int rank = 0; rank < c->count; rank++) {
                memcpy(&value, c->all->bytes[rank] + i, sizeof value);
                sum += value;
            }
            memcpy(w->to + first + i, &sum, sizeof sum);
        }
        barrier(c);
    }
}

static void run_gather(const void *opaque)
{
    const work *w = opaque;
    comm *c = w->c;

    for (size_t first = 0; first < w->bytes; first += ROOM) {
        size_t n = w->bytes - first < ROOM ? w->bytes - first : ROOM;
        memcpy(c->all->bytes[c->rank], w->from + first, n);
        barrier(c);
        for (int rank = 0; rank < c->count; rank++)
            memcpy(w->to + (size_t)rank * w->bytes + first, c->all->bytes[rank], n);
        barrier(c);
    }
}

static int start(void (*run)(const void *args), const work *w, void *stream)
{
    if (stream && host_start)
        return host_start(stream, run, w, sizeof *w);
    run(w);
    return 0;
}

int ncclAllReduce(const void *from, void *to, size_t count, int type, int operation, void *opaque,
                  void *stream)
{
    const work w = {opaque, from, to, count * sizeof(float)};

    if (type != NSKY_NCCL_FLOAT32 || operation != NSKY_NCCL_SUM)
        return INVALID_ARGUMENT;
    if (fails("sum", w.c->rank))
        return REMOTE_ERROR;
    return start(run_sum, &w, stream);
}

int ncclAllGather(const void *from, void *to, size_t count, int type, void *opaque, void *stream)
{
    const work w = {opaque, from, to, count};

    if (type != NSKY_NCCL_BYTE)
        return INVALID_ARGUMENT;
    return start(run_gather, &w, stream);
}

int ncclCommGetAsyncError(void *opaque, int *happened)
{
    const comm *c = opaque;

    *happened = fails("later", c->rank) ? REMOTE_ERROR : 0;
    return 0;
}

/* As NCCL's, it waits until all do. */
int ncclCommDestroy(void *opaque)
{
    comm *c = opaque;

    barrier(c);
    munmap(c->all, sizeof(shared));
    free(c);
    return 0;
}

/* From any thread: another may be waiting in a barrier, and works may lie in a stream. */
int ncclCommAbort(void *opaque)
{
    comm *c = opaque;

    c->aborted = 1;
    pthread_mutex_lock(&lock);
    c->next = aborted_ones;
    aborted_ones = c;
    pthread_mutex_unlock(&lock);
    return 0;
}

const char *ncclGetErrorString(int result)
{
    return result == REMOTE_ERROR ? "remote process exited or there was a network error"
                                  : "invalid argument";
}
