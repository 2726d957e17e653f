/* picture_buffer.h (private) - what the JPEG and PNG halves of the codec share. */
#ifndef NSKY_PICTURE_BUFFER_H
#define NSKY_PICTURE_BUFFER_H

#include "image/codec.h"

/* NSKY_ELIMIT, naming `what`, unless a picture of this size may be decoded. */
NSKY_MUST_CHECK nsky_status nsky_picture_check_size(uint64_t width, uint64_t height,
                                                    const char *what, nsky_error *err);

NSKY_MUST_CHECK nsky_status nsky_jpeg_decode(nsky_picture **out, const void *data, size_t bytes,
                                             const char *what, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_png_decode(nsky_picture **out, const void *data, size_t bytes,
                                            const char *what, nsky_error *err);

#endif
