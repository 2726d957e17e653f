/* nccl.h (private) - one training by several processes, a card each: gradients summed over them.
 *
 * The processes are ranks 0 .. count - 1. They meet in a folder that all of them can write (on one
 * machine any will do, between machines a shared one); then NCCL, loaded at run time, joins their
 * cards. With gradients scaled by the whole batch before they are summed, ranks together make the
 * step that one would. Starting alike and adding the same sums, ranks stay alike to the last bit;
 * another number of ranks adds in another order, and has other last bits. A rank that ends before
 * it is done is missed by the others, who then wait for nothing more (nccl_watch.h). People count
 * ranks from 1 (--rank 1/4), as messages do. Thread rule: one thread at a time; a process may be
 * several ranks, each in a thread of its own.
 */
#ifndef NSKY_CUDA_NCCL_H
#define NSKY_CUDA_NCCL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_RANKS_MAX 1024u
#define NSKY_RANK_NONE UINT32_MAX
#define NSKY_NCCL_ENV "NEARSKY_NCCL" /* a path, instead of libnccl.so.2 */

typedef struct nsky_ranks nsky_ranks;

typedef struct nsky_ranks_options {
    const char *folder; /* made where it is absent; what an earlier run left there is no harm */
    uint32_t rank, count;
    double timeout_s;        /* for the others to come */
    const atomic_bool *stop; /* may be NULL */
} nsky_ranks_options;

/*
 * Waits until all ranks are there, then joins them; the calling thread's card is taken.
 * NSKY_EINVAL     no such rank
 * NSKY_EDEVICE    no NCCL, or it failed: the text has the remedy
 * NSKY_EBUSY      some rank did not come in time, or is gone again: the text says which; or a
 *                 process that runs is the same rank
 * NSKY_ECANCELLED stopped while waiting
 * NSKY_EIO        the folder
 */
NSKY_MUST_CHECK nsky_status nsky_ranks_join(nsky_ranks **out, const nsky_ranks_options *options,
                                            nsky_error *err);

/* values [count] float32, device memory: in place the sum over all ranks, in the stream's order
 * (nsky_dev_stream). Every rank calls it with the same count. NSKY_EDEVICE: another rank, or the
 * connection, is lost; end all ranks and resume from the checkpoint. */
NSKY_MUST_CHECK nsky_status nsky_ranks_sum(nsky_ranks *ranks, float *values, size_t count,
                                           void *stream, nsky_error *err);
/* whole [ranks, bytes_each], device memory: every rank has written its own part, and gets all.
 * Likewise. */
NSKY_MUST_CHECK nsky_status nsky_ranks_gather(nsky_ranks *ranks, void *whole, size_t bytes_each,
                                              void *stream, nsky_error *err);
/* Once what was put into the stream was waited for: whether it went well. A wait ends, if not
 * well, soon after another rank is gone. */
NSKY_MUST_CHECK nsky_status nsky_ranks_check(nsky_ranks *ranks, nsky_error *err);

/* Of `whole` things (a batch's sub-batches) a rank's are [first, end): contiguous, together all of
 * them, sizes that differ by one at most. */
void nsky_ranks_share(uint32_t rank, uint32_t count, uint32_t whole, uint32_t *first,
                      uint32_t *end);

/* done: all ranks leave here, with nothing under way. Else the others will miss this one, and it
 * does not wait for them. NULL is a no-op. */
void nsky_ranks_leave(nsky_ranks *ranks, bool done);

/* NSKY_EINVAL: no such rank. */
NSKY_MUST_CHECK nsky_status nsky_ranks_valid(const nsky_ranks_options *options, nsky_error *err);

/* --- meeting (nccl_meet.c): a message of rank 0's to all, for whatever they join by --- */

#define NSKY_MEET_BYTES 128u

/* message: rank 0 gives it, the others get it, and it is the one of the rank 0 that knows of them:
 * files of earlier runs mislead nobody. Errors as join. */
NSKY_MUST_CHECK nsky_status nsky_ranks_meet(const nsky_ranks_options *options,
                                            uint8_t message[NSKY_MEET_BYTES], nsky_error *err);

#endif
