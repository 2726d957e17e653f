/* test_train_ops.c - the plain oracle's derivatives against finite differences of its own forward
 * run, and oneDNN's against the oracle's, one kind of op at a time and as a network. */
#include "tests/encoder/train_shapes.h"

#define BATCH 4

/* sum(d_out * out): a loss whose derivative by out is d_out. */
static double loss(void *state, train_run *r)
{
    nsky_error err = NSKY_ERROR_INIT;
    double sum = 0;

    assert_int_equal(nsky_train_ref.load(state, r->params, &err), NSKY_OK);
    assert_int_equal(nsky_train_ref.forward(state, r->in, r->out, &err), NSKY_OK);
    for (size_t i = 0; i < r->out_floats; i++)
        sum += (double)r->d_out[i] * r->out[i];
    return sum;
}

/* Steps are nearly exact in float32, and out is rounded to it: 1e-5 of a loss of hundreds of terms,
 * a tenth over a step of 2^-13. Kinks (relu, maximum) make single differences wrong: nine in ten
 * must agree. */
static void check_differences(const nsky_train_graph *g)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_rng rng = nsky_rng_at(5, 1, 1);
    train_run r;
    void *state;
    uint32_t wrong = 0, tried = 60;
    double scale = 0;

    run_init(&r, g, BATCH, 3);
    run_on(&nsky_train_ref, g, NSKY_FP32, BATCH, &r);
    assert_int_equal(nsky_train_ref.open(&state, g, NSKY_FP32, BATCH, true, &err), NSKY_OK);
    for (size_t i = 0; i < g->param_floats; i++)
        scale += (double)r.gradients[i] * r.gradients[i];
    scale = sqrt(scale / (double)g->param_floats);
    for (uint32_t t = 0; t < tried; t++) {
        size_t i = nsky_rng_below(&rng, (uint32_t)g->param_floats);
        float saved = r.params[i], step = 0x1p-13f, above = saved + step, below = saved - step;
        r.params[i] = above;
        double up = loss(state, &r);
        r.params[i] = below;
        double down = loss(state, &r);
        r.params[i] = saved;
        double numeric = (up - down) / ((double)above - below);
        wrong += fabs(numeric - r.gradients[i]) > 1e-2 * (scale + fabs(numeric));
    }
    nsky_train_ref.close(state);
    run_free(&r);
    if (wrong > tried / 10)
        fail_msg("%u of %u derivatives are not the differences'", wrong, tried);
}

static void differences(void **unused)
{
    nsky_train_graph g;

    (void)unused;
    for (size_t b = 0; b < BUILDS; b++)
        for (size_t s = 0; s < SHAPES; s++) {
            if (shapes[s].side == 1 && builds[b] != conv_network)
                continue; /* four pixels a channel: too few for statistics */
            builds[b](&g, &shapes[s]);
            check_differences(&g);
        }
}

/* each: of every parameter's gradient; all: of all together. */
static void compare(const nsky_train_graph *g, nsky_precision precision, uint32_t batch,
                    double out_tolerance, double each, double all)
{
    train_run ref, cpu;

    run_init(&ref, g, batch, 11);
    run_init(&cpu, g, batch, 11);
    run_on(&nsky_train_ref, g, NSKY_FP32, batch, &ref);
    run_on(&nsky_train_cpu, g, precision, batch, &cpu);
    double out = distance(cpu.out, ref.out, ref.out_floats);
    double stats = distance(cpu.batch_stats, ref.batch_stats, g->stat_floats);
    if (!(out <= out_tolerance) || !(stats <= out_tolerance))
        fail_msg("%s: output off by %.2e, statistics by %.2e", nsky_precision_name(precision), out,
                 stats);
    for (uint32_t i = 0; i < g->param_count; i++) {
        const nsky_train_param *p = &g->params[i];
        double off = distance(cpu.gradients + p->offset, ref.gradients + p->offset, p->count);
        if (!(off <= each))
            fail_msg("%s: gradient of %s off by %.2e", nsky_precision_name(precision), p->name,
                     off);
    }
    double off = distance(cpu.gradients, ref.gradients, g->param_floats);
    if (!(off <= all))
        fail_msg("%s: gradient off by %.2e", nsky_precision_name(precision), off);
    run_free(&ref);
    run_free(&cpu);
}

/* Measured: at most 2e-6 of the output's and 1e-5 of a gradient's length in fp32. */
static void onednn_fp32(void **unused)
{
    nsky_train_graph g;

    (void)unused;
    for (size_t b = 0; b < BUILDS; b++)
        for (size_t s = 0; s < SHAPES; s++) {
            builds[b](&g, &shapes[s]);
            compare(&g, NSKY_FP32, 8, 1e-5, 1e-4, 1e-5);
        }
}

static void onednn_bf16(void **unused)
{
    nsky_train_graph g;

    (void)unused;
    if (!nsky_train_cpu.available(NSKY_BF16)) {
        print_message("no bf16: this CPU has not got it\n"); /* the others have run */
        skip();
    }
    for (size_t b = 0; b < BUILDS; b++)
        for (size_t s = 0; s < SHAPES; s++) {
            builds[b](&g, &shapes[s]);
            compare(&g, NSKY_BF16, 32, 0.05, INFINITY, 0.15);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences),
        cmocka_unit_test(onednn_fp32),
        cmocka_unit_test(onednn_bf16),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
