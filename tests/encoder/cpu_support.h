/* cpu_support.h - graphs made by hand, and the comparison of back ends on them. Thread rule: one
 * thread, except where a graph is only read. */
#ifndef NSKY_TEST_CPU_SUPPORT_H
#define NSKY_TEST_CPU_SUPPORT_H

#include "tests/common/support.h"

#include <math.h>

#include "common/half.h"
#include "common/rng.h"
#include "encoder/backend.h"

#define TEST_OPS_MAX 16
#define GUARD 64 /* floats on either side of every output */
#define GUARD_VALUE (-7.25e8f)

typedef struct test_graph {
    nsky_graph graph;
    nsky_op ops[TEST_OPS_MAX];
    nsky_value values[TEST_OPS_MAX + 1];
    nsky_rng rng;
    bool bf16; /* weights and images are bf16 numbers, so that only results are rounded */
} test_graph;

static inline void graph_start(test_graph *t, uint32_t channels, uint32_t size, bool bf16,
                               uint32_t seed)
{
    *t = (test_graph){.rng = nsky_rng_at(20260101, 7, seed), .bf16 = bf16};
    t->graph = (nsky_graph){.ops = t->ops, .values = t->values, .value_count = 1, .size = size};
    t->values[0] = (nsky_value){channels, size, size, 0};
}

/* count normal deviates the caller frees. */
static inline float *normals(test_graph *t, size_t count, float sigma, bool round)
{
    float *out = malloc(count * sizeof *out);
    assert_non_null(out);
    nsky_rng_fill_normal(&t->rng, out, count);
    for (size_t i = 0; i < count; i++) {
        out[i] *= sigma;
        if (round)
            out[i] = nsky_bfloat16_to_float(nsky_bfloat16_from_float(out[i]));
    }
    return out;
}

static inline uint32_t graph_add(test_graph *t, nsky_op op, uint32_t channels, uint32_t side)
{
    assert_true(t->graph.op_count < TEST_OPS_MAX);
    op.out = t->graph.value_count++;
    t->ops[t->graph.op_count++] = op;
    t->values[op.out] = (nsky_value){channels, side, side, 0};
    t->graph.dim = channels;
    return op.out;
}

/* add: a value, or -1. */
static inline uint32_t graph_conv(test_graph *t, uint32_t in, uint32_t channels, uint32_t kernel,
                                  uint32_t stride, bool relu, int32_t add)
{
    uint32_t padding = kernel / 2, fan = t->values[in].channels * kernel * kernel;
    uint32_t side = (t->values[in].height + 2 * padding - kernel) / stride + 1;
    nsky_op op = {.kind = NSKY_OP_CONV,
                  .name = "conv",
                  .in = in,
                  .add = add,
                  .relu = relu,
                  .kernel = kernel,
                  .stride = stride,
                  .padding = padding};

    op.weight = normals(t, (size_t)channels * fan, sqrtf(1.0f / (float)fan), t->bf16);
    op.bias = normals(t, channels, 0.5f, false);
    return graph_add(t, op, channels, side);
}

static inline uint32_t graph_maxpool(test_graph *t, uint32_t in)
{
    nsky_op op = {.kind = NSKY_OP_MAXPOOL,
                  .name = "maxpool",
                  .in = in,
                  .add = -1,
                  .kernel = 3,
                  .stride = 2,
                  .padding = 1};
    return graph_add(t, op, t->values[in].channels, (t->values[in].height - 1) / 2 + 1);
}

static inline uint32_t graph_avgpool(test_graph *t, uint32_t in)
{
    nsky_op op = {.kind = NSKY_OP_AVGPOOL, .name = "avgpool", .in = in, .add = -1};
    return graph_add(t, op, t->values[in].channels, 1);
}

static inline void graph_end(test_graph *t)
{
    for (uint32_t i = 0; i < t->graph.op_count; i++) {
        free((void *)(uintptr_t)t->ops[i].weight);
        free((void *)(uintptr_t)t->ops[i].bias);
    }
}

static inline size_t value_floats(const nsky_graph *graph, uint32_t value)
{
    const nsky_value *v = &graph->values[value];
    return (size_t)v->channels * v->height * v->width;
}

/* Room for count floats, full of NaN, between guards. */
static inline float *guarded_new(size_t count)
{
    float *block = malloc((count + 2 * GUARD) * sizeof *block);
    assert_non_null(block);
    for (size_t i = 0; i < count + 2 * GUARD; i++)
        block[i] = i < GUARD || i >= count + GUARD ? GUARD_VALUE : NAN;
    return block + GUARD;
}

static inline void guarded_free(float *data, size_t count)
{
    for (size_t i = 0; i < GUARD; i++) {
        assert_true(data[-1 - (ptrdiff_t)i] == GUARD_VALUE);
        assert_true(data[count + i] == GUARD_VALUE);
    }
    free(data - GUARD);
}

/* Every |a - b| <= relative |b| + absolute max|b|. NaN fails. */
static inline void assert_near(const float *a, const float *b, size_t count, double relative,
                               double absolute, const char *what)
{
    double largest = 0, worst = 0;
    size_t where = 0;

    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)b[i]));
    for (size_t i = 0; i < count; i++) {
        double excess = fabs((double)a[i] - b[i]) - relative * fabs((double)b[i]);
        if (!(excess <= worst)) {
            worst = excess;
            where = i;
        }
    }
    if (!(worst <= absolute * largest))
        fail_msg("%s: element %zu is %g, not %g (largest %g)", what, where, (double)a[where],
                 (double)b[where], largest);
}

typedef struct test_run {
    const nsky_backend_ops *ops;
    void *state;
    const nsky_graph *graph;
    uint32_t batch;
} test_run;

static inline test_run run_open(const nsky_backend_ops *ops, const nsky_graph *graph, bool bf16,
                                uint32_t batch, bool keep)
{
    nsky_error err = NSKY_ERROR_INIT;
    test_run run = {.ops = ops, .graph = graph, .batch = batch};

    assert_int_equal(setenv("NSKY_KEEP_VALUES", keep ? "1" : "0", 1), 0);
    assert_ok(ops->open(&run.state, graph, bf16 ? NSKY_BF16 : NSKY_FP32, &run.batch, &err), err);
    assert_true(batch == 0 ? run.batch > 0 : run.batch == batch);
    return run;
}

/* [batch, dim]; freed with guarded_free. */
static inline float *run_images(const test_run *run, const float *images)
{
    nsky_error err = NSKY_ERROR_INIT;
    float *out = guarded_new((size_t)run->batch * run->graph->dim);
    assert_ok(run->ops->run(run->state, images, out, &err), err);
    return out;
}

/* [batch, c, h, w]; freed with guarded_free; NULL when it is no longer there. */
static inline float *run_value(const test_run *run, uint32_t value)
{
    nsky_error err = NSKY_ERROR_INIT;
    size_t count = run->batch * value_floats(run->graph, value);
    float *out = guarded_new(count);
    nsky_status status = run->ops->value(run->state, value, out, &err);

    if (status == NSKY_OK)
        return out;
    assert_int_equal(status, NSKY_ENOTFOUND);
    guarded_free(out, count);
    return NULL;
}

#endif
