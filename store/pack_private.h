/* pack_private.h (private) - what pack.c and pack_write.c share: the header of a pack. */
#ifndef NSKY_STORE_PACK_PRIVATE_H
#define NSKY_STORE_PACK_PRIVATE_H

#include "store/bytes.h"
#include "store/pack.h"

#define NSKY_PACK_VERSION 1

/* "NSKYPACK", version u32, number u32. */
static inline void nsky_pack_fill_header(uint8_t out[NSKY_PACK_HEADER_BYTES], uint32_t number)
{
    memcpy(out, "NSKYPACK", 8);
    nsky_put_u32(out + 8, NSKY_PACK_VERSION);
    nsky_put_u32(out + 12, number);
}

NSKY_MUST_CHECK nsky_status nsky_pack_check_header(int fd, const char *path, uint32_t number,
                                                   nsky_error *err);

#endif
