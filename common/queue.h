/* queue.h - a bounded queue of pointers between threads. Thread rule: any thread, any number. */
#ifndef NSKY_QUEUE_H
#define NSKY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

typedef struct nsky_queue nsky_queue;

NSKY_MUST_CHECK nsky_status nsky_queue_new(nsky_queue **out, uint32_t capacity, nsky_error *err);

/* Waits for room. false: the queue is closed and the item is still the caller's. */
bool nsky_queue_push(nsky_queue *queue, void *item);
/* Never waits. false: full or closed, and the item is still the caller's. */
bool nsky_queue_try_push(nsky_queue *queue, void *item);
/* Waits for an item. NULL: closed and drained. */
void *nsky_queue_pop(nsky_queue *queue);
/* Waits at most timeout_ms (0: not at all). NULL: nothing came, or closed and drained. */
void *nsky_queue_pop_timed(nsky_queue *queue, uint32_t timeout_ms);

/* After this pushes fail and pops drain what is left. Idempotent. */
void nsky_queue_close(nsky_queue *queue);
uint32_t nsky_queue_length(nsky_queue *queue);

/* The queue must be closed and no thread may be waiting in it; items left in it are not freed. */
void nsky_queue_free(nsky_queue *queue);

#endif
