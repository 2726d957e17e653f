/* tasks.h - independent pieces of work on a few threads. */
#ifndef NSKY_PROBE_TASKS_H
#define NSKY_PROBE_TASKS_H

#include <stdint.h>

#include "common/error.h"

/* Calls work(payload, 0..count-1), in any order, on up to `threads` threads (0: one for each core)
 * and the caller's. The error is that of the lowest task that failed: the same for any number of
 * threads. */
NSKY_MUST_CHECK nsky_status nsky_tasks_run(uint32_t count, uint32_t threads,
                                           nsky_status (*work)(void *payload, uint32_t task,
                                                               nsky_error *err),
                                           void *payload, nsky_error *err);

#endif
