/* test_cuda_labels_state.c - what a learner from labels on a card (of host memory) keeps: state
 * there and back, missing labels, divergences, cards that are lost and memory that runs out. Thread
 * rule: one thread. */
#include "tests/encoder/label_lessons.h"

#include "encoder/cuda/train.h"
#include "tests/common/support.h"
#include "tests/encoder/cuda_host/lost_cards.h"

static nsky_train_graph query;

/* A head that nothing of the batch has a label of: no loss, and no gradient. */
static void test_missing_labels(void **state)
{
    lesson l = make_lesson();
    nsky_learner_options o = options_of(&query, &nsky_train_cuda, NSKY_BF16, true);
    nsky_learner_result result;
    nsky_learner *learner;
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_train_param *weight = nsky_train_param_named(&query, "fc.weight");

    (void)state;
    for (uint32_t n = 0; n < BATCH; n++)
        l.which[n * HEADS + 1] = NSKY_HEAD_UNLABELLED;
    assert_ok(nsky_learner_new(&learner, &o, &err), err);
    assert_ok(step_of(learner, &o, &l, 0, &result, &err), err);
    assert_true(isnan(result.heads[1]) && isfinite(result.heads[0]));
    assert_ok(nsky_learner_fetch(learner, &err), err);
    const float *number = nsky_learner_gradients(learner) + weight->offset + CLASSES * FEATURES;
    for (uint32_t d = 0; d < FEATURES; d++)
        assert_true(number[d] == 0);
    nsky_learner_free(learner);
    lesson_free(&l);
}

/* --- the state --- */

static void copy_state(nsky_learner_state *to, const nsky_learner_state *from)
{
    const size_t params = query.param_floats * sizeof(float);
    const size_t stats = query.stat_floats * sizeof(float);

    memcpy(to->params, from->params, params);
    memcpy(to->velocity, from->velocity, params);
    memcpy(to->stats, from->stats, stats);
    memcpy(to->slow_params, from->slow_params, params);
    memcpy(to->slow_stats, from->slow_stats, stats);
}

/* Nothing of a step from here may be learned from: the state stays as it is. */
static void check_stays(nsky_learner *learner, const nsky_learner_options *o, const lesson *l,
                        const char *why)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_learner_result result;
    nsky_learner_state *s = nsky_learner_state_of(learner);
    const size_t params = query.param_floats, stats = query.stat_floats;
    float *before = kept(s->params, params), *slow = kept(s->slow_params, params);
    float *velocity = kept(s->velocity, params), *running = kept(s->stats, stats);

    assert_fails(step_of(learner, o, l, 1, &result, &err), NSKY_EDATA, err, why);
    assert_non_null(strstr(err.text, "--lr"));
    assert_ok(nsky_learner_fetch(learner, &err), err);
    s = nsky_learner_state_of(learner);
    assert_memory_equal(s->params, before, params * sizeof(float));
    assert_memory_equal(s->velocity, velocity, params * sizeof(float));
    assert_memory_equal(s->slow_params, slow, params * sizeof(float));
    assert_memory_equal(s->stats, running, stats * sizeof(float));
    free(before);
    free(slow);
    free(velocity);
    free(running);
}

/* A bias that is no number. */
static void check_diverged(nsky_learner *learner, const nsky_learner_options *o, const lesson *l)
{
    nsky_learner_state_of(learner)->params[query.param_floats - 1] = NAN;
    check_stays(learner, o, l, "loss");
}

/* A loss that is one, but derivatives beyond float32. */
static void check_overflow(const nsky_train_ops *ops, nsky_precision precision, const lesson *l)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_learner_options o = options_of(&query, ops, precision, true);
    nsky_heads heads = *o.heads;
    nsky_learner *learner;

    heads.list[1].weight = 1e40;
    o.heads = &heads;
    assert_ok(nsky_learner_new(&learner, &o, &err), err);
    check_stays(learner, &o, l, "gradients");
    nsky_learner_free(learner);
}

static void check_state(bool several, const lesson *l)
{
    nsky_learner_options o = options_of(&query, &nsky_train_cuda, NSKY_BF16, several);
    nsky_learner_result result, again;
    nsky_learner *learner, *other;
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_learner_new(&learner, &o, &err), err);
    assert_ok(nsky_learner_new(&other, &o, &err), err);
    for (uint64_t s = 0; s < 3; s++)
        assert_ok(step_of(learner, &o, l, s, &result, &err), err);
    assert_ok(nsky_learner_fetch(learner, &err), err);
    copy_state(nsky_learner_state_of(other), nsky_learner_state_of(learner));
    assert_ok(step_of(learner, &o, l, 3, &result, &err), err);
    assert_ok(step_of(other, &o, l, 3, &again, &err), err);
    assert_memory_equal(&result.loss, &again.loss, sizeof again.loss);
    assert_ok(nsky_learner_fetch(learner, &err), err);
    check_diverged(learner, &o, l);
    nsky_learner_free(learner);
    nsky_learner_free(other);
    assert_int_equal(host_blocks(), 0);
}

static void test_state_there_and_back(void **state)
{
    lesson l = make_lesson();

    (void)state;
    check_state(false, &l);
    check_state(true, &l);
    check_overflow(&nsky_train_cuda, NSKY_BF16, &l);
    lesson_free(&l);
}

/* On the host, too. */
static void test_divergence_on_the_host(void **state)
{
    lesson l = make_lesson();
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    for (int several = 0; several < 2; several++) {
        nsky_learner_options o = options_of(&query, &nsky_train_ref, NSKY_FP32, several);
        nsky_learner *learner;
        assert_ok(nsky_learner_new(&learner, &o, &err), err);
        check_diverged(learner, &o, &l);
        nsky_learner_free(learner);
    }
    check_overflow(&nsky_train_ref, NSKY_FP32, &l);
    lesson_free(&l);
}

/* --- what goes wrong --- */

static bool several_heads;

static nsky_status make_and_step(void *context, nsky_error *err)
{
    nsky_learner_options o = options_of(&query, &nsky_train_cuda, NSKY_BF16, several_heads);
    nsky_learner_result result;
    nsky_learner *learner;
    nsky_status status = nsky_learner_new(&learner, &o, err);

    if (status == NSKY_OK)
        status = step_of(learner, &o, context, 1, &result, err);
    if (status == NSKY_OK)
        status = nsky_learner_fetch(learner, err);
    if (learner)
        nsky_learner_free(learner);
    return status;
}

static void test_memory_runs_out(void **state)
{
    lesson l = make_lesson();

    (void)state;
    for (int several = 0; several < 2; several++) {
        several_heads = several;
        assert_true(exhaust_memory(make_and_step, &l) > 30);
        assert_int_equal(host_blocks(), 0);
    }
    lesson_free(&l);
}

static void test_lost_cards(void **state)
{
    lesson l = make_lesson();

    (void)state;
    for (int several = 0; several < 2; several++) {
        several_heads = several;
        assert_true(lose_cards(make_and_step, &l, 16) > 150); /* calls that a step takes */
    }
    lesson_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_labels),
        cmocka_unit_test(test_state_there_and_back),
        cmocka_unit_test(test_divergence_on_the_host),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_lost_cards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
