/* test_cpu.c - oneDNN against plain C on small graphs. Thread rule: one thread. */
#include "tests/encoder/cpu_support.h"

typedef struct tolerance {
    double relative, absolute; /* of the element, of the largest element */
} tolerance;

/* fp32 differs by the order of sums: 1.4e-6 of the largest measured. One bf16 operation rounds its
 * result by 2^-9 at most; a mean of such results, and a few operations in a row, lie in between. */
static const tolerance fp32_near = {1e-5, 5e-6};
static const tolerance bf16_near = {0x1p-8, 1e-5}, bf16_mean = {0x1p-8, 0x1p-8};
static const tolerance bf16_deep = {0x1p-6, 1e-2};

static bool have(bool bf16)
{
    return nsky_backend_cpu.available(bf16 ? NSKY_BF16 : NSKY_FP32);
}

/* Every value of the graph on both back ends; then the vectors again with memory reused. */
static void compare(test_graph *t, uint32_t batch, bool deep)
{
    const nsky_graph *graph = &t->graph;
    size_t image_floats = batch * value_floats(graph, 0), out_floats = (size_t)batch * graph->dim;
    float *images = normals(t, image_floats, 1.0f, t->bf16);
    tolerance each = !t->bf16 ? fp32_near : deep ? bf16_deep : bf16_near;
    tolerance mean = !t->bf16 ? fp32_near : deep ? bf16_deep : bf16_mean;
    test_run ref = run_open(&nsky_backend_ref, graph, false, batch, true);
    test_run cpu = run_open(&nsky_backend_cpu, graph, t->bf16, batch, true);
    test_run lean = run_open(&nsky_backend_cpu, graph, t->bf16, batch, false);
    float *want = run_images(&ref, images), *got = run_images(&cpu, images);
    float *again = run_images(&lean, images);

    for (uint32_t v = 1; v < graph->value_count; v++) {
        float *a = run_value(&cpu, v), *b = run_value(&ref, v), *c = run_value(&lean, v);
        size_t count = batch * value_floats(graph, v);
        assert_non_null(a);
        const tolerance *near = v == graph->value_count - 1 ? &mean : &each;
        assert_near(a, b, count, near->relative, near->absolute, graph->ops[v - 1].name);
        if (c) { /* whatever is claimed to have survived is the same */
            assert_memory_equal(a, c, count * sizeof *a);
            guarded_free(c, count);
        }
        guarded_free(a, count);
        guarded_free(b, count);
    }
    assert_near(got, want, out_floats, mean.relative, mean.absolute, "vectors");
    assert_memory_equal(got, again, out_floats * sizeof *got);
    guarded_free(want, out_floats);
    guarded_free(got, out_floats);
    guarded_free(again, out_floats);
    ref.ops->close(ref.state);
    cpu.ops->close(cpu.state);
    lean.ops->close(lean.state);
    free(images);
    graph_end(t);
}

/* The convolutions of ResNets: kernel, stride. */
static const uint32_t kinds[][2] = {{7, 2}, {3, 1}, {3, 2}, {1, 1}, {1, 2}};

static void one_conv(uint32_t in, uint32_t out, uint32_t size, const uint32_t kind[2], bool relu,
                     bool bf16, uint32_t batch, uint32_t seed)
{
    test_graph t;
    graph_start(&t, in, size, bf16, seed);
    graph_avgpool(&t, graph_conv(&t, 0, out, kind[0], kind[1], relu, -1));
    compare(&t, batch, false);
}

static void test_conv_random_shapes(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(1, 2, 3);

    for (uint32_t i = 0; i < 120; i++) {
        uint32_t in = 1 + nsky_rng_below(&rng, 40), out = 1 + nsky_rng_below(&rng, 70);
        uint32_t size = 1 + nsky_rng_below(&rng, 17), batch = 1 + nsky_rng_below(&rng, 4);
        const uint32_t *kind = kinds[nsky_rng_below(&rng, 5)];
        bool relu = nsky_rng_below(&rng, 2), bf16 = nsky_rng_below(&rng, 2);
        if (have(bf16))
            one_conv(in, out, size, kind, relu, bf16, batch, i);
    }
}

/* A second convolution sees what oneDNN chose for the first: channels-last where it is fast, which
 * is where small images are folded into one product. */
static void test_conv_after_conv(void **state)
{
    (void)state;
    const uint32_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 9, 12};

    for (uint32_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (uint32_t k = 1; k < 5; k++)
            for (int bf16 = 0; bf16 < 2; bf16++) {
                test_graph t;
                if (!have(bf16))
                    continue;
                graph_start(&t, 3, sizes[s], bf16, s);
                uint32_t x = graph_conv(&t, 0, 64, 3, 1, true, -1);
                x = graph_conv(&t, x, s % 2 ? 128 : 48, kinds[k][0], kinds[k][1], false, -1);
                graph_avgpool(&t, x);
                compare(&t, 1 + s % 3, bf16);
            }
}

static void test_resnet_shapes(void **state)
{
    (void)state;
    const struct {
        uint32_t in, out, size, kind;
    } shapes[] = {{3, 64, 33, 0},   {3, 64, 32, 1},    {64, 64, 12, 1},  {128, 128, 12, 2},
                  {64, 256, 12, 3}, {512, 512, 3, 1},  {512, 512, 6, 2}, {256, 512, 12, 4},
                  {512, 64, 6, 3},  {1024, 512, 6, 4}, {2048, 512, 3, 3}};

    for (uint32_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int bf16 = 0; bf16 < 2; bf16++)
            if (have(bf16))
                one_conv(shapes[i].in, shapes[i].out, shapes[i].size, kinds[shapes[i].kind], true,
                         bf16, 2, i);
}

static void test_pools(void **state)
{
    (void)state;

    for (uint32_t i = 0; i < 40; i++) {
        nsky_rng rng = nsky_rng_at(4, 5, i);
        test_graph t;
        if (!have(i % 2))
            continue;
        graph_start(&t, 1 + nsky_rng_below(&rng, 70), 1 + nsky_rng_below(&rng, 15), i % 2, i);
        uint32_t x = i % 4 < 2 ? 0 : graph_maxpool(&t, 0);
        graph_avgpool(&t, x);
        compare(&t, 1 + i % 3, false);
    }
}

/* --- residuals: which == what becomes of the value that is added --- */
enum { READ_LAST, READ_LATER, IS_INPUT, TWICE, RESIDUALS };

static void residual(int which, uint32_t size, uint32_t stride, bool bf16, uint32_t seed)
{
    test_graph t;
    uint32_t x, y;

    graph_start(&t, 3, size, bf16, seed);
    x = graph_conv(&t, 0, 32, 3, stride, true, -1);
    y = which == IS_INPUT ? x : graph_conv(&t, x, 48, 3, 1, true, -1);
    y = graph_conv(&t, y, 32, 1 + 2 * (seed % 2), 1, true, (int32_t)x);
    if (which == READ_LATER)
        y = graph_conv(&t, y, 32, 3, 1, true, (int32_t)x);
    if (which == TWICE) {
        uint32_t z = graph_conv(&t, y, 16, 1, 1, true, -1);
        y = graph_conv(&t, z, 32, 3, 1, true, (int32_t)y);
        y = graph_conv(&t, z, 32, 1, 1, false, (int32_t)y);
    }
    graph_avgpool(&t, y);
    compare(&t, 3, true);
}

static void test_residual_lifetimes(void **state)
{
    (void)state;
    for (int which = 0; which < RESIDUALS; which++)
        for (uint32_t size = 3; size < 12; size += 4)
            for (uint32_t i = 0; i < 4; i++)
                if (have(i & 2))
                    residual(which, size, 1 + (size == 11), i & 2, i);
}

static void test_values_that_are_gone(void **state)
{
    (void)state;
    test_graph t;
    float *images, *out;

    graph_start(&t, 3, 16, false, 1);
    uint32_t x = graph_conv(&t, 0, 32, 3, 1, true, -1);
    uint32_t y = graph_conv(&t, x, 32, 3, 1, true, (int32_t)x);
    uint32_t z = graph_conv(&t, graph_conv(&t, y, 32, 3, 1, true, -1), 32, 3, 1, true, (int32_t)y);
    graph_avgpool(&t, z);
    images = normals(&t, value_floats(&t.graph, 0), 1.0f, false);
    test_run run = run_open(&nsky_backend_cpu, &t.graph, false, 1, false);
    assert_null(run_value(&run, z)); /* nothing has run */
    out = run_images(&run, images);
    assert_null(run_value(&run, y)); /* z was summed into it */
    nsky_error err = NSKY_ERROR_INIT;
    assert_fails(run.ops->value(run.state, y, images, &err), NSKY_ENOTFOUND, err,
                 "NSKY_KEEP_VALUES");
    assert_fails(run.ops->value(run.state, 99, images, &err), NSKY_ENOTFOUND, err, "99");
    guarded_free(out, t.graph.dim);
    run.ops->close(run.state);
    free(images);
    graph_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_random_shapes), cmocka_unit_test(test_conv_after_conv),
        cmocka_unit_test(test_resnet_shapes),      cmocka_unit_test(test_pools),
        cmocka_unit_test(test_residual_lifetimes), cmocka_unit_test(test_values_that_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
