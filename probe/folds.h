/* folds.h - who is held out when. Thread rule: pure functions. */
#ifndef NSKY_PROBE_FOLDS_H
#define NSKY_PROBE_FOLDS_H

#include <stdint.h>

#include "common/error.h"

#define NSKY_CLASSES_MAX 256

/* fold [n] in 0..folds-1, every class spread evenly, drawn by seed. label [n] below classes, or
 * NULL: one class. */
NSKY_MUST_CHECK nsky_status nsky_folds_stratified(uint32_t *fold, const uint32_t *label, uint32_t n,
                                                  uint32_t classes, uint32_t folds, uint64_t seed,
                                                  nsky_error *err);

/* order [n] becomes a shuffle of 0..n-1 drawn by (seed, stream). */
void nsky_shuffle(uint32_t *order, uint32_t n, uint64_t seed, uint32_t stream);

#endif
