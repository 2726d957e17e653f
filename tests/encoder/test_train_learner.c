/* test_train_learner.c - the parts a step is made of: the same bits whatever the threads, keys in
 * other company than their queries, losses against finite differences, schedules, the pool. */
#include "encoder/train/learner.h"
#include "encoder/train/pool.h"
#include "tests/common/support.h"
#include "tests/encoder/train_networks.h"

#define SIDE 12u
#define QUEUE 64u
#define DIM 8u

static nsky_train_graph query, key;

static nsky_learner *open_learner(const nsky_train_ops *ops, uint32_t batch, uint32_t sub_batch,
                                  uint32_t threads, bool same_company)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_learner *learner;

    tiny_network(&query, SIDE);
    key = query;
    const nsky_learner_options options = {.ops = ops,
                                          .query = &query,
                                          .key = &key,
                                          .batch = batch,
                                          .sub_batch = sub_batch,
                                          .threads = threads,
                                          .queue = QUEUE,
                                          .temperature = 0.2f,
                                          .symmetric = true,
                                          .same_company = same_company,
                                          .seed = 4};
    if (nsky_learner_new(&learner, &options, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    return learner;
}

/* Views of objects that differ in brightness most of all, and a little in shape. */
static float *make_views(uint32_t batch, uint64_t seed)
{
    size_t image = 3 * SIDE * SIDE;
    nsky_error err = NSKY_ERROR_INIT;
    float *views = nsky_alloc(2 * batch * image, sizeof *views, &err);
    nsky_rng rng = nsky_rng_at(seed, 8, 8);

    assert_non_null(views);
    nsky_rng_fill_normal(&rng, views, 2 * batch * image);
    for (uint32_t n = 0; n < batch; n++) {
        nsky_rng own = nsky_rng_at(seed, 9, n);
        double bright = exp(1.5 * nsky_rng_normal(&own)), width = nsky_rng_range(&own, 2, 3);
        for (size_t i = 0; i < image; i++) {
            double x = (double)(i % SIDE) - 5.5, y = (double)(i / SIDE % SIDE) - 5.5;
            double shape = bright * exp(-(x * x + y * y) / (2 * width * width));
            for (uint32_t v = 0; v < 2; v++) {
                float *pixel = &views[(v * batch + n) * image + i];
                *pixel = (float)(shape + 0.02 * *pixel);
            }
        }
    }
    return views;
}

static nsky_learner_result step(nsky_learner *learner, const float *views, uint64_t number)
{
    const nsky_learner_rates rates = {.sgd = {0.02, 0.9, 1e-3}, .keep = 0.95, .step = number};
    nsky_learner_result result;
    nsky_error err = NSKY_ERROR_INIT;

    if (nsky_learner_step(learner, views, NULL, &rates, &result, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    return result;
}

static void test_threads(void **unused)
{
    static const uint32_t threads[] = {1, 2, 5};
    float *views = make_views(24, 1), *params[3];
    double losses[3];
    nsky_error err = NSKY_ERROR_INIT;

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        nsky_learner *learner = open_learner(&nsky_train_cpu, 24, 4, threads[i], false);
        for (uint64_t s = 0; s < 3; s++)
            losses[i] = step(learner, views, s).loss;
        params[i] = nsky_alloc(query.param_floats, sizeof(float), &err);
        memcpy(params[i], nsky_learner_state_of(learner)->slow_params,
               key.param_floats * sizeof(float));
        nsky_learner_free(learner);
        assert_true(losses[i] == losses[0]);
        assert_memory_equal(params[i], params[0], key.param_floats * sizeof(float));
    }
    for (size_t i = 0; i < 3; i++)
        nsky_free(params[i]);
    nsky_free(views);
}

static double loss_of(const float *views, uint32_t sub_batch, bool same_company,
                      nsky_learner_result *result)
{
    nsky_learner *learner = open_learner(&nsky_train_ref, 32, sub_batch, 2, same_company);

    *result = step(learner, views, 0);
    nsky_learner_free(learner);
    return result->loss;
}

/* Batch norms hide brightness but for how it compares with the company's. Four images a sub-batch:
 * in the same company a key is normalised as its query is, and the positive found much more easily
 * than it ought to be. Measured: a loss of 1.2 in the same company, 2.1 in another. With all images
 * in one company, dealing changes the order of sums only. */
static void test_company(void **unused)
{
    float *views = make_views(32, 2);
    nsky_learner_result same, dealt, whole_same, whole_dealt;

    (void)unused;
    loss_of(views, 4, true, &same);
    loss_of(views, 4, false, &dealt);
    loss_of(views, 32, true, &whole_same);
    loss_of(views, 32, false, &whole_dealt);
    print_message("loss: same company %.3f, dealt %.3f; one company %.6f, %.6f\n", same.loss,
                  dealt.loss, whole_same.loss, whole_dealt.loss);
    assert_true(dealt.loss > same.loss + 0.3);
    assert_true(fabs(whole_same.loss - whole_dealt.loss) < 1e-5);
    nsky_free(views);
}

static nsky_contrast_result contrast(const float *queries, const float *keys, const float *queue,
                                     bool neighbours, float *d_queries)
{
    nsky_contrast_result result;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_contrast *c;

    assert_int_equal(nsky_contrast_new(&c, &nsky_train_ref, 4, DIM, QUEUE, 0.2f, &err), NSKY_OK);
    if (nsky_contrast_run(c, queries, keys, queue, neighbours, 0.5, d_queries, &result, &err) !=
        NSKY_OK)
        fail_msg("%s", err.text);
    nsky_contrast_free(c);
    return result;
}

static void test_contrast(void **unused)
{
    float queries[4 * DIM], keys[4 * DIM], queue[QUEUE * DIM], d[4 * DIM], ignored[4 * DIM];
    nsky_rng rng = nsky_rng_at(6, 6, 6);
    nsky_error err = NSKY_ERROR_INIT;

    (void)unused;
    nsky_rng_fill_normal(&rng, queries, 4 * DIM);
    nsky_rng_fill_normal(&rng, keys, 4 * DIM);
    nsky_rng_fill_normal(&rng, queue, QUEUE * DIM);
    assert_int_equal(nsky_unit_rows(keys, 4, DIM, &err), NSKY_OK);
    assert_int_equal(nsky_unit_rows(queue, QUEUE, DIM, &err), NSKY_OK);
    for (int neighbours = 0; neighbours < 2; neighbours++) {
        contrast(queries, keys, queue, neighbours, d);
        for (size_t i = 0; i < 4 * DIM; i++) {
            float saved = queries[i];
            queries[i] = saved + 0x1p-9f;
            double up = contrast(queries, keys, queue, neighbours, ignored).loss;
            queries[i] = saved - 0x1p-9f;
            double down = contrast(queries, keys, queue, neighbours, ignored).loss;
            queries[i] = saved;
            /* scale is a half */
            assert_true(fabs(0.5 * (up - down) / 0x1p-8 - d[i]) < 1e-3);
        }
    }
    memset(queries, 0, sizeof queries);
    nsky_contrast *c;
    nsky_contrast_result result;
    assert_int_equal(nsky_contrast_new(&c, &nsky_train_ref, 4, DIM, QUEUE, 0.2f, &err), NSKY_OK);
    assert_int_equal(nsky_contrast_run(c, queries, keys, queue, false, 1, d, &result, &err),
                     NSKY_EDATA);
    nsky_contrast_free(c);
}

/* Classes, a number, a flag; the second sample has no class, the third no number. */
static nsky_heads *make_heads(void)
{
    static uint32_t numbers[3] = {0, 1, 2};
    static double values[3] = {-0.2, 0.4, 7}; /* in units of 0.5 from 0.1: both sides of the bend */
    static nsky_target class = {.kind = NSKY_TARGET_CLASSES, .classes = numbers, .class_count = 3},
                       number = {.kind = NSKY_TARGET_NUMBER,
                                 .values = values,
                                 .class_count = 1,
                                 .low = 0.1,
                                 .width = 0.5},
                       flag = {.kind = NSKY_TARGET_FLAG, .classes = numbers, .class_count = 2},
                       near = {.kind = NSKY_TARGET_CLASSES, .classes = numbers, .class_count = 3};
    static nsky_heads heads = {.list = {{.weight = 1, .first = 0, .target = &class},
                                        {.weight = 0.7, .first = 3, .target = &number},
                                        {.weight = 2, .first = 4, .target = &flag},
                                        {.weight = 0.6, .near = true, .target = &near}},
                               .count = 4,
                               .outputs = 6};
    return &heads;
}

static double heads_loss(nsky_heads_loss *loss, float *inputs, float *d_features,
                         nsky_heads_result *result)
{
    /* near: the first and the third are of one class, the second is unknown, the last alone */
    enum { NO = NSKY_HEAD_UNLABELLED };
    static const uint32_t which[] = {2, 0, 1, 1, NO, 2, 0, NO, 0, NO, 1, 1, 1, 1, 0, 2};
    nsky_error err = NSKY_ERROR_INIT;

    assert_int_equal(nsky_heads_loss_run(loss, inputs, inputs + 4 * DIM, inputs + 10 * DIM, which,
                                         0.5, d_features, result, &err),
                     NSKY_OK);
    return result->loss;
}

/* Features, weights and biases in one array, each moved both ways. Off by 2e-4 at most. */
static void test_heads(void **unused)
{
    enum { FEATURES = 4 * DIM, WEIGHTS = 6 * DIM, ALL = FEATURES + WEIGHTS + 6 };
    float inputs[ALL], d[ALL] = {0}, ignored[FEATURES];
    nsky_rng rng = nsky_rng_at(6, 6, 7);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_heads_result result;
    nsky_heads_loss *loss;

    (void)unused;
    nsky_rng_fill_normal(&rng, inputs, ALL);
    assert_int_equal(nsky_heads_loss_new(&loss, make_heads(), &nsky_train_ref, 4, DIM, &err),
                     NSKY_OK);
    heads_loss(loss, inputs, d, &result);
    nsky_heads_loss_collect(loss, d + FEATURES, d + FEATURES + WEIGHTS);
    assert_int_equal(result.count[0], 3);
    assert_int_equal(result.count[1], 3);
    assert_int_equal(result.count[2], 4);
    assert_int_equal(result.count[3], 2);
    for (size_t i = 0; i < ALL; i++) {
        float saved = inputs[i];
        inputs[i] = saved + 0x1p-8f;
        double up = heads_loss(loss, inputs, ignored, &result);
        inputs[i] = saved - 0x1p-8f;
        double down = heads_loss(loss, inputs, ignored, &result);
        inputs[i] = saved;
        assert_true(fabs(0.5 * (up - down) / 0x1p-7 - d[i]) < 1e-3); /* scale is a half */
    }
    memset(inputs, 0, DIM * sizeof *inputs);
    assert_int_equal(nsky_heads_loss_run(loss, inputs, inputs, inputs, (const uint32_t[16]){0}, 1,
                                         d, &result, &err),
                     NSKY_EDATA);
    nsky_heads_loss_free(loss);
}

static void test_heads_words(void **unused)
{
    static const char *const wrong[] = {"",
                                        "class",
                                        "kind:a",
                                        "class:a:0",
                                        "class:a:x",
                                        "bins1:a",
                                        "bins:a",
                                        "bins9999:a",
                                        "number:a:-1",
                                        "class::",
                                        "class:a,class:a:2",
                                        "bins4x:a",
                                        "flag:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_heads heads;

    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(nsky_heads_parse(&heads, wrong[i], &err), NSKY_EINVAL);
    assert_int_equal(nsky_heads_parse(&heads, "class:kind,bins64:z:0.5,near:m,flag:bad:2", &err),
                     NSKY_OK);
    assert_int_equal(heads.count, 4);
    assert_int_equal(heads.list[1].bins, 64);
    assert_true(heads.list[1].weight == 0.5 && heads.list[2].weight == 1 && heads.list[2].near);
    assert_string_equal(heads.list[3].column, "bad");
    assert_int_equal(heads.list[3].kind, NSKY_TARGET_FLAG);
}

static void test_multiply(void **unused)
{
    enum { M = 5, N = 37, K = 19 };
    float a[M * K], b[N * K], ref[M * N], cpu[M * N];
    nsky_rng rng = nsky_rng_at(2, 2, 2);

    (void)unused;
    nsky_rng_fill_normal(&rng, a, M * K);
    nsky_rng_fill_normal(&rng, b, N * K);
    for (int transposed = 0; transposed < 2; transposed++) {
        nsky_train_ref.multiply(M, N, K, a, b, transposed, ref);
        nsky_train_cpu.multiply(M, N, K, a, b, transposed, cpu);
        assert_true(distance(cpu, ref, M * N) < 1e-6);
    }
}

static void test_schedules(void **unused)
{
    (void)unused;
    assert_true(nsky_rate_at(1, 0, 4, 100) == 0.2);
    assert_true(nsky_rate_at(1, 4, 4, 100) == 1);
    assert_true(fabs(nsky_rate_at(1, 52, 4, 100) - 0.5) < 1e-12);
    assert_true(nsky_rate_at(1, 99, 4, 100) > 0 && nsky_rate_at(1, 99, 4, 100) < 1e-3);
    assert_true(nsky_keep_at(0.99, 0, 100) == 0.99);
    assert_true(fabs(nsky_keep_at(0.99, 50, 100) - 0.995) < 1e-12);
    assert_true(nsky_keep_at(0.99, 100, 100) == 1);
}

/* A divergence is told, and what was learned before is still there. */
static void test_diverged(void **unused)
{
    nsky_learner *learner = open_learner(&nsky_train_cpu, 8, 4, 2, false);
    nsky_learner_state *s = nsky_learner_state_of(learner);
    const nsky_learner_rates rates = {.sgd = {0.02, 0.9, 0}, .keep = 0.9};
    nsky_learner_result result;
    nsky_error err = NSKY_ERROR_INIT;
    float *views = make_views(8, 3), first = s->params[0];

    (void)unused;
    s->params[query.param_floats - 1] = NAN; /* a bias of the last layer */
    assert_int_equal(nsky_learner_step(learner, views, NULL, &rates, &result, &err), NSKY_EDATA);
    assert_non_null(strstr(err.text, "--lr"));
    assert_true(s->params[0] == first && s->queue_at == 0);
    nsky_free(views);
    nsky_learner_free(learner);
}

static nsky_status make_learner(void *context, nsky_error *err)
{
    const nsky_learner_options *options = context;
    nsky_learner *learner;
    nsky_status status = nsky_learner_new(&learner, options, err);

    if (status == NSKY_OK)
        nsky_learner_free(learner);
    else
        assert_null(learner);
    return status;
}

static void test_memory_runs_out(void **unused)
{
    const nsky_train_ops *const all[] = {&nsky_train_ref, &nsky_train_cpu};

    (void)unused;
    tiny_network(&query, SIDE);
    key = query;
    for (size_t i = 0; i < 2; i++) {
        nsky_learner_options options = {.ops = all[i],
                                        .query = &query,
                                        .key = &key,
                                        .batch = 4,
                                        .sub_batch = 2,
                                        .threads = 2,
                                        .queue = QUEUE,
                                        .temperature = 0.2f};
        assert_true(exhaust_memory(make_learner, &options) > 20);
    }
}

/* --- pool --- */

typedef struct log {
    nsky_pool *pool;
    uint32_t order[64], count, fails_at;
} log_;

static nsky_status turn(void *context, uint32_t worker, uint32_t task, nsky_error *err)
{
    log_ *l = context;

    (void)worker;
    if (task == l->fails_at)
        return nsky_fail(err, NSKY_EDATA, "task %u", task);
    if (!nsky_pool_begin_turn(l->pool, task))
        return nsky_fail(err, NSKY_ECANCELLED, "not told");
    l->order[l->count++] = task;
    nsky_pool_end_turn(l->pool, task);
    return NSKY_OK;
}

static void test_pool(void **unused)
{
    log_ l = {.fails_at = UINT32_MAX};
    nsky_error err = NSKY_ERROR_INIT;

    (void)unused;
    assert_int_equal(nsky_pool_new(&l.pool, 4, &err), NSKY_OK);
    assert_int_equal(nsky_pool_run(l.pool, turn, &l, 64, &err), NSKY_OK);
    assert_int_equal(l.count, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(l.order[i], i);
    for (uint32_t round = 0; round < 200; round++) {
        l.count = 0;
        l.fails_at = round % 16;
        assert_int_equal(nsky_pool_run(l.pool, turn, &l, 16, &err), NSKY_EDATA);
        assert_true(l.count <= l.fails_at);
    }
    nsky_pool_free(l.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_company),
        cmocka_unit_test(test_contrast),  cmocka_unit_test(test_multiply),
        cmocka_unit_test(test_heads),     cmocka_unit_test(test_heads_words),
        cmocka_unit_test(test_schedules), cmocka_unit_test(test_diverged),
        cmocka_unit_test(test_pool),      cmocka_unit_test(test_memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
