/* pool.h (private) - threads that work through numbered tasks together, and hand in in order.
 * Thread rule: new, run and free from one thread; turns from within tasks. */
#ifndef NSKY_TRAIN_POOL_H
#define NSKY_TRAIN_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

typedef struct nsky_pool nsky_pool;

/* worker: 0 .. threads - 1, one task at a time each. */
typedef nsky_status nsky_pool_task(void *context, uint32_t worker, uint32_t task, nsky_error *err);

NSKY_MUST_CHECK nsky_status nsky_pool_new(nsky_pool **out, uint32_t threads, nsky_error *err);
void nsky_pool_free(nsky_pool *pool); /* NULL is a no-op */

/* Tasks 0 .. count - 1, begun in order. After an error no more are begun; the first one is told. */
NSKY_MUST_CHECK nsky_status nsky_pool_run(nsky_pool *pool, nsky_pool_task *task, void *context,
                                          uint32_t count, nsky_error *err);

/* Waits until all tasks before this one have ended their turns. false: one of them failed and never
 * will; return an error of its own (NSKY_ECANCELLED), which nobody sees. Each task must take its
 * turn exactly once, or fail, if any does. */
bool nsky_pool_begin_turn(nsky_pool *pool, uint32_t task);
void nsky_pool_end_turn(nsky_pool *pool, uint32_t task);

#endif
