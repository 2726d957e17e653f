/* assign.c - cluster.h: the nearest of many centroids, through their groups. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "index/cluster.h"

#define CHUNK 256       /* rows multiplied at once with a group's centroids */
#define BREADTH_MIN 8   /* groups, by measurement */
#define BREADTH_PART 16 /* of all groups, one in so many */

uint32_t nsky_clusters_breadth(const nsky_clusters *clusters)
{
    uint32_t breadth = clusters->groups / BREADTH_PART;
    if (breadth < BREADTH_MIN)
        breadth = BREADTH_MIN;
    return breadth < clusters->groups ? breadth : clusters->groups;
}

typedef struct assigning {
    const nsky_clusters *clusters;
    const float *y;
    uint32_t n, breadth;
    uint32_t *list;   /* [n] */
    float *best;      /* [n] */
    float *products;  /* [n, groups], then [CHUNK, largest group] */
    uint32_t *chosen; /* [n, breadth] groups of a row */
    uint32_t *begins; /* [groups + 1] into pairs */
    uint32_t *pairs;  /* [n * breadth] rows, by group */
    float *gathered;  /* [CHUNK, coded] */
    uint32_t largest;
} assigning;

/* The breadth largest of score [groups] into chosen, by insertion: breadth is small. */
static void choose_groups(const assigning *a, const float *products, uint32_t *chosen)
{
    float scores[64];
    uint32_t count = 0;
    for (uint32_t g = 0; g < a->clusters->groups; g++) {
        float score = products[g] - a->clusters->group_halves[g];
        if (count == a->breadth && !(score > scores[count - 1]))
            continue;
        uint32_t place = count < a->breadth ? count++ : count - 1;
        for (; place > 0 && score > scores[place - 1]; place--) {
            scores[place] = scores[place - 1];
            chosen[place] = chosen[place - 1];
        }
        scores[place] = score;
        chosen[place] = g;
    }
}

static void pair_up(assigning *a)
{
    const nsky_clusters *c = a->clusters;
    nsky_multiply_floats(a->products, a->y, c->group_centres, a->n, c->coded, c->groups);
    memset(a->begins, 0, (c->groups + 1) * sizeof *a->begins);
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t *chosen = a->chosen + (size_t)i * a->breadth;
        choose_groups(a, a->products + (size_t)i * c->groups, chosen);
        for (uint32_t b = 0; b < a->breadth; b++)
            a->begins[chosen[b]]++;
    }
    for (uint32_t g = 0, sum = 0; g <= c->groups; g++) { /* ends, counted down below */
        sum += g < c->groups ? a->begins[g] : 0;
        a->begins[g] = sum;
    }
    for (uint32_t i = a->n; i-- > 0;)
        for (uint32_t b = 0; b < a->breadth; b++)
            a->pairs[--a->begins[a->chosen[(size_t)i * a->breadth + b]]] = i;
}

static void compare_chunk(assigning *a, uint32_t g, const uint32_t *rows, uint32_t count)
{
    const nsky_clusters *c = a->clusters;
    const uint32_t first = c->group_lists[g], lists = c->group_lists[g + 1] - first;
    for (uint32_t i = 0; i < count; i++)
        memcpy(a->gathered + (size_t)i * c->coded, a->y + (size_t)rows[i] * c->coded,
               c->coded * sizeof *a->gathered);
    nsky_multiply_floats(a->products, a->gathered, c->centroids + (size_t)first * c->coded, count,
                         c->coded, lists);
    for (uint32_t i = 0; i < count; i++) {
        const float *product = a->products + (size_t)i * lists;
        float best = a->best[rows[i]];
        uint32_t best_list = a->list[rows[i]];
        for (uint32_t l = 0; l < lists;
             l++) { /* groups come in order: equal stays with the lower */
            float score = product[l] - c->halves[first + l];
            if (score > best) {
                best = score;
                best_list = first + l;
            }
        }
        a->best[rows[i]] = best;
        a->list[rows[i]] = best_list;
    }
}

static void compare(assigning *a)
{
    const nsky_clusters *c = a->clusters;
    for (uint32_t i = 0; i < a->n; i++) {
        a->best[i] = -INFINITY;
        a->list[i] = 0;
    }
    for (uint32_t g = 0; g < c->groups; g++) {
        const uint32_t begin = a->begins[g], end = a->begins[g + 1];
        for (uint32_t i = begin; i < end; i += CHUNK)
            compare_chunk(a, g, a->pairs + i, end - i < CHUNK ? end - i : CHUNK);
    }
}

nsky_status nsky_clusters_assign(const nsky_clusters *clusters, const float *y, uint32_t n,
                                 uint32_t breadth, uint32_t *list, nsky_error *err)
{
    assert(clusters && y && n <= NSKY_ASSIGN_ROWS && list && err);
    assert(breadth >= 1 && breadth <= clusters->groups);
    assigning a = {.clusters = clusters, .y = y, .n = n, .breadth = breadth < 64 ? breadth : 64};
    for (uint32_t g = 0; g < clusters->groups; g++) {
        uint32_t lists = clusters->group_lists[g + 1] - clusters->group_lists[g];
        a.largest = lists > a.largest ? lists : a.largest;
    }
    size_t in_groups = (size_t)n * clusters->groups, in_lists = (size_t)CHUNK * a.largest;
    a.list = list;
    a.best = nsky_alloc(n, sizeof *a.best, err);
    a.products = nsky_alloc(in_groups > in_lists ? in_groups : in_lists, sizeof *a.products, err);
    a.chosen = nsky_alloc((size_t)n * a.breadth, sizeof *a.chosen, err);
    a.begins = nsky_alloc((size_t)clusters->groups + 1, sizeof *a.begins, err);
    a.pairs = nsky_alloc((size_t)n * a.breadth, sizeof *a.pairs, err);
    a.gathered = nsky_alloc((size_t)CHUNK * clusters->coded, sizeof *a.gathered, err);
    nsky_status status = a.best && a.products && a.chosen && a.begins && a.pairs && a.gathered
                             ? NSKY_OK
                             : err->status;
    if (status == NSKY_OK) {
        pair_up(&a);
        compare(&a);
    }
    nsky_free(a.gathered);
    nsky_free(a.pairs);
    nsky_free(a.begins);
    nsky_free(a.chosen);
    nsky_free(a.products);
    nsky_free(a.best);
    return status;
}
