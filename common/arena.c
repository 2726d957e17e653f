/* arena.c - memory that is freed all at once: one block and a mark that only moves forward.
 * Thread rule: one thread at a time. */
#include "common/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "common/memory.h"

#define ALIGNMENT_BYTES 16

struct nsky_arena {
    unsigned char *block; /* [capacity_bytes] */
    size_t capacity_bytes, used_bytes;
};

nsky_status nsky_arena_new(nsky_arena **out, size_t capacity_bytes, nsky_error *err)
{
    assert(out && err);
    *out = NULL;

    nsky_arena *arena = nsky_alloc_zero(1, sizeof *arena, err);
    if (!arena)
        return err->status;
    arena->block = nsky_alloc_aligned(capacity_bytes, 1, err);
    if (!arena->block) {
        nsky_free(arena);
        return err->status;
    }
    arena->capacity_bytes = capacity_bytes;
    *out = arena;
    return NSKY_OK;
}

/* First free offset that is aligned; may lie past the end. */
static size_t aligned_mark(const nsky_arena *arena)
{
    size_t past = arena->used_bytes % ALIGNMENT_BYTES;
    return past ? arena->used_bytes + ALIGNMENT_BYTES - past : arena->used_bytes;
}

void *nsky_arena_alloc(nsky_arena *arena, size_t count, size_t item_bytes, nsky_error *err)
{
    assert(arena && err);
    size_t bytes, end, start = aligned_mark(arena);

    if (!nsky_mul_size(count, item_bytes, &bytes) || !nsky_add_size(start, bytes, &end) ||
        end > arena->capacity_bytes) {
        nsky_fail(err, NSKY_ELIMIT,
                  "arena full: %zu items of %zu bytes do not fit beside %zu of %zu bytes", count,
                  item_bytes, arena->used_bytes, arena->capacity_bytes);
        return NULL;
    }
    arena->used_bytes = end;
    return arena->block + start;
}

char *nsky_arena_format(nsky_arena *arena, nsky_error *err, const char *format, ...)
{
    assert(arena && err && format);
    va_list args;

    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0); /* only a broken format string gives less */

    char *text = nsky_arena_alloc(arena, (size_t)length + 1, 1, err);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

void nsky_arena_reset(nsky_arena *arena)
{
    assert(arena);
    arena->used_bytes = 0;
}

size_t nsky_arena_used_bytes(const nsky_arena *arena)
{
    assert(arena);
    return arena->used_bytes;
}

void nsky_arena_free(nsky_arena *arena)
{
    if (!arena)
        return;
    nsky_free(arena->block);
    nsky_free(arena);
}
