/* kmeans.c - cluster.h: k-means of few enough centroids to compare with all of them. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "common/rng.h"
#include "index/cluster.h"

#define BATCH 512
#define STREAM_START 0x6b6d6561u /* "kmea" */
#define SPLIT 0.0009765625f      /* how far apart the halves of a split cluster start */

typedef struct kmeans {
    float *centroids;
    const float *y;
    uint64_t n;
    uint32_t coded, k;
    uint32_t *of;      /* [n] */
    uint32_t *members; /* [k] */
    double *sums;      /* [k, coded] */
    float *halves;     /* [k]: half the square of a centroid's length */
    float *products;   /* [BATCH, k] */
} kmeans;

/* k different rows: Floyd's way would need a set; a shuffled stride does, for n >= k. */
static void start(kmeans *m, uint64_t seed)
{
    for (uint32_t c = 0; c < m->k; c++) {
        uint64_t low = m->n * c / m->k, high = m->n * (c + 1) / m->k; /* low < high */
        nsky_rng rng = nsky_rng_at(seed, STREAM_START, c);
        uint64_t row = low + nsky_rng_u64(&rng) % (high - low);
        memcpy(m->centroids + (size_t)c * m->coded, m->y + row * m->coded, m->coded * sizeof *m->y);
    }
}

static void assign(kmeans *m)
{
    for (uint64_t first = 0; first < m->n; first += BATCH) {
        uint32_t count = m->n - first < BATCH ? (uint32_t)(m->n - first) : BATCH;
        nsky_multiply_floats(m->products, m->y + first * m->coded, m->centroids, count, m->coded,
                             m->k);
        for (uint32_t i = 0; i < count; i++) {
            const float *product = m->products + (size_t)i * m->k;
            uint32_t best = 0;
            float best_score = product[0] - m->halves[0];
            for (uint32_t c = 1; c < m->k; c++) {
                float score = product[c] - m->halves[c];
                if (score > best_score) {
                    best_score = score;
                    best = c;
                }
            }
            m->of[first + i] = best;
        }
    }
}

/* A cluster nobody is in takes half of the largest one. */
static void fill_empty(kmeans *m)
{
    for (uint32_t c = 0; c < m->k; c++) {
        uint32_t largest = 0;
        if (m->members[c] > 0)
            continue;
        for (uint32_t other = 1; other < m->k; other++)
            if (m->members[other] > m->members[largest])
                largest = other;
        float *here = m->centroids + (size_t)c * m->coded;
        float *there = m->centroids + (size_t)largest * m->coded;
        for (uint32_t d = 0; d < m->coded; d++) {
            float shift = d % 2 == 0 ? SPLIT : -SPLIT, value = there[d];
            here[d] = value * (1 + shift);
            there[d] = value * (1 - shift);
        }
        m->members[c] = m->members[largest] / 2;
        m->members[largest] -= m->members[c];
    }
}

static void move(kmeans *m)
{
    memset(m->sums, 0, (size_t)m->k * m->coded * sizeof *m->sums);
    memset(m->members, 0, m->k * sizeof *m->members);
    for (uint64_t i = 0; i < m->n; i++) {
        double *sum = m->sums + (size_t)m->of[i] * m->coded;
        m->members[m->of[i]]++;
        for (uint32_t d = 0; d < m->coded; d++)
            sum[d] += (double)m->y[i * m->coded + d];
    }
    for (uint32_t c = 0; c < m->k; c++)
        for (uint32_t d = 0; m->members[c] > 0 && d < m->coded; d++)
            m->centroids[(size_t)c * m->coded + d] =
                (float)(m->sums[(size_t)c * m->coded + d] / m->members[c]);
    fill_empty(m);
}

nsky_status nsky_kmeans(float *centroids, const float *y, uint64_t n, uint32_t coded, uint32_t k,
                        uint32_t iterations, uint64_t seed, nsky_error *err)
{
    assert(centroids && y && n >= k && k > 0 && coded > 0 && err);
    kmeans m = {.y = y, .n = n, .coded = coded, .k = k};
    m.centroids = centroids;
    m.of = nsky_alloc(n, sizeof *m.of, err);
    m.members = nsky_alloc(k, sizeof *m.members, err);
    m.sums = nsky_alloc((size_t)k * coded, sizeof *m.sums, err);
    m.halves = nsky_alloc(k, sizeof *m.halves, err);
    m.products = nsky_alloc((size_t)BATCH * k, sizeof *m.products, err);
    nsky_status status =
        m.of && m.members && m.sums && m.halves && m.products ? NSKY_OK : err->status;
    if (status == NSKY_OK)
        start(&m, seed);
    for (uint32_t i = 0; status == NSKY_OK && i < iterations; i++) {
        nsky_half_squares(m.halves, m.centroids, m.k, m.coded);
        assign(&m);
        move(&m);
    }
    nsky_free(m.products);
    nsky_free(m.halves);
    nsky_free(m.sums);
    nsky_free(m.members);
    nsky_free(m.of);
    return status;
}
