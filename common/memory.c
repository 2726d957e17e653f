/* memory.c - allocation with overflow checks, and a switch that lets tests make it fail.
 * Thread rule: any thread. Blocks come from the C heap, so one nsky_free serves them all. */
#define NSKY_ANALYZED_ALONE
#include "common/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT_BYTES 64

static _Atomic uint64_t fault_at;
static _Atomic uint64_t allocations;

/* Counts one allocation; true when the test switch asks this one to fail. */
static bool must_fail(void)
{
    uint64_t nth = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    return nth == atomic_load_explicit(&fault_at, memory_order_relaxed);
}

/* Byte size of a request, never 0; false when it does not fit. */
static bool request_bytes(size_t count, size_t item_bytes, size_t *bytes)
{
    if (!nsky_mul_size(count, item_bytes, bytes) || *bytes > PTRDIFF_MAX)
        return false;
    if (*bytes == 0)
        *bytes = 1;
    return true;
}

static void *out_of_memory(size_t count, size_t item_bytes, nsky_error *err)
{
    nsky_fail(err, NSKY_ENOMEM, "out of memory: %zu items of %zu bytes", count, item_bytes);
    return NULL;
}

void *nsky_alloc(size_t count, size_t item_bytes, nsky_error *err)
{
    assert(err);
    size_t bytes;
    void *block = NULL;

    if (!must_fail() && request_bytes(count, item_bytes, &bytes))
        block = malloc(bytes);
    return block ? block : out_of_memory(count, item_bytes, err);
}

void *nsky_alloc_zero(size_t count, size_t item_bytes, nsky_error *err)
{
    assert(err);
    size_t bytes;
    void *block = NULL;

    if (!must_fail() && request_bytes(count, item_bytes, &bytes))
        block = calloc(1, bytes); /* large blocks arrive zeroed: no memset */
    return block ? block : out_of_memory(count, item_bytes, err);
}

void *nsky_alloc_aligned(size_t count, size_t item_bytes, nsky_error *err)
{
    assert(err);
    size_t bytes;
    void *block = NULL;

    if (!must_fail() && request_bytes(count, item_bytes, &bytes) &&
        nsky_add_size(bytes, ALIGNMENT_BYTES - 1, &bytes))
        block = aligned_alloc(ALIGNMENT_BYTES, bytes / ALIGNMENT_BYTES * ALIGNMENT_BYTES);
    return block ? block : out_of_memory(count, item_bytes, err);
}

void *nsky_realloc(void *block, size_t count, size_t item_bytes, nsky_error *err)
{
    assert(err);
    size_t bytes;
    void *moved = NULL;

    if (!must_fail() && request_bytes(count, item_bytes, &bytes))
        moved = realloc(block, bytes);
    return moved ? moved : out_of_memory(count, item_bytes, err);
}

char *nsky_strdup(const char *text, nsky_error *err)
{
    assert(text && err);
    size_t bytes = strlen(text) + 1;
    char *copy = nsky_alloc(bytes, 1, err);

    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

char *nsky_format(nsky_error *err, const char *format, ...)
{
    assert(err && format);
    va_list args;

    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0); /* only a broken format string gives less */

    char *text = nsky_alloc((size_t)length + 1, 1, err);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

void nsky_free(void *block)
{
    free(block);
}

bool nsky_mul_size(size_t a, size_t b, size_t *product)
{
    assert(product);
    return !__builtin_mul_overflow(a, b, product);
}

bool nsky_add_size(size_t a, size_t b, size_t *sum)
{
    assert(sum);
    return !__builtin_add_overflow(a, b, sum);
}

void nsky_memory_fail_at(uint64_t n)
{
    atomic_store(&fault_at, 0); /* so that no count below matches by accident */
    atomic_store(&allocations, 0);
    atomic_store(&fault_at, n);
}

uint64_t nsky_memory_count(void)
{
    return atomic_load(&allocations);
}
