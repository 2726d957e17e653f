/* generation_support.h - making generations in tests. Thread rule: one thread. */
#ifndef NSKY_TEST_STORE_GENERATION_SUPPORT_H
#define NSKY_TEST_STORE_GENERATION_SUPPORT_H

#include "support.h"

#include "common/half.h"
#include "common/hash.h"

#define DIM 16

/* Weights of so many bytes beside the stores; sets their hash. */
static inline const char *make_weights(const char *name, size_t bytes,
                                       char sha256[NSKY_SHA256_HEX_BYTES])
{
    const char *path = in_directory(name);
    char *data = calloc(bytes + 1, 1);
    FILE *file = fopen(path, "wb"); /* without nsky_alloc, which tests make fail */

    snprintf(data, bytes + 1, "%s", name);
    assert_true(data && file);
    assert_true(fwrite(data, 1, bytes, file) == bytes);
    assert_true(fclose(file) == 0);
    nsky_sha256_hex(data, bytes, sha256);
    free(data);
    return path;
}

static inline void unit_vector(uint16_t *out, uint64_t row)
{
    nsky_rng rng = nsky_rng_at(31, 0, (uint32_t)row);
    float values[DIM];
    double squares = 0;

    nsky_rng_fill_normal(&rng, values, DIM);
    for (int d = 0; d < DIM; d++)
        squares += (double)values[d] * values[d];
    for (int d = 0; d < DIM; d++)
        out[d] = nsky_half_from_float((float)(values[d] / sqrt(squares)));
}

static inline nsky_status write_in_work(const nsky_generation_work *work, const char *name,
                                        const void *data, size_t bytes, nsky_error *err)
{
    char path[2048];

    snprintf(path, sizeof path, "%s/%s", work->path, name);
    return nsky_file_write(path, data, bytes, err);
}

static inline nsky_status write_vectors(const nsky_generation_work *work, uint32_t rows,
                                        nsky_error *err)
{
    static uint16_t vectors[1000 * DIM];

    assert_true(rows <= 1000);
    for (uint32_t row = 0; row < rows; row++)
        unit_vector(vectors + (size_t)row * DIM, row);
    return write_in_work(work, "vectors.f16", vectors, (size_t)rows * DIM * 2, err);
}

static inline nsky_json *make_manifest(double rows, double dim, const char *sha256)
{
    nsky_json *manifest = nsky_json_object(), *model = nsky_json_object();

    nsky_json_put_number(manifest, "rows", rows);
    nsky_json_put_number(manifest, "dim", dim);
    nsky_json_put_string(model, "name", "resnet-test");
    nsky_json_put_string(model, "sha256", sha256);
    nsky_json_put(manifest, "model", model);
    return manifest;
}

/* A whole generation of the store's first rows; gives its number. */
static inline nsky_status make_generation(uint32_t rows, uint32_t *number, nsky_error *err)
{
    char sha256[NSKY_SHA256_HEX_BYTES];
    const char *weights = make_weights("weights", 100, sha256);
    nsky_generation_work *work;
    nsky_status status;

    if ((status = nsky_store_put_model(store_path, weights, sha256, err)) != NSKY_OK ||
        (status = nsky_generation_begin(&work, store_path, "test", err)) != NSKY_OK)
        return status;
    if ((status = write_vectors(work, rows, err)) != NSKY_OK) {
        nsky_generation_pause(work);
        return status;
    }
    return nsky_generation_publish(work, make_manifest(rows, DIM, sha256), number, err);
}

#endif
