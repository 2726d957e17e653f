/* test_cuda_nccl.c - ranks meet in a folder and sum gradients, by threads and by processes, on a
 * NCCL of host memory; and what they say when something is amiss. Thread rule: as each test says.
 */
#include "tests/common/support.h"

#include <pthread.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/rng.h"
#include "encoder/cuda/nccl.h"
#include "encoder/cuda/nccl_abi.h"
#include "encoder/cuda/nccl_watch.h"

#ifdef TEST_NCCL_HEADER
#include <nccl.h>
_Static_assert(sizeof(nsky_nccl_id) == sizeof(ncclUniqueId), "NCCL's id");
_Static_assert((int)NSKY_NCCL_SUM == (int)ncclSum && (int)NSKY_NCCL_FLOAT32 == (int)ncclFloat32 &&
                   (int)NSKY_NCCL_BYTE == (int)ncclChar &&
                   (int)NSKY_NCCL_SUCCESS == (int)ncclSuccess,
               "NCCL's numbers");
#endif

#define RANKS 3u
#define COUNT 10001u    /* more than the library takes at once */
#define GATHERED 12345u /* bytes: three of them fit */

static float gradient(uint32_t rank, uint32_t step, uint32_t i)
{
    nsky_rng rng = nsky_rng_at(rank, step, i);
    return (float)nsky_rng_range(&rng, -1, 1);
}

/* A rank that joins, sums a few times and leaves; true: all as it should be. */
static bool takes_part(const char *folder, uint32_t rank, uint32_t ranks)
{
    const nsky_ranks_options options = {
        .folder = folder, .rank = rank, .count = ranks, .timeout_s = 60};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_ranks *r;
    float *values = malloc(COUNT * sizeof *values);
    bool good = nsky_ranks_join(&r, &options, &err) == NSKY_OK;

    for (uint32_t step = 0; step < 3 && good; step++) {
        uint32_t count = step == 1 ? 1 : COUNT;
        for (uint32_t i = 0; i < count; i++)
            values[i] = gradient(rank, step, i);
        good = nsky_ranks_sum(r, values, count, NULL, &err) == NSKY_OK &&
               nsky_ranks_check(r, &err) == NSKY_OK;
        for (uint32_t i = 0; i < count && good; i++) {
            float sum = 0;
            for (uint32_t other = 0; other < ranks; other++)
                sum += gradient(other, step, i);
            good = values[i] == sum;
        }
    }
    for (uint32_t i = 0; i < COUNT; i++) /* bytes of every rank's own */
        values[i] = 0;
    char *bytes = (char *)values;
    memset(bytes + (size_t)rank * GATHERED, 'a' + (int)rank, GATHERED);
    good = good && nsky_ranks_gather(r, bytes, GATHERED, NULL, &err) == NSKY_OK;
    for (uint32_t i = 0; i < ranks * GATHERED && good; i++)
        good = bytes[i] == (char)('a' + i / GATHERED);
    if (err.status != NSKY_OK)
        fprintf(stderr, "rank %u: %s\n", rank, err.text);
    if (good)
        nsky_ranks_leave(r, true);
    free(values);
    return good;
}

typedef struct part {
    const char *folder;
    uint32_t rank, late_ms;
    bool good;
} part;

static void *be_a_rank(void *payload)
{
    part *p = payload;

    usleep(p->late_ms * 1000);
    p->good = takes_part(p->folder, p->rank, RANKS);
    return NULL;
}

static void run_threads(const char *folder)
{
    static const uint32_t late_ms[RANKS] = {40, 0, 90};
    part parts[RANKS];
    pthread_t threads[RANKS];

    for (uint32_t i = 0; i < RANKS; i++) {
        parts[i] = (part){folder, i, late_ms[i], false};
        assert_int_equal(pthread_create(&threads[i], NULL, be_a_rank, &parts[i]), 0);
    }
    for (uint32_t i = 0; i < RANKS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < RANKS; i++)
        assert_true(parts[i].good);
}

/* Twice in one folder: what the first run left misleads nobody. */
static void test_threads(void **state)
{
    (void)state;
    const char *folder = in_directory("threads");

    run_threads(folder);
    run_threads(folder);
}

static void test_processes(void **state)
{
    (void)state;
    const char *folder = in_directory("processes");
    pid_t children[RANKS];

    for (uint32_t i = 0; i < RANKS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(takes_part(folder, RANKS - 1 - i, RANKS) ? 0 : 1);
    }
    for (uint32_t i = 0; i < RANKS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}

static void test_one_rank_alone(void **state)
{
    (void)state;
    assert_true(takes_part(in_directory("alone"), 0, 1));
}

static nsky_status meet(const char *folder, uint32_t rank, uint32_t count, double timeout_s,
                        uint8_t *message, nsky_error *err)
{
    const nsky_ranks_options options = {
        .folder = folder, .rank = rank, .count = count, .timeout_s = timeout_s};

    return nsky_ranks_meet(&options, message, err);
}

/* A rank that was killed left its hello, and a stranger's files lie about. */
static void test_leftovers(void **state)
{
    (void)state;
    static const char *const names[] = {"hello-1", "hello-2", "offer", "ready-1", "go"};
    const char *folder = in_directory("leftovers");
    nsky_error err = NSKY_ERROR_INIT;
    uint8_t noise[4096];

    assert_ok(nsky_make_directories(folder, &err), err);
    memset(noise, 0x5a, sizeof noise);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1200];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_ok(nsky_file_write(path, noise, i % 2 ? 16 : i == 2 ? sizeof noise : 16, &err), err);
    }
    run_threads(folder);
}

static void test_who_is_missing(void **state)
{
    (void)state;
    const char *folder = in_directory("missing");
    nsky_error err = NSKY_ERROR_INIT;
    uint8_t message[NSKY_MEET_BYTES] = {1};
    atomic_bool stop = true;
    const nsky_ranks_options stopped = {
        .folder = folder, .rank = 0, .count = 2, .timeout_s = 60, .stop = &stop};

    assert_fails(meet(folder, 0, 2, 0.1, message, &err), NSKY_EBUSY, err, "rank 2/2");
    assert_fails(meet(folder, 1, 2, 0.1, message, &err), NSKY_EBUSY, err, "rank 1/2");
    assert_fails(nsky_ranks_meet(&stopped, message, &err), NSKY_ECANCELLED, err, "stopped");
    assert_fails(meet(folder, 2, 2, 1, message, &err), NSKY_EINVAL, err, "rank 3/2");
    assert_fails(meet(folder, 0, 0, 1, message, &err), NSKY_EINVAL, err, "rank");
    assert_fails(meet(folder, 0, NSKY_RANKS_MAX + 1, 1, message, &err), NSKY_EINVAL, err, "1024");
    assert_fails(meet("/proc/nearsky", 0, 1, 1, message, &err), NSKY_EIO, err, "/proc");
}

/* The same number twice, while the first is waiting. */
static void test_who_is_there_twice(void **state)
{
    (void)state;
    const nsky_ranks_options options = {
        .folder = in_directory("twice"), .rank = 1, .count = 2, .timeout_s = 0.1};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_watch *watch, *again;
    nsky_ranks *r;

    assert_ok(nsky_watch_begin(&watch, &options, &err), err);
    assert_fails(nsky_watch_begin(&again, &options, &err), NSKY_EBUSY, err, "rank 2/2 runs");
    assert_fails(nsky_ranks_join(&r, &options, &err), NSKY_EBUSY, err, "rank 2/2 runs");
    nsky_watch_end(watch, false);
    assert_fails(nsky_ranks_join(&r, &options, &err), NSKY_EBUSY, err, "did not come");
}

static void note_gone(void *context)
{
    atomic_store((atomic_bool *)context, true);
}

/* Two watches of one folder: one ends; or is done when it ends; or ends and begins again, at once.
 */
static void test_who_is_missed(void **state)
{
    (void)state;
    enum { ENDS, DONE, AGAIN, CASES };
    const char *folder = in_directory("missed");

    for (int how = ENDS; how < CASES; how++) {
        bool done = how == DONE;
        nsky_ranks_options options = {.folder = folder, .rank = 0, .count = 2};
        nsky_error err = NSKY_ERROR_INIT;
        nsky_watch *one, *other;
        atomic_bool gone = false;
        assert_ok(nsky_watch_begin(&one, &options, &err), err);
        options.rank = 1;
        assert_ok(nsky_watch_begin(&other, &options, &err), err);
        assert_int_equal(nsky_watch_missing(one), NSKY_RANK_NONE);
        nsky_watch_end(other, done);
        if (how == AGAIN)
            assert_ok(nsky_watch_begin(&other, &options, &err), err);
        assert_ok(nsky_watch_start(one, note_gone, &gone, &err), err);
        assert_int_equal(nsky_watch_missing(one), done ? NSKY_RANK_NONE : 1);
        double began_s = nsky_now_s();
        while (!done && !gone && nsky_now_s() - began_s < 60)
            usleep(1000);
        nsky_watch_stop(one);
        assert_int_equal(gone, !done);
        nsky_watch_end(one, true);
        if (how == AGAIN)
            nsky_watch_end(other, true);
    }
}

static void test_shares(void **state)
{
    (void)state;
    for (uint32_t whole = 0; whole < 40; whole++)
        for (uint32_t count = 1; count <= 5; count++) {
            uint32_t before = 0, first, end;
            for (uint32_t rank = 0; rank < count; rank++) {
                nsky_ranks_share(rank, count, whole, &first, &end);
                assert_int_equal(first, before);
                assert_true(end - first == whole / count || end - first == whole / count + 1);
                before = end;
            }
            assert_int_equal(before, whole);
        }
}

/* In a process of its own, where NCCL is another or fails: prints what rank 1 of two is told. */
static void told(const char *variable, const char *value, const char *word)
{
    const char *folder = in_directory(value);
    bool dies = strcmp(value, "dies") == 0; /* rank 0, as soon as they have met */
    int ends[2], status;
    char text[NSKY_ERROR_TEXT_BYTES] = "";

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        setenv(variable, value, 1);
        pid_t other = fork(); /* rank 0 */
        nsky_error err = NSKY_ERROR_INIT;
        const nsky_ranks_options options = {
            .folder = folder, .rank = other != 0, .count = 2, .timeout_s = 20};
        nsky_ranks *r = NULL;
        float values[4] = {1, 2, 3, 4};
        nsky_status s = nsky_ranks_join(&r, &options, &err);
        if (other == 0 && !dies)
            sleep(60); /* until it is killed */
        if (other == 0)
            _exit(0); /* and leaves the other alone */
        if (s == NSKY_OK && (s = nsky_ranks_sum(r, values, dies ? 4 : 0, NULL, &err)) == NSKY_OK)
            s = nsky_ranks_check(r, &err);
        nsky_ranks_leave(r, false);
        if (write(ends[1], err.text, strlen(err.text) + 1) < 0)
            _exit(2);
        kill(other, SIGKILL);
        waitpid(other, &status, 0);
        _exit(s == NSKY_EDEVICE ? 0 : 1);
    }
    close(ends[1]);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    if (!strstr(text, word))
        fail_msg("%s=%s: \"%s\" says nothing of \"%s\"", variable, value, text, word);
}

/* Before any other: the library is loaded once a process. */
static void test_failures_have_remedies(void **state)
{
    (void)state;
    told("FAKE_NCCL", "init", "NCCL_DEBUG");
    told("FAKE_NCCL", "sum", "resume from the checkpoint");
    told("FAKE_NCCL", "later", "network error");
    told("FAKE_NCCL_OLD", "1", "2.7 or newer");
    told("FAKE_NCCL", "dies", "rank 1/2 has ended; start all ranks again");
    told(NSKY_NCCL_ENV, "nothing-here.so", "install NCCL 2");
    told(NSKY_NCCL_ENV, "libm.so.6", "no NCCL");
}

static int setup(void **state)
{
    return setenv(NSKY_NCCL_ENV, TEST_FAKE_NCCL, 1) != 0 || make_test_directory(state) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_have_remedies),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_one_rank_alone),
        cmocka_unit_test(test_leftovers),
        cmocka_unit_test(test_who_is_missing),
        cmocka_unit_test(test_who_is_there_twice),
        cmocka_unit_test(test_who_is_missed),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, setup, remove_test_directory);
}
