/* store_support.h - a small survey whose vectors know something. Thread rule: one thread.
 *
 * Object n is galaxy-NNNNN at (10 + n / 100, 20 + n % 10); every 5th is of a class that lies apart,
 * and magnitudes depend on n. Vector numbers carry a value, value_of(n). Rows 7 and 8 are blank.
 */
#ifndef NSKY_TEST_PROBE_STORE_SUPPORT_H
#define NSKY_TEST_PROBE_STORE_SUPPORT_H

#include "tests/store/generation_support.h"

#include "index/build.h"
#include "index/search.h"
#include "probe/rank.h"
#include "probe/train.h"

#define OBJECTS 900
#define BLANK 7 /* and the next */
#define PREPROCESS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static inline bool is_special(uint64_t n)
{
    return n % 5 == 0;
}

static inline double value_of(uint64_t n)
{
    nsky_rng rng = nsky_rng_at(77, 1, (uint32_t)n);
    return nsky_rng_uniform(&rng);
}

static inline nsky_object special_object(uint32_t n)
{
    nsky_object object = make_object(n);
    object.ra_deg = 10 + n / 100.0;
    object.dec_deg = 20 + n % 10;
    object.mag_g = 20 + (float)(n % 7) * 0.1f;
    object.mag_r = 19 + (float)(n % 5) * 0.1f;
    object.mag_z = 18 + (float)(n % 3) * 0.1f;
    return object;
}

static inline void fill_vector(uint16_t *out, uint64_t n)
{
    nsky_rng rng = nsky_rng_at(78, 1, (uint32_t)n);
    double values[DIM], square = 0;

    for (int d = 0; d < DIM; d++)
        values[d] = nsky_rng_normal(&rng);
    values[0] += is_special(n) ? 2.0 : 0;
    values[1] = 4 * value_of(n);
    for (int d = 0; d < DIM; d++)
        square += values[d] * values[d];
    for (int d = 0; d < DIM; d++)
        out[d] = n == BLANK || n == BLANK + 1
                     ? 0
                     : nsky_half_from_float((float)(values[d] / sqrt(square)));
}

static inline uint64_t id_of(uint32_t n)
{
    return make_object(n).id;
}

/* Catalogue, vectors, index: whole. */
static inline void make_special_store(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    nsky_stamp *stamp = make_stamp(1, 8);
    nsky_add_result result;
    nsky_generation_work *work;
    char sha256[NSKY_SHA256_HEX_BYTES];
    static uint16_t vectors[OBJECTS * DIM];
    uint32_t number;
    nsky_index_report report;
    const nsky_index_options options = {.recall_target = 0.95};

    for (uint32_t n = 0; n < OBJECTS; n++) {
        nsky_object object = special_object(n);
        assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
        fill_vector(vectors + (size_t)n * DIM, n);
    }
    nsky_stamp_free(stamp);
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
    const char *weights = make_weights("weights", 100, sha256);
    assert_ok(nsky_store_put_model(store_path, weights, sha256, &err), err);
    assert_ok(nsky_generation_begin(&work, store_path, "test", &err), err);
    assert_ok(write_in_work(work, "vectors.f16", vectors, sizeof vectors, &err), err);
    nsky_json *manifest = make_manifest(OBJECTS, DIM, sha256);
    nsky_json_put_string(manifest, "preprocess_sha256", PREPROCESS);
    nsky_json_put_integer(manifest, "blank_rows", 2);
    assert_ok(nsky_generation_publish(work, manifest, &number, &err), err);
    assert_ok(nsky_index_build(store_path, &options, &report, &err), err);
}

/* Made once for all tests of a program. */
static nsky_search *search;
static nsky_survey *survey;

static inline int open_special_store(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (make_test_directory(state) != 0)
        return -1;
    fresh_store(state);
    make_special_store();
    assert_ok(nsky_search_open(&search, store_path, 0, &err), err);
    survey = open_survey(NSKY_SURVEY_READ);
    return 0;
}

static inline int close_special_store(void **state)
{
    nsky_survey_close(survey);
    nsky_search_close(search);
    return remove_test_directory(state);
}

static inline const char *write_text(const char *name, const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    const char *path = in_directory(name);

    assert_ok(nsky_file_write(path, text, strlen(text), &err), err);
    return path;
}

/* Labels of rows first .. first + count - 1: by class, or by value. */
static inline nsky_labels *special_labels(uint32_t first, uint32_t count, bool numbers)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    const nsky_label_options options = {.numbers = numbers, .positive = numbers ? NULL : "special"};
    char *text = malloc((size_t)count * 64 + 64), *at = text;

    at += sprintf(at, "id,label\n");
    for (uint32_t n = first; n < first + count; n++) {
        at += sprintf(at, "%llu,", (unsigned long long)id_of(n));
        at += numbers ? sprintf(at, "%.6f\n", value_of(n))
                      : sprintf(at, "%s\n", is_special(n) ? "special" : "plain");
    }
    assert_ok(nsky_labels_read(&labels, write_text("special.csv", text), survey, &options, &err),
              err);
    free(text);
    return labels;
}

static inline nsky_probe *special_probe(uint32_t count, uint32_t background)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_probe *probe;
    nsky_labels *labels = special_labels(0, count, false);
    const nsky_train_options options = {.name = "special",
                                        .target = "label",
                                        .seed = 1,
                                        .background = background,
                                        .replicates = 100};

    assert_ok(nsky_probe_train(&probe, search, survey, labels, &options, &err), err);
    nsky_labels_free(labels);
    return probe;
}

#endif
