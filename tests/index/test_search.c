/* test_search.c - a real store, small: build, search every way, damage refused. */
#include "store_support.h"

#include <pthread.h>

#include "index/build.h"
#include "index/search.h"

enum { ROWS = 3000, DIM = 32, CLUSTERS = 50 };

static char store[sizeof test_directory + 8];
static float vectors[ROWS][DIM]; /* as stored: rounded to float16 */

/* Clusters, as embeddings have them: neighbours mean something. */
static void make_vectors(void)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_rng centre = nsky_rng_at(5, 0, row % CLUSTERS), own = nsky_rng_at(5, 1, row);
        double square = 0;
        for (uint32_t d = 0; d < DIM; d++) {
            vectors[row][d] = (float)(nsky_rng_normal(&centre) + 0.5 * nsky_rng_normal(&own));
            square += (double)vectors[row][d] * vectors[row][d];
        }
        for (uint32_t d = 0; d < DIM; d++)
            vectors[row][d] =
                nsky_half_to_float(nsky_half_from_float((float)(vectors[row][d] / sqrt(square))));
    }
}

static void add_rows(void)
{
    nsky_survey *survey = open_to_write(store);
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_object object = object_of_row(row);
        object.ra_deg = row * 0.1;
        object.dec_deg = 0;
        object.mag_z = 15.0f + 5.0f * (float)row / ROWS;
        if (row % 7 == 0)
            strcpy(object.known, "a lens");
        add_object(survey, &object, row);
    }
    commit_and_close(survey);
}

static void publish_vectors(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    static uint16_t half[ROWS * DIM];
    nsky_json *manifest = NULL;
    uint32_t number = 0;
    nsky_half_from_floats(half, &vectors[0][0], ROWS * DIM);
    nsky_generation_work *work = begin_generation(store, half, ROWS, DIM, &manifest);
    assert_ok(nsky_generation_publish(work, manifest, &number, &err), err);
}

static int set_up(void **state)
{
    if (make_test_directory(state) != 0)
        return -1;
    snprintf(store, sizeof store, "%s/store", test_directory);
    make_vectors();
    add_rows();
    publish_vectors();
    return 0;
}

static nsky_query query_row(uint64_t row, uint32_t k)
{
    nsky_query query = {.positive = vectors[row], .positive_count = 1, .k = k};
    nsky_filter_init(&query.filter);
    return query;
}

static double cosine(const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0;
    for (int d = 0; d < DIM; d++) {
        dot += (double)a[d] * b[d];
        aa += (double)a[d] * a[d];
        bb += (double)b[d] * b[d];
    }
    return dot / sqrt(aa * bb);
}

/* No row that may be a hit is better than the last hit and missing. */
static void assert_exact(const nsky_answer *answer, const float *query, uint64_t skip)
{
    for (uint32_t i = 0; i < answer->count; i++)
        assert_true(fabs(cosine(query, vectors[answer->hits[i].row]) - answer->hits[i].similarity) <
                    1e-6);
    uint32_t better = 0;
    for (uint64_t row = 0; row < ROWS; row++)
        if (row != skip &&
            cosine(query, vectors[row]) > answer->hits[answer->count - 1].similarity + 1e-6)
            better++;
    assert_true(better < answer->count);
}

static void unindexed_store_is_scanned(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    nsky_answer answer;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    assert_int_equal(nsky_search_rows(search), ROWS);
    nsky_query query = query_row(11, 10);
    assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
    assert_int_equal(answer.count, 10);
    assert_int_equal(answer.hits[0].row, 11);
    assert_string_equal(answer.method, "exact scan");
    assert_int_equal(answer.scanned, ROWS);
    assert_exact(&answer, vectors[11], UINT64_MAX);
    query.filter.hide_known = true;
    assert_int_equal(nsky_search_run(search, &query, 1, &answer, &err), NSKY_EINVAL);
    assert_non_null(strstr(err.text, "nearsky index"));
    nsky_search_close(search);
}

static void flat_index_finds_all(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_options options = {.recall_target = 0.95};
    nsky_index_report report, again;
    assert_ok(nsky_index_build(store, &options, &report, &err), err);
    assert_int_equal(report.generation, 2);
    assert_string_equal(report.kind, "Flat");
    assert_true(report.recall_at_10 >= 0.999);
    assert_true(report.recall_at_100 >= 0.999);
    assert_ok(nsky_index_build(store, &options, &again, &err), err);
    assert_int_equal(again.generation, 2); /* left alone */

    nsky_search *search = NULL;
    nsky_answer indexed, exact;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    for (uint64_t row = 0; row < ROWS; row += 97) {
        nsky_query query = query_row(row, 25);
        query.exclude = &row;
        query.exclude_count = 1;
        assert_ok(nsky_search_run(search, &query, 1, &indexed, &err), err);
        assert_string_equal(indexed.method, "index + re-ranking");
        query.effort = NSKY_EFFORT_EXACT;
        assert_ok(nsky_search_run(search, &query, 1, &exact, &err), err);
        assert_int_equal(indexed.count, 25);
        for (uint32_t i = 0; i < 25; i++) {
            assert_int_equal(indexed.hits[i].row, exact.hits[i].row);
            assert_true(indexed.hits[i].row != row);
        }
        assert_int_equal(indexed.matching, ROWS - 1);
    }
    nsky_search_close(search);
}

static void inverted_lists_reach_their_target(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_options options = {.recall_target = 0.9, .factory = "IVF32,PQ16x4fs"};
    nsky_index_report report;
    assert_ok(nsky_index_build(store, &options, &report, &err), err);
    assert_true(report.recall_at_10 >= 0.9);
    nsky_search *search = NULL;
    nsky_answer answer;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    nsky_query query = query_row(42, 10);
    assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
    assert_int_equal(answer.hits[0].row, 42);
    assert_true(answer.hits[0].similarity > 0.9999f);
    query.k = 1000; /* more than the visited lists may hold: never fewer than there are */
    assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
    assert_int_equal(answer.count, 1000);
    nsky_search_close(search);
    options = (nsky_index_options){.recall_target = 0.95, .factory = "NoSuchIndex"};
    assert_int_equal(nsky_index_build(store, &options, &report, &err), NSKY_EINVAL);
    assert_non_null(strstr(err.text, "NoSuchIndex"));
}

static void filters_and_examples(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    nsky_answer answer;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    nsky_query query = query_row(0, 50);
    query.filter.mag_max[2] = 15.05f; /* the first 30 rows */
    query.filter.hide_known = true;
    assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
    assert_string_equal(answer.method, "filtered exact scan");
    assert_true(answer.count == answer.matching && answer.count < 50 && answer.count > 20);
    for (uint32_t i = 0; i < answer.count; i++)
        assert_true(answer.hits[i].row <= 30 && answer.hits[i].row % 7 != 0);

    /* Two positives, one negative: 2 mean(+) - mean(-). */
    float positive[2 * DIM], direction[DIM];
    memcpy(positive, vectors[1], sizeof vectors[1]);
    memcpy(positive + DIM, vectors[2], sizeof vectors[2]);
    for (int d = 0; d < DIM; d++)
        direction[d] = vectors[1][d] + vectors[2][d] - vectors[3][d];
    query = query_row(0, 20);
    query.positive = positive;
    query.positive_count = 2;
    query.negative = vectors[3];
    query.negative_count = 1;
    query.effort = NSKY_EFFORT_EXACT;
    assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
    assert_exact(&answer, direction, UINT64_MAX);
    nsky_search_close(search);
}

static void bad_queries_are_named(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    static nsky_answer answers[2];
    float zero[DIM] = {0}, nan_vector[DIM] = {NAN};
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    nsky_query queries[2] = {query_row(0, 5), query_row(1, 5)};
    const struct {
        const float *vector;
        uint32_t k, count;
    } bad[] = {{zero, 5, 1},
               {nan_vector, 5, 1},
               {vectors[0], 0, 1},
               {vectors[0], NSKY_SEARCH_K_MAX + 1, 1},
               {vectors[0], 5, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        queries[1].positive = bad[i].vector;
        queries[1].k = bad[i].k;
        queries[1].positive_count = bad[i].count;
        assert_int_equal(nsky_search_run(search, queries, 2, answers, &err), NSKY_EINVAL);
        assert_non_null(strstr(err.text, "query 1"));
    }
    float out[DIM];
    assert_int_equal(nsky_search_vector(search, ROWS, out, &err), NSKY_ENOTFOUND);
    nsky_search_close(search);
}

static void *search_many(void *payload)
{
    nsky_search *search = payload;
    nsky_answer *answers = calloc(2, sizeof *answers);
    nsky_error err = NSKY_ERROR_INIT;
    size_t wrong = 0;
    for (uint64_t row = 0; answers && row < 200; row++) {
        nsky_query pair[2] = {query_row(row, 5), query_row(row + 1, 5)};
        pair[1].effort = NSKY_EFFORT_EXACT;
        if (nsky_search_run(search, pair, 2, answers, &err) != NSKY_OK ||
            answers[0].hits[0].row != row || answers[1].hits[0].row != row + 1)
            wrong++;
    }
    free(answers);
    return (void *)wrong;
}

static void threads_search_at_once(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    pthread_t threads[4];
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    for (int t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, search_many, search), 0);
    for (int t = 0; t < 4; t++) {
        void *wrong = NULL;
        pthread_join(threads[t], &wrong);
        assert_null(wrong);
    }
    nsky_search_close(search);
}

static void damage_is_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    static const char *const files[] = {"index.faiss", "columns.bin", "manifest.json"};
    nsky_generation *live = NULL;
    nsky_search *search = NULL;
    assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        void *content = NULL;
        size_t bytes = 0;
        char *path = nsky_format(&err, "%s/%s", live->path, files[i]);
        assert_ok(nsky_file_read(&content, &bytes, path, 1u << 26, &err), err);
        assert_ok(nsky_file_write(path, content, bytes / 2, &err), err);
        assert_int_not_equal(nsky_search_open(&search, store, 0, &err), NSKY_OK);
        assert_non_null(strstr(err.text, files[i]));
        assert_ok(nsky_file_write(path, content, bytes, &err), err);
        nsky_free(content);
        nsky_free(path);
    }
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    nsky_search_close(search);
    nsky_generation_close(live);
    assert_int_equal(nsky_search_open(&search, test_directory, 0, &err), NSKY_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unindexed_store_is_scanned),
        cmocka_unit_test(flat_index_finds_all),
        cmocka_unit_test(inverted_lists_reach_their_target),
        cmocka_unit_test(filters_and_examples),
        cmocka_unit_test(bad_queries_are_named),
        cmocka_unit_test(threads_search_at_once),
        cmocka_unit_test(damage_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, remove_test_directory);
}
