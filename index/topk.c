/* topk.c - the k best hits seen so far. One owner at a time. */
#include <assert.h>
#include <stdlib.h>

#include "index/scan.h"

static int better(const nsky_hit *a, const nsky_hit *b)
{
    if (a->similarity != b->similarity)
        return a->similarity > b->similarity;
    return a->row < b->row;
}

static void swap(nsky_hit *a, nsky_hit *b)
{
    nsky_hit t = *a;
    *a = *b;
    *b = t;
}

/* The worst hit is at the root, ready to be thrown out. */
static void sift_down(nsky_hit *hits, uint32_t count)
{
    for (uint32_t i = 0;;) {
        uint32_t worst = i, left = 2 * i + 1, right = left + 1;
        if (left < count && better(&hits[worst], &hits[left]))
            worst = left;
        if (right < count && better(&hits[worst], &hits[right]))
            worst = right;
        if (worst == i)
            return;
        swap(&hits[i], &hits[worst]);
        i = worst;
    }
}

void nsky_topk_offer(nsky_topk *topk, nsky_hit hit)
{
    assert(topk->k > 0);
    if (topk->count == topk->k) {
        if (!better(&hit, &topk->hits[0]))
            return;
        topk->hits[0] = hit;
        sift_down(topk->hits, topk->count);
        return;
    }
    uint32_t i = topk->count++;
    topk->hits[i] = hit;
    while (i > 0 && better(&topk->hits[(i - 1) / 2], &topk->hits[i])) {
        swap(&topk->hits[i], &topk->hits[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static int best_first(const void *a, const void *b)
{
    return better(a, b) ? -1 : 1;
}

void nsky_topk_sort(nsky_topk *topk)
{
    qsort(topk->hits, topk->count, sizeof *topk->hits, best_first);
}
