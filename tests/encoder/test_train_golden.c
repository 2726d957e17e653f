/* test_train_golden.c - ten steps of training a tiny network, against PyTorch in float64
 * (export_train_goldens.py): losses, the first gradients, and where it all ends.
 *
 * Differences are measured against the length of the whole vector. fp32 drifts apart over ten steps
 * of momentum: what was measured is in the comments, tolerances are three times that or more. */
#include "common/file.h"
#include "encoder/safetensors.h"
#include "encoder/train/learner.h"
#include "tests/encoder/train_networks.h"

#define SIDE 12u
#define BATCH 16u
#define STEPS 10u
#define QUEUE 64u
#define DIM 8u
#define CLASSES 5u
#define GOLDEN "tests/encoder/golden/train-"

typedef struct golden_case {
    const char *name;
    uint32_t sub_batch;
    bool symmetric, predictor, labels, heads;
} golden_case;

static const golden_case cases[] = {{"split", 8, true, true, false, false},
                                    {"plain", 16, false, false, false, false},
                                    {"labels", 8, false, false, true, false},
                                    {"heads", 8, false, false, true, true}};

typedef struct tolerance {
    const nsky_train_ops *ops;
    nsky_precision precision;
    double loss, gradients, end;
} tolerance;

static const tolerance tolerances[] = {
    {&nsky_train_ref, NSKY_FP32, 2e-6, 5e-7, 5e-5},   /* 5.5e-7, 1.2e-7, 1.4e-5 */
    {&nsky_train_cpu, NSKY_FP32, 1e-4, 2e-5, 5e-3},   /* 1.1e-5, 5.0e-6, 3.3e-4; AVX-512 and AVX2 */
    {&nsky_train_cpu, NSKY_BF16, 0.5, 0.5, INFINITY}, /* 1.5e-1, 1.9e-1: sixteen small images */
};

/* spread() of the script. */
static void spread(uint64_t first, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t mixed = (uint32_t)((first + i) * 2654435761u);
        mixed ^= mixed >> 15;
        mixed = (uint32_t)((uint64_t)mixed * 2246822519u);
        out[i] = (double)(mixed >> 16) / 32768 - 1;
    }
}

static void start(const nsky_train_graph *g, float *params)
{
    double *values = calloc(g->param_floats, sizeof *values);

    spread(0, g->param_floats, values);
    for (uint32_t i = 0; i < g->param_count; i++) {
        const nsky_train_param *p = &g->params[i];
        double scale = exp2(-floor(log2(p->fan_in) / 2));
        for (size_t k = p->offset; k < p->offset + p->count; k++)
            params[k] = (float)(p->dims > 1 ? values[k] * scale
                                            : values[k] / 4 + (strstr(p->name, "weight") != NULL));
    }
    free(values);
}

static void views_of(uint32_t step, float *out)
{
    size_t half = (size_t)BATCH * 3 * SIDE * SIDE;
    double *values = calloc(2 * half, sizeof *values);

    spread(1000000 + step * 2 * half, 2 * half, values);
    for (size_t i = 0; i < half; i++) {
        out[i] = (float)values[i];
        out[half + i] = (float)(values[i] + values[half + i] / 4);
    }
    free(values);
}

static void fill_queue(float *queue)
{
    double values[QUEUE * DIM];

    spread(9000000, QUEUE * DIM, values);
    for (uint32_t n = 0; n < QUEUE; n++) {
        double sum = 0;
        for (uint32_t d = 0; d < DIM; d++)
            sum += values[n * DIM + d] * values[n * DIM + d];
        for (uint32_t d = 0; d < DIM; d++)
            queue[n * DIM + d] = (float)(values[n * DIM + d] / sqrt(sum));
    }
}

/* Off by how much of the golden vector's length. */
static double off(const nsky_safetensors *file, const char *name, const float *ours, size_t count)
{
    for (uint32_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) {
            float *golden = malloc(count * sizeof *golden);
            assert_int_equal(file->tensors[i].bytes, count * sizeof *golden);
            memcpy(golden, file->tensors[i].data, count * sizeof *golden);
            double out = distance(ours, golden, count);
            free(golden);
            return out;
        }
    fail_msg("no %s in the golden file", name);
    return INFINITY;
}

static void check(const char *what, const golden_case *c, const tolerance *t, double value,
                  double most)
{
    print_message("%-7s %s %s %-12s %.1e\n", c->name, t->ops->name,
                  nsky_precision_name(t->precision), what, value);
    if (!(value <= most))
        fail_msg("%s on %s in %s: %s off by %.2e", c->name, t->ops->name,
                 nsky_precision_name(t->precision), what, value);
}

/* The heads of export_train_goldens.py: a label is its own place in the list. */
static nsky_heads *make_heads(void)
{
    static uint32_t numbers[CLASSES] = {0, 1, 2, 3, 4};
    static double values[7] = {-3, -2, -1, 0, 1, 2, 3};
    static nsky_target class = {.kind = NSKY_TARGET_CLASSES,
                                .classes = numbers,
                                .class_count = CLASSES},
                       number = {.kind = NSKY_TARGET_NUMBER,
                                 .values = values,
                                 .class_count = 1,
                                 .low = 0,
                                 .width = 1},
                       flag = {.kind = NSKY_TARGET_FLAG, .classes = numbers, .class_count = 2},
                       near = {.kind = NSKY_TARGET_CLASSES, .classes = numbers, .class_count = 3};
    static nsky_heads heads = {.list = {{.weight = 1, .first = 0, .target = &class},
                                        {.weight = 0.5, .first = CLASSES, .target = &number},
                                        {.weight = 0.25, .first = CLASSES + 1, .target = &flag},
                                        {.weight = 0.3, .near = true, .target = &near}},
                               .count = 4,
                               .outputs = CLASSES + 3};
    return &heads;
}

static void labels_of(const golden_case *c, uint32_t step, uint32_t *out)
{
    for (uint32_t i = 0; i < BATCH; i++)
        if (c->heads) {
            out[4 * i] = i % 3 != 2 ? i * (step + 1) % CLASSES : NSKY_HEAD_UNLABELLED;
            out[4 * i + 1] = i % 4 != 1 ? (i + step) % 7 : NSKY_HEAD_UNLABELLED;
            out[4 * i + 2] = (i + step) % 3 / 2;
            out[4 * i + 3] = i % 5 != 4 ? (i + step) % 3 : NSKY_HEAD_UNLABELLED;
        } else {
            out[i] = i * (step + 1) % CLASSES;
        }
}

static nsky_learner *open_learner(const golden_case *c, const tolerance *t, nsky_train_graph *query,
                                  nsky_train_graph *key)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_learner *learner;
    uint32_t x = tiny_trunk(query, SIDE);

    if (c->heads)
        nsky_train_add_loose(query, "fc", x, CLASSES + 3);
    else if (c->labels)
        nsky_train_add_linear(query, "classifier", x, CLASSES, true);
    else
        x = nsky_train_add_mlp(query, "projection", x, 16, DIM);
    *key = *query;
    if (c->predictor)
        nsky_train_add_mlp(query, "predictor", x, 16, DIM);
    const nsky_learner_options options = {.ops = t->ops,
                                          .precision = t->precision,
                                          .query = query,
                                          .key = c->labels ? NULL : key,
                                          .heads = c->heads ? make_heads() : NULL,
                                          .batch = BATCH,
                                          .sub_batch = c->sub_batch,
                                          .threads = 2,
                                          .queue = QUEUE,
                                          .temperature = 0.2f,
                                          .symmetric = c->symmetric,
                                          .same_company = true};
    if (nsky_learner_new(&learner, &options, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    nsky_learner_state *s = nsky_learner_state_of(learner);
    start(query, s->params);
    start(c->labels ? query : key, s->slow_params);
    if (!c->labels)
        fill_queue(s->queue);
    return learner;
}

static void run_steps(nsky_learner *learner, const golden_case *c, float losses[STEPS],
                      float *gradients, size_t count)
{
    const nsky_learner_rates rates = {
        .sgd = {0.02, 0.9, 1e-2}, .keep = 0.9, .clip = c->heads ? 0.5 : 0};
    static float images[2 * BATCH * 3 * SIDE * SIDE];
    nsky_learner_result result;
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t labels[4 * BATCH];

    for (uint32_t step = 0; step < STEPS; step++) {
        views_of(step, images);
        labels_of(c, step, labels);
        if (nsky_learner_step(learner, images, c->labels ? labels : NULL, &rates, &result, &err) !=
            NSKY_OK)
            fail_msg("%s", err.text);
        losses[step] = (float)result.loss;
        if (step == 0)
            memcpy(gradients, nsky_learner_gradients(learner), count * sizeof *gradients);
    }
}

static void compare(const golden_case *c, const tolerance *t)
{
    static nsky_train_graph query, key;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_safetensors file;
    char path[64];
    float losses[STEPS];
    void *image;
    size_t bytes;

    snprintf(path, sizeof path, GOLDEN "%s.safetensors", c->name);
    if (nsky_file_read(&image, &bytes, path, 1 << 20, &err) != NSKY_OK ||
        nsky_safetensors_read(&file, image, bytes, path, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    nsky_learner *learner = open_learner(c, t, &query, &key);
    nsky_learner_state *s = nsky_learner_state_of(learner);
    float *gradients = malloc(query.param_floats * sizeof *gradients);
    run_steps(learner, c, losses, gradients, query.param_floats);
    check("losses", c, t, off(&file, "losses", losses, STEPS), t->loss);
    check("gradients", c, t, off(&file, "gradients", gradients, query.param_floats), t->gradients);
    check("params", c, t, off(&file, "params", s->params, query.param_floats), t->end);
    if (!c->labels || c->heads)
        check("slow params", c, t,
              off(&file, "slow_params", s->slow_params, (c->labels ? &query : &key)->param_floats),
              t->end);
    if (!c->labels) {
        check("queue", c, t, off(&file, "queue", s->queue, QUEUE * DIM), t->end);
        assert_int_equal(s->queue_at, STEPS * BATCH * (c->symmetric ? 2 : 1) % QUEUE);
    }
    if (c->sub_batch == BATCH)
        check("statistics", c, t, off(&file, "stats", s->stats, query.stat_floats), t->end);
    free(gradients);
    nsky_learner_free(learner);
    nsky_safetensors_free(&file);
    nsky_free(image);
}

static void test_ten_steps(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < sizeof tolerances / sizeof *tolerances; k++)
            if (tolerances[k].ops->available(tolerances[k].precision))
                compare(&cases[i], &tolerances[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ten_steps)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
