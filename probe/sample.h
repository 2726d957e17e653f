/* sample.h (private) - some rows that stand for all of them. Thread rule: pure. */
#ifndef NSKY_PROBE_SAMPLE_H
#define NSKY_PROBE_SAMPLE_H

#include <stdint.h>

#include "common/error.h"

/* Rows of one run lie together on disk, so that 16 cost about as much to read as one. They are
 * neighbours on the sky, not in looks. */
#define NSKY_SAMPLE_RUN 16

/*
 * Rows below `rows` that are allowed (a bitmap; NULL: all), ascending: all of them where there are
 * no more than `most`, else runs of NSKY_SAMPLE_RUN of them, evenly spread, that come to at most
 * `most`. The caller frees *out with nsky_free. rows <= UINT32_MAX; NSKY_ENOMEM.
 */
NSKY_MUST_CHECK nsky_status nsky_sample_rows(uint32_t **out, uint32_t *count, uint64_t rows,
                                             const uint8_t *allowed, uint32_t most,
                                             nsky_error *err);

#endif
