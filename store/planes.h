/* planes.h (private) - pixels as byte planes, which compress where floats do not.
 * Thread rule: pure functions over the caller's buffers. */
#ifndef NSKY_STORE_PLANES_H
#define NSKY_STORE_PLANES_H

#include <stddef.h>
#include <stdint.h>

#define NSKY_EXCEPTION_BYTES 8 /* index u32, float32 */

/* Scratch for `count` pixels. */
typedef struct nsky_planes {
    uint8_t *bytes;   /* [4 * count] */
    float *values;    /* [count] */
    uint16_t *halves; /* [count] */
} nsky_planes;

/* The power of two that brings the largest finite pixel just under float16's largest: float16 then
 * keeps its precision down to 2^-29 of it. */
int nsky_planes_exponent(const float *pixels, size_t count);

/* Fills p->bytes and returns how many: float16 of pixel * 2^exponent, low bytes then high bytes,
 * then *exceptions pixels it would not keep to 2^-11. 0: there are too many of those. */
size_t nsky_planes_put_half(const nsky_planes *p, const float *pixels, size_t count, int exponent,
                            uint32_t *exceptions);
/* The same for float32, four planes. */
size_t nsky_planes_put_float(const nsky_planes *p, const float *pixels, size_t count);

/* And back. NULL, or what is wrong. */
const char *nsky_planes_get_half(const nsky_planes *p, float *pixels, size_t count, int exponent,
                                 uint32_t exceptions);
void nsky_planes_get_float(const nsky_planes *p, float *pixels, size_t count);

#endif
