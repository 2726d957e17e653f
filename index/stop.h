/* stop.h - private: building ends when it is asked to, with the same words everywhere. */
#ifndef NSKY_INDEX_STOP_H
#define NSKY_INDEX_STOP_H

#include <stdatomic.h>

#include "common/error.h"

/* NSKY_ECANCELLED when *stop (may be NULL) is set. */
NSKY_MUST_CHECK static inline nsky_status nsky_index_check_stop(const atomic_bool *stop,
                                                                nsky_error *err)
{
    return stop && atomic_load(stop)
               ? nsky_fail(err, NSKY_ECANCELLED, "stopped; run `nearsky index` again")
               : NSKY_OK;
}

#endif
