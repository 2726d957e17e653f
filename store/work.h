/* work.h (private) - a generation being prepared. Thread rule: belongs to one thread. */
#ifndef NSKY_STORE_WORK_H
#define NSKY_STORE_WORK_H

#include "store/generation.h"
#include "store/lock.h"

/* What a nsky_generation_work really is. */
typedef struct nsky_work {
    nsky_generation_work face; /* first: one pointer is the other */
    nsky_lock lock;
} nsky_work;

#endif
