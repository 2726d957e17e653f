/* embed_image.h - private: an image of one's own to a vector. */
#ifndef NSKY_CLI_EMBED_IMAGE_H
#define NSKY_CLI_EMBED_IMAGE_H

#include "common/error.h"

/* Through the very model that made the store's vectors; out [dim]. Notes on the image go to stderr.
 */
NSKY_MUST_CHECK nsky_status nsky_cli_embed_image(const char *store, const char *image,
                                                 const char *device, float *out, nsky_error *err);

#endif
