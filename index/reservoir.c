/* reservoir.c - see reservoir.h. */
#include "index/reservoir.h"

#include <assert.h>

#define SORT_FEW 16 /* by insertion */

static uint64_t median_of_three(const uint64_t *keys, uint32_t low, uint32_t high)
{
    uint64_t a = keys[low], b = keys[low + (high - low) / 2], c = keys[high];
    if (a < b)
        return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
}

/* Hoare's: [low, returned] >= pivot >= [returned + 1, high), both sides with something in them, for
 * the median of three is never the one smallest of several. */
static uint32_t partition(uint64_t *keys, uint32_t low, uint32_t high)
{
    const uint64_t pivot = median_of_three(keys, low, high - 1);
    for (uint32_t i = low, j = high - 1;; i++, j--) {
        while (keys[i] > pivot)
            i++;
        while (keys[j] < pivot)
            j--;
        if (i >= j)
            return j;
        uint64_t t = keys[i];
        keys[i] = keys[j];
        keys[j] = t;
    }
}

void nsky_keep_largest(uint64_t *keys, uint32_t count, uint32_t want)
{
    uint32_t low = 0, high = count;
    assert(want <= count);
    while (high - low > 1 && want > low && want < high) {
        uint32_t middle = partition(keys, low, high) + 1;
        if (want < middle)
            high = middle;
        else
            low = middle;
    }
}

/* The shorter side by recursion, so that its depth is the logarithm of the keys. */
void nsky_keys_sort(uint64_t *keys, uint32_t count)
{
    while (count > SORT_FEW) {
        const uint32_t middle = partition(keys, 0, count) + 1;
        if (middle < count - middle) {
            nsky_keys_sort(keys, middle);
            keys += middle;
            count -= middle;
        } else {
            nsky_keys_sort(keys + middle, count - middle);
            count = middle;
        }
    }
    for (uint32_t i = 1; i < count; i++) {
        const uint64_t key = keys[i];
        uint32_t at = i;
        for (; at > 0 && keys[at - 1] < key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

void nsky_reservoir_settle(nsky_reservoir *r)
{
    if (r->count < r->want)
        return;
    nsky_keep_largest(r->keys, r->count, r->want);
    r->count = r->want;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < r->want; i++)
        least = r->keys[i] < least ? r->keys[i] : least;
    if (r->want > 0)
        r->threshold = nsky_key_score(least);
}
