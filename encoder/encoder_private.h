/* encoder_private.h (private) - an encoder on a given back end: for the registry's choice, and for
 * tests with a back end of their own. */
#ifndef NSKY_ENCODER_PRIVATE_H
#define NSKY_ENCODER_PRIVATE_H

#include "encoder/backend.h"

NSKY_MUST_CHECK nsky_status nsky_encoder_open_on(nsky_encoder **out, const nsky_model *model,
                                                 const nsky_backend_ops *ops,
                                                 nsky_precision precision, uint32_t size,
                                                 nsky_error *err);

#endif
