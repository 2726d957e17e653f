/* test_embed_survey.c - whole surveys: killed, stopped, grown, re-run; always the same bits. */
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "common/file.h"
#include "common/half.h"
#include "common/rng.h"
#include "encoder/embed_survey.h"
#include "store/generation.h"
#include "store/survey.h"
#include "tests/common/support.h"

#define SIDE 16u
#define ROWS 30u
#define DIM 512u
#define MODEL "random:resnet18:4"

static nsky_embed_options options_for(uint32_t workers)
{
    return (nsky_embed_options){
        .encoder = {"ref", NSKY_FP32, SIDE}, .workers = workers, .block_rows = 2};
}

/* Rows [first, end); row `blank`, where there is one, is empty sky. */
static void add_rows(const char *store, uint32_t first, uint32_t end, uint32_t blank)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;
    nsky_stamp *stamp;

    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, &err), err);
    assert_ok(nsky_stamp_new(&stamp, SIDE, SIDE, (float)NSKY_SCALE_ARCSEC_PX, &err), err);
    for (uint32_t row = first; row < end; row++) {
        nsky_rng rng = nsky_rng_at(99, 1, row);
        nsky_add_result result;
        nsky_object object;
        nsky_object_init(&object);
        snprintf(object.name, sizeof object.name, "galaxy-%u", row);
        object.id = nsky_object_id_hashed("test", object.name);
        for (uint32_t i = 0; i < 3 * SIDE * SIDE; i++)
            stamp->pixels[i] = row == blank ? 0 : (float)nsky_rng_range(&rng, 0, 0.3);
        assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
        assert_int_equal(result, NSKY_ADDED);
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_stamp_free(stamp);
    nsky_survey_close(survey);
}

static nsky_embed_report embed(const char *store, const nsky_embed_options *options)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_embed_report report;

    assert_ok(nsky_embed_survey(store, MODEL, options, &report, &err), err);
    return report;
}

static nsky_generation *open_live(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *live;

    assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    return live;
}

/* Vectors of an uninterrupted run: what every other way must give. */
static uint16_t expected[ROWS * DIM];

static void assert_expected(const char *store, uint32_t rows)
{
    nsky_generation *live = open_live(store);

    assert_int_equal(live->rows, rows);
    assert_int_equal(live->dim, DIM);
    assert_memory_equal(live->vectors.data, expected, (size_t)rows * DIM * sizeof *expected);
    nsky_generation_close(live);
}

static void problem(const char *text, void *payload)
{
    (void)payload;
    print_error("%s\n", text);
}

static void assert_sound(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t problems;

    assert_ok(nsky_survey_verify(store, problem, NULL, &problems, &err), err);
    assert_int_equal(problems, 0);
}

static void says_what_it_did(void **state)
{
    const char *store = in_directory("whole"); /* made by set_up */
    nsky_embed_options options = options_for(1);
    nsky_generation *live = open_live(store);
    const nsky_json *manifest = live->manifest, *model = nsky_json_get(manifest, "model");
    nsky_error err = NSKY_ERROR_INIT;
    char *path, hash[NSKY_SHA256_HEX_BYTES];
    float vector[DIM];

    (void)state;
    assert_int_equal(live->rows, ROWS);
    assert_string_equal(nsky_json_get_string(manifest, "backend"), "ref");
    assert_string_equal(nsky_json_get_string(manifest, "precision"), "fp32");
    assert_int_equal((int)nsky_json_get_number(manifest, "blank_rows", -1), 0);
    assert_int_equal(strlen(nsky_json_get_string(manifest, "preprocess_sha256")), 64);
    assert_int_equal(strlen(nsky_json_get_string(manifest, "created_at")), 20);
    assert_true(nsky_json_get_bool(model, "random_weights", false));
    assert_ok(nsky_generation_model_path(live, &path, &err), err);
    assert_ok(nsky_sha256_file(path, hash, &err), err);
    assert_string_equal(hash, nsky_json_get_string(model, "sha256"));
    nsky_free(path);
    for (uint32_t row = 0; row < ROWS; row += 7) {
        double square = 0;
        nsky_generation_vector(live, row, vector);
        for (uint32_t i = 0; i < DIM; i++)
            square += (double)vector[i] * vector[i];
        assert_true(fabs(square - 1) < 1e-3);
    }
    nsky_embed_report report = embed(store, &options);
    assert_true(report.up_to_date);
    assert_int_equal(report.generation, live->number);
    nsky_generation_close(live);
    assert_sound(store);
}

/* The numbers of `expected`, each row in 8 bits. */
static void assert_expected_short(const char *store, uint32_t rows)
{
    nsky_generation *live = open_live(store);
    const nsky_vectors all = {expected, ROWS, DIM, NSKY_VECTOR_FLOAT16};
    float row[DIM];
    int8_t numbers[DIM];

    assert_int_equal(live->rows, rows);
    assert_int_equal(live->vectors.type, NSKY_VECTOR_INT8);
    assert_string_equal(nsky_json_get_string(live->manifest, "vector_type"), "int8");
    for (uint32_t i = 0; i < rows; i++) {
        nsky_vectors_read(&all, i, row);
        nsky_vector_encode(NSKY_VECTOR_INT8, row, DIM, numbers);
        assert_memory_equal(nsky_vectors_row(&live->vectors, i), numbers, DIM);
    }
    nsky_generation_close(live);
}

/* Vectors of float16 are shortened, not computed again; a store of int8 stays one unless told
 * otherwise; the way back is a new embedding. */
static void vectors_may_be_short(void **state)
{
    const char *store = in_directory("short");
    const nsky_vector_type int8 = NSKY_VECTOR_INT8, float16 = NSKY_VECTOR_FLOAT16;
    nsky_embed_options options = options_for(2);
    nsky_embed_report report;

    (void)state;
    add_rows(store, 0, ROWS / 2, UINT32_MAX);
    embed(store, &options);
    options.vectors = &int8;
    report = embed(store, &options);
    assert_int_equal(report.generation, 2);
    assert_int_equal(report.reused, ROWS / 2);
    assert_true(report.images_per_s == 0);
    assert_expected_short(store, ROWS / 2);
    add_rows(store, ROWS / 2, ROWS, UINT32_MAX);
    options.vectors = NULL;
    report = embed(store, &options);
    assert_int_equal(report.reused, ROWS / 2);
    assert_expected_short(store, ROWS);
    assert_true(embed(store, &options).up_to_date);
    assert_sound(store);
    options.vectors = &float16;
    report = embed(store, &options);
    assert_int_equal(report.reused, 0);
    assert_expected(store, ROWS);
    assert_sound(store);
}

static void workers_change_no_bit(void **state)
{
    nsky_embed_options options = options_for(3);
    const char *store = in_directory("three");

    (void)state;
    options.block_rows = 7;
    add_rows(store, 0, ROWS, ROWS);
    nsky_embed_report report = embed(store, &options);
    assert_int_equal(report.rows, ROWS);
    assert_int_equal(report.reused, 0);
    assert_false(report.up_to_date);
    assert_expected(store, ROWS);
}

static void growth_keeps_what_there_is(void **state)
{
    nsky_embed_options options = options_for(2);
    const char *store = in_directory("grown");

    (void)state;
    add_rows(store, 0, 10, ROWS);
    assert_int_equal(embed(store, &options).generation, 1);
    add_rows(store, 10, 25, ROWS);
    nsky_embed_report report = embed(store, &options);
    assert_int_equal(report.generation, 2);
    assert_int_equal(report.reused, 10);
    assert_int_equal(report.rows, 25);
    assert_expected(store, 25);

    /* Another input size is another network. */
    options.encoder.size = 8;
    report = embed(store, &options);
    assert_int_equal(report.reused, 0);
    assert_int_equal(report.generation, 3);
    nsky_generation *live = open_live(store);
    assert_memory_not_equal(live->vectors.data, expected, DIM * sizeof *expected);
    assert_int_equal((int)nsky_json_get_number(live->manifest, "input_size", 0), 8);
    nsky_generation_close(live);
    assert_sound(store);
}

static char *work_folder(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    char **names, *found = NULL;
    char *generations = nsky_format(&err, "%s/generations", store);
    size_t count;

    assert_ok(nsky_directory_list(&names, &count, generations, &err), err);
    for (size_t i = 0; i < count; i++)
        if (strncmp(names[i], ".work-embed-", 12) == 0)
            found = nsky_format(&err, "%s/%s", generations, names[i]);
    nsky_free(names);
    nsky_free(generations);
    return found;
}

/* Bytes of the log of blocks in the work folder: what has become durable. */
static off_t durable(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    char *folder = work_folder(store);
    char *log = nsky_format(&err, "%s/vectors.blocks", folder ? folder : "no");
    struct stat file;
    off_t bytes = stat(log, &file) == 0 ? file.st_size : 0;

    nsky_free(log);
    nsky_free(folder);
    return bytes;
}

/* Starts embedding and kills it as soon as it has got any further. */
static void kill_once(const char *store, const nsky_embed_options *options)
{
    struct timespec ms = {0, 1000000};
    off_t before = durable(store);
    int status;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_embed_report report;
        _exit(nsky_embed_survey(store, MODEL, options, &report, &err) == NSKY_OK ? 0 : 1);
    }
    while (durable(store) <= before) {
        assert_int_equal(waitpid(child, &status, WNOHANG), 0); /* it must not finish first */
        nanosleep(&ms, NULL);
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_true(durable(store) > before);
}

static void killed_runs_carry_on(void **state)
{
    nsky_embed_options options = options_for(1);
    const char *store = in_directory("killed");

    (void)state;
    add_rows(store, 0, ROWS, ROWS);
    for (uint32_t kills = 0; kills < 4; kills++) {
        options.block_rows = 1 + kills; /* need not be the same each time */
        kill_once(store, &options);
    }
    embed(store, &options);
    assert_expected(store, ROWS);
    assert_sound(store);
}

/* Stopped, with its files damaged as a crash of the machine may leave them. */
static void damaged_work_is_done_again(void **state)
{
    atomic_bool stop = true;
    nsky_embed_options options = options_for(2);
    const char *store = in_directory("damaged");
    nsky_embed_report report;
    nsky_error err;

    (void)state;
    add_rows(store, 0, ROWS, ROWS);
    options.stop = &stop; /* what the workers have already begun is finished */
    assert_fails(nsky_embed_survey(store, MODEL, &options, &report, &err), NSKY_ECANCELLED, err,
                 "carries on");
    char *folder = work_folder(store);
    assert_non_null(folder);
    char *vectors = nsky_format(&err, "%s/vectors.f16", folder);
    FILE *file = fopen(vectors, "r+b");
    assert_non_null(file);
    fseek(file, DIM + 11, SEEK_SET); /* a row of the first block */
    fputc(0x55, file);
    fseek(file, 0, SEEK_END);
    fputs("half a block", file);
    fclose(file);
    nsky_free(vectors);
    nsky_free(folder);
    options.stop = NULL;
    assert_int_equal(embed(store, &options).rows, ROWS);
    assert_expected(store, ROWS);
    assert_null(work_folder(store));
    assert_sound(store);
}

static void blank_stamps_stop_nothing(void **state)
{
    nsky_embed_options options = options_for(2);
    const char *store = in_directory("blank");
    float vector[DIM];

    (void)state;
    add_rows(store, 0, 9, 5);
    embed(store, &options);
    nsky_generation *live = open_live(store);
    assert_int_equal((int)nsky_json_get_number(live->manifest, "blank_rows", 0), 1);
    nsky_generation_vector(live, 5, vector);
    for (uint32_t i = 0; i < DIM; i++)
        assert_true(vector[i] == 0);
    assert_memory_equal(live->vectors.data, expected, 5 * DIM * sizeof *expected);
    assert_memory_equal((const uint16_t *)live->vectors.data + 6 * DIM, expected + 6 * DIM,
                        3 * DIM * sizeof *expected);
    nsky_generation_close(live);
    assert_sound(store);
}

static void refuses_what_cannot_work(void **state)
{
    nsky_embed_options options = options_for(1);
    const char *store = in_directory("refused");
    nsky_embed_report report;
    nsky_generation_work *other;
    nsky_error err;

    (void)state;
    assert_fails(nsky_embed_survey(store, MODEL, &options, &report, &err), NSKY_ENOTFOUND, err,
                 "refused");
    add_rows(store, 0, 0, 0);
    assert_fails(nsky_embed_survey(store, MODEL, &options, &report, &err), NSKY_ENOTFOUND, err,
                 "ingest");
    add_rows(store, 0, 2, ROWS);
    assert_fails(nsky_embed_survey(store, "random:x", &options, &report, &err), NSKY_EINVAL, err,
                 "random");
    options.encoder.device = "abacus";
    assert_fails(nsky_embed_survey(store, MODEL, &options, &report, &err), NSKY_EDEVICE, err,
                 "abacus");
    options = options_for(1);
    options.encoder.size = 1; /* only the workers find out */
    assert_fails(nsky_embed_survey(store, MODEL, &options, &report, &err), NSKY_EINVAL, err,
                 "1 pixels");
    options = options_for(1);
    err = (nsky_error)NSKY_ERROR_INIT;
    assert_ok(nsky_generation_begin(&other, store, "other", &err), err);
    assert_fails(nsky_embed_survey(store, MODEL, &options, &report, &err), NSKY_EBUSY, err, "");
    nsky_generation_abandon(other);
}

/* A failing allocation anywhere leaves a store that the next run completes. */
static void survives_the_end_of_memory(void **state)
{
    nsky_embed_options options = options_for(1);
    const char *store = in_directory("memory");
    uint32_t failures = 0;

    (void)state;
    add_rows(store, 0, 6, ROWS);
    for (uint64_t n = 1;; n += n, failures++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_embed_report report;
        nsky_memory_fail_at(n);
        nsky_status status = nsky_embed_survey(store, MODEL, &options, &report, &err);
        bool failed = nsky_memory_count() >= n;
        nsky_memory_fail_at(0);
        if (!failed || status == NSKY_OK)
            break;
        assert_int_equal(status, NSKY_ENOMEM);
    }
    assert_true(failures > 5);
    assert_expected(store, 6);
    assert_sound(store);
}

static int set_up(void **state)
{
    nsky_embed_options options = options_for(1);

    if (make_test_directory(state) != 0)
        return -1;
    add_rows(in_directory("whole"), 0, ROWS, ROWS);
    embed(in_directory("whole"), &options);
    nsky_generation *live = open_live(in_directory("whole"));
    memcpy(expected, live->vectors.data, sizeof expected);
    nsky_generation_close(live);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_did),           cmocka_unit_test(vectors_may_be_short),
        cmocka_unit_test(workers_change_no_bit),      cmocka_unit_test(growth_keeps_what_there_is),
        cmocka_unit_test(killed_runs_carry_on),       cmocka_unit_test(damaged_work_is_done_again),
        cmocka_unit_test(blank_stamps_stop_nothing),  cmocka_unit_test(refuses_what_cannot_work),
        cmocka_unit_test(survives_the_end_of_memory),
    };

    return cmocka_run_group_tests(tests, set_up, remove_test_directory);
}
