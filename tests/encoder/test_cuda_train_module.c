/* test_cuda_train_module.c - `nearsky train --device` as the registry and the trainer have it: a
 * module with a card (of host memory), none, and a whole training through it, stopped and taken up
 * again. Thread rule: one thread. */
#include "tests/encoder/module_support.h"

#include "encoder/encoder.h"
#include "encoder/registry.h"
#include "encoder/train/train.h"
#include "tests/encoder/train_support.h"

#define ROWS 17u

static char store[1024], models[3][1024], labels[1024];

static void is_chosen(void)
{
    const nsky_train_ops *ops;
    nsky_error err = NSKY_ERROR_INIT;

    REQUIRE(nsky_registry_choose_training(&ops, "cuda", NSKY_BF16, &err) == NSKY_OK);
    REQUIRE(strcmp(ops->name, "cuda") == 0 && ops->workers == 1);
    REQUIRE(nsky_registry_choose_training(&ops, "auto", NSKY_BF16, &err) == NSKY_OK);
    REQUIRE(strcmp(ops->name, "cuda") == 0);
    REQUIRE(nsky_registry_choose_training(&ops, "auto", NSKY_FP32, &err) == NSKY_OK);
    REQUIRE(strcmp(ops->name, "cpu") == 0 && ops->workers == 0);
    REQUIRE(nsky_registry_choose_training(&ops, "cuda", NSKY_FP32, &err) == NSKY_EDEVICE);
    REQUIRE(strstr(err.text, "--precision bf16"));
    REQUIRE(nsky_registry_choose_training(&ops, "abacus", NSKY_FP32, &err) == NSKY_EDEVICE);
    REQUIRE(strstr(err.text, "abacus") && strstr(err.text, "cuda"));
}

/* "auto" goes on without, in a precision that every CPU has not; so either is right here. */
static void is_not_to_be_had(void)
{
    const nsky_train_ops *ops;
    nsky_error err = NSKY_ERROR_INIT;

    REQUIRE(nsky_registry_choose_training(&ops, "cuda", NSKY_BF16, &err) == NSKY_EDEVICE);
    REQUIRE(strstr(err.text, "--device cpu") && !strchr(err.text, '\n'));
    for (int i = 0; i < 3; i++)
        if (nsky_registry_choose_training(&ops, "auto", NSKY_BF16, &err) == NSKY_OK)
            REQUIRE(strcmp(ops->name, "cpu") == 0);
    REQUIRE(nsky_registry_choose_training(&ops, "auto", NSKY_FP32, &err) == NSKY_OK);
}

static void test_choice(void **state)
{
    (void)state;
    char said[4096];

    in_process(is_chosen, TEST_HOST_MODULE, NULL, said, sizeof said);
    assert_string_equal(said, "");
    in_process(is_not_to_be_had, "/nowhere/nearsky_cuda.so", NULL, said, sizeof said);
    assert_string_equal(said, ""); /* nobody expected a card */
    in_process(is_not_to_be_had, TEST_HOST_MODULE, "1", said, sizeof said);
    assert_int_equal(times_said(said, "on the CPU: no NVIDIA driver"), 1);
    in_process(is_not_to_be_had, TEST_OLD_MODULE, NULL, said, sizeof said);
    assert_int_equal(times_said(said, "another version"), 1);
}

/* Two steps an epoch, of the smallest network there is. */
static nsky_train_options small_options(const char *device)
{
    nsky_train_options o = smallest_training();

    o.sub_batch = 8;
    o.device = device;
    o.precision = strcmp(device, "cpu") == 0 ? NSKY_FP32 : NSKY_BF16;
    o.name = "small";
    return o;
}

static nsky_train_report train_into(const char *path, const nsky_train_options *options)
{
    const char *const stores[] = {store};
    nsky_train_report report;
    nsky_error err = NSKY_ERROR_INIT;

    nsky_status status = nsky_train_survey(stores, 1, path, options, &report, &err);
    if (status != NSKY_OK)
        fprintf(stderr, "%s\n", err.text);
    REQUIRE(status == NSKY_OK);
    return report;
}

/* One epoch, then the same training to its end: as if it had never stopped. Another device is
 * another training. */
static void train_all(nsky_train_options o, nsky_train_options cpu)
{
    const char *const stores[] = {store};
    atomic_bool stop = true;
    nsky_train_report whole, report;
    nsky_error err = NSKY_ERROR_INIT;

    whole = train_into(models[0], &o);
    REQUIRE(whole.steps == 4 && isfinite(whole.loss));
    o.device = "auto";
    o.stop = &stop;
    REQUIRE(nsky_train_survey(stores, 1, models[1], &o, &report, &err) == NSKY_ECANCELLED);
    REQUIRE(nsky_train_survey(stores, 1, models[1], &o, &report, &err) == NSKY_ECANCELLED);
    o.stop = NULL;
    report = train_into(models[1], &o);
    REQUIRE(report.loss == whole.loss);
    o.device = "cpu";
    o.precision = NSKY_FP32;
    REQUIRE(nsky_train_survey(stores, 1, models[1], &o, &report, &err) == NSKY_EMISMATCH);
    report = train_into(models[2], &cpu);
    REQUIRE(fabs(report.loss - whole.loss) < 0.1 * report.loss);
}

static void train_pairs(void)
{
    train_all(small_options("cuda"), small_options("cpu"));
}

/* Classes and numbers, some without either. */
static nsky_train_options from_labels(const char *device)
{
    nsky_train_options o = small_options(device);

    o.labels = labels;
    o.heads = "class:label,near:label:0.5,number:number:0.3,bins3:number";
    o.clip = 2;
    o.slow = true;
    return o;
}

static void train_heads(void)
{
    FILE *file = fopen(labels, "w");

    REQUIRE(file);
    fputs("name,label,number\n", file);
    for (uint32_t row = 0; row < ROWS; row++)
        fprintf(file, "stars-%u,%s,%s\n", row,
                row % 3 == 2 ? ""
                : row % 3    ? "blue"
                             : "red",
                row % 5 == 1 ? ""
                : row % 2    ? "0.5"
                             : "-1");
    REQUIRE(fclose(file) == 0);
    train_all(from_labels("cuda"), from_labels("cpu"));
}

/* The whole training, and one that stopped, wrote the same model. */
static void check_training(const char *prefix, void (*train)(void))
{
    char said[8192];
    nsky_error err = NSKY_ERROR_INIT;
    size_t sizes[2];
    void *files[2];
    nsky_model *model;

    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%d.safetensors", prefix, i);
        snprintf(models[i], sizeof models[i], "%s", in_directory(name));
    }
    in_process(train, TEST_HOST_MODULE, NULL, said, sizeof said);
    for (int i = 0; i < 2; i++)
        assert_ok(nsky_file_read(&files[i], &sizes[i], models[i], 1 << 28, &err), err);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(files[0], files[1], sizes[0]);
    assert_ok(nsky_model_open(&model, models[0], &err), err);
    nsky_model_close(model);
    for (int i = 0; i < 2; i++)
        nsky_free(files[i]);
}

static void test_training(void **state)
{
    (void)state;
    snprintf(store, sizeof store, "%s", in_directory("store"));
    snprintf(labels, sizeof labels, "%s", in_directory("labels.csv"));
    make_store(store, "stars", ROWS, 24, NSKY_SCALE_ARCSEC_PX);
    check_training("pairs", train_pairs);
    check_training("heads", train_heads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_training),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
