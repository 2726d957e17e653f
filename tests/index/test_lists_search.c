/* test_lists_search.c - candidates and hits from lists against an exact scan; damaged codes do no
 * harm; the reservoir against sorting. */
#define LISTS 48
#define BITS 4
#include "lists_fixture.h"

#include "index/reservoir.h"
#include "index/tune.h"

static void reservoirs_keep_the_best(void **state)
{
    (void)state;
    enum { STREAM = 5000, WANT_MAX = 300 };
    static uint64_t all[STREAM], keys[2 * WANT_MAX + 64];
    for (uint32_t want = 1; want <= WANT_MAX; want += want < 8 ? 1 : 73) {
        nsky_reservoir r = {keys, 0, want, nsky_reservoir_capacity(want), -INFINITY};
        nsky_rng rng = nsky_rng_at(3, 0, want);
        for (uint32_t i = 0; i < STREAM; i++) {
            /* Few different scores: many are equal, and the rows decide. */
            float score = (float)nsky_rng_below(&rng, 50) / 7 - 3;
            all[i] = nsky_key_of(score, i);
            assert_true(nsky_key_row(all[i]) == i && nsky_key_score(all[i]) == score);
            if (score >= r.threshold)
                nsky_reservoir_offer(&r, score, i);
        }
        nsky_reservoir_settle(&r);
        assert_int_equal(r.count, want);
        qsort(all, STREAM, sizeof *all, by_key);
        nsky_keys_sort(keys, want);
        assert_memory_equal(keys, all, want * sizeof *keys);
    }
    assert_true(nsky_key_of(-0.0f, 5) == nsky_key_of(0.0f, 5));
    uint64_t same[20];
    for (int i = 0; i < 20; i++)
        same[i] = 7;
    nsky_keep_largest(same, 20, 11); /* ends */
    nsky_keys_sort(same, 20);
}

static int by_row(const void *a, const void *b)
{
    const nsky_candidate *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* All lists and as many candidates as rows: every row, its score within what codes lose. */
static void all_lists_have_all_rows(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    static nsky_candidate found[ROWS];
    double square = 0;
    nsky_lists_query query = {
        .direction = queries[3], .nprobe = 1000000, .want = ROWS, .found = found};
    assert_ok(nsky_lists_candidates(&lists, &query, 1, 1, &err), err);
    assert_int_equal(query.count, ROWS - 8); /* but for blank ones */
    assert_int_equal(query.swept, lists.slots);
    qsort(found, query.count, sizeof *found, by_row);
    for (uint32_t i = 0; i < query.count; i++) {
        double exact = 0;
        assert_true(i == 0 || found[i].row > found[i - 1].row);
        for (int d = 0; d < DIM; d++)
            exact += (double)queries[3][d] *
                     (double)nsky_half_to_float(vectors[(size_t)found[i].row * DIM + d]);
        square += (exact - (double)found[i].score) * (exact - (double)found[i].score);
    }
    assert_true(sqrt(square / query.count) < 0.03); /* measured: 0.011 */
}

/* Candidates of one query must not depend on threads or on what else is asked. */
static void company_does_not_matter(void **state)
{
    (void)state;
    enum { WANT = 70 };
    nsky_error err = NSKY_ERROR_INIT;
    static nsky_candidate alone[QUERIES][WANT], together[QUERIES][WANT];
    static nsky_lists_query asked[QUERIES];
    static uint8_t odd[ROWS / 8], thin[ROWS / 8];
    memset(odd, 0xaa, sizeof odd);
    for (uint32_t row = 7; row < ROWS; row += 103)
        thin[row >> 3] |= (uint8_t)(1u << (row & 7));
    for (int threads = 1; threads <= 3; threads++) {
        for (int q = 0; q < QUERIES; q++) {
            nsky_lists_query one = {.direction = queries[q],
                                    .allowed = q % 3 == 1   ? odd
                                               : q % 3 == 2 ? thin
                                                            : NULL,
                                    .share = q % 3 == 1 ? 0.5 : 0.01,
                                    .nprobe = 1 + (uint32_t)q % 7,
                                    .want = WANT - (uint32_t)q % 5,
                                    .found = alone[q]};
            asked[q] = one;
            asked[q].found = together[q];
            assert_ok(nsky_lists_candidates(&lists, &one, 1, (uint32_t)threads, &err), err);
            qsort(alone[q], one.count, sizeof **alone, by_row);
            for (uint32_t i = 0; one.allowed && i < one.count; i++)
                assert_true(q % 3 == 1 ? alone[q][i].row % 2 == 1 : alone[q][i].row % 103 == 7);
            /* never fewer than there are: 80 pass the thin one, of which one may have no vector */
            assert_true(one.count >= (one.allowed == thin && one.want > 79 ? 79 : one.want));
        }
        assert_ok(nsky_lists_candidates(&lists, asked, QUERIES, (uint32_t)threads, &err), err);
        for (int q = 0; q < QUERIES; q++) {
            qsort(together[q], asked[q].count, sizeof **together, by_row);
            assert_memory_equal(together[q], alone[q], asked[q].count * sizeof **together);
        }
    }
}

static void nothing_allowed_is_nothing_found(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    static uint8_t none[ROWS / 8];
    nsky_candidate found[10];
    nsky_lists_query query = {.direction = queries[0],
                              .allowed = none,
                              .share = 0.5,
                              .nprobe = 1000,
                              .want = 10,
                              .found = found};
    assert_ok(nsky_lists_candidates(&lists, &query, 1, 2, &err), err);
    assert_int_equal(query.count, 0);
}

/* With every list and ample candidates the hits are the exact scan's, bit for bit. */
static void ample_effort_is_exact(void **state)
{
    (void)state;
    enum { K = 25 };
    nsky_error err = NSKY_ERROR_INIT;
    static nsky_hit truth_hits[QUERIES][K + 1], hits[QUERIES][K];
    static nsky_topk truth[QUERIES], topks[QUERIES];
    static nsky_lists_ask asks[QUERIES];
    static uint64_t self[QUERIES];
    for (int q = 0; q < QUERIES; q++) {
        truth[q] = (nsky_topk){truth_hits[q], K + 1, 0};
        topks[q] = (nsky_topk){hits[q], K, 0};
        self[q] = 100 + 150 * (uint64_t)q;
        asks[q] = (nsky_lists_ask){.direction = queries[q],
                                   .share = 1,
                                   .effort = {LISTS, 2000, 1},
                                   .exclude = &self[q],
                                   .exclude_count = 1,
                                   .topk = &topks[q]};
    }
    assert_ok(nsky_scan_run(&scan, &queries[0][0], NULL, QUERIES, truth, &err), err);
    assert_ok(nsky_by_lists(&lists, &scan, asks, QUERIES, 2, &err), err);
    for (int q = 0; q < QUERIES; q++) {
        nsky_topk_sort(&topks[q]);
        assert_int_equal(truth_hits[q][0].row, self[q]);
        assert_memory_equal(hits[q], &truth_hits[q][1], sizeof hits[q]);
        assert_true(asks[q].compared == 1999 || asks[q].compared == 2000);
    }
}

static void efforts_reach_their_target(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_tuned tuned[3];
    nsky_lists_effort efforts[2];
    for (uint32_t i = 0; i < 3; i++)
        assert_ok(nsky_lists_tune(&tuned[i], &lists, &scan, i == 2 ? 0.7 : 0.95, 1 + i, NULL, &err),
                  err);
    assert_memory_equal(&tuned[0], &tuned[1], sizeof *tuned); /* for any number of threads */
    assert_true(tuned[0].rows[0].at_10 >= 0.95 && tuned[0].rows[0].at_100 > 0.8);
    assert_true(tuned[0].efforts[0].nprobe < LISTS);
    assert_true(tuned[0].rows[1].at_10 < tuned[0].rows[0].at_10);
    assert_true(tuned[2].rows[0].at_10 >= 0.7);
    assert_true(tuned[2].efforts[0].nprobe < tuned[0].efforts[0].nprobe);
    assert_int_equal(tuned[0].rows[0].queries, 200);
    assert_int_equal(tuned[0].probes[0].queries, 50);
    assert_true(tuned[0].probes[0].at_10 > 0.3); /* measured: 0.99 */

    nsky_json *index = nsky_json_object();
    nsky_json_put(index, "efforts", nsky_efforts_describe(&tuned[0]));
    assert_ok(nsky_efforts_read(efforts, index, "there", &err), err);
    assert_memory_equal(efforts, tuned[0].efforts, sizeof efforts);
    nsky_json_put(index, "efforts", nsky_json_object());
    assert_int_equal(nsky_efforts_read(efforts, index, "there", &err), NSKY_EDATA);
    assert_non_null(strstr(err.text, "there/manifest.json"));
    nsky_json_free(index);
}

/* Bytes of codes and rows are only checked by verify: damage there must not crash, nor give a wrong
 * similarity. */
static void damaged_codes_do_no_harm(void **state)
{
    (void)state;
    static const char *const names[2] = {NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    nsky_error err = NSKY_ERROR_INIT;
    const char *other = in_directory("damaged");
    assert_ok(nsky_make_directories(other, &err), err);
    char *from = nsky_format(&err, "%s/" NSKY_LISTS_FILE, test_directory);
    char *to = nsky_format(&err, "%s/" NSKY_LISTS_FILE, other);
    assert_int_equal(link(from, to), 0);
    nsky_free(from);
    nsky_free(to);
    for (int f = 0; f < 2; f++) {
        void *data = NULL;
        size_t bytes = 0;
        from = nsky_format(&err, "%s/%s", test_directory, names[f]);
        to = nsky_format(&err, "%s/%s", other, names[f]);
        assert_ok(nsky_file_read(&data, &bytes, from, SIZE_MAX / 2, &err), err);
        nsky_rng rng = nsky_rng_at(4, 0, (uint32_t)f);
        for (size_t i = NSKY_LISTS_HEADER; i < bytes; i += 1 + nsky_rng_below(&rng, 40))
            ((unsigned char *)data)[i] = (unsigned char)nsky_rng_u32(&rng);
        assert_ok(nsky_file_write(to, data, bytes, &err), err);
        nsky_free(data);
        nsky_free(from);
        nsky_free(to);
    }
    nsky_lists hurt;
    assert_ok(nsky_lists_open(&hurt, other, ROWS, DIM, &err), err);
    for (int q = 0; q < QUERIES; q++) {
        nsky_hit hits[50];
        float scratch[PADDED];
        nsky_topk topk = {hits, 50, 0};
        nsky_lists_ask ask = {
            .direction = queries[q], .share = 1, .effort = {20, 200, 2}, .topk = &topk};
        assert_ok(nsky_by_lists(&hurt, &scan, &ask, 1, 1, &err), err);
        for (uint32_t i = 0; i < topk.count; i++) {
            assert_true(hits[i].row < ROWS);
            assert_true(hits[i].similarity ==
                        nsky_scan_row(&scan, hits[i].row, queries[q], scratch));
        }
    }
    nsky_lists_close(&hurt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reservoirs_keep_the_best),
        cmocka_unit_test(all_lists_have_all_rows),
        cmocka_unit_test(company_does_not_matter),
        cmocka_unit_test(nothing_allowed_is_nothing_found),
        cmocka_unit_test(ample_effort_is_exact),
        cmocka_unit_test(efforts_reach_their_target),
        cmocka_unit_test(damaged_codes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
