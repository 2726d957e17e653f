/* test_cuda_labels.c - a learner from labels whose state is on a card made of host memory: one
 * classifier and several heads, ten steps against the oracle and oneDNN, the same bits twice; and
 * against the host's loss and update. Thread rule: one thread. */
#include "tests/encoder/label_lessons.h"

#include "encoder/cuda/train.h"
#include "tests/common/support.h"
#include "tests/encoder/cuda_host/host_device.h"

#define STEPS 10

static nsky_train_graph query;

typedef struct course {
    nsky_learner_result results[STEPS];
    float *params, *velocity, *slow, *stats, *slow_stats;
    float *gradients; /* of the first step */
} course;

/* From a step on: odd ones clip. */
static course train_from(const nsky_learner_options *options, const lesson *l, uint64_t from)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_learner *learner;
    course c;

    memset(&c, 0, sizeof c);
    assert_ok(nsky_learner_new(&learner, options, &err), err);
    for (uint64_t s = from; s < STEPS; s++) {
        assert_ok(step_of(learner, options, l, s, &c.results[s], &err), err);
        assert_true(isnan(c.results[s].length) == (s % 2 == 0));
        if (s > from)
            continue;
        assert_ok(nsky_learner_fetch(learner, &err), err);
        c.gradients = kept(nsky_learner_gradients(learner), query.param_floats);
    }
    assert_ok(nsky_learner_fetch(learner, &err), err);
    const nsky_learner_state *s = nsky_learner_state_of(learner);
    c.params = kept(s->params, query.param_floats);
    c.velocity = kept(s->velocity, query.param_floats);
    c.slow = kept(s->slow_params, query.param_floats);
    c.stats = kept(s->stats, query.stat_floats);
    c.slow_stats = kept(s->slow_stats, query.stat_floats);
    nsky_learner_free(learner);
    return c;
}

static course train(const nsky_learner_options *options, const lesson *l)
{
    return train_from(options, l, 0);
}

static void course_free(course *c)
{
    void *blocks[] = {c->params, c->velocity, c->slow, c->stats, c->slow_stats, c->gradients};

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

typedef struct apart {
    double loss, gradient, params, slow;
} apart;

static apart compare_courses(const course *a, const course *of, const char *what)
{
    apart out = {0, distance(a->gradients, of->gradients, query.param_floats),
                 distance(a->params, of->params, query.param_floats),
                 distance(a->slow, of->slow, query.param_floats)};

    for (int s = 0; s < STEPS; s++)
        out.loss =
            fmax(out.loss, fabs(a->results[s].loss - of->results[s].loss) / of->results[s].loss);
    print_message("%s: losses apart by %.2e, first gradients by %.2e, parameters by %.2e, their "
                  "average by %.2e\n",
                  what, out.loss, out.gradient, out.params, out.slow);
    return out;
}

static void assert_same_bits(const course *a, const course *b)
{
    const size_t params = query.param_floats * sizeof(float);
    const size_t stats = query.stat_floats * sizeof(float);

    for (int s = 0; s < STEPS; s++)
        assert_memory_equal(&a->results[s].loss, &b->results[s].loss, sizeof(double));
    assert_memory_equal(a->params, b->params, params);
    assert_memory_equal(a->velocity, b->velocity, params);
    assert_memory_equal(a->slow, b->slow, params);
    assert_memory_equal(a->stats, b->stats, stats);
    assert_memory_equal(a->slow_stats, b->slow_stats, stats);
}

/* Against the oracle in float32, and oneDNN's bf16, which is as far from it. */
static void check_steps(bool several, const lesson *l)
{
    nsky_learner_options ref = options_of(&query, &nsky_train_ref, NSKY_FP32, several);
    nsky_learner_options on_card = options_of(&query, &nsky_train_cuda, NSKY_BF16, several);
    nsky_learner_options cpu = options_of(&query, &nsky_train_cpu, NSKY_BF16, several);
    course a = train(&ref, l), b = train(&on_card, l), c = train(&on_card, l);
    apart off = compare_courses(&b, &a, several ? "heads on the card" : "classes on the card");

    assert_true(off.loss < 0.1 && off.gradient < 0.4 && off.params < 0.05 && off.slow < 0.05);
    assert_true(b.results[STEPS - 1].loss < b.results[0].loss);
    if (nsky_train_cpu.available(NSKY_BF16)) {
        course d = train(&cpu, l);
        apart same = compare_courses(&d, &a, "oneDNN");
        assert_true(off.loss < 4 * same.loss && off.gradient < 1.5 * same.gradient &&
                    off.params < 1.5 * same.params && off.slow < 1.5 * same.slow);
        course_free(&d);
    }
    assert_same_bits(&c, &b);
    course_free(&a);
    course_free(&b);
    course_free(&c);
    assert_int_equal(host_blocks(), 0);
}

static void test_ten_steps(void **state)
{
    lesson l = make_lesson();

    (void)state;
    check_steps(false, &l);
    check_steps(true, &l);
    lesson_free(&l);
}

/* One clipped step. Measured: all apart by 4e-8 at most. */
static void check_one_step(const course *card, const course *host)
{
    const nsky_learner_result *a = &card->results[STEPS - 1], *b = &host->results[STEPS - 1];

    assert_true(b->length > 0.5 && fabs(a->length - b->length) < 1e-6 * b->length);
    assert_true(distance(card->gradients, host->gradients, query.param_floats) < 1e-6);
    assert_true(distance(card->params, host->params, query.param_floats) < 1e-6);
    assert_true(distance(card->velocity, host->velocity, query.param_floats) < 1e-6);
    assert_true(distance(card->slow, host->slow, query.param_floats) < 1e-6);
    assert_true(distance(card->stats, host->stats, query.stat_floats) < 1e-6);
    assert_true(distance(card->slow_stats, host->slow_stats, query.stat_floats) < 1e-6);
}

/* The same network with loss and updates on the host: what the card does of that is the same but
 * for the order of sums. After ten steps, in which coarse numbers make more of it, the heads'
 * losses were apart by 4e-4, parameters by 6e-4. */
static void check_by_host(nsky_learner_options options, const lesson *l, const char *what)
{
    nsky_train_ops by_host = nsky_train_cuda;

    by_host.card = NULL;
    course card = train(&options, l);
    options.ops = &by_host;
    course host = train(&options, l);
    course one = train_from(&options, l, STEPS - 1);
    options.ops = &nsky_train_cuda;
    course one_there = train_from(&options, l, STEPS - 1);
    check_one_step(&one_there, &one);
    course_free(&one);
    course_free(&one_there);
    apart off = compare_courses(&card, &host, what);
    assert_true(fabs(card.results[0].loss - host.results[0].loss) < 1e-6 * host.results[0].loss);
    assert_true(off.gradient < 1e-5 && off.loss < 1e-3 && off.params < 1e-3 && off.slow < 1e-3);
    assert_true(distance(card.stats, host.stats, query.stat_floats) < 1e-3);
    assert_true(distance(card.slow_stats, host.slow_stats, query.stat_floats) < 1e-3);
    for (int s = 0; s < STEPS; s++) {
        const nsky_learner_result *a = &card.results[s], *b = &host.results[s];
        assert_true(fabs(a->accuracy - b->accuracy) <= 1.01 / BATCH);
        assert_true(isnan(a->length) ? isnan(b->length)
                                     : fabs(a->length - b->length) < 5e-2 * b->length);
        for (uint32_t h = 0; options.heads && h < HEADS; h++)
            assert_true(fabs(a->heads[h] - b->heads[h]) < 1e-2 * (b->heads[h] + 0.1));
    }
    course_free(&card);
    course_free(&host);
}

static void test_card_as_host(void **state)
{
    lesson l = make_lesson();
    nsky_learner_options o = options_of(&query, &nsky_train_cuda, NSKY_BF16, false);

    (void)state;
    check_by_host(o, &l, "classes");
    o = options_of(&query, &nsky_train_cuda, NSKY_BF16, true);
    check_by_host(o, &l, "heads");
    o.sub_batch = BATCH;
    check_by_host(o, &l, "heads, one sub-batch");
    lesson_free(&l);
    assert_int_equal(host_blocks(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_steps),
        cmocka_unit_test(test_card_as_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
