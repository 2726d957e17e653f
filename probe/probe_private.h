/* probe_private.h (private) - what reading and writing a probe share. */
#ifndef NSKY_PROBE_PRIVATE_H
#define NSKY_PROBE_PRIVATE_H

#include "probe/probe.h"

#define NSKY_PROBE_FORMAT_NAME "nearsky-probe"

/* NULL for NULL, or out of memory. */
nsky_json *nsky_probe_json_copy(const nsky_json *value);

#endif
