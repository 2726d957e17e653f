/* bundled.h - private: the weights that come with nearsky, and the guard beside weights. */
#ifndef NSKY_CLI_BUNDLED_H
#define NSKY_CLI_BUNDLED_H

#include "common/error.h"

/* Beside the source (the binary is in its build folder) or in the installation; NULL: nowhere. The
 * caller frees it with nsky_free. */
char *nsky_cli_bundled_model(nsky_error *err);

/* Before the vectors, so that a server that takes up the new generation finds it. A model of no
 * file, and what is no store, are others' to judge. */
NSKY_MUST_CHECK nsky_status nsky_cli_keep_guard(const char *store, const char *model_path,
                                                nsky_error *err);

#endif
