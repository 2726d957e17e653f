/* memory.h - allocation with overflow checks, alignment, and a switch that lets tests make it fail.
 *
 * Everything in nearsky that allocates goes through here; third-party libraries do not
 * (except cJSON, so that tests can make JSON fail).
 * Thread rule: any thread. The fault switch is process-wide and for tests only.
 */
#ifndef NSKY_MEMORY_H
#define NSKY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* All return NULL and fill err (NSKY_ENOMEM) when memory or the arithmetic runs out. Zero counts
 * give a valid, freeable pointer. */
void *nsky_alloc(size_t count, size_t item_bytes, nsky_error *err);         /* uninitialised */
void *nsky_alloc_zero(size_t count, size_t item_bytes, nsky_error *err);    /* zeroed */
void *nsky_alloc_aligned(size_t count, size_t item_bytes, nsky_error *err); /* 64-byte aligned */

/* On failure the old block is untouched and still the caller's. Not for aligned blocks. */
void *nsky_realloc(void *block, size_t count, size_t item_bytes, nsky_error *err);
char *nsky_strdup(const char *text, nsky_error *err);
char *nsky_format(nsky_error *err, const char *format, ...) NSKY_PRINTF(2, 3);

/* Frees any of the above; NULL is a no-op. */
void nsky_free(void *block);

/* false on overflow. */
bool nsky_mul_size(size_t a, size_t b, size_t *product);
bool nsky_add_size(size_t a, size_t b, size_t *sum);

/* Tests: the n-th allocation from now fails (1 = the next); 0 switches the fault off. */
void nsky_memory_fail_at(uint64_t n);
/* Tests: allocations made since the last call to nsky_memory_fail_at. */
uint64_t nsky_memory_count(void);

/* As in error.h, for clang's analyzer: no block means a status. */
#if defined(__clang_analyzer__) && !defined(NSKY_ANALYZED_ALONE)
static inline void *nsky_allocated(void *block, nsky_error *err)
{
    if (!block)
        err->status = NSKY_ENOMEM;
    return block;
}
#define nsky_alloc(count, bytes, err) nsky_allocated(nsky_alloc(count, bytes, err), err)
#define nsky_alloc_zero(count, bytes, err) nsky_allocated(nsky_alloc_zero(count, bytes, err), err)
#define nsky_alloc_aligned(count, bytes, err) \
    nsky_allocated(nsky_alloc_aligned(count, bytes, err), err)
#define nsky_realloc(block, count, bytes, err) \
    nsky_allocated(nsky_realloc(block, count, bytes, err), err)
#define nsky_strdup(text, err) nsky_allocated(nsky_strdup(text, err), err)
#define nsky_format(err, ...) nsky_allocated(nsky_format(err, __VA_ARGS__), err)
#endif

#endif
