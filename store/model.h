/* model.h (private) - where the weights lie in a store. Thread rule: any thread. */
#ifndef NSKY_STORE_MODEL_H
#define NSKY_STORE_MODEL_H

#include "common/error.h"

/* "STORE/models/<first 16 hex of sha256>.safetensors"; the caller frees. NULL: out of memory. */
char *nsky_model_path(const char *store, const char *sha256, nsky_error *err);

#endif
