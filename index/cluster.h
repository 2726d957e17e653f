/* cluster.h - private: centroids in two levels, trained on a sample, and the nearest one of each
 * row.
 *
 * Tens of thousands of centroids are neither trained nor searched flat on two cores: they hang in
 * groups, themselves clusters, and a row looks into the `breadth` nearest groups only.
 * FAISS's k-means is flat, and its products use as many threads as there are, so that its bits
 * depend on the machine; here the same sample gives the same centroids for any number of threads.
 */
#ifndef NSKY_CLUSTER_H
#define NSKY_CLUSTER_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/error.h"

typedef struct nsky_clusters {
    uint32_t coded, groups, lists;
    float *group_centres;  /* [groups, coded] */
    uint32_t *group_lists; /* [groups + 1]: lists group_lists[g] .. group_lists[g + 1] - 1 */
    float *centroids;      /* [lists, coded] */
    float *group_halves;   /* [groups]: half the square of a centre's length */
    float *halves;         /* [lists]: of a centroid's */
} nsky_clusters;

typedef struct nsky_cluster_options {
    uint32_t lists; /* <= rows of the sample */
    uint64_t seed;
    uint32_t threads;        /* >= 1; the result does not depend on it */
    const atomic_bool *stop; /* or NULL */
} nsky_cluster_options;

/* sample [n, coded]. Call between nsky_blas_alone and nsky_blas_again. */
NSKY_MUST_CHECK nsky_status nsky_clusters_train(nsky_clusters *out, const float *sample, uint64_t n,
                                                uint32_t coded, const nsky_cluster_options *options,
                                                nsky_error *err);
void nsky_clusters_free(nsky_clusters *clusters);
/* halves [count]: half the square of the length of each of centres [count, coded]. */
void nsky_half_squares(float *halves, const float *centres, uint32_t count, uint32_t coded);
/* Empty tables of the size, group_lists zero; and the halves, after centres or centroids changed.
 */
NSKY_MUST_CHECK nsky_status nsky_clusters_new(nsky_clusters *out, uint32_t coded, uint32_t groups,
                                              uint32_t lists, nsky_error *err);
void nsky_clusters_measure(nsky_clusters *clusters);

/* Groups a row looks into when it is given a list, by measurement (docs/index.md). */
uint32_t nsky_clusters_breadth(const nsky_clusters *clusters);

/* The nearest centroid of each row of y [n, coded], among those of the `breadth` nearest groups;
 * equally near: the lower list. list [n]. n <= NSKY_ASSIGN_ROWS. Any thread; allocates. */
#define NSKY_ASSIGN_ROWS 8192
NSKY_MUST_CHECK nsky_status nsky_clusters_assign(const nsky_clusters *clusters, const float *y,
                                                 uint32_t n, uint32_t breadth, uint32_t *list,
                                                 nsky_error *err);

/* Lloyd's iterations from rows drawn by seed; y [n, coded], n >= k; centroids [k, coded].
 * One thread. */
NSKY_MUST_CHECK nsky_status nsky_kmeans(float *centroids, const float *y, uint64_t n,
                                        uint32_t coded, uint32_t k, uint32_t iterations,
                                        uint64_t seed, nsky_error *err);

#endif
