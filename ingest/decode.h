/* decode.h - one picture file of one object, on disk or uploaded, to a stamp. */
#ifndef NSKY_DECODE_H
#define NSKY_DECODE_H

#include <stddef.h>

#include "common/error.h"
#include "common/sky.h"
#include "image/stamp.h"

#define NSKY_UPLOAD_BYTES_MAX (64u << 20)

typedef struct nsky_decoded {
    nsky_stamp *stamp; /* owned; free with nsky_decoded_clear */
    nsky_sky position; /* NaN when unknown */
    char survey[32];   /* header SURVEY, or "" */
    char notes[256];   /* what was assumed or left out, for people; "" for nothing */
} nsky_decoded;

/* FITS cube (any band order), multi-HDU cutout, JPEG or PNG, by content. `what` names it in errors.
 */
NSKY_MUST_CHECK nsky_status nsky_decode_memory(nsky_decoded *out, const void *data, size_t bytes,
                                               const char *what, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_decode_file(nsky_decoded *out, const char *path, nsky_error *err);
void nsky_decoded_clear(nsky_decoded *decoded);

#endif
