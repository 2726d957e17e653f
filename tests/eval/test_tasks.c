/* test_tasks.c - tasks on made-up vectors whose answers are known. */
#include "tests/eval/support.h"

enum { N = 600, DIM = 24 };

/* What a test sets up, and takes down. */
typedef struct bench {
    nsky_truth *truth;
    nsky_bootstrap *bootstrap;
    nsky_features *features;
    nsky_task task;
    nsky_scores scores;
} bench;

/* apart 0: noise. Classes are vectors' directions, lenses too where lens_of says 1. */
static bench set_up(nsky_truth *truth, double apart, bool by_lens)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = {.truth = truth};
    uint32_t *code = nsky_alloc(truth->n, sizeof *code, &err);
    assert_non_null(code);
    for (uint32_t i = 0; i < truth->n; i++)
        code[i] = by_lens ? truth->objects[i].lens == NSKY_IS_LENS : truth->objects[i].class;
    b.features = make_features(code, truth->n, DIM, apart, 3);
    b.bootstrap = make_bootstrap(truth, 200);
    b.task = make_task(truth, b.bootstrap);
    nsky_free(code);
    return b;
}

static void take_down(bench *b)
{
    nsky_scores_clear(&b->scores);
    nsky_features_free(b->features);
    nsky_bootstrap_free(b->bootstrap);
    nsky_truth_free(b->truth);
}

/* Every third object is a lens; of the others half are look-alikes. */
static nsky_truth *make_lens_truth(void)
{
    nsky_truth *truth = make_truth(N, 3);
    for (uint32_t i = 0; i < N; i++) {
        truth->objects[i].lens = i % 3 == 0 ? NSKY_IS_LENS : NSKY_NOT_LENS;
        truth->objects[i].lookalike = i % 6 == 1 || i % 6 == 2;
        truth->objects[i].theta_e_arcsec = i % 3 == 0 ? 0.8f + 0.5f * (float)(i % 6) : NAN;
    }
    return truth;
}

static void classes_apart_are_found_at_once(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_truth(N, 5), 20, false);
    (void)state;

    assert_ok(nsky_task_retrieval(&b.scores, &b.task, b.features, &err), err);
    assert_near(score_of(&b.scores, "retrieval.p_at_10.macro").value, 1, 1e-12);
    assert_near(score_of(&b.scores, "retrieval.ndcg_at_10.macro").value, 1, 1e-12);
    assert_null(nsky_scores_find(&b.scores, "retrieval.lens.p_at_10")); /* nobody is a lens */
    take_down(&b);
}

static void noise_finds_what_is_common(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_lens_truth(), 0, false);
    (void)state;

    b.task.queries = 0;
    assert_ok(nsky_task_retrieval(&b.scores, &b.task, b.features, &err), err);
    assert_holds(score_of(&b.scores, "retrieval.p_at_10.macro"), 199.0 / 599);
    assert_holds(score_of(&b.scores, "retrieval.lens.p_at_10"), 199.0 / 599);
    assert_holds(score_of(&b.scores, "retrieval.lens.p_at_100"), 199.0 / 599);
    assert_near(score_of(&b.scores, "retrieval.lens.prevalence").value, 199.0 / 599, 1e-12);
    take_down(&b);
}

static void queries_are_a_sample_of_each_class(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_truth(N, 5), 1, false);
    (void)state;

    b.task.queries = 30;
    assert_ok(nsky_task_retrieval(&b.scores, &b.task, b.features, &err), err);
    assert_int_equal(nsky_scores_find(&b.scores, "retrieval.p_at_10.macro")->n, 150);
    assert_int_equal(nsky_scores_find(&b.scores, "retrieval.p_at_10.class.c03")->n, 30);
    take_down(&b);
}

static void a_class_of_ten_asks_nothing(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = make_truth(100, 1);
    (void)state;

    truth->class_count = 2;
    strcpy(truth->classes[1], "rare");
    for (uint32_t i = 0; i < 10; i++)
        truth->objects[i].class = 1;
    bench b = set_up(truth, 1, false);
    assert_ok(nsky_task_retrieval(&b.scores, &b.task, b.features, &err), err);
    assert_null(nsky_scores_find(&b.scores, "retrieval.p_at_10.class.rare"));
    assert_non_null(nsky_scores_find(&b.scores, "retrieval.p_at_10.class.c00"));
    take_down(&b);
}

static void lenses_apart_are_all_found(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_lens_truth(), 20, true);
    (void)state;

    assert_ok(nsky_task_lenses(&b.scores, &b.task, b.features, &err), err);
    assert_near(score_of(&b.scores, "lens.20.all.auroc").value, 1, 1e-12);
    assert_near(score_of(&b.scores, "lens.100.matched.auroc").value, 1, 1e-12);
    assert_near(score_of(&b.scores, "lens.100.all.tpr_at_1e-2").value, 1, 1e-12);
    /* Finding all of some is not finding all of all. */
    assert_true(score_of(&b.scores, "lens.100.all.auroc").low < 1);
    assert_null(nsky_scores_find(&b.scores, "lens.100.all.tpr_at_1e-4")); /* 400 negatives */
    take_down(&b);
}

static void completeness_is_by_radius(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_lens_truth(), 20, true);
    (void)state;

    b.task.lens_budgets = 2; /* 300 labels would take 300 lenses of 200 */
    assert_ok(nsky_task_lenses(&b.scores, &b.task, b.features, &err), err);
    assert_near(score_of(&b.scores, "completeness.theta_e.below_1").value, 1, 1e-12);
    assert_near(score_of(&b.scores, "completeness.theta_e.2_to_3").value, 1, 1e-12);
    assert_null(nsky_scores_find(&b.scores, "completeness.theta_e.above_3"));
    assert_null(nsky_scores_find(&b.scores, "completeness.arc_snr.below_10"));
    take_down(&b);
}

static void shuffled_labels_teach_nothing(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = make_lens_truth();
    (void)state;

    /* Vectors tell classes apart; lenses are drawn without regard to them. */
    for (uint32_t i = 0; i < N; i++) {
        nsky_rng rng = nsky_rng_at(11, 0, i);
        truth->objects[i].lens = nsky_rng_below(&rng, 3) == 0 ? NSKY_IS_LENS : NSKY_NOT_LENS;
    }
    bench b = set_up(truth, 2, false);
    assert_ok(nsky_task_lenses(&b.scores, &b.task, b.features, &err), err);
    assert_holds(score_of(&b.scores, "lens.20.all.auroc"), 0.5);
    assert_holds(score_of(&b.scores, "lens.100.all.auroc"), 0.5);
    take_down(&b);
}

/* Vectors that say which deflector, but nothing about lenses: AUROC of 100 labels, with groups kept
 * whole or torn apart. */
static double leak(bool torn)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = make_truth(N, 1);
    uint32_t code[N];

    for (uint32_t i = 0; i < N; i++) {
        nsky_rng rng = nsky_rng_at(12, 0, i / 6);
        code[i] = i / 6;
        truth->objects[i].deflector = torn ? -1 : (int64_t)code[i];
        truth->objects[i].lens = nsky_rng_below(&rng, 2) ? NSKY_IS_LENS : NSKY_NOT_LENS;
    }
    assert_ok(nsky_truth_group(truth, &err), err);
    assert_int_equal(truth->groups, torn ? N : N / 6);
    bench b = {.truth = truth,
               .features = make_features(code, N, 64, 3, 4),
               .bootstrap = make_bootstrap(truth, 200)};
    b.task = make_task(truth, b.bootstrap);
    assert_ok(nsky_task_lenses(&b.scores, &b.task, b.features, &err), err);
    nsky_interval auroc = score_of(&b.scores, "lens.100.all.auroc");
    if (!torn)
        assert_holds(auroc, 0.5);
    take_down(&b);
    return auroc.value;
}

static void a_deflector_stays_on_one_side(void **state)
{
    (void)state;
    /* measured: 0.38 and 0.68 */
    assert_true(leak(false) < 0.62);
    assert_true(leak(true) > 0.65); /* what a leak would have looked like */
}

static void morphology_of_classes_apart_is_whole(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_truth(N, 3), 20, false);
    const char *const names[] = {"c00", "c01", "c02", "absent"};
    (void)state;

    memcpy(b.task.classes, names, sizeof names);
    b.task.class_count = 4;
    assert_ok(nsky_task_morphology(&b.scores, &b.task, b.features, &err), err);
    assert_near(score_of(&b.scores, "morphology.100.macro_f1").value, 1, 1e-12);
    assert_near(score_of(&b.scores, "morphology.100.f1.c01").value, 1, 1e-12);
    assert_null(nsky_scores_find(&b.scores, "morphology.1000.macro_f1")); /* of 600 galaxies */
    take_down(&b);
}

static void morphology_of_noise_is_chance(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_truth(N, 3), 0, false);
    const char *const names[] = {"c00", "c01", "c02"};
    (void)state;

    memcpy(b.task.classes, names, sizeof names);
    b.task.class_count = 3;
    b.task.seed = 2; /* of 24 seeds the intervals of 23 hold it, not that of 1 */
    assert_ok(nsky_task_morphology(&b.scores, &b.task, b.features, &err), err);
    assert_holds(score_of(&b.scores, "morphology.100.accuracy"), 1.0 / 3);
    take_down(&b);
}

static void a_redshift_in_the_vector_is_read(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = make_truth(N, 1);
    (void)state;

    for (uint32_t i = 0; i < N; i++)
        truth->objects[i].z_spec = 0.05f + 0.001f * (float)i;
    bench b = set_up(truth, 0, false);
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t j = 2; j < DIM; j++)
            b.features->x[i * DIM + j] = 0;
        b.features->x[i * DIM] = (float)cos(2 * truth->objects[i].z_spec);
        b.features->x[i * DIM + 1] = (float)sin(2 * truth->objects[i].z_spec);
    }
    assert_ok(nsky_task_redshift(&b.scores, &b.task, b.features, &err), err);
    assert_true(score_of(&b.scores, "redshift.knn.sigma_mad").value < 0.005);
    assert_true(score_of(&b.scores, "redshift.ridge.sigma_mad").value < 0.02);
    assert_near(score_of(&b.scores, "redshift.knn.outliers_0.05").value, 0, 1e-12);
    assert_true(score_of(&b.scores, "redshift.knn.outliers_0.05").high > 0);
    take_down(&b);
}

static void redshifts_of_noise_are_the_mean(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = make_truth(N, 1);
    double *error = nsky_alloc(N, sizeof *error, &err), sum = 0;
    (void)state;

    assert_non_null(error);
    for (uint32_t i = 0; i < N; i++) { /* mean 0.3 */
        nsky_rng rng = nsky_rng_at(13, 0, i);
        truth->objects[i].z_spec = (float)nsky_rng_range(&rng, 0.1, 0.5);
        error[i] = (0.3 - truth->objects[i].z_spec) / (1 + truth->objects[i].z_spec);
        sum += fabs(error[i]) > 0.05;
    }
    bench b = set_up(truth, 0, false);
    assert_ok(nsky_task_redshift(&b.scores, &b.task, b.features, &err), err);
    assert_holds(score_of(&b.scores, "redshift.ridge.outliers_0.05"), sum / N);
    nsky_free(error);
    take_down(&b);
}

static void what_labels_lack_is_said(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_truth(N, 2), 1, false);
    (void)state;

    assert_int_equal(nsky_task_lenses(&b.scores, &b.task, b.features, &err), NSKY_ENOTFOUND);
    assert_non_null(strstr(err.text, "lenses"));
    assert_int_equal(nsky_task_redshift(&b.scores, &b.task, b.features, &err), NSKY_ENOTFOUND);
    assert_int_equal(nsky_task_morphology(&b.scores, &b.task, b.features, &err), NSKY_ENOTFOUND);
    assert_int_equal(b.scores.count, 0);
    take_down(&b);
}

static void run_all(bench *b)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_task_retrieval(&b->scores, &b->task, b->features, &err), err);
    assert_ok(nsky_task_lenses(&b->scores, &b->task, b->features, &err), err);
    assert_ok(nsky_task_redshift(&b->scores, &b->task, b->features, &err), err);
    assert_ok(nsky_task_morphology(&b->scores, &b->task, b->features, &err), err);
}

static void threads_change_nothing(void **state)
{
    const char *const names[] = {"c00", "c01", "c02"};
    nsky_scores first = {0};
    (void)state;

    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        bench b = set_up(make_lens_truth(), 0.5, false);
        for (uint32_t i = 0; i < N; i++)
            b.truth->objects[i].z_spec = 0.001f * (float)i;
        memcpy(b.task.classes, names, sizeof names);
        b.task.class_count = 3;
        b.task.threads = threads;
        b.task.lens_budgets = 2;
        run_all(&b);
        if (threads == 1) {
            first = b.scores;
            memset(&b.scores, 0, sizeof b.scores);
        } else {
            assert_int_equal(b.scores.count, first.count);
            assert_true(first.count > 30);
            for (uint32_t i = 0; i < first.count; i++) {
                const nsky_interval *x = &first.list[i].number, *y = &b.scores.list[i].number;
                assert_string_equal(first.list[i].key, b.scores.list[i].key);
                assert_memory_equal(x, y, sizeof *x);
            }
        }
        take_down(&b);
    }
    nsky_scores_clear(&first);
}

/* Of every second object: itself again, its opposite, and the vector of the object before it. */
static void changed_vectors_find_what_they_are(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = set_up(make_truth(N, 5), 1, false);
    nsky_changed *changed = nsky_alloc_zero(1, sizeof *changed, &err);
    (void)state;

    assert_ok(nsky_task_invariance(&b.scores, &b.task, b.features, &err), err);
    assert_int_equal(b.scores.count, 0); /* nobody changed anything */
    nsky_features_normalise(b.features);
    changed->count = N / 2;
    changed->objects = nsky_alloc(N / 2, sizeof *changed->objects, &err);
    for (int c = 0; c < NSKY_CHANGES; c++)
        changed->x[c] = nsky_alloc_zero((size_t)N / 2 * DIM, sizeof(float), &err);
    for (uint32_t i = 0; i < N / 2; i++) {
        changed->objects[i] = 2 * i + 1;
        for (uint32_t j = 0; j < DIM; j++) {
            const float *own = b.features->x + (size_t)(2 * i + 1) * DIM;
            changed->x[NSKY_CHANGE_ROTATION][i * DIM + j] = 3 * own[j];
            changed->x[NSKY_CHANGE_NOISE][i * DIM + j] = -own[j];
            changed->x[NSKY_CHANGE_SEEING][i * DIM + j] = i == 0 ? 0 : own[(int)j - DIM];
        }
    }
    b.features->changed = changed;
    assert_ok(nsky_task_invariance(&b.scores, &b.task, b.features, &err), err);
    assert_near(score_of(&b.scores, "invariance.rotation.first").value, 1, 1e-12);
    assert_near(score_of(&b.scores, "invariance.rotation.cosine").value, 1, 1e-6);
    assert_true(score_of(&b.scores, "invariance.rotation.cosine_of_next").value < 1);
    assert_near(score_of(&b.scores, "invariance.noise.cosine").value, -1, 1e-6);
    assert_near(score_of(&b.scores, "invariance.noise.among_10").value, 0, 1e-12);
    /* the object before is nearer than the object itself */
    assert_near(score_of(&b.scores, "invariance.seeing.first").value, 0, 1e-12);
    assert_near(score_of(&b.scores, "invariance.seeing.cosine_of_next").value, 1, 1e-6);
    take_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_vectors_find_what_they_are),
        cmocka_unit_test(classes_apart_are_found_at_once),
        cmocka_unit_test(noise_finds_what_is_common),
        cmocka_unit_test(queries_are_a_sample_of_each_class),
        cmocka_unit_test(a_class_of_ten_asks_nothing),
        cmocka_unit_test(lenses_apart_are_all_found),
        cmocka_unit_test(completeness_is_by_radius),
        cmocka_unit_test(shuffled_labels_teach_nothing),
        cmocka_unit_test(a_deflector_stays_on_one_side),
        cmocka_unit_test(morphology_of_classes_apart_is_whole),
        cmocka_unit_test(morphology_of_noise_is_chance),
        cmocka_unit_test(a_redshift_in_the_vector_is_read),
        cmocka_unit_test(redshifts_of_noise_are_the_mean),
        cmocka_unit_test(what_labels_lack_is_said),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
