/* test_golden.c - rankings, neighbours and components against scikit-learn and numpy. */
#include "tests/eval/support.h"

#include "common/json.h"
#include "eval/pca.h"
#include "eval/ranked.h"

static nsky_json *golden;

static int load(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    (void)state;
    return nsky_json_read_file(&golden, "tests/eval/golden/sklearn.json", 1 << 20, &err);
}

static int unload(void **state)
{
    (void)state;
    nsky_json_free(golden);
    return 0;
}

/* The caller frees it. */
static double *numbers(const nsky_json *object, const char *key, uint32_t *count)
{
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_json *array = nsky_json_get(object, key);
    *count = (uint32_t)nsky_json_count(array);
    double *out = nsky_alloc(*count, sizeof *out, &err);
    assert_non_null(out);
    uint32_t i = 0;
    for (const nsky_json *v = nsky_json_first(array); v; v = nsky_json_next(v))
        out[i++] = nsky_json_number(v, NAN);
    return out;
}

static nsky_ranked make_ranked(const nsky_json *problem)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_ranked ranked;
    uint32_t n, same;
    double *scores = numbers(problem, "scores", &n),
           *positive = numbers(problem, "positive", &same);
    nsky_ranked_entry *entries = nsky_alloc(n, sizeof *entries, &err);
    assert_non_null(entries);
    for (uint32_t i = 0; i < n; i++)
        entries[i] = (nsky_ranked_entry){scores[i], i, (uint32_t)positive[i]};
    nsky_ranked_init(&ranked, entries, n);
    nsky_free(scores);
    nsky_free(positive);
    return ranked;
}

static void ranking_is_scikit_learns(void **state)
{
    const nsky_json *problem = nsky_json_get(golden, "ranking");
    nsky_ranked ranked = make_ranked(problem);
    nsky_ranked_measures measures;
    (void)state;

    nsky_ranked_measure(&measures, &ranked, NULL, UINT32_MAX);
    assert_near(measures.auroc, nsky_json_get_number(problem, "auroc", NAN), 1e-12);
    assert_near(measures.tpr[0], nsky_json_get_number(problem, "tpr_at_1e2", NAN), 1e-12);
    assert_true(isnan(measures.tpr[1])); /* 300 negatives cannot tell a rate of 1e-3 */
    /* What lies above the floor is what that recall counts. */
    uint32_t above = 0;
    for (uint32_t i = 0; i < ranked.count; i++)
        above += ranked.entries[i].positive && ranked.entries[i].score > measures.floor[0];
    assert_near((double)above / ranked.positives, measures.tpr[0], 1e-12);
    nsky_ranked_clear(&ranked);
}

static void weights_are_scikit_learns(void **state)
{
    const nsky_json *problem = nsky_json_get(golden, "weighted");
    nsky_ranked ranked = make_ranked(problem);
    nsky_ranked_measures measures;
    uint32_t n;
    double *weight = numbers(problem, "weight", &n);
    nsky_error err = NSKY_ERROR_INIT;
    uint8_t *drawn = nsky_alloc(n, 1, &err);
    uint32_t *group = nsky_alloc(n, sizeof *group, &err);
    (void)state;

    assert_true(drawn && group);
    for (uint32_t i = 0; i < n; i++) {
        drawn[i] = (uint8_t)weight[i];
        group[i] = i;
    }
    const nsky_bootstrap bootstrap = {1, n, n, 0, group, drawn};
    nsky_ranked_measure(&measures, &ranked, &bootstrap, 0);
    assert_near(measures.auroc, nsky_json_get_number(problem, "auroc", NAN), 1e-12);
    nsky_ranked_clear(&ranked);
    nsky_free(drawn);
    nsky_free(group);
    nsky_free(weight);
}

static nsky_features *matrix(const nsky_json *problem)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_features *features = NULL;
    uint32_t count;
    double *x = numbers(problem, "x", &count);
    assert_ok(nsky_features_new(&features, "golden",
                                (uint32_t)nsky_json_get_number(problem, "n", 0),
                                (uint32_t)nsky_json_get_number(problem, "dim", 0), &err),
              err);
    assert_int_equal(count, features->n * features->dim);
    for (uint32_t i = 0; i < count; i++)
        features->x[i] = (float)x[i];
    nsky_free(x);
    return features;
}

static void retrieval_is_scikit_learns(void **state)
{
    const nsky_json *problem = nsky_json_get(golden, "retrieval");
    nsky_error err = NSKY_ERROR_INIT;
    nsky_features *features = matrix(problem);
    nsky_truth *truth = make_truth(features->n, 3);
    nsky_bootstrap *bootstrap = make_bootstrap(truth, 50);
    nsky_task task = make_task(truth, bootstrap);
    nsky_scores scores = {0};
    uint32_t classes;
    double *precision = numbers(problem, "p_at_10", &classes);
    double *gain = numbers(problem, "ndcg_at_10", &classes), macro = 0;
    (void)state;

    task.queries = 0; /* all of them */
    assert_ok(nsky_task_retrieval(&scores, &task, features, &err), err);
    for (uint32_t c = 0; c < classes; c++) {
        char key[NSKY_SCORE_KEY_BYTES];
        snprintf(key, sizeof key, "retrieval.p_at_10.class.c%02u", c);
        assert_near(score_of(&scores, key).value, precision[c], 1e-9);
        snprintf(key, sizeof key, "retrieval.ndcg_at_10.class.c%02u", c);
        assert_near(score_of(&scores, key).value, gain[c], 1e-9);
        macro += precision[c] / classes;
    }
    assert_near(score_of(&scores, "retrieval.p_at_10.macro").value, macro, 1e-9);
    nsky_scores_clear(&scores);
    nsky_bootstrap_free(bootstrap);
    nsky_truth_free(truth);
    nsky_features_free(features);
    nsky_free(precision);
    nsky_free(gain);
}

static void components_are_numpys(void **state)
{
    const nsky_json *problem = nsky_json_get(golden, "components");
    nsky_error err = NSKY_ERROR_INIT;
    nsky_features *features = matrix(problem), *white = NULL;
    nsky_pca *pca = NULL;
    uint32_t count;
    double *deviation = numbers(problem, "deviation", &count);
    (void)state;

    assert_ok(nsky_pca_fit(&pca, features, features->dim, 1, &err), err);
    assert_int_equal(pca->components, count);
    for (uint32_t c = 0; c < count; c++) /* measured: within 2e-9 of numpy's */
        assert_near(pca->deviation[c] / deviation[c], 1, 1e-6);
    assert_ok(nsky_pca_project(&white, pca, features, true, false, &err), err);
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = 0; b < count; b++) {
            double sum = 0;
            for (uint32_t i = 0; i < white->n; i++)
                sum += (double)white->x[i * count + a] * white->x[i * count + b] / white->n;
            assert_near(sum, a == b, 1e-4);
        }
    nsky_pca_free(pca);
    nsky_features_free(white);
    nsky_features_free(features);
    nsky_free(deviation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranking_is_scikit_learns),
        cmocka_unit_test(weights_are_scikit_learns),
        cmocka_unit_test(retrieval_is_scikit_learns),
        cmocka_unit_test(components_are_numpys),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
