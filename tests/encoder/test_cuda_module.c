/* test_cuda_module.c - the module as users meet it: absent, broken, of another version, without a
 * card, with one (of host memory); and a survey through it. A process opens the module once, so
 * each case has a process of its own. Thread rule: one thread. */
#include "tests/encoder/module_support.h"

#include <math.h>

#include "common/file.h"
#include "common/half.h"
#include "common/rng.h"
#include "encoder/cuda_module.h"
#include "encoder/embed_survey.h"
#include "encoder/registry.h"
#include "store/generation.h"
#include "store/survey.h"

#define SIDE 16u
#define ROWS 21u
#define DIM 512u
#define MODEL "random:resnet18:4"

/* "cuda" fails, saying `word`; "auto" goes on without. */
static const char *word;

static void is_not_to_be_had(void)
{
    const nsky_backend_ops *ops;
    nsky_precision precision = NSKY_BF16;
    nsky_error err = NSKY_ERROR_INIT;
    char devices[256];

    REQUIRE(nsky_registry_choose(&ops, "cuda", &precision, &err) == NSKY_EDEVICE);
    fprintf(stderr, "[%s]\n", err.text);
    REQUIRE(strstr(err.text, word));
    REQUIRE(strstr(err.text, "--device cpu"));
    REQUIRE(!strchr(err.text, '\n'));
    for (int i = 0; i < 3; i++) {
        precision = NSKY_BF16;
        if (nsky_registry_choose(&ops, "auto", &precision, &err) != NSKY_OK) { /* an older CPU */
            precision = NSKY_FP32;
            REQUIRE(nsky_registry_choose(&ops, "auto", &precision, &err) == NSKY_OK);
        }
        REQUIRE(strcmp(ops->name, "cuda") != 0);
    }
    nsky_encoder_devices(devices, sizeof devices);
    REQUIRE(!strstr(devices, "cuda"));
}

static void test_what_cannot_be_used(void **state)
{
    (void)state;
    char said[4096], garbage[1024];
    nsky_error err = NSKY_ERROR_INIT;

    word = "no CUDA module";
    in_process(is_not_to_be_had, "/nowhere/nearsky_cuda.so", NULL, said, sizeof said);
    assert_int_equal(times_said(said, "on the CPU:"), 0); /* nobody expected a card */
    snprintf(garbage, sizeof garbage, "%s", in_directory("garbage.so"));
    assert_ok(nsky_file_write(garbage, "not a module", 12, &err), err);
    word = "cannot be opened";
    in_process(is_not_to_be_had, garbage, NULL, said, sizeof said);
    assert_int_equal(times_said(said, "on the CPU:"), 1);
    word = "another version";
    in_process(is_not_to_be_had, TEST_OLD_MODULE, NULL, said, sizeof said);
    assert_int_equal(times_said(said, "on the CPU:"), 1);
    word = "no NVIDIA driver";
    in_process(is_not_to_be_had, TEST_HOST_MODULE, "1", said, sizeof said);
    assert_int_equal(times_said(said, "on the CPU:"), 1);
}

/* The module as it is built here, on whatever machine this is. */
static void real_one(void)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (nsky_cuda_backend(&err))
        return;
    fprintf(stderr, "[%s]\n", err.text);
    REQUIRE(err.status == NSKY_EDEVICE);
    REQUIRE(strstr(err.text, "--device cpu"));
    REQUIRE(strstr(err.text, "driver") || strstr(err.text, "card") || strstr(err.text, "memory") ||
            strstr(err.text, "too old"));
    nsky_encoder_options options = nsky_encoder_defaults();
    REQUIRE(strcmp(options.device, "auto") == 0);
}

static void test_the_real_module_says_what_is_missing(void **state)
{
    (void)state;
    char said[4096];

    if (access(TEST_REAL_MODULE, R_OK) != 0) {
        printf("NEARSKY-SKIP: no %s: nvcc and cuDNN 9 were not found\n", TEST_REAL_MODULE);
        skip();
    }
    in_process(real_one, TEST_REAL_MODULE, NULL, said, sizeof said);
}

/* A model that nobody calibrated: the remedy is named. */
static void refuses_int8_without_scales(void)
{
    const nsky_encoder_options options = {"cuda", NSKY_INT8, SIDE};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_encoder *encoder;
    nsky_model *model;

    REQUIRE(nsky_model_load(&model, "random:resnet18:1", &err) == NSKY_OK);
    REQUIRE(nsky_encoder_open(&encoder, model, &options, &err) == NSKY_EINVAL);
    REQUIRE(strstr(err.text, "nearsky calibrate"));
    nsky_model_close(model);
}

static void is_chosen(void)
{
    const nsky_backend_ops *ops;
    nsky_precision precision = NSKY_BF16;
    nsky_error err = NSKY_ERROR_INIT;
    char devices[256];

    REQUIRE(nsky_registry_choose(&ops, "auto", &precision, &err) == NSKY_OK);
    REQUIRE(strcmp(ops->name, "cuda") == 0 && precision == NSKY_BF16 && ops->slots);
    precision = NSKY_FP16;
    REQUIRE(nsky_registry_choose(&ops, "auto", &precision, &err) == NSKY_OK);
    REQUIRE(strcmp(ops->name, "cuda") == 0);
    precision = NSKY_FP32;
    REQUIRE(nsky_registry_choose(&ops, "auto", &precision, &err) == NSKY_OK);
    REQUIRE(strcmp(ops->name, "cuda") == 0 && precision == NSKY_FP32);
    precision = NSKY_INT8;
    REQUIRE(nsky_registry_choose(&ops, "auto", &precision, &err) == NSKY_OK);
    REQUIRE(strcmp(ops->name, "cuda") == 0 && precision == NSKY_INT8);
    refuses_int8_without_scales();
    nsky_encoder_devices(devices, sizeof devices);
    REQUIRE(strncmp(devices, "cuda (a host's memory: fp32, bf16, fp16, int8), ", 48) == 0);
    REQUIRE(nsky_encoder_defaults().precision == NSKY_BF16);
}

static void test_a_card_is_chosen(void **state)
{
    (void)state;
    char said[4096];

    in_process(is_chosen, TEST_HOST_MODULE, NULL, said, sizeof said);
    assert_string_equal(said, "");
}

/* --- a survey --- */

/* Row 4 has an infinite pixel in the middle, row 5 is missing all over, row 9 has another scale. */
static void make_store(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;

    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, &err), err);
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_rng rng = nsky_rng_at(7, 1, row);
        uint32_t side = 16 + 2 * (row % 5);
        nsky_stamp *stamp;
        nsky_add_result result;
        nsky_object object;
        assert_ok(
            nsky_stamp_new(&stamp, side, side, row == 9 ? 0.1f : (float)NSKY_SCALE_ARCSEC_PX, &err),
            err);
        nsky_object_init(&object);
        snprintf(object.name, sizeof object.name, "galaxy-%u", row);
        object.id = nsky_object_id_hashed("test", object.name);
        for (uint32_t i = 0; i < 3 * side * side && row != 5; i++)
            stamp->pixels[i] = (float)nsky_rng_range(&rng, 0, 0.3);
        if (row == 4)
            stamp->pixels[side * side / 2 + side / 2] = INFINITY;
        assert_ok(nsky_survey_add(survey, &object, stamp, true, &result, &err), err);
        nsky_stamp_free(stamp);
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
}

static char stores[4][1024];

static void embed(const char *store, const char *device, uint32_t workers, uint32_t block_rows)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_embed_options options = {
        .encoder = {device, strcmp(device, "ref") == 0 ? NSKY_FP32 : NSKY_BF16, SIDE},
        .workers = workers,
        .block_rows = block_rows};
    nsky_embed_report report;

    if (nsky_embed_survey(store, MODEL, &options, &report, &err) != NSKY_OK)
        fprintf(stderr, "%s\n", err.text);
    REQUIRE(err.status == NSKY_OK);
    REQUIRE(report.rows == ROWS && report.limited_by);
    for (int i = 0; i < NSKY_EMBED_STAGES; i++)
        REQUIRE(report.busy[i] >= 0 && isfinite(report.busy[i]));
    REQUIRE(strcmp(device, "ref") == 0 || report.busy[NSKY_EMBED_COPY] > 0);
}

static void embed_all(void)
{
    embed(stores[0], "ref", 1, 4);
    embed(stores[1], "cuda", 1, 0);
    embed(stores[2], "cuda", 3, 3);
    embed(stores[3], "auto", 2, 7);
}

static void test_a_survey(void **state)
{
    (void)state;
    char said[8192];
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *live[4];
    float want[DIM], got[DIM];

    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "store%d", i);
        snprintf(stores[i], sizeof stores[i], "%s", in_directory(name));
        make_store(stores[i]);
    }
    in_process(embed_all, TEST_HOST_MODULE, NULL, said, sizeof said);
    assert_int_equal(times_said(said, "row 4 gets no vector"), 4);
    for (int i = 0; i < 4; i++)
        assert_ok(nsky_generation_open(&live[i], stores[i], 0, &err), err);
    assert_string_equal(nsky_json_get_string(live[3]->manifest, "backend"), "cuda");
    assert_string_equal(nsky_json_get_string(live[3]->manifest, "precision"), "bf16");
    assert_true(nsky_json_get_number(live[1]->manifest, "blank_rows", -1) >= 1);
    /* Workers and blocks change no bit. */
    for (int i = 2; i < 4; i++)
        assert_memory_equal(live[i]->vectors.data, live[1]->vectors.data,
                            (size_t)ROWS * DIM * sizeof(uint16_t));
    for (uint32_t row = 0; row < ROWS; row++) {
        double dot = 0, square = 0, wanted = 0;
        nsky_generation_vector(live[0], row, want);
        nsky_generation_vector(live[1], row, got);
        for (uint32_t i = 0; i < DIM; i++) {
            dot += (double)want[i] * got[i];
            square += (double)got[i] * got[i];
            wanted += (double)want[i] * want[i];
        }
        if (row == 4)
            assert_true(square == 0 && wanted == 0);
        else if (!(dot >= 0.999 * sqrt(square * wanted) && fabs(square - wanted) < 2e-3))
            fail_msg("row %u: cosine %.5f", row, dot / sqrt(square * wanted));
    }
    for (int i = 0; i < 4; i++)
        nsky_generation_close(live[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_used),
        cmocka_unit_test(test_the_real_module_says_what_is_missing),
        cmocka_unit_test(test_a_card_is_chosen),
        cmocka_unit_test(test_a_survey),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
