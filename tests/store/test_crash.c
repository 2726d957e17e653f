/* test_crash.c - a writer killed at any moment, again and again, ends where one left in peace does.
 */
#include "generation_support.h"

#include <time.h>

#include "store/survey_private.h"

#define BATCH 7
#define STORES 5
#define KILLS 8 /* at random moments, a store: bounded, for a busy machine may end none of them */

/* How much there is to do. */
static uint32_t objects, generations;

/* Steps are syncs and both sides of renames: what is on disk is different before and after. */
static uint32_t steps, last_step;

static void step(void)
{
    if (++steps == last_step)
        kill(getpid(), SIGKILL);
}

int rename(const char *from, const char *to)
{
    step();
    int result = renameat(AT_FDCWD, from, AT_FDCWD, to);
    step();
    return result;
}

/* Carries on from wherever the store is. */
static nsky_status ingest(nsky_error *err)
{
    nsky_survey *survey;
    nsky_status status = nsky_survey_open(&survey, store_path, NSKY_SURVEY_WRITE, err);

    if (status != NSKY_OK)
        return status;
    survey->writer.bytes_max = 20000; /* several packs */
    for (uint32_t n = (uint32_t)nsky_survey_rows(survey); n < objects && status == NSKY_OK;) {
        uint32_t count = objects - n < BATCH ? objects - n : BATCH;
        nsky_source source = {.objects = count};
        snprintf(source.path, sizeof source.path, "batch-%" PRIu32, n / BATCH);
        add_objects(survey, n, count, 16);
        if ((status = nsky_survey_put_source(survey, &source, err)) == NSKY_OK)
            status = nsky_survey_commit(survey, err);
        n += count;
    }
    nsky_survey_close(survey);
    return status;
}

/* As many generations as are wanted, counting those already live. */
static nsky_status embed(nsky_error *err)
{
    nsky_status status = NSKY_OK;
    uint32_t number = 0;

    while (number < generations && status == NSKY_OK) {
        nsky_generation *generation;
        if ((status = nsky_generation_open(&generation, store_path, 0, err)) == NSKY_OK)
            number = generation->number;
        nsky_generation_close(generation);
        if (status != NSKY_OK && status != NSKY_ENOTFOUND)
            return status;
        status = NSKY_OK;
        if (number < generations)
            status = make_generation(objects / generations * (number + 1), &number, err);
    }
    return status;
}

static int run_all(void)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (ingest(&err) == NSKY_OK && embed(&err) == NSKY_OK)
        return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}

/* True when the child came to its end before the kill. */
static bool run_and_kill(uint64_t after_ns)
{
    struct timespec pause = {(time_t)(after_ns / 1000000000), (long)(after_ns % 1000000000)};
    int status;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(run_all());
    assert_true(child > 0);
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFEXITED(status);
}

static void assert_same_file(const char *a, const char *b)
{
    nsky_error err = NSKY_ERROR_INIT;
    char left[NSKY_SHA256_HEX_BYTES], right[NSKY_SHA256_HEX_BYTES];

    assert_ok(nsky_sha256_file(a, left, &err), err);
    assert_ok(nsky_sha256_file(b, right, &err), err);
    if (strcmp(left, right) != 0)
        fail_msg("%s and %s differ", a, b);
}

static void assert_same_folder(const char *peace, const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    char left[2048], right[2048], **a, **b;
    size_t count_a, count_b;

    snprintf(left, sizeof left, "%s/%s", peace, name);
    snprintf(right, sizeof right, "%s/%s", store_path, name);
    assert_ok(nsky_directory_list(&a, &count_a, left, &err), err);
    assert_ok(nsky_directory_list(&b, &count_b, right, &err), err);
    for (size_t i = 0; i < count_a; i++) {
        char file_a[4096], file_b[4096];
        snprintf(file_a, sizeof file_a, "%s/%s", left, a[i]);
        snprintf(file_b, sizeof file_b, "%s/%s", right, a[i]);
        assert_same_file(file_a, file_b);
    }
    nsky_free(a);
    nsky_free(b);
    if (strcmp(name, "stamps") == 0)
        assert_int_equal(count_a, count_b);
}

static void assert_same_rows(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_survey(NSKY_SURVEY_READ);
    nsky_object object;
    nsky_source source;

    assert_int_equal(nsky_survey_rows(survey), objects);
    for (uint32_t n = 0; n < objects; n++) {
        nsky_object wanted = make_object(n);
        assert_ok(nsky_survey_by_row(survey, n, &object, &err), err);
        assert_true(object.id == wanted.id && object.ra_deg == wanted.ra_deg);
        if (n % BATCH != 0)
            continue;
        char path[32];
        snprintf(path, sizeof path, "batch-%" PRIu32, n / BATCH);
        assert_ok(nsky_survey_source(survey, path, &source, &err), err);
    }
    nsky_survey_close(survey);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Peace: where the store that nobody disturbed lies. */
static void assert_same_store(const char *peace)
{
    char name[64];

    assert_sound();
    assert_same_rows();
    assert_same_folder(peace, "stamps");
    for (uint32_t n = 1; n <= generations; n++) {
        snprintf(name, sizeof name, "generations/%04" PRIu32, n);
        assert_same_folder(peace, name);
    }
    snprintf(name, sizeof name, "generations/%04" PRIu32, generations + 1);
    assert_false(nsky_directory_exists(in_store(name)));
}

static void assert_sound_if_made(void)
{
    if (nsky_file_exists(in_store("survey.json")))
        assert_sound();
}

/* Dies at its n-th step; true when it came to the end before. */
static bool run_to_step(uint32_t n)
{
    int status;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        steps = 0;
        last_step = n;
        at_sync = step;
        _exit(run_all());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFEXITED(status);
}

static void test_random_moments(void **state)
{
    (void)state;
    char peace[400];
    nsky_rng rng = nsky_rng_at((uint64_t)time(NULL), 0, 0); /* new moments each time */
    int kills = 0;

    objects = 80;
    generations = 2;
    uint64_t start = now_ns();
    assert_int_equal(run_all(), 0);
    double window = (double)(now_ns() - start) / 3;
    assert_sound();
    snprintf(peace, sizeof peace, "%.390s", store_path);
    for (int store = 0; store < STORES; store++) {
        fresh_store(state);
        for (int n = 0; n < KILLS && !run_and_kill((uint64_t)(nsky_rng_uniform(&rng) * window));
             n++) {
            kills++;
            assert_sound_if_made();
        }
        assert_true(run_to_step(0));
        assert_same_store(peace);
    }
    assert_true(kills > 0);
    print_message("%d kills\n", kills);
}

static void test_every_step(void **state)
{
    (void)state;
    char peace[400];
    uint32_t n = 0;
    bool ended = false;

    objects = 10;
    generations = 2;
    assert_int_equal(run_all(), 0);
    snprintf(peace, sizeof peace, "%.390s", store_path);
    while (!ended) {
        fresh_store(state);
        ended = run_to_step(++n);
        assert_sound_if_made();
        assert_true(run_to_step(0));
        assert_same_store(peace);
    }
    assert_true(n > 40);
    print_message("%u steps\n", n - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_step, fresh_store),
        cmocka_unit_test_setup(test_random_moments, fresh_store),
    };
    return cmocka_run_group_tests_name("store.crash", tests, make_test_directory,
                                       remove_test_directory);
}
