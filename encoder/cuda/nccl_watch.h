/* nccl_watch.h (private) - who of the ranks is still there. Each holds a lock in the folder where
 * they met, which the system takes from a process that ends, however it does; so a rank that was
 * killed is missed within a second, even if it was started again, and one that only takes its time
 * never. Over a network's file
 * system that may take what its server takes to notice. Thread rule: as each function says. */
#ifndef NSKY_CUDA_NCCL_WATCH_H
#define NSKY_CUDA_NCCL_WATCH_H

#include "encoder/cuda/nccl.h"

typedef struct nsky_watch nsky_watch;

/* This rank is there, until end. NSKY_EBUSY: a process that runs is the same rank. NSKY_EIO. */
NSKY_MUST_CHECK nsky_status nsky_watch_begin(nsky_watch **out, const nsky_ranks_options *how,
                                             nsky_error *err);
/* Once all have begun: a rank that is gone without having been done, or NSKY_RANK_NONE. Any
 * thread. */
uint32_t nsky_watch_missing(nsky_watch *watch);
/* Looks again and again in a thread, and calls gone(context) there, once, when one is missing. */
NSKY_MUST_CHECK nsky_status nsky_watch_start(nsky_watch *watch, void (*gone)(void *), void *context,
                                             nsky_error *err);
void nsky_watch_stop(nsky_watch *watch); /* the thread, if there is one; not from within it */
/* done: the others have no more need of this rank. NULL is a no-op. */
void nsky_watch_end(nsky_watch *watch, bool done);

#endif
