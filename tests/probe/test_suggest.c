/* test_suggest.c - whose label would help most: the same by codes as by vectors, as plain float64
 * has it; samples and pools that keep what they promise. */
#include <pthread.h>
#include <stdlib.h>

#include "common/memory.h"
#include "index/build.h"
#include "probe/sample.h"
#include "probe/suggest.h"
#include "probe/suggest_pool.h"
#include "tests/probe/store_support.h"

#define PICKS 20

static void vector_of(uint64_t row, double out[DIM])
{
    nsky_error err = NSKY_ERROR_INIT;
    float x[DIM];

    assert_ok(nsky_search_vector(search, row, x, &err), err);
    for (int d = 0; d < DIM; d++)
        out[d] = (double)x[d];
}

static double unsure_by_hand(const nsky_probe *probe, const double x[DIM])
{
    double best = 0, second = 0;

    if (probe->kind == NSKY_PROBE_REGRESSION) {
        double sum = 0;
        for (int d = 0; d < DIM; d++)
            sum += pow((x[d] - (double)probe->mean[d]) / (double)probe->spread[d], 2);
        sum /= DIM * probe->novelty_unit;
        return sum / (1 + sum);
    }
    for (uint32_t o = 0; o < probe->outputs; o++) {
        double score = (double)probe->bias[o];
        for (int d = 0; d < DIM; d++)
            score += (double)probe->weights[o * DIM + (uint32_t)d] * x[d];
        double p = probe->calibration ? nsky_calibrated(&probe->calibration[o], score)
                                      : 1 / (1 + exp(-score));
        second = p > best ? best : fmax(second, p);
        best = fmax(best, p);
    }
    return probe->outputs == 1 ? 4 * best * (1 - best) : 1 - (best - second);
}

static bool is_labelled(const nsky_probe *probe, uint64_t row)
{
    for (uint32_t i = 0; i < probe->label_count; i++)
        if (probe->labels[i].id == id_of((uint32_t)row))
            return true;
    return false;
}

/* All rows are few enough for the pool: what is left is the choice itself. */
static void choose_by_hand(const nsky_probe *probe, uint64_t first, uint32_t out[PICKS])
{
    static double x[OBJECTS][DIM], unsure[OBJECTS], likest[OBJECTS];

    for (uint32_t row = 0; row < OBJECTS; row++) {
        vector_of(row, x[row]);
        bool out_of_it = row < first || row == BLANK || row == BLANK + 1 || is_labelled(probe, row);
        unsure[row] = out_of_it ? -1 : unsure_by_hand(probe, x[row]);
        likest[row] = 0;
    }
    for (uint32_t pick = 0; pick < PICKS; pick++) {
        uint32_t best = 0;
        double most = -1;
        for (uint32_t row = 0; row < OBJECTS; row++) {
            double value = unsure[row] * (pick ? sqrt(fmax(0, 1 - likest[row])) : 1);
            if (unsure[row] >= 0 && value > most) {
                best = row;
                most = value;
            }
        }
        out[pick] = best;
        unsure[best] = -1;
        for (uint32_t row = 0; row < OBJECTS; row++) {
            double dot = 0, a = 0, b = 0;
            for (int d = 0; d < DIM; d++) {
                dot += x[row][d] * x[best][d];
                a += x[row][d] * x[row][d];
                b += x[best][d] * x[best][d];
            }
            likest[row] = fmax(likest[row], a > 0 ? dot / sqrt(a * b) : 0);
        }
    }
}

static void assert_suggests(const nsky_probe *probe, const nsky_filter *filter, uint64_t first)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t rows[PICKS], wanted[PICKS], count;
    float scores[PICKS];

    choose_by_hand(probe, first, wanted);
    assert_ok(nsky_suggest(probe, 0, search, survey, filter, PICKS, rows, scores, &count, &err),
              err);
    assert_int_equal(count, PICKS);
    for (uint32_t i = 0; i < count; i++) {
        double x[DIM], score = (double)probe->bias[0];
        assert_int_equal(rows[i], wanted[i]);
        vector_of(rows[i], x);
        for (int d = 0; d < DIM; d++)
            score += (double)probe->weights[d] * x[d];
        assert_float_equal(scores[i], score, 1e-5 * (1 + fabs(score)));
    }
}

static nsky_probe *number_probe(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels = special_labels(0, 200, true);
    const nsky_train_options options = {
        .name = "value", .target = "value", .regression = true, .replicates = 50};
    nsky_probe *probe;

    assert_ok(nsky_probe_train(&probe, search, survey, labels, &options, &err), err);
    nsky_labels_free(labels);
    return probe;
}

/* Special or not, and of the rest low or high. */
static nsky_probe *class_probe(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    char names[3][NSKY_CLASS_BYTES] = {"high", "low", "special"};
    nsky_example examples[300];
    nsky_labels *labels;
    nsky_probe *probe;
    const nsky_train_options options = {.name = "kind", .target = "kind", .replicates = 50};

    for (uint32_t n = 0; n < 300; n++)
        examples[n] = (nsky_example){.id = id_of(n),
                                     .class = is_special(n)       ? 2u
                                              : value_of(n) < 0.5 ? 1u
                                                                  : 0u};
    assert_ok(nsky_labels_of_examples(&labels, survey, names, 3, examples, 300, &err), err);
    assert_ok(nsky_probe_train(&probe, search, survey, labels, &options, &err), err);
    nsky_labels_free(labels);
    return probe;
}

static void check_all_kinds(void)
{
    nsky_probe *probes[3] = {special_probe(300, 0), number_probe(), class_probe()};
    static uint64_t some[300];
    nsky_filter all, few;

    nsky_filter_init(&all);
    nsky_filter_init(&few);
    for (uint32_t i = 0; i < 300; i++)
        some[i] = 600 + i;
    few.rows = some;
    few.row_count = 300;
    for (int p = 0; p < 3; p++) {
        assert_suggests(probes[p], &all, 0);
        assert_suggests(probes[p], &few, 600);
        nsky_probe_free(probes[p]);
    }
}

static void choices_are_what_plain_c_says(void **state)
{
    (void)state;
    assert_false(nsky_search_has_codes(search));
    check_all_kinds();
}

static void codes_give_the_same(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_index_options options = {.recall_target = 0.95, .lists = 8};
    nsky_index_report report;
    nsky_search *scanned = search;

    assert_ok(nsky_index_build(store_path, &options, &report, &err), err);
    assert_ok(nsky_search_open(&search, store_path, 0, &err), err);
    assert_true(nsky_search_has_codes(search));
    check_all_kinds();
    nsky_search_close(search);
    search = scanned;
}

typedef struct seen {
    uint32_t times[OBJECTS];
    float scores[2][OBJECTS];
    pthread_mutex_t lock;
} seen;

static void see(const uint32_t *rows, uint32_t n, const float *scores, uint32_t thread,
                void *payload)
{
    seen *s = payload;
    (void)thread;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < n; i++) {
        s->times[rows[i]]++;
        s->scores[0][rows[i]] = scores[i];
        s->scores[1][rows[i]] = scores[n + i];
    }
    pthread_mutex_unlock(&s->lock);
}

static void every_row_goes_by_once(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_probe *probe = special_probe(300, 0);
    uint8_t allowed[OBJECTS / 8 + 1];
    const nsky_linear linear[2] = {{probe->weights, probe->bias[0]}, {probe->mean, 1}};
    nsky_search *opened[2] = {search, NULL};
    float errors[2];

    assert_ok(nsky_search_open(&opened[1], store_path, 0, &err), err);
    assert_true(nsky_search_has_codes(opened[1])); /* of the test before */
    memset(allowed, 0xF3, sizeof allowed);
    for (int coded = 0; coded < 2; coded++) {
        static float exact[2][OBJECTS];
        seen s = {.lock = PTHREAD_MUTEX_INITIALIZER};
        assert_ok(nsky_search_each_score(opened[coded], linear, 2, allowed, see, &s, &err), err);
        if (coded)
            assert_ok(nsky_search_coded_scores(opened[1], linear, 2, exact[0], errors, &err), err);
        else
            assert_ok(nsky_search_scores(search, linear, 2, exact[0], NULL, NULL, &err), err);
        for (uint32_t row = 0; row < OBJECTS; row++) {
            bool wanted = (0xF3 >> (row & 7) & 1) && row != BLANK && row != BLANK + 1;
            assert_int_equal(s.times[row], wanted);
            for (int q = 0; q < 2 && wanted; q++)
                assert_true(s.scores[q][row] == exact[q][row]);
        }
    }
    nsky_search_close(opened[1]);
    nsky_probe_free(probe);
}

static int by_promise(const void *a, const void *b)
{
    const nsky_candidate *x = a, *y = b;

    if (x->unsure != y->unsure)
        return x->unsure < y->unsure ? 1 : -1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void pools_keep_the_best(void **state)
{
    enum { ALL = 5000, KEPT = 300 };
    static nsky_candidate all[ALL];
    nsky_candidate kept[KEPT] = {{0}};
    nsky_pool pool = {.items = kept, .max = KEPT};
    nsky_rng rng = nsky_rng_at(3, 1, 4);
    (void)state;

    for (uint32_t i = 0; i < ALL; i++) /* with many ties */
        all[i] = (nsky_candidate){.row = i, .unsure = (float)nsky_rng_below(&rng, 40)};
    for (uint32_t i = ALL; i-- > 0;)
        nsky_pool_offer(&pool, all[i * 7 % ALL].row, all[i * 7 % ALL].unsure);
    assert_int_equal(pool.count, KEPT);
    qsort(all, ALL, sizeof *all, by_promise);
    qsort(kept, KEPT, sizeof *kept, by_promise);
    for (uint32_t i = 0; i < KEPT; i++)
        assert_int_equal(kept[i].row, all[i].row);
}

static void samples_are_spread(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t *rows, count;
    const uint32_t many = 1000003;
    uint8_t *third = calloc(many / 8 + 1, 1);
    (void)state;

    for (uint32_t row = 0; row < many; row += 3)
        third[row >> 3] |= (uint8_t)(1u << (row & 7));
    assert_ok(nsky_sample_rows(&rows, &count, 1000, NULL, 1000, &err), err);
    assert_int_equal(count, 1000);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(rows[i], i);
    nsky_free(rows);
    for (int filtered = 0; filtered < 2; filtered++) {
        assert_ok(nsky_sample_rows(&rows, &count, many, filtered ? third : NULL, 20000, &err), err);
        assert_in_range(count, 19000, 20000);
        const uint32_t step = filtered ? 3 : 1;
        uint32_t runs = 1;
        for (uint32_t i = 1; i < count; i++) {
            assert_true(rows[i] > rows[i - 1] && rows[i] < many && rows[i] % step == 0);
            if (rows[i] - rows[i - 1] == step)
                continue;
            assert_in_range(rows[i] - rows[i - 1], 500, 1200);
            runs++;
        }
        assert_in_range(runs, count / NSKY_SAMPLE_RUN, count / NSKY_SAMPLE_RUN + 1);
        nsky_free(rows);
    }
    memset(third, 0, many / 8 + 1);
    assert_ok(nsky_sample_rows(&rows, &count, many, third, 20000, &err), err);
    assert_int_equal(count, 0);
    nsky_free(rows);
    free(third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_are_what_plain_c_says),
        cmocka_unit_test(codes_give_the_same),
        cmocka_unit_test(every_row_goes_by_once),
        cmocka_unit_test(pools_keep_the_best),
        cmocka_unit_test(samples_are_spread),
    };
    return cmocka_run_group_tests(tests, open_special_store, close_special_store);
}
