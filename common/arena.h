/* arena.h - memory that is freed all at once: one block, planned at open, reset per request.
 * Thread rule: one thread at a time. */
#ifndef NSKY_ARENA_H
#define NSKY_ARENA_H

#include <stddef.h>

#include "common/error.h"

typedef struct nsky_arena nsky_arena;

/* capacity_bytes is a hard bound: the arena never grows. */
NSKY_MUST_CHECK nsky_status nsky_arena_new(nsky_arena **out, size_t capacity_bytes,
                                           nsky_error *err);

/* 16-byte aligned, uninitialised; NULL and NSKY_ELIMIT in err when full. Valid until reset or free.
 */
void *nsky_arena_alloc(nsky_arena *arena, size_t count, size_t item_bytes, nsky_error *err);
char *nsky_arena_format(nsky_arena *arena, nsky_error *err, const char *format, ...)
    NSKY_PRINTF(3, 4);

void nsky_arena_reset(nsky_arena *arena);
size_t nsky_arena_used_bytes(const nsky_arena *arena);
void nsky_arena_free(nsky_arena *arena);

#endif
