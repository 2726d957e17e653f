/* test_cuda_learn_kernels.c - the card's loss and updates, compiled for the host, against loss.c,
 * sgd.c and plain loops: updates to the last bit. Thread rule: one thread. */

#include <math.h>

#include "common/rng.h"
#include "encoder/cuda/kernels_learn.h"
#include "encoder/cuda/train_loss.h"
#include "encoder/train/loss.h"
#include "encoder/train/sgd.h"
#include "tests/encoder/cuda_host/host_device.h"
#include "tests/encoder/device_support.h"

static nsky_rng rng;

static int setup(void **state)
{
    rng = nsky_rng_at(2026, 12, 1);
    return open_device(state);
}

static float *units(uint32_t rows, uint32_t dim)
{
    nsky_error err = NSKY_ERROR_INIT;
    float *out = normals(&rng, (size_t)rows * dim, 1);

    assert_ok(nsky_unit_rows(out, rows, dim, &err), err);
    return out;
}

/* --- the loss --- */

typedef struct loss_case {
    uint32_t samples, dim, queue;
    float temperature;
    bool neighbours, ties;
} loss_case;

static const loss_case losses[] = {
    {1, 8, 1, 0.2f, false, false},       {5, 8, 64, 0.2f, true, false},
    {3, 300, 1000, 0.07f, false, false}, {70, 128, 2500, 0.1f, true, false},
    {4, 16, 300, 0.5f, true, true},      {2, 700, 257, 0.01f, false, true},
};

/* Some keys are copies of the query, some of the queue's rows of a key: equals. */
static void make_equals(const loss_case *k, float *queries, float *keys, float *queue)
{
    size_t row = k->dim * sizeof(float);

    memcpy(keys, queries, row);
    for (uint32_t i = 0; i < k->dim; i++)
        queries[i] *= 3;
    memcpy(queue + (size_t)(k->queue - 1) * k->dim, keys + k->dim, row);
    memcpy(queue + (size_t)(k->queue / 2) * k->dim, keys + k->dim, row);
}

static void check_loss(const loss_case *k)
{
    nsky_error err = NSKY_ERROR_INIT;
    size_t vectors = (size_t)k->samples * k->dim;
    float *keys = units(k->samples, k->dim), *queue = units(k->queue, k->dim);
    float *queries = k->ties ? units(k->samples, k->dim) : normals(&rng, vectors, 2);
    float *want = normals(&rng, vectors, NAN), *got = normals(&rng, vectors, NAN);
    double *lengths = malloc(k->samples * sizeof *lengths);
    double *loss = malloc(k->samples * sizeof *loss), sum = 0, size = 0;
    uint32_t *correct = malloc(k->samples * sizeof *correct), right = 0;
    nsky_contrast_result result;
    nsky_contrast *host;
    nsky_card_loss *card;

    if (k->ties)
        make_equals(k, queries, keys, queue);
    assert_ok(nsky_contrast_new(&host, &nsky_train_ref, k->samples, k->dim, k->queue,
                                k->temperature, &err),
              err);
    assert_ok(
        nsky_contrast_run(host, queries, keys, queue, k->neighbours, 0.25, want, &result, &err),
        err);
    const nsky_card_loss_args args = {.queries = queries,
                                      .keys = keys,
                                      .queue = queue,
                                      .neighbours = k->neighbours,
                                      .scale = 0.25,
                                      .d_queries = got,
                                      .lengths = lengths,
                                      .losses = loss,
                                      .correct = correct};
    assert_ok(nsky_card_loss_new(&card, dev, k->samples, k->dim, k->queue, k->temperature, &err),
              err);
    assert_ok(nsky_card_loss_run(card, &args, &err), err);
    finish_work();
    for (uint32_t n = 0; n < k->samples; n++) {
        double length;
        assert_ok(nsky_row_length(queries + (size_t)n * k->dim, k->dim, &length, &err), err);
        assert_true(fabs(lengths[n] - length) < 1e-12 * length);
        sum += loss[n];
        right += correct[n];
    }
    for (size_t i = 0; i < vectors; i++)
        size = fmax(size, fabs(want[i]));
    for (size_t i = 0; i < vectors; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-5 * size + 1e-9))
            fail_msg("queue %u: derivative %zu is %g, not %g", k->queue, i, got[i], want[i]);
    if (!(fabs(sum - result.loss) <= 2e-6 * (fabs(result.loss) + k->samples)))
        fail_msg("queue %u: loss %.9g, not %.9g", k->queue, sum, result.loss);
    assert_int_equal(right, result.correct);
    nsky_card_loss_free(card);
    nsky_contrast_free(host);
    void *blocks[] = {keys, queue, queries, want, got, lengths, loss, correct};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

static void test_losses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        check_loss(&losses[i]);
    assert_int_equal(host_blocks(), 0);
}

/* Keys go where they were dealt from; rows that are nothing, or no numbers, are told. */
static void test_units(void **state)
{
    (void)state;
    enum { ROWS = 5, DIM = 300 };
    nsky_error err = NSKY_ERROR_INIT;
    const uint32_t to[ROWS] = {3, 0, 4, 1, 2};
    float *in = normals(&rng, (size_t)ROWS * DIM, 1), *out = normals(&rng, (size_t)ROWS * DIM, NAN);
    double lengths[ROWS];
    const nsky_unit_args args = {
        .in = in, .out = out, .to = to, .lengths = lengths, .rows = ROWS, .dim = DIM};

    memset(in + 2 * DIM, 0, DIM * sizeof *in);
    in[4 * DIM + 299] = INFINITY;
    RUN(unit, args);
    assert_true(lengths[2] == 0 && isinf(lengths[4]));
    for (uint32_t n = 0; n < 2; n++) {
        float want[DIM];
        memcpy(want, in + (size_t)n * DIM, sizeof want);
        assert_ok(nsky_unit_rows(want, 1, DIM, &err), err);
        for (uint32_t i = 0; i < DIM; i++)
            assert_true(fabsf(out[to[n] * DIM + i] - want[i]) <= 6e-8f);
    }
    free(in);
    free(out);
}

static void test_gathers(void **state)
{
    (void)state;
    const uint32_t from[3] = {4, 0, 4};
    float *in = normals(&rng, 5 * 7, 1), *out = normals(&rng, 3 * 7, NAN);
    const nsky_gather_args args = {.in = in, .from = from, .out = out, .rows = 3, .dim = 7};

    RUN(gather, args);
    for (uint32_t i = 0; i < 3; i++)
        assert_memory_equal(out + (size_t)i * 7, in + (size_t)from[i] * 7, 7 * sizeof *in);
    free(in);
    free(out);
}

/* --- updates --- */

static void check_length(size_t count, double clip)
{
    float *values = normals(&rng, count, 1), *shorter = malloc(count * sizeof *shorter);
    size_t parts = (count + NSKY_SQUARES_ITEMS - 1) / NSKY_SQUARES_ITEMS;
    double *sums = malloc(parts * sizeof *sums), length, square = 0;
    const nsky_squares_args squares = {.in = values, .sums = sums, .count = count};
    const nsky_length_args root = {.sums = sums, .length = &length, .count = parts};
    const nsky_shorten_args shorten = {
        .values = shorter, .length = &length, .clip = clip, .count = count};

    memcpy(shorter, values, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        square += (double)values[i] * values[i];
    RUN(squares, squares);
    RUN(length, root);
    RUN(shorten, shorten);
    assert_true(fabs(length - sqrt(square)) <= 1e-12 * length);
    for (size_t i = 0; i < count; i++)
        assert_true(shorter[i] ==
                    (length > clip ? (float)(values[i] * (clip / length)) : values[i]));
    free(values);
    free(shorter);
    free(sums);
}

static void test_lengths(void **state)
{
    (void)state;
    check_length(1, 1e-3);
    check_length(NSKY_SQUARES_ITEMS, 1e6);
    check_length(3 * NSKY_SQUARES_ITEMS + 77, 5);
}

/* The same bits as sgd.c. */
static void test_parameters_follow(void **state)
{
    (void)state;
    nsky_train_graph g;
    nsky_train_graph_init(&g, 3, 8);
    nsky_train_add_mlp(&g, "m", nsky_train_add_avgpool(&g, 0), 9, 5);
    const nsky_sgd how = {0.03, 0.9, 1e-2};
    size_t count = g.param_floats;
    float *params = normals(&rng, count, 1), *velocity = normals(&rng, count, 1),
          *fast = normals(&rng, count, 1);
    float *gradients = normals(&rng, count, 1), *slow = normals(&rng, count, 1), *want[3];
    uint8_t *decays = calloc(count, 1);
    float *const got[3] = {params, velocity, slow};

    for (int i = 0; i < 3; i++) {
        want[i] = malloc(count * sizeof *want[i]);
        memcpy(want[i], got[i], count * sizeof *want[i]);
    }
    for (uint32_t i = 0; i < g.param_count; i++)
        memset(decays + g.params[i].offset, g.params[i].decays, g.params[i].count);
    nsky_sgd_step(&g, &how, 0, count, want[0], want[1], gradients);
    nsky_ema_step(0.996, 0, count, want[2], fast);
    const nsky_sgd_args sgd = {.params = params,
                               .velocity = velocity,
                               .gradients = gradients,
                               .decays = decays,
                               .rate = (float)how.rate,
                               .momentum = (float)how.momentum,
                               .decay = (float)how.decay,
                               .count = count};
    const nsky_ema_args ema = {.slow = slow,
                               .fast = fast,
                               .old_share = (float)0.996,
                               .new_share = (float)(1 - 0.996),
                               .count = count};
    RUN(sgd, sgd);
    RUN(ema, ema);
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(got[i], want[i], count * sizeof *want[i]);
        free(want[i]);
        free(got[i]);
    }
    free(gradients);
    free(fast);
    free(decays);
}

static void test_statistics_follow(void **state)
{
    (void)state;
    float *running = normals(&rng, 50, 1), *parts = normals(&rng, 4 * 50, 1), want[50];
    const nsky_follow_args args = {
        .running = running, .in = parts, .share = 0.1f, .parts = 4, .count = 50};

    for (size_t i = 0; i < 50; i++) {
        double sum = 0;
        for (size_t p = 0; p < 4; p++)
            sum += parts[p * 50 + i];
        want[i] = running[i] + 0.1f * ((float)(sum / 4) - running[i]);
    }
    RUN(follow, args);
    assert_memory_equal(running, want, sizeof want);
    free(running);
    free(parts);
}

static void test_queues(void **state)
{
    (void)state;
    float *queue = normals(&rng, 7 * 3, 1), *keys = normals(&rng, 5 * 3, 1), want[7 * 3];
    const nsky_enqueue_args args = {
        .queue = queue, .keys = keys, .rows = 5, .queue_rows = 7, .first = 4, .dim = 3};

    memcpy(want, queue, sizeof want);
    for (size_t i = 0; i < 5; i++)
        memcpy(want + (4 + i) % 7 * 3, keys + i * 3, 3 * sizeof *keys);
    RUN(enqueue, args);
    assert_memory_equal(queue, want, sizeof want);
    free(queue);
    free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_gathers),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_parameters_follow),
        cmocka_unit_test(test_statistics_follow),
        cmocka_unit_test(test_queues),
    };
    return cmocka_run_group_tests(tests, setup, close_device);
}
