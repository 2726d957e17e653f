/* test_int8.c - a store whose vectors are 8-bit numbers: every way to search and to rank it against
 * float64 over the numbers as they are read. */
#include "lists_support.h"
#include "store_support.h"

#include "index/build.h"
#include "index/search.h"

enum { ROWS = 4500, DIM = 40, K = 50 };

static int8_t stored[ROWS][DIM];
static double exact[ROWS][DIM]; /* of unit length, or zeros */
static char store[sizeof test_directory + 8];

static void make_vectors(void)
{
    static uint16_t halves[ROWS * DIM];
    const nsky_vectors all = {halves, ROWS, DIM, NSKY_VECTOR_FLOAT16};
    float row[DIM];
    make_rows(halves, ROWS, DIM, 60);
    for (uint32_t i = 0; i < ROWS; i++) {
        double square = 0;
        nsky_vectors_read(&all, i, row);
        nsky_vector_encode(NSKY_VECTOR_INT8, row, DIM, stored[i]);
        for (uint32_t d = 0; d < DIM; d++)
            square += stored[i][d] * stored[i][d];
        for (uint32_t d = 0; d < DIM; d++)
            exact[i][d] = square > 0 ? stored[i][d] / sqrt(square) : 0;
    }
}

static int set_up(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_vectors all = {stored, ROWS, DIM, NSKY_VECTOR_INT8};
    nsky_json *manifest = NULL;
    uint32_t number = 0;
    if (make_test_directory(state) != 0)
        return -1;
    snprintf(store, sizeof store, "%s/store", test_directory);
    make_vectors();
    nsky_survey *survey = open_to_write(store);
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_object object = object_of_row(row);
        add_object(survey, &object, row);
    }
    commit_and_close(survey);
    nsky_generation_work *work = begin_generation_of(store, &all, &manifest);
    nsky_json_put_integer(manifest, "blank_rows", 5);
    assert_ok(nsky_generation_publish(work, manifest, &number, &err), err);
    return 0;
}

static double product(const double *w, uint32_t row)
{
    double sum = 0;
    for (uint32_t d = 0; d < DIM; d++)
        sum += w[d] * exact[row][d];
    return sum;
}

static bool is_blank(uint32_t row)
{
    return row % 997 == 500;
}

/* How many rows are clearly better than the score: no hit at place i may have more than i. */
static uint32_t better_than(const double *w, double bias, double score)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < ROWS; row++)
        count += !is_blank(row) && product(w, row) + bias > score + 1e-5;
    return count;
}

/* Of the ten nearest of some rows, the share that is found. */
static double share_found(nsky_search *search, nsky_effort effort)
{
    static nsky_answer answer;
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t found = 0, asked = 0;
    float positive[DIM];
    for (uint32_t row = 3; row < ROWS; row += 91) {
        nsky_query query = {.positive = positive, .positive_count = 1, .k = 10, .effort = effort};
        nsky_filter_init(&query.filter);
        for (uint32_t d = 0; d < DIM; d++)
            positive[d] = (float)exact[row][d];
        assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
        assert_int_equal(answer.count, 10);
        for (uint32_t i = 0; i < 10; i++) {
            const double cosine = product(exact[row], (uint32_t)answer.hits[i].row);
            assert_true(fabs(cosine - (double)answer.hits[i].similarity) < 1e-5);
            found += better_than(exact[row], 0, cosine) < 10;
        }
        asked += 10;
    }
    return (double)found / asked;
}

static void assert_ranked(const nsky_search *search, const char *method)
{
    nsky_error err = NSKY_ERROR_INIT;
    float weights[DIM];
    double w[DIM];
    nsky_hit hits[K];
    nsky_rng rng = nsky_rng_at(9, 0, 0);
    for (uint32_t d = 0; d < DIM; d++)
        w[d] = (double)(weights[d] = (float)nsky_rng_normal(&rng));
    nsky_score_query query = {.probe = {weights, 0.25F}, .k = K, .hits = hits};
    nsky_filter_init(&query.filter);
    assert_ok(nsky_search_top_scores(search, &query, 1, &err), err);
    assert_int_equal(query.count, K);
    assert_non_null(strstr(query.method, method));
    for (uint32_t i = 0; i < K; i++) {
        const double score = product(w, (uint32_t)hits[i].row) + 0.25;
        assert_true(fabs(score - (double)hits[i].similarity) < 1e-5);
        assert_true(better_than(w, 0.25, score) <= i);
    }
}

static void all_scores(const nsky_search *search)
{
    static float scores[ROWS];
    nsky_error err = NSKY_ERROR_INIT;
    float weights[DIM] = {1, -2, 3};
    const nsky_linear probe = {weights, 1};
    assert_ok(nsky_search_scores(search, &probe, 1, scores, NULL, NULL, &err), err);
    for (uint32_t row = 0; row < ROWS; row++) {
        const double expected = exact[row][0] - 2 * exact[row][1] + 3 * exact[row][2] + 1;
        if (is_blank(row))
            assert_true(isnan(scores[row]));
        else
            assert_true(fabs((double)scores[row] - expected) < 1e-5);
    }
}

static void without_an_index(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    assert_true(share_found(search, NSKY_EFFORT_BALANCED) == 1);
    assert_ranked(search, "exact scan");
    all_scores(search);
    nsky_search_close(search);
}

static void problem(const char *text, void *payload)
{
    (void)payload;
    fail_msg("%s", text);
}

static void by_lists_and_graph(void **state)
{
    (void)state;
    const nsky_index_options options = {.recall_target = 0.95,
                                        .lists = 32,
                                        .graph = 1,
                                        .segment_rows = 4096,
                                        .memory_bytes_max = 1 << 30};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_report report;
    nsky_search *search = NULL;
    uint64_t problems = 0;
    assert_ok(nsky_index_build(store, &options, &report, &err), err);
    assert_true(report.recall_at_10 >= 0.95);
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    assert_true(share_found(search, NSKY_EFFORT_BALANCED) > 0.9);
    assert_true(share_found(search, NSKY_EFFORT_EXACT) == 1);
    assert_ranked(search, "codes");
    all_scores(search);
    nsky_search_close(search);
    assert_ok(nsky_survey_verify(store, problem, NULL, &problems, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_index),
        cmocka_unit_test(by_lists_and_graph),
    };
    return cmocka_run_group_tests(tests, set_up, remove_test_directory);
}
