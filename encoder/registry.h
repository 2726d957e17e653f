/* registry.h (private) - which back ends there are, and the choice among them. Thread rule: any
 * thread.
 */
#ifndef NSKY_REGISTRY_H
#define NSKY_REGISTRY_H

#include "encoder/backend.h"
#include "encoder/train/ops.h"

/* "auto" takes the fastest that has the precision; where a CUDA module cannot be used it says why,
 * once a process. ref is always fp32: *precision says what runs.
 * NSKY_EDEVICE: no such device, or not with this precision; the text names those there are. */
NSKY_MUST_CHECK nsky_status nsky_registry_choose(const nsky_backend_ops **out, const char *device,
                                                 nsky_precision *precision, nsky_error *err);

/* Likewise what trains. The precision is as asked. */
NSKY_MUST_CHECK nsky_status nsky_registry_choose_training(const nsky_train_ops **out,
                                                          const char *device,
                                                          nsky_precision precision,
                                                          nsky_error *err);

#endif
