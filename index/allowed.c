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

/* A filter that was not asked for lately. */
static nsky_status evaluate(const nsky_search *search, const nsky_filter *filter, nsky_allowed *out,
                            nsky_error *err)
{
    const uint64_t rows = search->scan.vectors.rows, bytes = rows / 8 + 1;
    const uint8_t *deleted = search->generation->deleted;
    uint8_t *bits;
    nsky_status status = nsky_filter_bitmap(&search->columns, rows, filter, NULL, &bits, err);

    if (status != NSKY_OK)
        return status;
    for (uint64_t i = 0; deleted && i < bytes; i++)
        bits[i] &= (uint8_t)~deleted[i];
    out->matching = count_bits(bits, rows);
    if (!nsky_passing_may_be_kept(filter, bytes)) {
        out->bits = out->own = bits;
        return NSKY_OK;
    }
    status =
        nsky_passings_keep(search->passings, filter, bits, bytes, out->matching, &out->kept, err);
    if (status == NSKY_OK)
        out->bits = out->kept->bits;
    return status;
}

nsky_status nsky_allowed_rows(const nsky_search *search, const nsky_filter *filter,
                              nsky_allowed *out, nsky_error *err)
{
    *out = (nsky_allowed){.matching = search->scan.vectors.rows};
    nsky_status status = check_columns(search, filter, err);
    if (status != NSKY_OK || (nsky_filter_is_empty(filter) && !search->generation->deleted))
        return status;
    if (!(out->kept = nsky_passings_find(search->passings, filter)))
        return evaluate(search, filter, out, err);
    out->bits = out->kept->bits;
    out->matching = out->kept->matching;
    return NSKY_OK;
}

void nsky_allowed_clear(const nsky_search *search, nsky_allowed *allowed)
{
    if (allowed->kept)
        nsky_passings_give_back(search->passings, allowed->kept);
    nsky_free(allowed->own);
    *allowed = (nsky_allowed){0};
}

/* So that bits may be changed, or handed to somebody who frees them. */
static nsky_status make_own(const nsky_search *search, nsky_allowed *allowed, nsky_error *err)
{
    const uint64_t rows = search->scan.vectors.rows;

    if (allowed->own)
        return NSKY_OK;
    if (!(allowed->own = nsky_alloc(rows / 8 + 1, 1, err)))
        return err->status;
    if (allowed->bits) {
        memcpy(allowed->own, allowed->bits, rows / 8 + 1);
    } else {
        memset(allowed->own, 0xff, rows / 8);
        allowed->own[rows / 8] = (uint8_t)((1u << (rows & 7)) - 1);
    }
    if (allowed->kept)
        nsky_passings_give_back(search->passings, allowed->kept);
    allowed->kept = NULL;
    allowed->bits = allowed->own;
    return NSKY_OK;
}

nsky_status nsky_allowed_exclude(const nsky_search *search, nsky_allowed *allowed,
                                 const uint64_t *excluded, uint32_t count, nsky_error *err)
{
    const uint64_t rows = search->scan.vectors.rows;
    nsky_status status = count > 0 ? make_own(search, allowed, err) : NSKY_OK;

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        if (excluded[i] >= rows || !nsky_bit(allowed->bits, excluded[i]))
            continue;
        allowed->own[excluded[i] >> 3] &= (uint8_t) ~(1u << (excluded[i] & 7));
        allowed->matching--;
    }
    return status;
}

uint64_t nsky_allowed_count(const nsky_search *search, const nsky_allowed *allowed,
                            const uint64_t *rows, uint32_t count)
{
    uint64_t passing = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool fresh = rows[i] < search->scan.vectors.rows && nsky_bit(allowed->bits, rows[i]);
        for (uint32_t j = 0; j < i && fresh; j++)
            fresh = rows[j] != rows[i];
        passing += fresh;
    }
    return passing;
}

nsky_status nsky_search_allowed(const nsky_search *search, const nsky_filter *filter, uint8_t **out,
                                uint64_t *matching, nsky_error *err)
{
    assert(search && filter && out && matching && err);
    nsky_allowed allowed;
    nsky_status status = nsky_allowed_rows(search, filter, &allowed, err);

    *out = NULL;
    if (status == NSKY_OK && (status = make_own(search, &allowed, err)) == NSKY_OK) {
        *out = allowed.own;
        *matching = allowed.matching;
        allowed.own = NULL;
    }
    nsky_allowed_clear(search, &allowed);
    return status;
}
