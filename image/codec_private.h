/* codec_private.h - the two decoders behind nsky_picture_decode. */
#ifndef NSKY_CODEC_PRIVATE_H
#define NSKY_CODEC_PRIVATE_H

#include "image/codec.h"

nsky_status nsky_jpeg_decode(nsky_picture **out, const void *data, size_t bytes, const char *what,
                             nsky_error *err);
nsky_status nsky_png_decode(nsky_picture **out, const void *data, size_t bytes, const char *what,
                            nsky_error *err);

#endif
