/* reservoir.c - see reservoir.h. */
#include "index/reservoir.h"

#include <assert.h>

#define SORT_FEW 16 /* by insertion */

/* Where it lies. */
static uint32_t median_of_three(const uint64_t *keys, uint32_t low, uint32_t high)
{
    const uint32_t middle = low + (high - low) / 2;
    const uint64_t a = keys[low], b = keys[middle], c = keys[high];
    if (a < b)
        return b < c ? middle : a < c ? high : low;
    return a < c ? low : b < c ? high : middle;
}

/* [low, returned) > the pivot, which lies at what is returned, >= (returned, high). Lomuto's, with
 * a swap for every key and no branch: which side a key belongs to cannot be foreseen, and a branch
 * that was foreseen wrongly costs more than ten swaps. */
static uint32_t partition(uint64_t *keys, uint32_t low, uint32_t high)
{
    const uint32_t middle = median_of_three(keys, low, high - 1);
    const uint64_t pivot = keys[middle];
    uint32_t end = low;

    keys[middle] = keys[high - 1];
    for (uint32_t i = low; i < high - 1; i++) {
        const uint64_t key = keys[i];
        keys[i] = keys[end];
        keys[end] = key;
        end += key > pivot;
    }
    keys[high - 1] = keys[end];
    keys[end] = pivot;
    return end;
}

void nsky_keep_largest(uint64_t *keys, uint32_t count, uint32_t want)
{
    uint32_t low = 0, high = count;
    assert(want <= count);
    while (high - low > 1 && want > low && want < high) {
        const uint32_t at = partition(keys, low, high);
        if (want <= at)
            high = at;
        else
            low = at + 1;
    }
}

/* The shorter side by recursion, so that its depth is the logarithm of the keys. */
void nsky_keys_sort(uint64_t *keys, uint32_t count)
{
    while (count > SORT_FEW) {
        const uint32_t at = partition(keys, 0, count), behind = count - at - 1;
        if (at < behind) {
            nsky_keys_sort(keys, at);
            keys += at + 1;
            count = behind;
        } else {
            nsky_keys_sort(keys + at + 1, behind);
            count = at;
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
