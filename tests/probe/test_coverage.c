/* test_coverage.c - the intervals that probes state, against skies whose truth is known: of many
 * draws 95% are covered. Scores are normal, of spread 1, `APART` apart: then log-odds are linear in
 * them, and what is true has a closed form. AUROC and recall are in test_metrics.c. */
#include <string.h>

#include "probe/metrics.h"
#include "probe/rank.h"
#include "tests/probe/support.h"

#define DRAWS 200
#define COVERED (0.904 * DRAWS) /* 95% less three of its standard deviations */
#define APART 2.0
#define LABELS 660
#define LABELLED_POSITIVES 60
#define SKY 2000
#define PREVALENCE 0.02

/* scores, positive [n], the first `positives` of which are. */
static void draw(double *scores, uint8_t *positive, uint32_t n, uint32_t positives, nsky_rng *rng)
{
    for (uint32_t i = 0; i < n; i++) {
        positive[i] = i < positives;
        scores[i] = nsky_rng_normal(rng) + (positive[i] ? APART : 0);
    }
}

static double above(double threshold)
{
    return 0.5 * erfc(threshold / sqrt(2));
}

static int downwards(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return x > y ? -1 : x < y;
}

/* A probe calibrated on one label in eleven, asked of a sky where one in fifty is. */
static void expected_positives_cover(void **state)
{
    (void)state;
    static double scores[SKY];
    static float sky[SKY], sorted[SKY];
    static uint8_t positive[SKY];
    uint32_t covered = 0, share_covered = 0;
    nsky_error err = NSKY_ERROR_INIT;

    for (uint32_t d = 0; d < DRAWS; d++) {
        nsky_rng rng = nsky_rng_at(91, 1, d);
        nsky_calibration calibration;
        nsky_prevalence found;
        double expected[3];
        uint32_t positives = 0, listed = 0;
        draw(scores, positive, LABELS, LABELLED_POSITIVES, &rng);
        assert_int_equal(nsky_calibrate(&calibration, scores, positive, LABELS, &err), NSKY_OK);
        for (uint32_t i = 0; i < SKY; i++)
            positives += nsky_rng_uniform(&rng) < PREVALENCE;
        draw(scores, positive, SKY, positives, &rng);
        if (d % 5 == 0) { /* it takes longest */
            assert_int_equal(nsky_prevalence_estimate(&found, &calibration, scores, SKY, &err),
                             NSKY_OK);
            share_covered += 5 * (found.low <= PREVALENCE && PREVALENCE <= found.high);
        }
        nsky_calibration_shift(&calibration, PREVALENCE);
        for (uint32_t i = 0; i < SKY; i++)
            sorted[i] = sky[i] = (float)scores[i];
        qsort(sorted, SKY, sizeof *sorted, downwards);
        for (uint32_t i = 0; i < positives; i++)
            listed += sky[i] >= sorted[59];
        nsky_expected_positives(&calibration, sorted, 60, expected);
        covered += expected[1] <= listed && listed <= expected[2];
    }
    print_message("expected positives %.3f, estimated prevalence %.3f\n", (double)covered / DRAWS,
                  (double)share_covered / DRAWS);
    assert_true(covered > COVERED);
    assert_true(share_covered > 0.85 * DRAWS); /* of 40 draws */
}

/* Purity at another prevalence than the labels', at every point of the curve. */
static void curves_cover(void **state)
{
    (void)state;
    enum { POINTS = 20 };
    static double scores[LABELS];
    static uint8_t positive[LABELS];
    uint32_t purity = 0, completeness = 0;
    nsky_error err = NSKY_ERROR_INIT;

    for (uint32_t d = 0; d < DRAWS; d++) {
        nsky_rng rng = nsky_rng_at(92, 1, d);
        nsky_operating_point points[POINTS];
        draw(scores, positive, LABELS, LABELLED_POSITIVES, &rng);
        assert_int_equal(
            nsky_measure_curve(points, POINTS, scores, positive, LABELS, PREVALENCE, &err),
            NSKY_OK);
        for (uint32_t i = 0; i < POINTS; i++) {
            const nsky_operating_point *p = &points[i];
            double hits = above(p->threshold - APART), false_ones = above(p->threshold);
            double pure = PREVALENCE * hits / (PREVALENCE * hits + (1 - PREVALENCE) * false_ones);
            purity += p->purity_low <= pure && pure <= p->purity_high;
            completeness += p->completeness.low <= hits && hits <= p->completeness.high;
        }
    }
    print_message("purity %.3f, completeness %.3f\n", (double)purity / (DRAWS * POINTS),
                  (double)completeness / (DRAWS * POINTS));
    assert_true(purity > COVERED * POINTS);
    assert_true(completeness > COVERED * POINTS);
}

/* Redshifts with a scatter of 0.03 and no bias. */
static void redshift_metrics_cover(void **state)
{
    (void)state;
    enum { N = 100 };
    double truth[N], estimate[N];
    uint32_t scatter = 0, bias = 0, outliers = 0;
    nsky_error err = NSKY_ERROR_INIT;

    for (uint32_t d = 0; d < DRAWS; d++) {
        nsky_rng rng = nsky_rng_at(93, 1, d);
        nsky_regression_metrics m;
        for (uint32_t i = 0; i < N; i++) {
            truth[i] = nsky_rng_uniform(&rng);
            estimate[i] = truth[i] + 0.03 * (1 + truth[i]) * nsky_rng_normal(&rng);
        }
        assert_int_equal(nsky_measure_regression(&m, truth, estimate, N, 100, d, &err), NSKY_OK);
        scatter += m.sigma_mad.low <= 0.03 && 0.03 <= m.sigma_mad.high;
        bias += m.bias.low <= 0 && 0 <= m.bias.high;
        double share = 2 * above(0.05 / 0.03);
        outliers += m.outliers_05.low <= share && share <= m.outliers_05.high;
    }
    print_message("sigma_MAD %.3f, bias %.3f, outliers %.3f\n", (double)scatter / DRAWS,
                  (double)bias / DRAWS, (double)outliers / DRAWS);
    assert_true(scatter > COVERED);
    assert_true(bias > COVERED);
    assert_true(outliers > COVERED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expected_positives_cover),
        cmocka_unit_test(curves_cover),
        cmocka_unit_test(redshift_metrics_cover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
