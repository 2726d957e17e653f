/* suggest_pool.c - see suggest_pool.h. */
#include "probe/suggest_pool.h"

#include <assert.h>

static bool less(const nsky_candidate *a, const nsky_candidate *b)
{
    return a->unsure != b->unsure ? a->unsure < b->unsure : a->row > b->row;
}

void nsky_pool_offer(nsky_pool *pool, uint32_t row, float unsure)
{
    assert(pool && pool->items && pool->max > 0);
    nsky_candidate *items = pool->items;
    const nsky_candidate new = {.row = row, .unsure = unsure};
    uint32_t i;

    if (pool->count < pool->max) {
        for (i = pool->count++; i > 0 && less(&new, &items[(i - 1) / 2]); i = (i - 1) / 2)
            items[i] = items[(i - 1) / 2];
        items[i] = new;
        return;
    }
    if (!less(&items[0], &new))
        return;
    for (i = 0;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < pool->count && less(&items[child + 1], &items[child]))
            child++;
        if (child >= pool->count || !less(&items[child], &new))
            break;
        items[i] = items[child];
        i = child;
    }
    items[i] = new;
}
