/* deadline.h (private) - cuts connections that take too long, however busily: the HTTP library's
 * own timeout only sees silence, so a client that drips a byte now and then would stay for ever.
 * Thread rule: any thread. */
#ifndef NSKY_SERVER_DEADLINE_H
#define NSKY_SERVER_DEADLINE_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/error.h"

typedef struct nsky_deadlines nsky_deadlines; /* the watch and its thread */
typedef struct nsky_deadline nsky_deadline;   /* one connection's */

/* cut_count is counted up for every connection cut. */
NSKY_MUST_CHECK nsky_status nsky_deadlines_start(nsky_deadlines **out,
                                                 atomic_uint_fast64_t *cut_count, nsky_error *err);
void nsky_deadlines_stop(nsky_deadlines *deadlines); /* none may be left; NULL is a no-op */

/* NULL when out of memory: such a connection is not watched. */
nsky_deadline *nsky_deadline_add(nsky_deadlines *deadlines, int socket, uint32_t seconds);
void nsky_deadline_set(nsky_deadline *deadline, uint32_t seconds); /* from now; 0: none */
/* Before the socket is closed. NULL is a no-op. */
void nsky_deadline_remove(nsky_deadlines *deadlines, nsky_deadline *deadline);

uint64_t nsky_now_us(void); /* monotonic */

#endif
