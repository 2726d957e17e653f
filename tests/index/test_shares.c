/* test_shares.c - an index made in shares by several processes: whatever they did and left undone,
 * the run without shards publishes the bytes of one that did it all. */
#include <sys/stat.h>
#include <time.h>

#include "built_support.h"

#include "index/lists_build.h"
#include "index/shares.h"

enum { ROWS = 17000, DIM = 40, FIRST = 1, WHOLE = 2 }; /* five batches, the last one short */

static uint16_t vectors[ROWS * DIM];
static const nsky_vectors all = {vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16};
static const nsky_index_options options = {
    .recall_target = 0.95, .lists = 32, .segment_rows = 4096, .memory_bytes_max = 1 << 30};

static int set_up(void **state)
{
    if (make_test_directory(state) != 0)
        return -1;
    make_rows(vectors, ROWS, DIM, 60);
    make_store_of(ROWS);
    assert_int_equal(publish_rows(&all, false), FIRST);
    const nsky_index_report report = build(&options);
    assert_int_equal(report.generation, WHOLE);
    assert_false(report.up_to_date);
    assert_int_equal(report.trained_rows, ROWS);
    return 0;
}

static nsky_index_options share_of(uint32_t share, uint32_t shares)
{
    nsky_index_options out = options;
    out.shard = share - 1;
    out.shards = shares;
    return out;
}

static nsky_index_report make_share(uint32_t share, uint32_t shares)
{
    const nsky_index_options of = share_of(share, shares);
    return build(&of);
}

static nsky_generation_work *held; /* by this process, whose children must not hold it too */

static pid_t start_share(uint32_t share, uint32_t shares)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_index_report report;
        const nsky_index_options of = share_of(share, shares);
        nsky_generation_pause(held);
        _exit(nsky_index_build(store, &of, &report, &err) == NSKY_OK ? 0 : 1);
    }
    return child;
}

static void assert_done(pid_t child)
{
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

/* The run without shards, the bytes of the whole, and nothing left behind. */
static void assert_taken(uint64_t rows)
{
    const nsky_index_report report = build(&options);
    assert_int_equal(report.taken_rows, rows);
    assert_int_equal(report.kept_rows, 0);
    assert_same_index(WHOLE, report.generation);
    assert_int_equal(count_folders("work", NULL), 0);
}

static void shares_are_a_partition(void **state)
{
    (void)state;
    for (uint32_t shares = 1; shares <= 9; shares++)
        for (uint64_t begin = 0; begin < 9000; begin += 4321)
            for (uint64_t rows = begin + 1; rows < 40000; rows += 3001) {
                const nsky_lists kept = {.rows = begin};
                const nsky_lists_job job = {.vectors = {vectors, rows, DIM, NSKY_VECTOR_FLOAT16},
                                            .kept = begin ? &kept : NULL};
                uint64_t at = begin;
                for (uint32_t share = 0; share < shares; share++) {
                    uint64_t first, end;
                    nsky_share_range(&job, share, shares, &first, &end);
                    assert_int_equal(first, at);
                    assert_true(end >= first && (end == rows || (end - begin) % 4096 == 0));
                    assert_true(end - first < (rows - begin) / shares + 2 * 4096);
                    at = end;
                }
                assert_int_equal(at, rows);
            }
}

/* All at once: one trains, the others wait. */
static void all_shares_at_once(void **state)
{
    (void)state;
    pid_t children[3];
    make_live(FIRST);
    for (uint32_t i = 0; i < 3; i++)
        children[i] = start_share(i + 1, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_done(children[i]);
    assert_int_equal(count_folders("-share-", NULL), 3);
    assert_int_equal(count_folders("-tables", NULL), 1);
    const nsky_index_report report = make_share(2, 3); /* again: there is nothing to do */
    assert_true(report.shard && report.generation == 0);
    assert_int_equal(report.first, 4096);
    assert_int_equal(report.end, 3 * 4096);
    assert_taken(ROWS);
    assert_verified();
    assert_true(make_share(2, 3).up_to_date);
}

/* Of two partitions, with a gap, and rows that are there twice. */
static void some_shares_are_missing(void **state)
{
    (void)state;
    make_live(FIRST);
    make_share(5, 5);
    make_share(2, 5);
    make_share(1, 2);
    nsky_index_options other =
        options; /* memory decides how long segments are: none of the bytes */
    other.segment_rows = 8192;
    const nsky_index_report report = build(&other);
    assert_true(report.taken_rows >= 4096 * 2 + ROWS % 4096);
    assert_same_index(WHOLE, report.generation);
    assert_int_equal(count_folders("work", NULL), 0);
}

static void killed_shares_carry_on(void **state)
{
    (void)state;
    uint32_t killed = 0;
    make_live(FIRST);
    for (long i = 0; i < 8; i++) {
        pid_t child = start_share(1, 2);
        struct timespec pause = {0, i == 0 ? 1000000 : (60 * i - 40) * 1000000}; /* one is early */
        int how = 0;
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &how, 0), child);
        killed += WIFSIGNALED(how);
    }
    assert_true(killed > 0);
    make_share(1, 2);
    assert_taken(8192);
}

static char found_folder[sizeof store + 256];

static void note_folder(const char *name)
{
    snprintf(found_folder, sizeof found_folder, "%s/generations/%s", store, name);
}

/* Path of the first segment of the folder whose name holds `part`; the caller frees. */
static char *segment_in(const char *part)
{
    nsky_error err = NSKY_ERROR_INIT;
    char **names, *path = NULL;
    size_t count;
    assert_int_equal(count_folders(part, note_folder), 1);
    assert_ok(nsky_directory_list(&names, &count, found_folder, &err), err);
    for (size_t i = 0; i < count && !path; i++)
        if (strstr(names[i], "segment-"))
            path = nsky_format(&err, "%s/%s", found_folder, names[i]);
    nsky_free(names);
    assert_non_null(path);
    return path;
}

static ino_t inode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_ino;
}

static void what_is_made_is_not_made_again(void **state)
{
    (void)state;
    make_live(FIRST);
    make_share(1, 1);
    char *first = segment_in("-share-1-of-1"), *second = strstr(first, "segment-");
    nsky_error err = NSKY_ERROR_INIT;
    second = nsky_format(&err, "%.*ssegment-000004096-4096.part", (int)(second - first), first);
    const ino_t kept = inode_of(first);
    assert_int_equal(unlink(second), 0);
    make_share(1, 1);
    assert_int_equal(inode_of(first), kept);
    assert_true(nsky_file_exists(second));
    nsky_free(second);
    nsky_free(first);
    assert_taken(ROWS);
}

static void hold(const char *part)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_int_equal(count_folders(part, note_folder), 1);
    const char *key = strstr(found_folder, ".work-") + strlen(".work-");
    assert_ok(nsky_generation_begin_part(&held, store, key, &err), err);
}

static void let_go(void)
{
    nsky_generation_pause(held);
    held = NULL;
}

static void busy_ones_are_named(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_report report;
    const nsky_index_options second = share_of(2, 4);
    make_live(FIRST);
    make_share(2, 4);
    hold("-share-2-of-4");
    assert_fails(nsky_index_build(store, &second, &report, &err), NSKY_EBUSY, err,
                 "share 2 of 4 is being made already");
    assert_fails(nsky_index_build(store, &options, &report, &err), NSKY_EBUSY, err,
                 "-share-2-of-4");
    make_share(3, 4); /* not in the way of the other */
    let_go();
    /* Whoever trains is waited for. */
    hold("-tables");
    char *tables = nsky_format(&err, "%s/" NSKY_TRAINED_FILE, found_folder);
    assert_int_equal(unlink(tables), 0);
    pid_t child = start_share(4, 4);
    struct timespec pause = {0, 400000000};
    nanosleep(&pause, NULL);
    assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
    let_go();
    assert_done(child);
    assert_true(nsky_file_exists(tables));
    nsky_free(tables);
    assert_taken(3 * 4096 + ROWS % 4096);
}

/* Of other options, or damaged on the way from another machine. */
static void what_does_not_belong_is_not_taken(void **state)
{
    (void)state;
    nsky_index_options other = share_of(1, 2);
    other.lists = 24;
    make_live(FIRST);
    build(&other);
    make_share(1, 2);
    make_share(2, 2);
    char *damaged = segment_in("-share-2-of-2");
    flip_byte(damaged, 100);
    nsky_free(damaged);
    nsky_index_report report = build(&options);
    assert_int_equal(report.taken_rows, 8192 + ROWS - 3 * 4096);
    assert_same_index(WHOLE, report.generation);
    assert_int_equal(count_folders("-share-", NULL), 1); /* the other's, of the same vectors */
    /* Other vectors: a row more is blank. The shares of the old ones go when those are indexed. */
    static uint16_t changed[ROWS * DIM];
    memcpy(changed, vectors, sizeof changed);
    memset(changed + 17 * DIM, 0, DIM * sizeof *changed);
    publish_rows(&(nsky_vectors){changed, ROWS, DIM, NSKY_VECTOR_FLOAT16}, false);
    report = build(&options);
    assert_int_equal(report.taken_rows, 0);
    assert_int_equal(count_folders("work", NULL), 0);
}

static void only_lists_have_shares(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_report report;
    nsky_index_options flat = share_of(1, 2);
    flat.lists = 0;
    make_live(FIRST);
    assert_fails(nsky_index_build(store, &flat, &report, &err), NSKY_EINVAL, err, "Flat");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_a_partition),
        cmocka_unit_test(all_shares_at_once),
        cmocka_unit_test(some_shares_are_missing),
        cmocka_unit_test(killed_shares_carry_on),
        cmocka_unit_test(what_is_made_is_not_made_again),
        cmocka_unit_test(busy_ones_are_named),
        cmocka_unit_test(what_does_not_belong_is_not_taken),
        cmocka_unit_test(only_lists_have_shares),
    };
    return cmocka_run_group_tests(tests, set_up, remove_test_directory);
}
