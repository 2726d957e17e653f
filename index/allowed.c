/* allowed.c - the rows that a query may return. Read-only over an open search: any thread. */
#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "index/search_private.h"

static uint64_t count_bits(const uint8_t *bits, uint64_t rows)
{
    const uint64_t bytes = rows / 8 + 1;
    uint64_t count = 0, i = 0, word;

    for (; i + 8 <= bytes; i += 8) {
        memcpy(&word, bits + i, 8);
        count += (uint64_t)__builtin_popcountll(word);
    }
    for (; i < bytes; i++)
        count += (uint64_t)__builtin_popcount(bits[i]);
    return count;
}

static nsky_status check_columns(const nsky_search *search, const nsky_filter *filter,
                                 nsky_error *err)
{
    nsky_status status = nsky_filter_check(filter, err);

    if (status == NSKY_OK && nsky_filter_needs_columns(filter) &&
        search->columns.rows != search->scan.vectors.rows)
        return nsky_fail(err, NSKY_EINVAL,
                         "filters need what `nearsky index` notes of every object; run it first");
    return status;
}

nsky_status nsky_allowed_rows(const nsky_search *search, const nsky_filter *filter,
                              nsky_allowed *out, nsky_error *err)
{
    const uint64_t rows = search->scan.vectors.rows;
    const uint8_t *deleted = search->generation->deleted;

    *out = (nsky_allowed){NULL, rows};
    nsky_status status = check_columns(search, filter, err);
    if (status != NSKY_OK || (nsky_filter_is_empty(filter) && !deleted))
        return status;
    status = nsky_filter_bitmap(&search->columns, rows, filter, NULL, &out->bits, err);
    if (status != NSKY_OK)
        return status;
    for (uint64_t i = 0; deleted && i < rows / 8 + 1; i++)
        out->bits[i] &= (uint8_t)~deleted[i];
    out->matching = count_bits(out->bits, rows);
    return NSKY_OK;
}

nsky_status nsky_allowed_exclude(const nsky_search *search, nsky_allowed *allowed,
                                 const uint64_t *excluded, uint32_t count, nsky_error *err)
{
    const uint64_t rows = search->scan.vectors.rows;

    if (count > 0 && !allowed->bits) {
        if (!(allowed->bits = nsky_alloc(rows / 8 + 1, 1, err)))
            return err->status;
        memset(allowed->bits, 0xff, rows / 8);
        allowed->bits[rows / 8] = (uint8_t)((1u << (rows & 7)) - 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (excluded[i] >= rows || !nsky_bit(allowed->bits, excluded[i]))
            continue;
        allowed->bits[excluded[i] >> 3] &= (uint8_t) ~(1u << (excluded[i] & 7));
        allowed->matching--;
    }
    return NSKY_OK;
}

nsky_status nsky_search_allowed(const nsky_search *search, const nsky_filter *filter, uint8_t **out,
                                uint64_t *matching, nsky_error *err)
{
    assert(search && filter && out && matching && err);
    const uint64_t rows = search->scan.vectors.rows;
    nsky_allowed allowed;
    nsky_status status = nsky_allowed_rows(search, filter, &allowed, err);

    *out = NULL;
    if (status == NSKY_OK && !allowed.bits) {
        if (!(allowed.bits = nsky_alloc(rows / 8 + 1, 1, err)))
            return err->status;
        memset(allowed.bits, 0xff, rows / 8);
        allowed.bits[rows / 8] = (uint8_t)((1u << (rows & 7)) - 1);
    }
    if (status != NSKY_OK)
        return status;
    *out = allowed.bits;
    *matching = allowed.matching;
    return NSKY_OK;
}
