/* work.h (private) - a generation being prepared. Thread rule: belongs to one thread. */
#ifndef NSKY_STORE_WORK_H
#define NSKY_STORE_WORK_H

#include "store/generation.h"
#include "store/lock.h"

#define NSKY_SHARED_MAX 32

/* A file that is a link to an older generation's, with what that manifest says of it. */
typedef struct nsky_shared {
    char name[64], sha256[65];
    uint64_t device, inode;
    int64_t bytes;
} nsky_shared;

/* What a nsky_generation_work really is. */
typedef struct nsky_work {
    nsky_generation_work face; /* first: one pointer is the other */
    nsky_lock lock;
    nsky_shared shared[NSKY_SHARED_MAX];
    uint32_t shared_count;
} nsky_work;

#endif
