/* test_embed_shards.c - a survey by several processes: whatever they did and left undone, the run
 * without shards gives the bits of one that did it all. Thread rule: one thread. */
#include "tests/common/support.h"

#include "common/file.h"
#include "common/rng.h"
#include "encoder/embed_private.h"
#include "store/generation.h"
#include "store/survey.h"

#define SIDE 8u
#define ROWS 7u
#define DIM 512u

static char model_path[1024]; /* reading is quicker than drawing */
static uint16_t expected[(ROWS + 1) * DIM];

static void add_rows(const char *store, uint32_t first, uint32_t end)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;
    nsky_stamp *stamp;

    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, &err), err);
    assert_ok(nsky_stamp_new(&stamp, SIDE, SIDE, (float)NSKY_SCALE_ARCSEC_PX, &err), err);
    for (uint32_t row = first; row < end; row++) {
        nsky_rng rng = nsky_rng_at(98, 1, row);
        nsky_add_result result;
        nsky_object object;
        nsky_object_init(&object);
        snprintf(object.name, sizeof object.name, "galaxy-%u", row);
        object.id = nsky_object_id_hashed("test", object.name);
        for (uint32_t i = 0; i < 3 * SIDE * SIDE; i++)
            stamp->pixels[i] = (float)nsky_rng_range(&rng, 0, 0.3);
        assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_stamp_free(stamp);
    nsky_survey_close(survey);
}

static nsky_status try_embed(const char *store, uint32_t shard, uint32_t shards,
                             const atomic_bool *stop, nsky_embed_report *report, nsky_error *err)
{
    const nsky_embed_options options = {.encoder = {"ref", NSKY_FP32, SIDE},
                                        .workers = 1,
                                        .block_rows = 1,
                                        .shard = shard,
                                        .shards = shards,
                                        .stop = stop};
    return nsky_embed_survey(store, model_path, &options, report, err);
}

static nsky_embed_report embed(const char *store, uint32_t shard, uint32_t shards)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_embed_report report;

    assert_ok(try_embed(store, shard, shards, NULL, &report, &err), err);
    return report;
}

static void assert_whole(const char *store, uint32_t rows)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *live;
    char **names;
    size_t count;

    assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    assert_int_equal(live->rows, rows);
    assert_memory_equal(live->vectors.data, expected, (size_t)rows * DIM * sizeof *expected);
    nsky_generation_close(live);
    char *generations = nsky_format(&err, "%s/generations", store);
    assert_ok(nsky_directory_list(&names, &count, generations, &err), err);
    for (size_t i = 0; i < count; i++) /* no shard is left behind */
        assert_null(strstr(names[i], "work"));
    nsky_free(generations);
    nsky_free(names);
}

static int setup(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *live;
    assert_int_equal(make_test_directory(state), 0);
    nsky_model *model;
    assert_ok(nsky_model_load(&model, "random:resnet18:4", &err), err);
    snprintf(model_path, sizeof model_path, "%s", in_directory("model.safetensors"));
    assert_ok(nsky_model_write(model, model_path, &err), err);
    nsky_model_close(model);
    add_rows(in_directory("whole"), 0, ROWS + 1);
    embed(in_directory("whole"), 0, 0);
    assert_ok(nsky_generation_open(&live, in_directory("whole"), 0, &err), err);
    memcpy(expected, live->vectors.data, sizeof expected);
    nsky_generation_close(live);
    return 0;
}

static void test_ranges_are_a_partition(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 9; shards++)
        for (uint64_t base = 0; base < 3; base++)
            for (uint64_t rows = base; rows < 23; rows++) {
                uint64_t at = base;
                for (uint32_t shard = 0; shard < shards; shard++) {
                    const nsky_embed_options options = {.shard = shard, .shards = shards};
                    uint64_t first, end;
                    nsky_shard_range(&options, base, rows, &first, &end);
                    assert_true(first == at && end >= first);
                    assert_true(end - first <= (rows - base) / shards + 1);
                    at = end;
                }
                assert_true(at == rows);
            }
}

/* All made, in another order, one of them twice: nothing is left to compute. */
static void test_all_shards(void **state)
{
    (void)state;
    char *store = strdup(in_directory("all"));

    add_rows(store, 0, ROWS);
    nsky_embed_report report = embed(store, 2, 3);
    assert_true(report.shard && report.first == 5 && report.rows == 7 && report.generation == 0);
    embed(store, 0, 3);
    report = embed(store, 1, 3);
    assert_true(report.seconds > 0);
    report = embed(store, 1, 3);
    assert_true(report.seconds == 0);
    report = embed(store, 0, 0);
    assert_true(report.generation == 1 && report.rows == ROWS && report.seconds == 0);
    assert_whole(store, ROWS);
    free(store);
}

/* One of them never run, one stopped: what is missing is computed, what is there is not. */
static void test_some_shards(void **state)
{
    (void)state;
    char *store = strdup(in_directory("some"));
    atomic_bool stop = true;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_embed_report report;

    add_rows(store, 0, ROWS);
    embed(store, 1, 4);
    assert_fails(try_embed(store, 1, 2, &stop, &report, &err), NSKY_ECANCELLED, err, "rows");
    embed(store, 0, 0);
    assert_whole(store, ROWS);
    free(store);
}

/* Rows that are embedded already are no shard's. */
static void test_a_store_that_grew(void **state)
{
    (void)state;
    char *store = strdup(in_directory("grown"));

    add_rows(store, 0, 3);
    embed(store, 0, 0);
    add_rows(store, 3, ROWS);
    nsky_embed_report report = embed(store, 0, 2);
    assert_true(report.first == 3 && report.rows == 5);
    embed(store, 1, 2);
    add_rows(store, ROWS, ROWS + 1); /* and grows on meanwhile */
    report = embed(store, 0, 0);
    assert_int_equal(report.rows, ROWS + 1);
    assert_whole(store, ROWS + 1);
    free(store);
}

/* A shard at work is waited for; two of the same do not meet. */
static void test_a_busy_shard(void **state)
{
    (void)state;
    char *store = strdup(in_directory("busy"));
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation_work *work;
    nsky_embed_report report;
    char **names;
    size_t count;

    add_rows(store, 0, ROWS);
    embed(store, 0, 2);
    char *generations = nsky_format(&err, "%s/generations", store);
    assert_ok(nsky_directory_list(&names, &count, generations, &err), err);
    assert_int_equal(count, 1);
    assert_ok(nsky_generation_begin_part(&work, store, names[0] + strlen(".work-"), &err), err);
    assert_fails(try_embed(store, 0, 2, NULL, &report, &err), NSKY_EBUSY, err, "writing");
    assert_fails(try_embed(store, 0, 0, NULL, &report, &err), NSKY_EBUSY, err, "writing");
    embed(store, 1, 2); /* not in the way of the other */
    nsky_generation_pause(work);
    nsky_free(generations);
    nsky_free(names);
    free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_are_a_partition),
        cmocka_unit_test(test_all_shards),
        cmocka_unit_test(test_some_shards),
        cmocka_unit_test(test_a_store_that_grew),
        cmocka_unit_test(test_a_busy_shard),
    };
    return cmocka_run_group_tests(tests, setup, remove_test_directory);
}
