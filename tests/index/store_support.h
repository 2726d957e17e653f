/* store_support.h - small stores with vectors of a test's own. Thread rule: one thread. */
#ifndef NSKY_TEST_INDEX_STORE_SUPPORT_H
#define NSKY_TEST_INDEX_STORE_SUPPORT_H

#include "tests/common/support.h"

#include <math.h>

#include "common/file.h"
#include "common/half.h"
#include "common/hash.h"
#include "common/rng.h"
#include "common/vectors.h"
#include "store/generation.h"
#include "store/survey.h"

static inline nsky_survey *open_to_write(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = NULL;
    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, &err), err);
    return survey;
}

/* "row17", at no place and of no magnitude yet. */
static inline nsky_object object_of_row(uint32_t row)
{
    nsky_object object;
    nsky_object_init(&object);
    snprintf(object.name, sizeof object.name, "row%u", row);
    object.id = nsky_object_id_hashed("test", object.name);
    return object;
}

/* With a stamp that no other row has. */
static inline void add_object(nsky_survey *survey, nsky_object *object, uint32_t row)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = NULL;
    nsky_add_result result;
    assert_ok(nsky_stamp_new(&stamp, 2, 2, 0.262f, &err), err);
    for (int i = 0; i < 12; i++)
        stamp->pixels[i] = (float)row + (float)i;
    assert_ok(nsky_survey_add(survey, object, stamp, false, &result, &err), err);
    assert_int_equal(result, NSKY_ADDED);
    nsky_stamp_free(stamp);
}

static inline void commit_and_close(nsky_survey *survey)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
}

/* A generation under way: the vectors and a manifest with what it must have. */
static inline nsky_generation_work *
begin_generation_of(const char *store, const nsky_vectors *vectors, nsky_json **manifest)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation_work *work = NULL;
    char sha256[NSKY_SHA256_HEX_BYTES];
    const char *weights = in_directory("weights");
    assert_ok(nsky_generation_begin(&work, store, "test", &err), err);
    char *path = nsky_format(&err, "%s/%s", work->path, nsky_vector_file_name(vectors->type));
    assert_ok(nsky_file_write(path, vectors->data,
                              vectors->rows * nsky_vector_bytes(vectors->type, vectors->dim), &err),
              err);
    nsky_free(path);
    assert_ok(nsky_file_write(weights, "weights", 7, &err), err);
    nsky_sha256_hex("weights", 7, sha256);
    assert_ok(nsky_store_put_model(store, weights, sha256, &err), err);
    nsky_json *model = nsky_json_object();
    *manifest = nsky_json_object();
    nsky_json_put_string(model, "name", "none");
    nsky_json_put_string(model, "sha256", sha256);
    nsky_json_put(*manifest, "model", model);
    nsky_json_put_integer(*manifest, "rows", (int64_t)vectors->rows);
    nsky_json_put_integer(*manifest, "dim", vectors->dim);
    if (vectors->type != NSKY_VECTOR_FLOAT16) /* as older stores have it: not said */
        nsky_json_put_string(*manifest, "vector_type", nsky_vector_type_name(vectors->type));
    return work;
}

/* vectors [rows, dim] float16 */
static inline nsky_generation_work *begin_generation(const char *store, const uint16_t *vectors,
                                                     uint64_t rows, uint32_t dim,
                                                     nsky_json **manifest)
{
    const nsky_vectors all = {vectors, rows, dim, NSKY_VECTOR_FLOAT16};
    return begin_generation_of(store, &all, manifest);
}

#endif
