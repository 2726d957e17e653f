/* fake_nccl.c - a libnccl.so.2 of host memory: ranks of threads or processes share a file named by
 * the id, and sums are made at once, in the order of ranks. FAKE_NCCL=init or sum makes that call
 * fail in rank 1. Thread rule: a communicator one thread at a time. */
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
#define ROOM 4096 /* values at a time */
#define REMOTE_ERROR 6
#define INVALID_ARGUMENT 4

#define SHOWN __attribute__((visibility("default")))

/* Zeroed by its making; who comes last of the ranks lets the others go on. */
typedef struct shared {
    _Atomic uint32_t came, rounds;
    float values[RANKS][ROOM];
} shared;

typedef struct comm {
    shared *all;
    int count, rank;
} comm;

SHOWN nsky_nccl_version_fn ncclGetVersion;
SHOWN nsky_nccl_id_fn ncclGetUniqueId;
SHOWN nsky_nccl_init_fn ncclCommInitRank;
SHOWN nsky_nccl_sum_fn ncclAllReduce;
SHOWN nsky_nccl_async_fn ncclCommGetAsyncError;
SHOWN nsky_nccl_comm_fn ncclCommDestroy, ncclCommAbort;
SHOWN nsky_nccl_text_fn ncclGetErrorString;

static int fails(const char *call, int rank)
{
    const char *wanted = getenv("FAKE_NCCL");

    return wanted && strcmp(wanted, call) == 0 && rank == 1;
}

static void barrier(comm *c)
{
    uint32_t round = c->all->rounds;

    if (++c->all->came == (uint32_t)c->count) {
        c->all->came = 0;
        c->all->rounds++;
        return;
    }
    while (c->all->rounds == round)
        usleep(100);
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
    comm *c = malloc(sizeof *c);
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

int ncclAllReduce(const void *from, void *to, size_t count, int type, int operation, void *opaque,
                  void *stream)
{
    comm *c = opaque;
    const float *in = from;
    float *out = to;
    (void)stream;

    if (type != NSKY_NCCL_FLOAT32 || operation != NSKY_NCCL_SUM)
        return INVALID_ARGUMENT;
    if (fails("sum", c->rank))
        return REMOTE_ERROR;
    for (size_t first = 0; first < count; first += ROOM) {
        size_t n = count - first < ROOM ? count - first : ROOM;
        memcpy(c->all->values[c->rank], in + first, n * sizeof *in);
        barrier(c);
        for (size_t i = 0; i < n; i++) {
            float sum = 0;
            for (int rank = 0; rank < c->count; rank++)
                sum += c->all->values[rank][i];
            out[first + i] = sum;
        }
        barrier(c);
    }
    return 0;
}

int ncclCommGetAsyncError(void *opaque, int *happened)
{
    const comm *c = opaque;

    *happened = fails("later", c->rank) ? REMOTE_ERROR : 0;
    return 0;
}

static int end(void *opaque)
{
    comm *c = opaque;

    munmap(c->all, sizeof(shared));
    free(c);
    return 0;
}

int ncclCommDestroy(void *opaque)
{
    return end(opaque);
}

int ncclCommAbort(void *opaque)
{
    return end(opaque);
}

const char *ncclGetErrorString(int result)
{
    return result == REMOTE_ERROR ? "remote process exited or there was a network error"
                                  : "invalid argument";
}
