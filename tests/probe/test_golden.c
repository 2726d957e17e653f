/* test_golden.c - against scikit-learn, whose numbers export_goldens.py wrote down. */
#include <string.h>

#include "common/json.h"
#include "probe/calibrate.h"
#include "probe/classifier.h"
#include "probe/metrics.h"
#include "probe/ridge.h"
#include "tests/probe/support.h"

static nsky_json *golden;

static int open_golden(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    (void)state;
    return nsky_json_read_file(&golden, "tests/probe/golden/sklearn.json", 1 << 20, &err);
}

static int close_golden(void **state)
{
    (void)state;
    nsky_json_free(golden);
    return 0;
}

static double number(const nsky_json *of, const char *key)
{
    double value = nsky_json_get_number(of, key, NAN);
    assert_true(isfinite(value));
    return value;
}

/* The caller frees. */
static double *numbers(const nsky_json *array, size_t count)
{
    nsky_error err = NSKY_ERROR_INIT;
    double *out = nsky_alloc(count, sizeof *out, &err);
    size_t i = 0;
    assert_non_null(out);
    assert_int_equal(nsky_json_count(array), count);
    for (const nsky_json *v = nsky_json_first(array); v; v = nsky_json_next(v))
        out[i++] = nsky_json_number(v, NAN);
    return out;
}

typedef struct rows {
    uint32_t n, dim;
    float *x;
    uint32_t *label;
} rows;

static rows rows_of(const nsky_json *of)
{
    nsky_error err = NSKY_ERROR_INIT;
    rows r = {.n = (uint32_t)number(of, "n"), .dim = (uint32_t)number(of, "dim")};
    double *x = numbers(nsky_json_get(of, "x"), (size_t)r.n * r.dim);
    r.x = nsky_alloc((size_t)r.n * r.dim, sizeof *r.x, &err);
    assert_non_null(r.x);
    for (size_t i = 0; i < (size_t)r.n * r.dim; i++)
        r.x[i] = (float)x[i];
    nsky_free(x);
    if (nsky_json_get(of, "label")) {
        double *label = numbers(nsky_json_get(of, "label"), r.n);
        r.label = nsky_alloc(r.n, sizeof *r.label, &err);
        assert_non_null(r.label);
        for (uint32_t i = 0; i < r.n; i++)
            r.label[i] = (uint32_t)label[i];
        nsky_free(label);
    }
    return r;
}

static void free_rows(rows *r)
{
    nsky_free(r->x);
    nsky_free(r->label);
}

static void near_all(const double *got, const double *expected, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got[i] - expected[i]) <= tolerance))
            fail_msg("%zu: %.9g, not %.9g", i, got[i], expected[i]);
}

/* The kept fit stops at a gradient of 1e-4 (of that at the start, times the rarer class's share):
 * weights are within 5e-4 of their length. */
static void logistic_weights(const char *name)
{
    const nsky_json *of = nsky_json_get(golden, name);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_classifier *c = NULL;
    rows r = rows_of(of);
    uint32_t classes = 0;
    for (uint32_t i = 0; i < r.n; i++)
        classes = r.label[i] >= classes ? r.label[i] + 1 : classes;
    nsky_classifier_options options = {.c = number(of, "c"), .seed = 1};
    assert_int_equal(nsky_classifier_fit(&c, r.x, r.n, r.dim, r.label, classes, &options, &err),
                     NSKY_OK);
    assert_int_equal(c->method, NSKY_PROBE_LOGISTIC);
    const nsky_json *w = nsky_json_get(of, "weights");
    for (uint32_t o = 0; o < c->outputs; o++) {
        const nsky_json *row = w;
        double bias = c->outputs == 1 ? number(of, "bias") : NAN;
        if (c->outputs > 1) {
            double *all = numbers(nsky_json_get(of, "bias"), c->outputs);
            bias = all[o];
            nsky_free(all);
            row = nsky_json_first(w);
            for (uint32_t i = 0; i < o; i++)
                row = nsky_json_next(row);
        }
        double *expected = numbers(row, r.dim), length = 0;
        for (uint32_t j = 0; j < r.dim; j++)
            length += expected[j] * expected[j];
        near_all(c->weights + (size_t)o * r.dim, expected, r.dim, 5e-4 * sqrt(length));
        near_all(&c->bias[o], &bias, 1, 5e-4 * sqrt(length));
        nsky_free(expected);
    }
    nsky_classifier_free(c);
    free_rows(&r);
}

static void logistic_regression(void **state)
{
    (void)state;
    logistic_weights("logistic");
    logistic_weights("several");
}

static void discriminants(void **state)
{
    (void)state;
    static const char *const names[] = {"discriminant_tall", "discriminant_wide"};
    for (int k = 0; k < 2; k++) {
        const nsky_json *of = nsky_json_get(golden, names[k]);
        nsky_error err = NSKY_ERROR_INIT;
        nsky_classifier *c = NULL;
        nsky_classifier_options options = {.seed = 1};
        rows r = rows_of(of);
        assert_int_equal(nsky_classifier_fit(&c, r.x, r.n, r.dim, r.label, 2, &options, &err),
                         NSKY_OK);
        assert_int_equal(c->method, NSKY_PROBE_DISCRIMINANT);
        assert_float_equal(c->shrinkage, number(of, "shrinkage"), 1e-9);
        double *expected = numbers(nsky_json_get(of, "direction"), r.dim), length = 0;
        for (uint32_t j = 0; j < r.dim; j++)
            length += c->weights[j] * c->weights[j];
        for (uint32_t j = 0; j < r.dim; j++)
            c->weights[j] /= sqrt(length);
        near_all(c->weights, expected, r.dim, 1e-8);
        nsky_free(expected);
        nsky_classifier_free(c);
        free_rows(&r);
    }
}

static void ridge(void **state)
{
    (void)state;
    static const char *const names[] = {"ridge_tall", "ridge_wide"};
    for (int k = 0; k < 2; k++) {
        const nsky_json *of = nsky_json_get(golden, names[k]);
        nsky_error err = NSKY_ERROR_INIT;
        nsky_ridge *got = NULL;
        rows r = rows_of(of);
        double *y = numbers(nsky_json_get(of, "y"), r.n);
        double *alphas = numbers(nsky_json_get(of, "alphas"), 7);
        double *weights = numbers(nsky_json_get(of, "weights"), r.dim);
        double *held_out = numbers(nsky_json_get(of, "held_out"), r.n);
        double bias = number(of, "bias");
        assert_int_equal(nsky_ridge_fit(&got, r.x, r.n, r.dim, y, alphas, 7, &err), NSKY_OK);
        assert_float_equal(got->alpha, number(of, "alpha"), 0);
        near_all(got->weights, weights, r.dim, 1e-9);
        near_all(&got->bias, &bias, 1, 1e-9);
        near_all(got->held_out, held_out, r.n, 1e-9);
        nsky_ridge_free(got);
        nsky_free(y);
        nsky_free(alphas);
        nsky_free(weights);
        nsky_free(held_out);
        free_rows(&r);
    }
}

static void rankings_and_calibration(void **state)
{
    (void)state;
    const nsky_json *of = nsky_json_get(golden, "ranking");
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t n = (uint32_t)number(of, "n");
    double *scores = numbers(nsky_json_get(of, "scores"), n);
    double *label = numbers(nsky_json_get(of, "positive"), n);
    uint8_t *positive = nsky_alloc(n, 1, &err);
    nsky_ranking_metrics m;
    nsky_calibration calibration;
    for (uint32_t i = 0; i < n; i++)
        positive[i] = label[i] > 0;
    assert_int_equal(nsky_measure_ranking(&m, scores, positive, n, 100, 1, &err), NSKY_OK);
    assert_float_equal(m.auroc.value, number(of, "auroc"), 1e-12);
    assert_float_equal(m.average_precision.value, number(of, "average_precision"), 1e-12);
    assert_float_equal(m.tpr[0].value, number(of, "tpr_1e2"), 1e-12);
    assert_true(isnan(m.tpr[1].value)); /* 400 negatives say nothing of a rate of 1e-3 */
    assert_true(m.auroc.low < m.auroc.value && m.auroc.value < m.auroc.high);
    /* theirs stops early: 1e-5 relative */
    assert_int_equal(nsky_calibrate(&calibration, scores, positive, n, &err), NSKY_OK);
    assert_float_equal(calibration.slope, number(of, "slope"), 2e-4);
    assert_float_equal(calibration.offset, number(of, "offset"), 2e-4);
    nsky_free(scores);
    nsky_free(label);
    nsky_free(positive);
}

static void classes(void **state)
{
    (void)state;
    const nsky_json *of = nsky_json_get(golden, "classes");
    nsky_error err = NSKY_ERROR_INIT;
    enum { N = 200 };
    double *truth = numbers(nsky_json_get(of, "truth"), N);
    double *guess = numbers(nsky_json_get(of, "guess"), N);
    uint32_t t[N], g[N];
    nsky_class_metrics m;
    for (int i = 0; i < N; i++) {
        t[i] = (uint32_t)truth[i];
        g[i] = (uint32_t)guess[i];
    }
    assert_int_equal(nsky_measure_classes(&m, t, g, N, 9, &err), NSKY_OK);
    assert_float_equal(m.accuracy.value, number(of, "accuracy"), 1e-12);
    assert_float_equal(m.macro_f1, number(of, "macro_f1"), 1e-12);
    nsky_free(truth);
    nsky_free(guess);
}

static void redshifts(void **state)
{
    (void)state;
    const nsky_json *of = nsky_json_get(golden, "numbers");
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t n = (uint32_t)number(of, "n");
    double *truth = numbers(nsky_json_get(of, "truth"), n);
    double *estimate = numbers(nsky_json_get(of, "estimate"), n);
    nsky_regression_metrics m;
    assert_int_equal(nsky_measure_regression(&m, truth, estimate, n, 200, 1, &err), NSKY_OK);
    assert_float_equal(m.r2.value, number(of, "r2"), 1e-12);
    assert_float_equal(m.rmse.value, number(of, "rmse"), 1e-12);
    assert_float_equal(m.bias.value, number(of, "bias"), 1e-12);
    assert_float_equal(m.sigma_mad.value, number(of, "sigma_mad"), 1e-12);
    assert_float_equal(m.outliers_05.value, number(of, "outliers_05"), 1e-12);
    assert_float_equal(m.outliers_15.value, number(of, "outliers_15"), 1e-12);
    assert_true(m.sigma_mad.low < m.sigma_mad.value && m.sigma_mad.value < m.sigma_mad.high);
    nsky_free(truth);
    nsky_free(estimate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logistic_regression),
        cmocka_unit_test(discriminants),
        cmocka_unit_test(ridge),
        cmocka_unit_test(rankings_and_calibration),
        cmocka_unit_test(classes),
        cmocka_unit_test(redshifts),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
