/* test_cuda_train.c - training on a card made of host memory behind train/ops.h: one kind of
 * operation at a time and whole networks against the oracle. Thread rule: one thread. */
#include "tests/encoder/train_shapes.h"

#include "encoder/cuda/train.h"
#include "tests/encoder/cuda_host/host_device.h"

#define BATCH 32u

/* --- operations --- */

typedef struct worst {
    double out, each, all;
} worst;

static void compare(const nsky_train_graph *g, uint32_t batch, worst *w)
{
    train_run ref, card;

    run_init(&ref, g, batch, 11);
    run_init(&card, g, batch, 11);
    run_on(&nsky_train_ref, g, NSKY_FP32, batch, &ref);
    run_on(&nsky_train_cuda, g, NSKY_BF16, batch, &card);
    double out = distance(card.out, ref.out, ref.out_floats);
    double stats = distance(card.batch_stats, ref.batch_stats, g->stat_floats);
    w->out = fmax(w->out, fmax(out, stats));
    for (uint32_t i = 0; i < g->param_count; i++) {
        const nsky_train_param *p = &g->params[i];
        double off = distance(card.gradients + p->offset, ref.gradients + p->offset, p->count);
        w->each = isnan(off) ? NAN : fmax(w->each, off);
    }
    w->all = fmax(w->all, distance(card.gradients, ref.gradients, g->param_floats));
    run_free(&ref);
    run_free(&card);
}

/* Measured; oneDNN's bf16 is off by the same but for a few percent: it is the numbers that are
 * coarse. A single gradient of a batch norm before another is next to nothing, so its error is
 * large. */
static const worst allowed[BUILDS] = {
    {0.006, 0.007, 0.006}, /* convolutions: 4.2e-3, 4.7e-3, 4.1e-3 */
    {0.007, 0.5, 0.1},     /* norms:        4.4e-3, 3.6e-1, 7.0e-2 */
    {0.006, 0.06, 0.06},   /* pools:        3.1e-3, 3.4e-2, 3.3e-2 */
    {0.007, 0.15, 0.1},    /* sums:         4.8e-3, 1.0e-1, 6.9e-2 */
    {0.02, 0.35, 0.2},     /* all together: 1.3e-2, 2.4e-1, 1.4e-1 */
};

static void test_operations(void **state)
{
    nsky_train_graph g;

    (void)state;
    for (size_t b = 0; b < BUILDS; b++) {
        worst w = {0, 0, 0};
        for (size_t s = 0; s < SHAPES; s++) {
            builds[b](&g, &shapes[s]);
            compare(&g, BATCH, &w);
        }
        print_message("kind %zu: output off by %.2e, a gradient by %.2e, all by %.2e\n", b, w.out,
                      w.each, w.all);
        assert_true(w.out <= allowed[b].out);
        assert_true(w.each <= allowed[b].each);
        assert_true(w.all <= allowed[b].all);
    }
    assert_int_equal(host_blocks(), 0);
}

/* Linear layers, and batch norms of vectors, are float32: as exact as the oracle but for the order
 * of sums. The one convolution is of ones and zeros, which bf16 has. */
static void exact_network(nsky_train_graph *g)
{
    nsky_train_graph_init(g, 3, 4);
    uint32_t x = nsky_train_add_avgpool(g, nsky_train_add_conv(g, "a", 0, 16, 1, 1, false));
    uint32_t y = nsky_train_add_mlp(g, "projection", x, 40, 16);
    nsky_train_add_linear(g, "last", nsky_train_add_sum(g, y, x), 9, true);
}

static void test_vectors_are_exact(void **state)
{
    nsky_train_graph g;
    train_run ref, card, *both[] = {&ref, &card};

    (void)state;
    exact_network(&g);
    for (int b = 0; b < 2; b++) {
        run_init(both[b], &g, BATCH, 12);
        for (size_t i = 0; i < both[b]->in_floats; i++)
            both[b]->in[i] = both[b]->in[i] > 0;
        for (size_t i = 0; i < g.params[0].count; i++)
            both[b]->params[i] = both[b]->params[i] > 0;
    }
    run_on(&nsky_train_ref, &g, NSKY_FP32, BATCH, &ref);
    run_on(&nsky_train_cuda, &g, NSKY_BF16, BATCH, &card);
    assert_true(distance(card.out, ref.out, ref.out_floats) < 1e-6);
    for (uint32_t i = 1; i < g.param_count; i++) {
        const nsky_train_param *p = &g.params[i];
        double off = distance(card.gradients + p->offset, ref.gradients + p->offset, p->count);
        if (!(off < 1e-5))
            fail_msg("gradient of %s off by %.2e", p->name, off);
    }
    run_free(&ref);
    run_free(&card);
}

/* Gradients add up over sub-batches; a network that only runs forwards gives the same. */
static void test_borders(void **state)
{
    nsky_train_graph g;
    train_run r, again;
    nsky_error err = NSKY_ERROR_INIT;
    void *opened;

    (void)state;
    tiny_network(&g, 12);
    run_init(&r, &g, 8, 3);
    run_init(&again, &g, 8, 3);
    run_on(&nsky_train_cuda, &g, NSKY_BF16, 8, &r);
    assert_int_equal(nsky_train_cuda.open(&opened, &g, NSKY_BF16, 8, false, &err), NSKY_OK);
    assert_int_equal(nsky_train_cuda.load(opened, r.params, &err), NSKY_OK);
    assert_int_equal(nsky_train_cuda.forward(opened, r.in, again.out, &err), NSKY_OK);
    assert_memory_equal(again.out, r.out, r.out_floats * sizeof(float));
    nsky_train_cuda.close(opened);
    assert_int_equal(nsky_train_cuda.open(&opened, &g, NSKY_BF16, 8, true, &err), NSKY_OK);
    assert_int_equal(nsky_train_cuda.load(opened, r.params, &err), NSKY_OK);
    for (size_t i = 0; i < g.param_floats; i++)
        again.gradients[i] = 1;
    for (int run = 0; run < 2; run++) {
        assert_int_equal(nsky_train_cuda.forward(opened, r.in, again.out, &err), NSKY_OK);
        assert_int_equal(nsky_train_cuda.backward(opened, r.d_out, &err), NSKY_OK);
        assert_int_equal(nsky_train_cuda.add_gradients(opened, again.gradients, &err), NSKY_OK);
    }
    for (size_t i = 0; i < g.param_floats; i++)
        assert_true(again.gradients[i] == 1 + r.gradients[i] + r.gradients[i]);
    nsky_train_cuda.close(opened);
    assert_int_equal(nsky_train_cuda.open(&opened, &g, NSKY_FP32, 8, true, &err), NSKY_EDEVICE);
    assert_non_null(strstr(err.text, "bf16"));
    run_free(&r);
    run_free(&again);
    assert_int_equal(host_blocks(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_vectors_are_exact),
        cmocka_unit_test(test_borders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
