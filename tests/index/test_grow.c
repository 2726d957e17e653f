/* test_grow.c - rows added to an index of lists: the tables and the old rows' codes stay, what is
 * found is what an index built at once finds, and where tables no longer serve they are trained
 * anew. */
#include <sys/stat.h>
#include <time.h>

#include "built_support.h"

#include "index/by_lists.h"
#include "index/keep.h"
#include "index/lists_build.h"
#include "index/oracle.h"
#include "index/rank_lists.h"

enum { OLD = 9000, ROWS = 12500, MORE = 14000, DIM = 40, LISTS = 48 };
enum { FIRST = 1, TRAINED, ADDED, GROWN, AT_ONCE }; /* generations */

static uint16_t vectors[MORE * DIM];
static const nsky_index_options options = {
    .recall_target = 0.95, .lists = LISTS, .segment_rows = 4096, .memory_bytes_max = 1 << 30};

static nsky_vectors first_rows(uint64_t rows)
{
    return (nsky_vectors){vectors, rows, DIM, NSKY_VECTOR_FLOAT16};
}

static uint32_t publish_first(uint64_t rows, bool adopt)
{
    const nsky_vectors of = first_rows(rows);
    return publish_rows(&of, adopt);
}

static int set_up(void **state)
{
    if (make_test_directory(state) != 0)
        return -1;
    make_rows(vectors, MORE, DIM, 60);
    make_store_of(MORE);
    assert_int_equal(publish_first(OLD, false), FIRST);
    assert_int_equal(build(&options).generation, TRAINED);
    assert_int_equal(publish_first(ROWS, true), ADDED);
    nsky_index_report report = build(&options);
    assert_int_equal(report.generation, GROWN);
    assert_int_equal(report.kept_rows, OLD);
    assert_int_equal(report.trained_rows, OLD);
    assert_int_equal(report.rows, ROWS);
    nsky_index_options at_once = options;
    at_once.retrain = true;
    report = build(&at_once);
    assert_int_equal(report.generation, AT_ONCE);
    assert_int_equal(report.kept_rows, 0);
    assert_int_equal(report.trained_rows, ROWS);
    return 0;
}

static void open_lists(nsky_lists *lists, uint32_t number, uint64_t rows)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_lists_open(lists, generation_path(number), rows, DIM, &err), err);
}

/* Forced training gives the index of a store that never was smaller; nothing is done twice. */
static void at_once_is_as_if_never_grown(void **state)
{
    (void)state;
    nsky_index_options at_once = options;
    at_once.retrain = true;
    assert_int_equal(build(&at_once).generation, AT_ONCE);
    assert_true(build(&at_once).up_to_date);
    const uint32_t number = publish_first(ROWS, false); /* no index comes along */
    const nsky_index_report report = build(&options);
    assert_int_equal(report.generation, number + 1);
    assert_same_index(AT_ONCE, report.generation);
    assert_verified();
}

/* Every row once, blank ones left out, those that were there with the list, code and slack they
 * had, in front. */
static void old_codes_stay_and_every_row_is_there(void **state)
{
    (void)state;
    nsky_lists before, after;
    static uint8_t seen[ROWS];
    open_lists(&before, TRAINED, OLD);
    open_lists(&after, GROWN, ROWS);
    assert_int_equal(before.lists, after.lists);
    assert_memory_equal(before.centroids, after.centroids,
                        (size_t)after.lists * after.coded * sizeof(float));
    assert_memory_equal(before.rotation, after.rotation,
                        (size_t)after.coded * after.padded * sizeof(float));
    const uint64_t lanes = after.coded * after.coder.bits / 32, block = lanes * 64;
    memset(seen, 0, sizeof seen);
    for (uint32_t l = 0; l < after.lists; l++) {
        const uint64_t from = (uint64_t)before.offsets[l] * NSKY_CODE_ROWS;
        const uint64_t old = (uint64_t)before.offsets[l + 1] * NSKY_CODE_ROWS - from;
        const uint64_t to = (uint64_t)after.offsets[l] * NSKY_CODE_ROWS;
        const uint64_t slots = (uint64_t)after.offsets[l + 1] * NSKY_CODE_ROWS - to;
        uint64_t last = 0;
        for (uint64_t s = 0; s < slots && after.row_of[to + s] != NSKY_NO_ROW; s++) {
            const uint32_t row = after.row_of[to + s];
            assert_true(row < ROWS && (s == 0 || row > last));
            last = row;
            seen[row]++;
            if (row >= OLD)
                continue;
            assert_true(s < old && before.row_of[from + s] == row);
            assert_memory_equal(&before.slack[2 * (from + s)], &after.slack[2 * (to + s)], 2);
            const uint8_t *a = before.codes + (from + s) / NSKY_CODE_ROWS * block;
            const uint8_t *b = after.codes + (to + s) / NSKY_CODE_ROWS * block;
            for (uint64_t lane = 0; lane < lanes; lane++) {
                assert_memory_equal(a + 64 * lane + 4 * (s % NSKY_CODE_ROWS),
                                    b + 64 * lane + 4 * (s % NSKY_CODE_ROWS), 4);
            }
        }
    }
    for (uint32_t row = 0; row < ROWS; row++)
        assert_int_equal(seen[row], row % 997 != 500);
    nsky_lists_close(&after);
    nsky_lists_close(&before);
    assert_verified();
}

/* Of both, by one effort and the same queries. */
static void finds_as_much_as_one_built_at_once(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    static nsky_hit hits[COUNT * 10];
    static nsky_topk topks[COUNT];
    static nsky_lists_ask asks[COUNT];
    nsky_error err = NSKY_ERROR_INIT;
    nsky_oracle oracle = {0};
    double recall[2];
    const nsky_scan scan = {.vectors = first_rows(ROWS)};
    assert_ok(nsky_oracle_rows(&oracle, &scan, COUNT, 3, NULL, &err), err);
    for (int i = 0; i < 2; i++) {
        nsky_lists lists;
        open_lists(&lists, i == 0 ? GROWN : AT_ONCE, ROWS);
        for (uint32_t q = 0; q < oracle.count; q++) {
            topks[q] = (nsky_topk){hits + (size_t)q * 10, 10, 0};
            asks[q] = (nsky_lists_ask){.direction = oracle.directions + (size_t)q * oracle.padded,
                                       .share = 1,
                                       .effort = {6, 60, 2},
                                       .exclude = &oracle.self[q],
                                       .exclude_count = 1,
                                       .topk = &topks[q]};
        }
        assert_ok(nsky_by_lists(&lists, &scan, asks, oracle.count, 2, &err), err);
        recall[i] = nsky_oracle_recall(&oracle, topks, 10);
        nsky_lists_close(&lists);
    }
    nsky_oracle_close(&oracle);
    assert_true(recall[1] > 0.9);
    assert_true(recall[0] > recall[1] - 0.01);
}

/* Rankings through codes old and new: float64's rows, to the rounding of its scores. */
static void rankings_are_exact(void **state)
{
    (void)state;
    enum { K = 40, PADDED = 48 };
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists lists;
    nsky_ranker ranker;
    static double scores[ROWS];
    const nsky_scan scan = {.vectors = first_rows(ROWS)};
    uint32_t by_codes = 0;
    open_lists(&lists, GROWN, ROWS);
    char *path = nsky_format(&err, "%s/vectors.f16", generation_path(GROWN));
    assert_ok(nsky_ranker_open(&ranker, &lists, &scan, path, &err), err);
    for (uint32_t trial = 0; trial < 6; trial++) {
        float weights[PADDED] = {0};
        nsky_hit hits[K];
        nsky_rng rng = nsky_rng_at(12, 0, trial);
        nsky_rng_fill_normal(&rng, weights, DIM);
        nsky_rank_query query = {.weights = weights, .matching = ROWS, .topk = {hits, K, 0}};
        assert_ok(nsky_ranker_run(&ranker, &query, 1, 2, &err), err);
        by_codes += query.method != NSKY_RANK_SCAN;
        assert_int_equal(query.topk.count, K);
        for (uint32_t row = 0; row < ROWS; row++) {
            scores[row] = row % 997 == 500 ? -INFINITY : 0;
            for (uint32_t d = 0; d < DIM; d++)
                scores[row] +=
                    (double)weights[d] * (double)nsky_half_to_float(vectors[(size_t)row * DIM + d]);
        }
        for (uint32_t i = 0; i < K; i++) {
            uint32_t better = 0; /* rows whose score is beyond doubt higher */
            assert_true(fabs(scores[hits[i].row] - (double)hits[i].similarity) < 1e-5);
            for (uint32_t row = 0; row < ROWS; row++)
                better += scores[row] > scores[hits[i].row] + 1e-5;
            assert_true(better <= i);
        }
    }
    assert_true(by_codes > 0);
    nsky_free(path);
    nsky_ranker_close(&ranker);
    nsky_lists_close(&lists);
}

static void the_bytes_do_not_depend_on_how(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_report report;
    nsky_index_options other = options;
    other.threads = 1;
    other.segment_rows = 8192;
    make_live(ADDED);
    assert_same_index(GROWN, build(&other).generation);
    uint32_t killed = 0;
    make_live(ADDED);
    for (long i = 0; i < 6; i++) {
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(nsky_index_build(store, &options, &report, &err) == NSKY_OK ? 0 : 1);
        struct timespec pause = {0, (5 + 25 * i) * 1000000};
        int how = 0;
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &how, 0), child);
        killed += WIFSIGNALED(how);
        if (!WIFSIGNALED(how))
            make_live(ADDED);
    }
    assert_true(killed > 0);
    assert_same_index(GROWN, build(&options).generation);
    /* In shares: of what was added. */
    make_live(ADDED);
    other = options;
    other.shards = 1;
    report = build(&other);
    assert_true(report.shard && report.first == OLD && report.end == ROWS);
    report = build(&options);
    assert_int_equal(report.taken_rows, ROWS - OLD);
    assert_int_equal(report.kept_rows, OLD);
    assert_same_index(GROWN, report.generation);
    assert_int_equal(count_folders("work", NULL), 0);
}

/* A row of before, and one that was added. */
static void hide(bool deleted)
{
    nsky_error err = NSKY_ERROR_INIT;
    bool changed;
    nsky_survey *survey = open_to_write(store);
    assert_ok(nsky_survey_delete(survey, 7, deleted, &changed, &err), err);
    assert_true(changed);
    assert_ok(nsky_survey_delete(survey, ROWS + 7, deleted, &changed, &err), err);
    assert_true(changed);
    commit_and_close(survey);
}

/* Step after step, until rows are half as many again as the tables saw. Deleted rows keep their
 * place, as in a build of all. */
static void grows_again_until_half(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists lists;
    make_live(GROWN);
    hide(true);
    publish_first(13400, true);
    nsky_index_report report = build(&options);
    assert_int_equal(report.kept_rows, ROWS);
    assert_int_equal(report.trained_rows, OLD);
    open_lists(&lists, report.generation, 13400);
    bool found = false;
    for (uint64_t s = 0; s < lists.slots; s++)
        found = found || lists.row_of[s] == 7;
    assert_true(found);
    nsky_lists_close(&lists);
    nsky_generation *live;
    assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    assert_int_equal(live->deleted_count, 2);
    const nsky_json *index = nsky_json_get(live->manifest, "index");
    const nsky_json *trained = nsky_json_get(index, "trained");
    assert_int_equal(nsky_json_get_number(trained, "rows", 0), OLD);
    assert_string_equal(nsky_json_get_string(trained, "vector_type"), "float16");
    assert_null(nsky_json_get(index, "rows")); /* all */
    nsky_generation_close(live);
    publish_first(OLD * 3 / 2, true);
    report = build(&options);
    assert_int_equal(report.kept_rows, 0);
    assert_int_equal(report.trained_rows, OLD * 3 / 2);
    hide(false);
}

static void other_options_train_anew(void **state)
{
    (void)state;
    nsky_index_options other = options;
    other.bits = 4;
    make_live(ADDED);
    assert_int_equal(build(&other).kept_rows, 0);
    other = options;
    other.lists = LISTS - 8;
    make_live(ADDED);
    assert_int_equal(build(&other).kept_rows, 0);
    /* How much is to be found is no matter of tables: they are kept, all of them. */
    other = options;
    other.recall_target = 0.9;
    make_live(GROWN);
    const nsky_index_report report = build(&other);
    assert_int_equal(report.kept_rows, ROWS);
    assert_int_equal(report.trained_rows, OLD);
}

/* Vectors that are stored in another way have other distances from the codes. */
static void another_vector_type_trains_anew(void **state)
{
    (void)state;
    static int8_t small[ROWS * DIM];
    float x[DIM];
    const nsky_vectors from = first_rows(ROWS);
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_vectors_read(&from, row, x);
        nsky_vector_encode(NSKY_VECTOR_INT8, x, DIM, small + (size_t)row * DIM);
    }
    nsky_vectors of = {small, OLD, DIM, NSKY_VECTOR_INT8};
    make_live(TRAINED);
    publish_rows(&of, true);
    nsky_index_report report = build(&options);
    assert_int_equal(report.kept_rows, 0);
    assert_int_equal(report.trained_rows, OLD);
    of.rows = ROWS;
    publish_rows(&of, true);
    report = build(&options);
    assert_int_equal(report.kept_rows, OLD); /* of its own kind it grows as well */
    assert_int_equal(report.trained_rows, OLD);
    assert_true(report.recall_at_10 >= 0.95);
    assert_verified();
}

/* One flipped bit must not get a checksum of its own. */
static void damage_is_not_taken_over(void **state)
{
    (void)state;
    static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    for (int f = 0; f < 3; f++) {
        nsky_error err = NSKY_ERROR_INIT;
        make_live(ADDED);
        char *path = nsky_format(&err, "%s/%s", generation_path(ADDED), names[f]);
        assert_int_equal(chmod(path, 0644), 0);
        flip_byte(path, 300);
        const nsky_index_report report = build(&options);
        assert_int_equal(report.kept_rows, 0);
        assert_int_equal(report.trained_rows, ROWS);
        assert_same_index(AT_ONCE, report.generation);
        flip_byte(path, 300);
        assert_int_equal(chmod(path, 0444), 0);
        nsky_free(path);
    }
    assert_verified();
}

/* Nothing was added: an index that cannot be opened is built anew all the same, one with damage
 * that opening does not see when it is asked for. */
static void damage_is_mended(void **state)
{
    (void)state;
    static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    nsky_index_options retrain = options;
    retrain.retrain = true;
    for (int f = 0; f < 3; f++) {
        nsky_error err = NSKY_ERROR_INIT;
        make_live(AT_ONCE);
        assert_true(build(&options).up_to_date);
        char *path = nsky_format(&err, "%s/%s", generation_path(AT_ONCE), names[f]);
        assert_int_equal(chmod(path, 0644), 0);
        flip_byte(path, 300);
        nsky_index_report report = build(&options);
        assert_true(report.up_to_date == (f > 0));
        if (f > 0)
            report = build(&retrain);
        assert_false(report.up_to_date);
        assert_int_equal(report.kept_rows, 0);
        assert_true(build(&retrain).up_to_date);
        flip_byte(path, 300);
        assert_int_equal(chmod(path, 0444), 0);
        assert_same_index(AT_ONCE, report.generation);
        nsky_free(path);
    }
    assert_verified();
}

/* What was whole when it was written may still be no index of these rows. */
static void forged_rows_are_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_lists lists;
    open_lists(&lists, TRAINED, OLD);
    uint32_t *rows = nsky_alloc(lists.slots, sizeof *rows, &err);
    uint32_t *counts = nsky_alloc(lists.lists, sizeof *counts, &err);
    nsky_lists forged = lists;
    const nsky_lists_job job = {.vectors = first_rows(ROWS), .kept = &forged};
    forged.row_of = rows;
    assert_non_null(rows);
    assert_non_null(counts);
    const uint64_t slot = (uint64_t)lists.offsets[3] * NSKY_CODE_ROWS;
    for (int way = 0; way < 6; way++) {
        memcpy(rows, lists.row_of, lists.slots * sizeof *rows);
        if (way == 1)
            rows[slot] = OLD; /* not indexed */
        else if (way == 2)
            rows[slot] = rows[slot + 1];
        else if (way == 3)
            rows[slot] = rows[0]; /* in two lists */
        else if (way == 4)
            rows[slot] = NSKY_NO_ROW;
        else if (way == 5)
            rows[slot] = 500; /* a blank row, and one that is missing */
        assert_int_equal(nsky_kept_counts(&job, counts, &err), way == 0 ? NSKY_OK : NSKY_EDATA);
    }
    nsky_free(counts);
    nsky_free(rows);
    nsky_lists_close(&lists);
}

/* Rows unlike any the tables saw: they are found less often at the same effort, and the tables are
 * trained anew on all. */
static void tables_that_no_longer_serve_go(void **state)
{
    (void)state;
    static uint16_t strange[ROWS * DIM];
    const nsky_vectors of = {strange, ROWS, DIM, NSKY_VECTOR_FLOAT16};
    memcpy(strange, vectors, sizeof strange);
    for (uint32_t row = OLD; row < ROWS; row++) {
        float x[DIM];
        double square = 0;
        nsky_rng rng = nsky_rng_at(9, 1, row);
        nsky_rng_fill_normal(&rng, x, DIM);
        for (uint32_t d = 0; d < DIM; d++)
            square += (double)x[d] * (double)x[d];
        for (uint32_t d = 0; d < DIM; d++)
            strange[(size_t)row * DIM + d] =
                nsky_half_from_float((float)((double)x[d] / sqrt(square)));
    }
    make_live(TRAINED);
    publish_rows(&of, true);
    const nsky_index_report report = build(&options);
    assert_int_equal(report.kept_rows, 0);
    assert_int_equal(report.trained_rows, ROWS);
    assert_true(build(&options).up_to_date);
}

static void what_falls_short(void **state)
{
    (void)state;
    const nsky_keep keep = {.recall_target = 0.95, .recall_at_10 = 0.96, .nprobe = 8};
    assert_false(nsky_keep_falls_short(&keep, 0.95, 8, 0.955));
    assert_false(nsky_keep_falls_short(&keep, 0.95, 18, 0.941));
    assert_true(nsky_keep_falls_short(&keep, 0.95, 8, 0.939));
    assert_true(nsky_keep_falls_short(&keep, 0.95, 24, 0.96));
    /* Who asks for more gets more lists; who asks for less gets less. */
    assert_false(nsky_keep_falls_short(&keep, 0.99, 64, 0.99));
    assert_false(nsky_keep_falls_short(&keep, 0.8, 1, 0.81));
    /* More was asked than the tables ever gave. */
    assert_false(nsky_keep_falls_short(&keep, 0.99, 64, 0.955));
    assert_false(nsky_keep_falls_short(&keep, 0.95, 8, NAN)); /* hardly any rows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once_is_as_if_never_grown),
        cmocka_unit_test(old_codes_stay_and_every_row_is_there),
        cmocka_unit_test(finds_as_much_as_one_built_at_once),
        cmocka_unit_test(rankings_are_exact),
        cmocka_unit_test(the_bytes_do_not_depend_on_how),
        cmocka_unit_test(grows_again_until_half),
        cmocka_unit_test(other_options_train_anew),
        cmocka_unit_test(another_vector_type_trains_anew),
        cmocka_unit_test(damage_is_not_taken_over),
        cmocka_unit_test(damage_is_mended),
        cmocka_unit_test(forged_rows_are_refused),
        cmocka_unit_test(what_falls_short),
        cmocka_unit_test(tables_that_no_longer_serve_go),
    };
    return cmocka_run_group_tests(tests, set_up, remove_test_directory);
}
