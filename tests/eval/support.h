/* support.h - made-up truths and features for the tests of this room. */
#ifndef NSKY_TEST_EVAL_SUPPORT_H
#define NSKY_TEST_EVAL_SUPPORT_H

#include "tests/common/support.h"

#include <math.h>

#include "common/rng.h"
#include "eval/bootstrap.h"
#include "eval/features.h"
#include "eval/task.h"
#include "eval/truth.h"

/* Object i is of class "c<i % classes>"; nothing else is known; everybody is a group. */
static inline nsky_truth *make_truth(uint32_t n, uint32_t classes)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = nsky_alloc_zero(1, sizeof *truth, &err);
    assert_non_null(truth);
    truth->objects = nsky_alloc_zero(n, sizeof *truth->objects, &err);
    assert_non_null(truth->objects);
    truth->n = truth->lines = n;
    truth->class_count = classes;
    for (uint32_t c = 0; c < classes; c++)
        snprintf(truth->classes[c], NSKY_TRUTH_CLASS_BYTES, "c%02u", c);
    for (uint32_t i = 0; i < n; i++)
        truth->objects[i] = (nsky_truth_object){.row = i,
                                                .ra_deg = NAN,
                                                .dec_deg = NAN,
                                                .class = classes ? i % classes : NSKY_TRUTH_NONE,
                                                .lens = NSKY_LENS_UNKNOWN,
                                                .deflector = -1,
                                                .theta_e_arcsec = NAN,
                                                .arc_snr = NAN,
                                                .z_spec = NAN,
                                                .mag = {NAN, NAN, NAN}};
    assert_ok(nsky_truth_group(truth, &err), err);
    assert_int_equal(truth->groups, n);
    return truth;
}

static inline nsky_bootstrap *make_bootstrap(const nsky_truth *truth, uint32_t replicates)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_bootstrap *bootstrap = NULL;
    uint32_t *group = nsky_alloc(truth->n, sizeof *group, &err);
    assert_non_null(group);
    for (uint32_t i = 0; i < truth->n; i++)
        group[i] = truth->objects[i].group;
    assert_ok(nsky_bootstrap_new(&bootstrap, group, truth->n, truth->groups, replicates, 7, &err),
              err);
    nsky_free(group);
    return bootstrap;
}

/* Noise of deviation 1, and `apart` along a direction of the object's own: `code` [n] says which.
 */
static inline nsky_features *make_features(const uint32_t *code, uint32_t n, uint32_t dim,
                                           double apart, uint64_t seed)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_features *features = NULL;
    assert_ok(nsky_features_new(&features, "made-up", n, dim, &err), err);
    for (uint32_t i = 0; i < n; i++) {
        nsky_rng own = nsky_rng_at(seed, 1, i);
        for (uint32_t j = 0; j < dim; j++) {
            nsky_rng centre = nsky_rng_at(seed, 2, code[i] * dim + j);
            features->x[(size_t)i * dim + j] =
                (float)(nsky_rng_normal(&own) + apart * nsky_rng_normal(&centre));
        }
    }
    return features;
}

static inline nsky_task make_task(const nsky_truth *truth, const nsky_bootstrap *bootstrap)
{
    nsky_task task = nsky_task_defaults();
    task.truth = truth;
    task.bootstrap = bootstrap;
    task.draws = 4;
    task.morphology_draws = 2;
    return task;
}

static inline nsky_interval score_of(const nsky_scores *scores, const char *key)
{
    const nsky_score *score = nsky_scores_find(scores, key);
    if (!score)
        fail_msg("no score \"%s\"", key);
    return score->number;
}

static inline void assert_near(double value, double wanted, double tolerance)
{
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%.17g is not %.17g", value, wanted);
}

static inline void assert_holds(nsky_interval interval, double value)
{
    if (!(interval.low <= value && value <= interval.high))
        fail_msg("%g is not in %g [%g, %g]", value, interval.value, interval.low, interval.high);
}

#endif
