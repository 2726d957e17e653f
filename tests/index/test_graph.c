/* test_graph.c - the graph: kernels alike, neighbours found, the same for any number of threads,
 * filters obeyed, nothing missing, damage refused. */
#include "tests/common/support.h"

#include <math.h>

#include "common/file.h"
#include "common/half.h"
#include "common/rng.h"
#include "index/by_graph.h"
#include "index/graph_private.h"
#include "sim/embeddings.h"

enum { ROWS = 4000, DIM = 96, QUERIES = 100, BLANK = 17 };

static uint16_t vectors[ROWS][DIM];
static float queries[QUERIES][DIM];
static nsky_knn graph;
static const nsky_scan scan = {.vectors = {vectors[0], ROWS, DIM, NSKY_VECTOR_FLOAT16}};

static void build(const char *where, uint32_t threads)
{
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_knn_job job = {.folder = where,
                              .vectors = {vectors[0], ROWS, DIM, NSKY_VECTOR_FLOAT16},
                              .degree = 32,
                              .beam = 64,
                              .threads = threads};
    assert_ok(nsky_knn_build(&job, &err), err);
}

static int set_up(void **state)
{
    static float made[ROWS][DIM];
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_embeddings *e = NULL;
    if (make_test_directory(state) != 0 || nsky_sim_embeddings_new(&e, DIM, 3, &err) != NSKY_OK)
        return -1;
    nsky_sim_embeddings_fill(e, 0, ROWS, made[0]);
    nsky_sim_embeddings_fill(e, NSKY_SIM_EMBEDDING_QUERIES, QUERIES, queries[0]);
    nsky_sim_embeddings_free(e);
    nsky_half_from_floats(vectors[0], made[0], (size_t)ROWS * DIM);
    for (uint32_t row = BLANK; row < ROWS; row += 500)
        memset(vectors[row], 0, sizeof vectors[row]);
    build(test_directory, 2);
    return nsky_knn_open(&graph, test_directory, ROWS, DIM, &err) == NSKY_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    nsky_knn_close(&graph);
    return remove_test_directory(state);
}

static void test_kernels_agree(void **state)
{
    (void)state;
    enum { CODED = 320, COUNT = 37 };
    static uint8_t codes[COUNT][CODED];
    int8_t query[CODED];
    uint32_t rows[COUNT];
    int32_t sums[3][COUNT + 1];
    nsky_knn_kernel kernels[3];
    nsky_rng rng = nsky_rng_at(1, 2, 3);
    for (uint32_t i = 0; i < COUNT; i++) {
        rows[i] = COUNT - 1 - i;
        for (uint32_t d = 0; d < CODED; d++)
            codes[i][d] = i < 2 ? 255 : (uint8_t)nsky_rng_u32(&rng); /* and the largest sums */
    }
    for (uint32_t d = 0; d < CODED; d++)
        query[d] = d < 64 ? -128 : (int8_t)nsky_rng_u32(&rng);
    const uint32_t count = nsky_knn_kernels(kernels);
    for (uint32_t n = 0; n <= COUNT; n++)
        for (uint32_t coded = 64; coded <= CODED; coded += 64)
            for (uint32_t k = 0; k < count; k++) {
                memset(sums[k], 0x5a, sizeof sums[k]);
                /* rows lie `coded` apart: the table is read as one of that width */
                kernels[k].dots(query, codes[0], coded, rows, n, sums[k]);
                assert_memory_equal(sums[k], sums[0], (n + 1) * sizeof **sums);
            }
}

static double recall_of(nsky_knn_effort effort, const uint8_t *allowed, uint64_t matching)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t common = 0;
    for (uint32_t q = 0; q < QUERIES; q++) {
        nsky_hit truth[10], hits[10];
        nsky_topk exact = {truth, 10, 0}, topk = {hits, 10, 0};
        nsky_knn_ask ask = {.direction = queries[q],
                            .allowed = allowed,
                            .matching = matching,
                            .effort = effort,
                            .topk = &topk};
        assert_ok(nsky_scan_run(&scan, queries[q], &allowed, 1, &exact, &err), err);
        assert_ok(nsky_by_graph(&graph, &scan, &ask, 1, 1, &err), err);
        assert_int_equal(topk.count, exact.count);
        for (uint32_t i = 0; i < topk.count; i++) {
            assert_true(!allowed || (allowed[hits[i].row >> 3] >> (hits[i].row & 7) & 1));
            for (uint32_t j = 0; j < exact.count; j++) {
                common += hits[i].row == truth[j].row;
                if (hits[i].row == truth[j].row) /* the exact scan's own bits */
                    assert_true(hits[i].similarity == truth[j].similarity);
            }
        }
    }
    return common / (10.0 * QUERIES);
}

/* Measured: 0.998. */
static void test_neighbours_are_found(void **state)
{
    (void)state;
    assert_true(recall_of((nsky_knn_effort){64, 40, 1}, NULL, ROWS) > 0.98);
}

static void test_tuning_reaches_its_target(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_knn_effort effort;
    nsky_recall recall;
    assert_ok(nsky_knn_tune(&effort, &recall, &graph, &scan, 0.95, NULL, &err), err);
    assert_true(recall.at_10 >= 0.95 && recall.at_100 >= 0.9);
    assert_true(recall_of(effort, NULL, ROWS) > 0.93);
}

/* Every row with a vector is where a walk to it ends, and none without one is found. */
static void test_all_rows_can_be_reached(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    static nsky_candidate found[ROWS];
    nsky_knn_query query = {
        .direction = queries[0], .matching = ROWS, .beam = ROWS, .want = ROWS, .found = found};
    assert_ok(nsky_knn_search(&graph, &query, &err), err);
    assert_true(query.swept); /* more wanted than there are: 8 rows have no vector */
    assert_int_equal(query.count, ROWS - 8);
    for (uint32_t i = 0; i < query.count; i++)
        assert_int_not_equal(found[i].row % 500, BLANK);

    nsky_knn_kernel kernels[3];
    nsky_knn_walker walker = {0};
    int8_t values[NSKY_CODED_MAX];
    static int32_t norms[ROWS]; /* zeros: the largest product first */
    nsky_knn_kernels(kernels);
    nsky_knn_target target = {.query = values, .norms = norms};
    target.bias = nsky_knn_as_query(&graph, 5, values);
    assert_ok(nsky_knn_walk(&walker, &graph, &kernels[0], &target, ROWS, 0, &err), err);
    assert_true(walker.count >= ROWS - 8 - 1);
    nsky_knn_walker_free(&walker);
}

static void test_filters(void **state)
{
    (void)state;
    static uint8_t allowed[ROWS / 8 + 1];
    static const uint32_t every[] = {2, 5, 50, 1999};
    for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
        uint64_t matching = 0;
        memset(allowed, 0, sizeof allowed);
        for (uint32_t row = 1; row < ROWS; row += every[i]) {
            allowed[row >> 3] |= (uint8_t)(1u << (row & 7));
            matching++;
        }
        double most = matching < 10 ? (double)matching / 10 : 1;
        assert_true(recall_of((nsky_knn_effort){64, 40, 1}, allowed, matching) > 0.97 * most);
    }
    memset(allowed, 0, sizeof allowed);
    assert_true(recall_of((nsky_knn_effort){64, 40, 1}, allowed, 0) < 1e-9);
}

static void read_graph(const char *where, void **data, size_t *bytes)
{
    nsky_error err = NSKY_ERROR_INIT;
    char path[300];
    snprintf(path, sizeof path, "%s/" NSKY_KNN_FILE, where);
    assert_ok(nsky_file_read(data, bytes, path, 1u << 30, &err), err);
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    char other[sizeof test_directory + 16];
    void *one = NULL, *two = NULL;
    size_t one_bytes, two_bytes;
    snprintf(other, sizeof other, "%s/one", test_directory);
    assert_ok(nsky_make_directories(other, &err), err);
    build(other, 1);
    read_graph(test_directory, &one, &one_bytes);
    read_graph(other, &two, &two_bytes);
    assert_int_equal(one_bytes, two_bytes);
    assert_memory_equal(one, two, one_bytes);
    nsky_free(one);
    nsky_free(two);
}

static void refuse(const char *where, const void *data, size_t bytes, nsky_status expected)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_knn opened;
    char path[300];
    snprintf(path, sizeof path, "%s/" NSKY_KNN_FILE, where);
    assert_ok(nsky_file_write(path, data, bytes, &err), err);
    assert_int_equal(nsky_knn_open(&opened, where, ROWS, DIM, &err), expected);
    assert_non_null(strstr(err.text, path));
    assert_null(opened.block);
}

static void test_damage_is_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    char other[sizeof test_directory + 16];
    void *data = NULL;
    size_t bytes;
    snprintf(other, sizeof other, "%s/damaged", test_directory);
    assert_ok(nsky_make_directories(other, &err), err);
    read_graph(test_directory, &data, &bytes);
    unsigned char *at = data;
    static const double places[] = {0, 0.5, 0.75, 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t place =
            NSKY_KNN_HEADER + (size_t)(places[i] * (double)(bytes - NSKY_KNN_HEADER - 1));
        at[place] ^= 4;
        refuse(other, data, bytes, NSKY_EDATA);
        at[place] ^= 4;
    }
    for (size_t place = 0; place < 64; place += 5) { /* the header's numbers */
        at[place] ^= 1;
        refuse(other, data, bytes, NSKY_EDATA);
        at[place] ^= 1;
    }
    refuse(other, data, bytes - 1, NSKY_EDATA);
    refuse(other, data, 100, NSKY_EDATA);
    refuse(other, data, 0, NSKY_EDATA);
    nsky_free(data);

    nsky_knn opened;
    assert_int_equal(nsky_knn_open(&opened, test_directory, ROWS - 1, DIM, &err), NSKY_EMISMATCH);
    assert_int_equal(nsky_knn_open(&opened, "/nonexistent", ROWS, DIM, &err), NSKY_ENOTFOUND);
}

static void test_allocations_may_fail(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_hit hits[10] = {{0}};
    nsky_status status = NSKY_ENOMEM;
    for (uint64_t n = 1; status != NSKY_OK; n++) {
        nsky_topk topk = {hits, 10, 0};
        nsky_knn_ask ask = {
            .direction = queries[0], .matching = ROWS, .effort = {64, 40, 1}, .topk = &topk};
        assert_true(n < 100);
        nsky_memory_fail_at(n);
        status = nsky_by_graph(&graph, &scan, &ask, 1, 1, &err);
        nsky_memory_fail_at(0);
        assert_true(status == NSKY_OK || status == NSKY_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels_agree),
        cmocka_unit_test(test_neighbours_are_found),
        cmocka_unit_test(test_tuning_reaches_its_target),
        cmocka_unit_test(test_all_rows_can_be_reached),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_damage_is_refused),
        cmocka_unit_test(test_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
