/* test_resume.c - killed, stopped, run twice, run by many: always the same store. */
#include "support.h"

#include <pthread.h>
#include <time.h>

#include "store/survey.h"

#define CUBES 40

static char folder[300];

static const char *store_path(const char *name)
{
    static char paths[4][400];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_directory, name);
    return path;
}

/* Cubes, a set of bands, refused files, a clash of names, in folders that interleave. */
static int make_input(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    char path[600];

    if (make_test_directory(state) != 0)
        return -1;
    snprintf(folder, sizeof folder, "%s/in", test_directory);
    for (int i = 0; i < CUBES; i++) {
        snprintf(path, sizeof path, "%s/%d", folder, i % 5);
        make_folder(path);
        snprintf(path, sizeof path, "%s/%d/c%02d.fits", folder, i % 5, i % 36);
        nsky_sky centre = {i, i};
        make_image(path, &(image_spec){.width = 20 + (uint32_t)(i % 7) * 40,
                                       .height = 24,
                                       .bands = i % 3 ? "grz" : "zrig",
                                       .centre = i % 2 ? &centre : NULL,
                                       .seed = i});
        snprintf(path, sizeof path, "%s/%d/bad%02d.fits", folder, i % 5, i);
        if (i % 8 == 0)
            assert_ok(nsky_file_write(path, "SIMPLE  =", 9, &err), err);
    }
    for (int b = 0; b < 3; b++) {
        snprintf(path, sizeof path, "%s/2/set_%c.fits", folder, "grz"[b]);
        make_image(path, &(image_spec){.width = 20, .height = 20, .seed = b});
    }
    nsky_ingest_options options = {.workers = 1, .batch = 1};
    nsky_ingest_report report = ingest(store_path("plain"), folder, &options);
    assert_true(report.added > 30);
    assert_true(report.refused > 5);
    return 0;
}

static void test_workers(void **state)
{
    (void)state;
    static const uint32_t workers[] = {0, 2, 7, 64};

    for (size_t i = 0; i < 4; i++) {
        char name[32];
        nsky_ingest_options options = {.workers = workers[i]};
        snprintf(name, sizeof name, "workers%u", workers[i]);
        ingest(store_path(name), folder, &options);
        assert_same_store(store_path("plain"), store_path(name));
    }
}

static void test_twice(void **state)
{
    (void)state;
    nsky_ingest_report first = ingest(store_path("twice"), folder, NULL);
    nsky_ingest_report second = ingest(store_path("twice"), folder, NULL);

    assert_int_equal(second.added, 0);
    assert_int_equal(second.already, 0);
    assert_int_equal(second.refused, first.refused);
    assert_int_equal(second.unchanged, first.files - first.refused);
    assert_same_store(store_path("plain"), store_path("twice"));
}

/* In a process of its own; killed after so many microseconds, 0: not at all. true: it finished. */
static bool run_and_kill(const char *store, unsigned after_us)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_ingest_options options = {.workers = 2, .batch = 2};
        nsky_ingest_report report;
        const char *path = folder;
        nsky_log_set_level(NSKY_LOG_ERROR);
        _exit(nsky_ingest_paths(store, &path, 1, &options, &report, &err) == NSKY_OK ? 0 : 3);
    }
    if (after_us > 0) {
        struct timespec wait = {0, (long)after_us * 1000};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFEXITED(status);
}

/* Killed again and again, a little later each time, until it gets through. */
static void test_kill(void **state)
{
    (void)state;
    static const unsigned steps_us[] = {300, 1700, 4100, 9000};

    for (size_t i = 0; i < 4; i++) {
        char name[32];
        unsigned kills = 0;
        snprintf(name, sizeof name, "killed%zu", i);
        for (unsigned after = steps_us[i]; kills < 25; after += steps_us[i], kills++)
            if (run_and_kill(store_path(name), after))
                break;
        assert_true(run_and_kill(store_path(name), 0));
        assert_same_store(store_path("plain"), store_path(name));
    }
}

static void *stop_soon(void *payload)
{
    struct timespec wait = {0, 3000000};
    nanosleep(&wait, NULL);
    atomic_store((atomic_bool *)payload, true);
    return NULL;
}

static void test_stop(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_ingest_report report;
    const char *path = folder;
    atomic_bool stop = true;
    nsky_ingest_options options = {.stop = &stop, .workers = 2};
    uint64_t added = 0;
    pthread_t thread;

    nsky_log_set_level(NSKY_LOG_ERROR);
    assert_fails(nsky_ingest_paths(store_path("stopped"), &path, 1, &options, &report, &err),
                 NSKY_ECANCELLED, err, "run it again");
    assert_int_equal(report.added, 0);
    for (int i = 0; i < 100; i++) { /* until a run gets through before its stop */
        atomic_store(&stop, false);
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
        nsky_status status =
            nsky_ingest_paths(store_path("stopped"), &path, 1, &options, &report, &err);
        pthread_join(thread, NULL);
        added += report.added;
        if (status == NSKY_OK)
            break;
        assert_int_equal(status, NSKY_ECANCELLED);
    }
    atomic_store(&stop, false);
    assert_ok(nsky_ingest_paths(store_path("stopped"), &path, 1, &options, &report, &err), err);
    nsky_log_set_level(NSKY_LOG_INFO);
    added += report.added;
    nsky_survey *survey = open_store(store_path("stopped"));
    assert_int_equal(nsky_survey_rows(survey), added);
    nsky_survey_close(survey);
    assert_same_store(store_path("plain"), store_path("stopped"));
}

/* Each allocation of a whole run fails once: an error, and the next run carries on. */
static void test_memory(void **state)
{
    (void)state;
    nsky_ingest_options options = {.workers = 1, .batch = 1};
    nsky_ingest_report report;
    const char *path = folder;

    nsky_log_set_level(NSKY_LOG_ERROR);
    for (uint64_t n = 1;; n += 1 + n / 8) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_memory_fail_at(n);
        nsky_status status =
            nsky_ingest_paths(store_path("memory"), &path, 1, &options, &report, &err);
        bool failed = nsky_memory_count() >= n;
        nsky_memory_fail_at(0);
        if (!failed) {
            assert_ok(status, err);
            break;
        }
        if (status != NSKY_OK)
            assert_int_equal(status, NSKY_ENOMEM);
    }
    nsky_log_set_level(NSKY_LOG_INFO);
    assert_same_store(store_path("plain"), store_path("memory"));
}

static void show_problem(const char *text, void *payload)
{
    print_error("%s: %s\n", (const char *)payload, text);
}

static void test_sound(void **state)
{
    (void)state;
    static const char *const stores[] = {"plain", "killed0", "killed3", "stopped", "memory"};

    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        uint64_t problems;
        char name[32];
        snprintf(name, sizeof name, "%s", stores[i]);
        assert_ok(nsky_survey_verify(store_path(name), show_problem, name, &problems, &err), err);
        assert_int_equal(problems, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers), cmocka_unit_test(test_twice),  cmocka_unit_test(test_kill),
        cmocka_unit_test(test_stop),    cmocka_unit_test(test_memory), cmocka_unit_test(test_sound),
    };
    return cmocka_run_group_tests(tests, make_input, remove_test_directory);
}
