/* cuda.h (private) - the back end of backend.h on a card; what the module exports and the tests run
 * on a host device. Thread rule: as backend.h. */
#ifndef NSKY_CUDA_H
#define NSKY_CUDA_H

#include "encoder/backend.h"

extern const nsky_backend_ops nsky_backend_cuda;

#endif
