/* test_golden.c - every back end against PyTorch, stage by stage (export_goldens.py).
 *
 * A difference is measured against the root mean square of its stage. The tolerances are three
 * times what was measured, or more (in the comments); a wrong stride, epsilon or order of channels
 * is larger by orders of magnitude.
 */
#include <math.h>

#include "common/file.h"
#include "common/half.h"
#include "encoder/backend.h"
#include "tests/common/support.h"
#include "tests/encoder/golden_model.h"

#define GOLDEN "tests/encoder/golden/"
#define INPUT_SIDE 64u
#define IMAGES 2u

typedef struct tolerance {
    const nsky_backend_ops *ops;
    nsky_precision precision;
    double stage;     /* largest difference / rms */
    double embedding; /* largest 1 - cosine */
} tolerance;

static const tolerance tolerances[] = {
    {&nsky_backend_ref, NSKY_FP32, 1e-5, 1e-12}, /* 3.2e-6, 3.1e-14 */
#ifdef NSKY_HAVE_CPU
    {&nsky_backend_cpu, NSKY_FP32, 1e-5, 1e-12}, /* 2.4e-6, 3.1e-14 */
    {&nsky_backend_cpu, NSKY_BF16, 1e-1, 1e-5},  /* 3.1e-2, 3.3e-6 */
#endif
};

/* One golden file, open. */
typedef struct golden {
    void *image;
    nsky_safetensors file;
} golden;

static void open_golden(golden *g, const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    char path[128];
    size_t bytes;

    snprintf(path, sizeof path, GOLDEN "%s.safetensors", name);
    assert_ok(nsky_file_read(&g->image, &bytes, path, 1 << 20, &err), err);
    assert_ok(nsky_safetensors_read(&g->file, g->image, bytes, path, &err), err);
}

static void close_golden(golden *g)
{
    nsky_safetensors_free(&g->file);
    nsky_free(g->image);
}

static const nsky_safetensor *tensor_of(const golden *g, const char *name)
{
    for (uint32_t i = 0; i < g->file.count; i++)
        if (strcmp(g->file.tensors[i].name, name) == 0)
            return &g->file.tensors[i];
    fail_msg("no tensor %s in the golden file", name);
    return NULL;
}

/* Copies a tensor out: data in the file is not aligned. */
static uint32_t floats_of(const golden *g, const char *name, float *out, uint32_t max)
{
    const nsky_safetensor *t = tensor_of(g, name);
    uint32_t count = (uint32_t)(t->bytes / (t->dtype == NSKY_DTYPE_F32 ? 4 : 2));

    assert_true(count <= max);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t half;
        if (t->dtype == NSKY_DTYPE_F32) {
            memcpy(&out[i], t->data + 4 * (size_t)i, 4);
        } else {
            memcpy(&half, t->data + 2 * (size_t)i, 2);
            out[i] = nsky_half_to_float(half);
        }
    }
    return count;
}

/* [IMAGES, 3, size, size]: the middle of the stored images. */
static float *load_input(uint32_t size)
{
    static float all[IMAGES * 3 * INPUT_SIDE * INPUT_SIDE];
    uint32_t edge = (INPUT_SIDE - size) / 2;
    nsky_error err = NSKY_ERROR_INIT;
    float *out = nsky_alloc_aligned((size_t)IMAGES * 3 * size, size * sizeof(float), &err);
    golden g;

    assert_non_null(out);
    open_golden(&g, "input");
    assert_int_equal(floats_of(&g, "images", all, sizeof all / sizeof *all),
                     sizeof all / sizeof *all);
    for (uint32_t p = 0; p < IMAGES * 3; p++)
        for (uint32_t y = 0; y < size; y++)
            memcpy(out + ((size_t)p * size + y) * size,
                   all + ((size_t)p * INPUT_SIDE + y + edge) * INPUT_SIDE + edge,
                   size * sizeof *out);
    close_golden(&g);
    return out;
}

/* The op whose value is the stage: "layer2" is its last block's last. */
static const nsky_op *op_of_stage(const nsky_graph *graph, const char *stage)
{
    const nsky_op *found = NULL;
    size_t length = strlen(stage);

    for (uint32_t i = 0; i < graph->op_count; i++)
        if (strncmp(graph->ops[i].name, stage, length) == 0)
            found = &graph->ops[i];
    assert_non_null(found);
    return found;
}

/* Largest difference from the stored samples, mean and rms; relative to the rms. */
static double stage_difference(const golden *g, const char *stage, const float *values,
                               size_t count)
{
    float samples[256], sums[2];
    char name[64];
    double mean = 0, square = 0, worst = 0;

    snprintf(name, sizeof name, "%s.samples", stage);
    uint32_t sample_count = floats_of(g, name, samples, 256);
    snprintf(name, sizeof name, "%s.sums", stage);
    assert_int_equal(floats_of(g, name, sums, 2), 2);
    size_t stride = count / sample_count | 1;
    for (uint32_t i = 0; i < sample_count; i++)
        worst = fmax(worst, fabs(values[i * stride % count] - (double)samples[i]));
    for (size_t i = 0; i < count; i++) {
        assert_true(isfinite(values[i]));
        mean += values[i];
        square += (double)values[i] * values[i];
    }
    worst = fmax(worst, fabs(mean / (double)count - sums[0]));
    worst = fmax(worst, fabs(sqrt(square / (double)count) - sums[1]));
    assert_true(sums[1] > 0.01f && sums[1] < 100); /* a network that says something */
    return worst / sums[1];
}

static double embedding_difference(const golden *g, const float *features, uint32_t dim)
{
    static float expected[IMAGES * 2048];
    double worst = 0;

    assert_int_equal(floats_of(g, "embedding", expected, IMAGES * 2048), IMAGES * dim);
    for (uint32_t n = 0; n < IMAGES; n++) {
        double dot = 0, a = 0, b = 0;
        for (uint32_t i = 0; i < dim; i++) {
            double x = features[n * dim + i], y = expected[n * dim + i];
            dot += x * y;
            a += x * x;
            b += y * y;
        }
        worst = fmax(worst, 1 - dot / sqrt(a * b));
    }
    return worst;
}

static void compare(const golden *g, const nsky_graph *graph, const tolerance *t,
                    const float *input)
{
    static const char *const stages[] = {"conv1",  "layer1", "layer2",
                                         "layer3", "layer4", "avgpool"};
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t batch = IMAGES;
    float *features = nsky_alloc(IMAGES, graph->dim * sizeof(float), &err);
    void *state;

    assert_non_null(features);
    assert_ok(t->ops->open(&state, graph, t->precision, &batch, &err), err);
    assert_ok(t->ops->run(state, input, features, &err), err);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        uint32_t number = op_of_stage(graph, stages[i])->out;
        const nsky_value *v = &graph->values[number];
        size_t count = (size_t)IMAGES * v->channels * v->height * v->width;
        float *values = nsky_alloc(count, sizeof *values, &err);
        assert_non_null(values);
        assert_ok(t->ops->value(state, number, values, &err), err);
        double difference = stage_difference(g, stages[i], values, count);
        if (!(difference <= t->stage))
            fail_msg("%s %s, %s: differs by %.1e", t->ops->name, nsky_precision_name(t->precision),
                     stages[i], difference);
        nsky_free(values);
    }
    double difference = embedding_difference(g, features, graph->dim);
    if (!(difference <= t->embedding))
        fail_msg("%s %s: 1 - cosine is %.1e", t->ops->name, nsky_precision_name(t->precision),
                 difference);
    t->ops->close(state);
    nsky_free(features);
}

static void check(nsky_arch arch, nsky_stem stem)
{
    uint32_t size = stem == NSKY_STEM_SMALL ? 32 : 64;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *model;
    nsky_graph *graph;
    char name[64];
    golden g;

    snprintf(name, sizeof name, "%s-%s", nsky_arch_name(arch), nsky_stem_name(stem));
    open_golden(&g, name);
    float *input = load_input(size);
    assert_ok(golden_model(&model, arch, stem, &err), err);
    assert_string_equal(nsky_model_info_of(model)->sha256,
                        nsky_json_get_string(g.file.metadata, "model_sha256"));
    assert_ok(nsky_graph_build(&graph, model, size, &err), err);
    for (size_t i = 0; i < sizeof tolerances / sizeof *tolerances; i++)
        if (tolerances[i].ops->available(tolerances[i].precision))
            compare(&g, graph, &tolerances[i], input);
    nsky_graph_free(graph);
    nsky_model_close(model);
    nsky_free(input);
    close_golden(&g);
}

static void resnet18(void **state)
{
    (void)state;
    check(NSKY_RESNET18, NSKY_STEM_IMAGENET);
    check(NSKY_RESNET18, NSKY_STEM_SMALL);
}

static void resnet34(void **state)
{
    (void)state;
    check(NSKY_RESNET34, NSKY_STEM_IMAGENET);
    check(NSKY_RESNET34, NSKY_STEM_SMALL);
}

static void resnet50(void **state)
{
    (void)state;
    check(NSKY_RESNET50, NSKY_STEM_IMAGENET);
    check(NSKY_RESNET50, NSKY_STEM_SMALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet18),
        cmocka_unit_test(resnet34),
        cmocka_unit_test(resnet50),
    };

    setenv("NSKY_KEEP_VALUES", "1", 1); /* stages are asked for after the run */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
