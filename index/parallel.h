/* parallel.h - private: independent tasks on a few threads, for the length of one call. */
#ifndef NSKY_PARALLEL_H
#define NSKY_PARALLEL_H

#include <stdint.h>

#include "common/error.h"

#define NSKY_PARALLEL_MAX 64

/* thread < the number asked for: what a worker may use as the index of scratch of its own. */
typedef void (*nsky_parallel_task)(uint64_t task, uint32_t thread, void *payload);

/* asked, or one a core for 0; never more than there are tasks, nor than NSKY_PARALLEL_MAX; >= 1. */
uint32_t nsky_parallel_threads(uint32_t asked, uint64_t tasks);
/* Calls run(0..tasks - 1), each once, in no order; returns when all are done. The caller works too,
 * so that it gets done when no thread is to be had. */
void nsky_parallel(uint64_t tasks, uint32_t threads, nsky_parallel_task run, void *payload);

typedef nsky_status (*nsky_parallel_trial)(uint64_t task, uint32_t thread, void *payload,
                                           nsky_error *err);

/* The same of tasks that may fail: after one has, later ones are left out, and what the first of
 * all that fail (by its number, not by time) says is returned. */
NSKY_MUST_CHECK nsky_status nsky_parallel_try(uint64_t tasks, uint32_t threads,
                                              nsky_parallel_trial run, void *payload,
                                              nsky_error *err);

#endif
