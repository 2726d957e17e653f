/* lock.h (private) - the store's one writer: flock on STORE/lock, which the kernel releases when
 * the holder dies. Thread rule: a lock belongs to one thread. */
#ifndef NSKY_STORE_LOCK_H
#define NSKY_STORE_LOCK_H

#include "common/error.h"

/* {0} or released: not held. */
typedef struct nsky_lock {
    int fd_plus_1;
} nsky_lock;

/* NSKY_EBUSY names the process that holds it. */
NSKY_MUST_CHECK nsky_status nsky_lock_take(nsky_lock *out, const char *store, nsky_error *err);
void nsky_lock_release(nsky_lock *lock);

#endif
