/* test_metrics.c - metrics by hand, and whether intervals cover what they claim. */
#include <string.h>

#include "probe/metrics.h"
#include "tests/probe/support.h"

static nsky_ranking_metrics measure(const double *scores, const uint8_t *positive, uint32_t n,
                                    uint32_t replicates)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_ranking_metrics m;
    assert_int_equal(nsky_measure_ranking(&m, scores, positive, n, replicates, 5, &err), NSKY_OK);
    return m;
}

static void small_rankings(void **state)
{
    (void)state;
    const double scores[] = {4, 3, 2, 1};
    nsky_ranking_metrics m = measure(scores, (const uint8_t[]){1, 0, 1, 0}, 4, 0);
    assert_float_equal(m.auroc.value, 0.75, 1e-15);
    assert_float_equal(m.average_precision.value, (1 + 2.0 / 3) / 2, 1e-15);
    m = measure((const double[]){1, 1, 1, 1}, (const uint8_t[]){1, 0, 1, 0}, 4, 0);
    assert_float_equal(m.auroc.value, 0.5, 1e-15); /* ties say nothing */
    m = measure(scores, (const uint8_t[]){1, 1, 1, 1}, 4, 10);
    assert_true(isnan(m.auroc.value) && isnan(m.tpr[0].value));
    m = measure(scores, (const uint8_t[]){1, 1, 0, 0}, 4, 100);
    assert_float_equal(m.auroc.value, 1, 0);
    assert_true(m.auroc.low < 0.8); /* two of each prove little */
    nsky_error err = NSKY_ERROR_INIT;
    assert_int_equal(
        nsky_measure_ranking(&m, (const double[]){1, NAN}, (const uint8_t[]){1, 0}, 2, 0, 0, &err),
        NSKY_EDATA);
}

static void precision_among_the_first(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_interval p;
    const double scores[] = {3, 2, 2, 1};
    const uint8_t positive[] = {1, 1, 0, 0};
    assert_int_equal(nsky_precision_at(&p, scores, positive, 4, 1, &err), NSKY_OK);
    assert_float_equal(p.value, 1, 0);
    assert_int_equal(nsky_precision_at(&p, scores, positive, 4, 2, &err), NSKY_OK);
    assert_float_equal(p.value, 0.75, 1e-15); /* half of the tie */
    assert_int_equal(nsky_precision_at(&p, scores, positive, 4, 100, &err), NSKY_OK);
    assert_float_equal(p.value, 0.5, 1e-15);
}

/* Wilson 1927; the numbers are Agresti and Coull's for 0 and 10 of 10 and 81 of 263. */
static void wilson(void **state)
{
    (void)state;
    nsky_interval w = nsky_wilson(81, 263);
    assert_float_equal(w.low, 0.2553, 5e-5);
    assert_float_equal(w.high, 0.3662, 5e-5);
    w = nsky_wilson(0, 10);
    assert_true(w.low == 0 && fabs(w.high - 0.2775) < 5e-5);
    w = nsky_wilson(10, 10);
    assert_true(w.high == 1 && fabs(w.low - 0.7225) < 5e-5);
    w = nsky_wilson(0, 0);
    assert_true(isnan(w.value) && w.low == 0 && w.high == 1);
}

/* Scores of two normal distributions d apart have area Phi(d / sqrt 2), recall at a rate of 1e-2
 * 1 - Phi(2.326 - d). Of 400 samples of 40 + 400 rows 95% should be covered; three standard
 * errors below that is 91.7%. */
static void intervals_cover(void **state)
{
    (void)state;
    static const double apart[] = {1, 3};
    enum { POSITIVES = 40, N = 440, SAMPLES = 400 };
    for (int k = 0; k < 2; k++) {
        double area = 0.5 * erfc(-apart[k] / 2);
        double recall = 0.5 * erfc((2.3263478740408408 - apart[k]) / sqrt(2));
        int area_covered = 0, recall_covered = 0;
        for (uint32_t s = 0; s < SAMPLES; s++) {
            double scores[N];
            uint8_t positive[N];
            nsky_rng rng = nsky_rng_at(11, (uint32_t)k, s);
            for (int i = 0; i < N; i++) {
                positive[i] = i < POSITIVES;
                scores[i] = nsky_rng_normal(&rng) + (positive[i] ? apart[k] : 0);
            }
            nsky_ranking_metrics m = measure(scores, positive, N, 200);
            area_covered += m.auroc.low <= area && area <= m.auroc.high;
            recall_covered += m.tpr[0].low <= recall && recall <= m.tpr[0].high;
        }
        assert_true(area_covered > 0.917 * SAMPLES);
        assert_true(recall_covered > 0.917 * SAMPLES);
    }
}

static void curves(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const double scores[] = {6, 5, 4, 3, 2, 1};
    const uint8_t positive[] = {1, 0, 1, 0, 0, 0};
    nsky_operating_point points[2];
    assert_int_equal(nsky_measure_curve(points, 2, scores, positive, 6, 0.1, &err), NSKY_OK);
    assert_float_equal(points[0].threshold, 6, 0);
    assert_int_equal(points[0].selected, 1);
    assert_float_equal(points[0].purity, 1, 0); /* none of four negatives: sure only by the bound */
    assert_true(points[0].purity_low < 0.2);
    assert_float_equal(points[1].completeness.value, 1, 0);
    assert_float_equal(points[1].purity, 0.1 / (0.1 + 0.9 * 0.25), 1e-12);
    assert_int_equal(nsky_measure_curve(points, 2, scores, positive + 3, 3, 0.1, &err),
                     NSKY_EINVAL);
}

static void calibration_error(void **state)
{
    (void)state;
    const double sure[] = {0.95, 0.95, 0.05, 0.05};
    assert_float_equal(nsky_calibration_error(sure, (const uint8_t[]){1, 1, 0, 0}, 4), 0.05, 1e-12);
    assert_float_equal(nsky_calibration_error(sure, (const uint8_t[]){0, 0, 1, 1}, 4), 0.95, 1e-12);
    assert_float_equal(nsky_calibration_error((const double[]){1, 0}, (const uint8_t[]){1, 0}, 2),
                       0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_rankings), cmocka_unit_test(precision_among_the_first),
        cmocka_unit_test(wilson),         cmocka_unit_test(intervals_cover),
        cmocka_unit_test(curves),         cmocka_unit_test(calibration_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
