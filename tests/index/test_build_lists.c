/* test_build_lists.c - a store whose generation is indexed by lists: built, searched, killed, out
 * of disk, damaged, refreshed. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "lists_support.h"
#include "store_support.h"

#include "index/build.h"
#include "index/lists.h"
#include "index/search_private.h"

enum { ROWS = 4500, DIM = 40 };

static uint16_t vectors[ROWS * DIM];
static char store[sizeof test_directory + 8];
static const nsky_index_options options = {
    .recall_target = 0.95, .lists = 32, .segment_rows = 4096, .memory_bytes_max = 1 << 30};

static void add_rows(void)
{
    nsky_survey *survey = open_to_write(store);
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_object object = object_of_row(row);
        object.ra_deg = row * 0.05;
        object.dec_deg = 0;
        object.mag_z = 15.0f + 5.0f * (float)row / ROWS;
        add_object(survey, &object, row);
    }
    commit_and_close(survey);
}

static void publish_vectors(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *manifest = NULL;
    nsky_generation_work *work = begin_generation(store, vectors, ROWS, DIM, &manifest);
    uint32_t number = 0;
    nsky_json_put_integer(manifest, "blank_rows", 5);
    assert_ok(nsky_generation_publish(work, manifest, &number, &err), err);
}

static int set_up(void **state)
{
    if (make_test_directory(state) != 0)
        return -1;
    snprintf(store, sizeof store, "%s/store", test_directory);
    make_rows(vectors, ROWS, DIM, 60);
    add_rows();
    publish_vectors();
    return 0;
}

static uint32_t live(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    uint32_t number = nsky_search_generation(search);
    nsky_search_close(search);
    return number;
}

static void note(const char *text, void *payload)
{
    char *out = payload;
    if (!*out)
        snprintf(out, NSKY_ERROR_TEXT_BYTES, "%s", text);
}

static void assert_verified(const char *expected)
{
    nsky_error err = NSKY_ERROR_INIT;
    char first[NSKY_ERROR_TEXT_BYTES] = "";
    uint64_t problems = 0;
    assert_ok(nsky_survey_verify(store, note, first, &problems, &err), err);
    if (!expected && problems > 0)
        fail_msg("%s", first);
    if (expected && !strstr(first, expected))
        fail_msg("\"%s\" does not say %s", first, expected);
}

/* Disk full, stopped, killed: what was live stays live, and is whole. */
static void a_failed_build_changes_nothing(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_report report;
    for (int way = 0; way < 8; way++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct rlimit limit = {20000u << way, 20000u << way};
            signal(SIGXFSZ, SIG_IGN);
            if (way < 3 && setrlimit(RLIMIT_FSIZE, &limit) != 0)
                _exit(2);
            _exit(nsky_index_build(store, &options, &report, &err) == NSKY_EIO ? 1 : 0);
        }
        struct timespec pause = {0, (long)(way - 2) * 20000000};
        int how = 0;
        if (way >= 3) {
            nanosleep(&pause, NULL);
            kill(child, SIGKILL);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        if (way < 3)
            assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 1);
        else if (WIFEXITED(how) || live() == 2) /* it was quicker */
            break;
        assert_int_equal(live(), 1);
    }
    atomic_bool stop = true;
    nsky_index_options stopped = options;
    stopped.stop = &stop;
    if (live() == 1)
        assert_int_equal(nsky_index_build(store, &stopped, &report, &err), NSKY_ECANCELLED);
    assert_ok(nsky_index_build(store, &options, &report, &err), err);
    assert_int_equal(report.generation, 2);
    assert_int_equal(live(), 2);
    assert_verified(NULL);
}

static void the_manifest_says_what_was_measured(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_report report;
    nsky_search *search = NULL;
    assert_ok(nsky_index_build(store, &options, &report, &err), err);
    assert_int_equal(report.generation, 2); /* left alone */
    assert_string_equal(report.kind, "Lists32,PCA48,8bit");
    assert_true(report.recall_at_10 >= 0.95);
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    const nsky_json *index = nsky_json_get(nsky_search_manifest(search), "index");
    const nsky_json *efforts = nsky_json_get(index, "efforts");
    for (int e = 0; e < 2; e++) {
        const nsky_json *one = nsky_json_get(efforts, nsky_effort_name((nsky_effort)e));
        assert_true(nsky_json_get_number(one, "nprobe", 0) >= 1);
        assert_true(nsky_json_get_number(one, "recall_at_10", 0) > 0.5);
        assert_true(nsky_json_get_number(one, "recall_at_100", 0) > 0.5);
        assert_true(nsky_json_get_number(one, "probe_recall_at_10", 0) > 0.3);
    }
    nsky_search_close(search);
}

static void make_query(nsky_query *query, float *x, uint64_t *row, uint32_t k, nsky_effort effort)
{
    nsky_half_to_floats(x, vectors + *row * DIM, DIM);
    *query = (nsky_query){.positive = x,
                          .positive_count = 1,
                          .k = k,
                          .exclude = row,
                          .exclude_count = 1,
                          .effort = effort};
    nsky_filter_init(&query->filter);
}

static void searches_by_effort(void **state)
{
    (void)state;
    enum { COUNT = 60, K = 10 };
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    static nsky_answer answers[3][COUNT], alone;
    static nsky_query queries[COUNT];
    static float x[COUNT][DIM];
    static uint64_t rows[COUNT];
    uint32_t common[3] = {0, 0, 0};
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    for (int effort = 0; effort < 3; effort++) {
        for (uint32_t q = 0; q < COUNT; q++) {
            rows[q] = 70 * q + 3;
            make_query(&queries[q], x[q], &rows[q], K, (nsky_effort)effort);
        }
        assert_ok(nsky_search_run(search, queries, COUNT, answers[effort], &err), err);
        for (uint32_t q = 0; q < COUNT; q += 11) { /* company changes nothing */
            assert_ok(nsky_search_run(search, &queries[q], 1, &alone, &err), err);
            assert_memory_equal(alone.hits, answers[effort][q].hits, K * sizeof *alone.hits);
        }
    }
    for (int effort = 0; effort < 3; effort++)
        for (uint32_t q = 0; q < COUNT; q++) {
            const nsky_answer *answer = &answers[effort][q];
            const nsky_answer *truth = &answers[NSKY_EFFORT_EXACT][q];
            assert_int_equal(answer->count, K);
            assert_int_equal(answer->matching, ROWS - 1);
            assert_string_equal(answer->method,
                                effort == NSKY_EFFORT_EXACT ? "exact scan" : "index + re-ranking");
            assert_true(effort == NSKY_EFFORT_EXACT || answer->scanned < ROWS / 4);
            for (uint32_t i = 0; i < K; i++)
                for (uint32_t j = 0; j < K; j++) {
                    bool same = answer->hits[i].row == truth->hits[j].row;
                    common[effort] += same;
                    if (same) /* exact to the bit, whichever way it was found */
                        assert_true(answer->hits[i].similarity == truth->hits[j].similarity);
                }
        }
    assert_int_equal(common[NSKY_EFFORT_EXACT], COUNT * K);
    assert_true(common[NSKY_EFFORT_BALANCED] > 0.92 * COUNT * K);
    assert_true(common[NSKY_EFFORT_FAST] > 0.6 * COUNT * K);
    nsky_search_close(search);
}

/* A thousand are more than the lists looked into hold: never fewer than there are. */
static void never_fewer_than_there_are(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    static nsky_answer answer;
    nsky_query query;
    float x[DIM];
    uint64_t row = 5;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    make_query(&query, x, &row, NSKY_SEARCH_K_MAX, NSKY_EFFORT_FAST);
    assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
    assert_int_equal(answer.count, NSKY_SEARCH_K_MAX);
    for (uint32_t i = 1; i < answer.count; i++)
        assert_true(answer.hits[i - 1].similarity > answer.hits[i].similarity ||
                    (answer.hits[i - 1].similarity == answer.hits[i].similarity &&
                     answer.hits[i - 1].row < answer.hits[i].row));
    nsky_search_close(search);
}

static void refreshed_columns_keep_the_lists(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    static nsky_answer answer;
    nsky_query query;
    float x[DIM];
    uint64_t row = 5;
    uint32_t number = 0;
    assert_ok(nsky_index_refresh(store, &number, &err), err);
    assert_int_equal(number, 3);
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    make_query(&query, x, &row, 10, NSKY_EFFORT_BALANCED);
    assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
    assert_string_equal(answer.method, "index + re-ranking");
    nsky_search_close(search);
    assert_verified(NULL);
}

/* A filter that takes only the nearest away, as one that goes with the vectors may: no walk
 * leads through them, and most of the ten nearest of the others are found all the same. */
static void filters_are_for_the_lists(void)
{
    enum { NEAREST = ROWS / 12, K = 10 };
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    static nsky_answer near, truth, answer;
    static uint8_t bitmap[ROWS / 8 + 1];
    uint32_t common = 0, count = 0;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    search->few = 0; /* so few rows would be compared at once */
    for (uint64_t row = 5; row < ROWS; row += ROWS / 10, count++) {
        nsky_query query;
        float x[DIM];
        make_query(&query, x, &row, NEAREST, NSKY_EFFORT_EXACT);
        assert_ok(nsky_search_run(search, &query, 1, &near, &err), err);
        memset(bitmap, 0xff, sizeof bitmap);
        for (uint32_t i = 0; i < near.count; i++)
            bitmap[near.hits[i].row >> 3] &= (uint8_t) ~(1u << (near.hits[i].row & 7));
        query.k = K;
        query.filter.bitmap = bitmap;
        assert_ok(nsky_search_run(search, &query, 1, &truth, &err), err);
        query.effort = NSKY_EFFORT_BALANCED;
        assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
        assert_int_equal(answer.count, K);
        for (uint32_t i = 0; i < K; i++)
            for (uint32_t j = 0; j < K; j++)
                common += answer.hits[i].row == truth.hits[j].row;
    }
    assert_true(common >= 0.65 * K * count); /* 0.76; a walk finds 0.09 */
    nsky_search_close(search);
}

/* The same store with a graph beside the lists: asked for, found in the manifest, and as good. */
static void a_graph_beside_the_lists(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_report report;
    nsky_index_options with = options;
    nsky_search *search = NULL;
    with.graph = 1;
    assert_ok(nsky_index_build(store, &with, &report, &err), err);
    assert_non_null(strstr(report.kind, ",Graph32"));
    assert_true(report.recall_at_10 >= 0.95);
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    const nsky_json *index = nsky_json_get(nsky_search_manifest(search), "index");
    assert_true(nsky_json_get_number(nsky_json_get(index, "graph"), "beam", 0) >= 1);
    nsky_search_close(search);
    searches_by_effort(state);
    never_fewer_than_there_are(state);
    filters_are_for_the_lists();
    assert_verified(NULL);
    const uint32_t number = report.generation;
    assert_ok(nsky_index_build(store, &with, &report, &err), err);
    assert_int_equal(report.generation, number); /* left alone */
    with.graph = -1;
    assert_ok(nsky_index_build(store, &with, &report, &err), err);
    assert_null(strstr(report.kind, "Graph"));
}

/* Opening reads headers and tables; verify reads all. */
static void verify_finds_one_flipped_bit(void **state)
{
    (void)state;
    static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    nsky_error err = NSKY_ERROR_INIT;
    for (int f = 0; f < 3; f++) {
        char *path = nsky_format(&err, "%s/generations/0003/%s", store, names[f]);
        assert_int_equal(chmod(path, 0644), 0);
        for (int time = 0; time < 2; time++) {
            FILE *file = fopen(path, "r+b");
            assert_non_null(file);
            assert_int_equal(fseeko(file, -200, SEEK_END), 0);
            int byte = fgetc(file);
            assert_int_equal(fseeko(file, -200, SEEK_END), 0);
            fputc(byte ^ 1, file);
            fclose(file);
            assert_verified(time == 0 ? names[f] : NULL);
            nsky_search *search = NULL;
            nsky_status status = nsky_search_open(&search, store, 0, &err);
            assert_int_equal(status, f == 0 && time == 0 ? NSKY_EDATA : NSKY_OK);
            nsky_search_close(search);
        }
        assert_int_equal(chmod(path, 0444), 0);
        nsky_free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_build_changes_nothing),
        cmocka_unit_test(the_manifest_says_what_was_measured),
        cmocka_unit_test(searches_by_effort),
        cmocka_unit_test(never_fewer_than_there_are),
        cmocka_unit_test(refreshed_columns_keep_the_lists),
        cmocka_unit_test(verify_finds_one_flipped_bit),
        cmocka_unit_test(a_graph_beside_the_lists),
    };
    return cmocka_run_group_tests(tests, set_up, remove_test_directory);
}
