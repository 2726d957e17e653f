/* lists_support.h - vectors with structure, and folders, for the tests of lists. */
#ifndef NSKY_TEST_LISTS_SUPPORT_H
#define NSKY_TEST_LISTS_SUPPORT_H

#include "tests/common/support.h"

#include <math.h>

#include "common/file.h"
#include "common/half.h"
#include "common/rng.h"

/* Clusters in a few directions, as embeddings have them, of unit length; every 997th row blank. */
static inline void make_rows(uint16_t *out, uint32_t rows, uint32_t dim, uint32_t clusters)
{
    enum { LATENT = 12 };
    float turn[LATENT][128], x[128];
    assert_true(dim <= 128);
    for (uint32_t l = 0; l < LATENT; l++) {
        nsky_rng rng = nsky_rng_at(5, 2, l);
        nsky_rng_fill_normal(&rng, turn[l], dim);
    }
    for (uint32_t row = 0; row < rows; row++) {
        nsky_rng centre = nsky_rng_at(5, 0, row * 7919u % clusters), own = nsky_rng_at(5, 1, row);
        double square = 0;
        for (uint32_t d = 0; d < dim; d++)
            x[d] = (float)(0.3 + 0.2 * nsky_rng_normal(&own));
        for (uint32_t l = 0; l < LATENT; l++) {
            float z = (float)(nsky_rng_normal(&centre) + 0.5 * nsky_rng_normal(&own));
            for (uint32_t d = 0; d < dim; d++)
                x[d] += z * turn[l][d] / 3;
        }
        for (uint32_t d = 0; d < dim; d++)
            square += (double)x[d] * (double)x[d];
        for (uint32_t d = 0; d < dim; d++)
            out[(size_t)row * dim + d] =
                row % 997 == 500 ? 0 : nsky_half_from_float((float)((double)x[d] / sqrt(square)));
    }
}

/* Fails unless both folders have the file with the same bytes. */
static inline void assert_same_file(const char *a, const char *b, const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *data[2] = {NULL, NULL};
    size_t bytes[2] = {0, 0};
    const char *folders[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        char *path = nsky_format(&err, "%s/%s", folders[i], name);
        assert_ok(nsky_file_read(&data[i], &bytes[i], path, SIZE_MAX / 2, &err), err);
        nsky_free(path);
    }
    if (bytes[0] != bytes[1] || memcmp(data[0], data[1], bytes[0]) != 0)
        fail_msg("%s differs", name);
    nsky_free(data[0]);
    nsky_free(data[1]);
}

#endif
