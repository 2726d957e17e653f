/* nccl_abi.h (private) - what is used of NCCL 2's interface. Thread rule: NCCL's. */
#ifndef NSKY_CUDA_NCCL_ABI_H
#define NSKY_CUDA_NCCL_ABI_H

#include <stddef.h>

enum { NSKY_NCCL_SUCCESS = 0, NSKY_NCCL_SUM = 0, NSKY_NCCL_BYTE = 0, NSKY_NCCL_FLOAT32 = 7 };

typedef struct nsky_nccl_id {
    char internal[128];
} nsky_nccl_id;

/* Results and enumerations are ints, a communicator is a pointer, and so is a stream. */
typedef int nsky_nccl_version_fn(int *version);
typedef int nsky_nccl_id_fn(nsky_nccl_id *id);
typedef int nsky_nccl_init_fn(void **comm, int count, nsky_nccl_id id, int rank);
typedef int nsky_nccl_sum_fn(const void *from, void *to, size_t count, int type, int operation,
                             void *comm, void *stream);
typedef int nsky_nccl_gather_fn(const void *from, void *to, size_t count, int type, void *comm,
                                void *stream);
typedef int nsky_nccl_async_fn(void *comm, int *happened);
typedef int nsky_nccl_comm_fn(void *comm);
typedef const char *nsky_nccl_text_fn(int result);

#endif
