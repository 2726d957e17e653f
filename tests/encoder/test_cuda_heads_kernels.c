/* test_cuda_heads_kernels.c - the card's losses of labels, compiled for the host, against
 * heads_loss.c and loss.c: several heads, missing labels, one classifier; and each small kernel
 * against plain loops. Thread rule: one thread. */

#include <math.h>

#include "common/rng.h"
#include "encoder/cuda/train_heads.h"
#include "encoder/train/loss.h"
#include "tests/encoder/cuda_host/host_device.h"
#include "tests/encoder/device_support.h"

#define LIST 40u /* labels of each head */

static nsky_rng rng;

static int setup(void **state)
{
    rng = nsky_rng_at(2026, 12, 2);
    return open_device(state);
}

static void *copy_of(const void *from, size_t bytes)
{
    void *out = malloc(bytes + 1);

    assert_non_null(out);
    return memcpy(out, from, bytes);
}

/* --- heads --- */

typedef struct heads_case {
    const char *words;
    uint32_t samples, dim, classes; /* classes: of each class head */
    uint32_t unlabelled;            /* every so many-th; 1: all; 0: none */
} heads_case;

static const heads_case cases[] = {
    {"class:a", 5, 8, 3, 0},
    {"number:a", 1, 300, 1, 0},
    {"flag:a:2,number:b:0.3", 70, 17, 2, 3},
    {"bins700:a:0.5,class:b,near:b:0.7", 33, 64, 300, 4},
    {"near:a,class:a:2,near:b:0.1,number:c", 300, 128, 5, 2},
    {"class:a,near:a,number:b", 9, 24, 4, 1},
    {"class:a,near:a", 1, 16, 3, 0},
    {"near:a:3,number:b", 4, 16, 1000, 0}, /* nobody has company */
};

/* Labels as nsky_heads_open would have them. */
static void make_targets(nsky_heads *heads, uint32_t classes)
{
    heads->outputs = 0;
    for (uint32_t h = 0; h < heads->count; h++) {
        nsky_head *head = &heads->list[h];
        nsky_target *t = calloc(1, sizeof *t);
        assert_non_null(t);
        t->kind = head->kind;
        t->class_count = head->kind == NSKY_TARGET_NUMBER ? 1
                         : head->kind == NSKY_TARGET_FLAG ? 2
                         : head->bins > 0                 ? head->bins
                                                          : classes;
        t->low = 0.2;
        t->width = 0.7;
        t->classes = malloc(LIST * sizeof *t->classes);
        t->values = malloc(LIST * sizeof *t->values);
        assert_true(t->classes && t->values);
        for (uint32_t i = 0; i < LIST; i++) {
            t->classes[i] = nsky_rng_below(&rng, t->class_count);
            t->values[i] = 2 * nsky_rng_normal(&rng);
        }
        head->target = t;
        head->first = heads->outputs;
        heads->outputs += head->near ? 0 : t->class_count;
    }
}

static void free_targets(nsky_heads *heads)
{
    for (uint32_t h = 0; h < heads->count; h++) {
        free(heads->list[h].target->classes);
        free(heads->list[h].target->values);
        free(heads->list[h].target);
    }
}

/* Which label of its list each sample has, and what the card is told of it. */
static void draw_labels(const heads_case *k, const nsky_heads *heads, uint32_t *which,
                        uint32_t *classes, double *goals)
{
    for (size_t i = 0; i < (size_t)k->samples * heads->count; i++) {
        const nsky_target *t = heads->list[i % heads->count].target;
        uint32_t label = nsky_rng_below(&rng, LIST);
        bool none = k->unlabelled && (i / heads->count + i) % k->unlabelled == 0;
        which[i] = none ? NSKY_HEAD_UNLABELLED : label;
        classes[i] = none ? NSKY_NO_LABEL : t->classes[label];
        goals[i] = none ? NAN : (t->values[label] - t->low) / t->width;
    }
}

static void check_near(const float *got, const float *want, size_t count, const char *what,
                       const heads_case *k)
{
    double size = 0;

    for (size_t i = 0; i < count; i++)
        size = fmax(size, fabs(want[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-5 * size + 1e-12))
            fail_msg("%s: %s %zu is %g, not %g", k->words, what, i, got[i], want[i]);
}

static void check_told(const heads_case *k, const nsky_heads *heads, const double *losses,
                       const uint32_t *judged, const nsky_heads_result *want)
{
    uint32_t right = 0;
    double loss = 0;

    for (uint32_t h = 0; h < heads->count; h++) {
        double sum = 0;
        uint32_t count = 0;
        for (size_t i = h; i < (size_t)k->samples * heads->count; i += heads->count) {
            sum += losses[i];
            count += judged[i] & NSKY_JUDGED;
            assert_true(judged[i] & NSKY_JUDGED || losses[i] == 0);
            right += h == 0 && (judged[i] & NSKY_JUDGED_RIGHT);
        }
        assert_int_equal(count, want->count[h]);
        assert_true(fabs(sum - want->of[h]) <= 2e-5 * (want->of[h] + count));
        loss += heads->list[h].weight * sum;
    }
    assert_true(fabs(loss - want->loss) <= 2e-5 * (want->loss + k->samples));
    assert_int_equal(right, want->right);
}

static void check_heads(const heads_case *k)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_heads heads;
    nsky_heads_result result;
    nsky_heads_loss *host;
    nsky_card_heads *card;

    assert_ok(nsky_heads_parse(&heads, k->words, &err), err);
    make_targets(&heads, k->classes);
    const size_t vectors = (size_t)k->samples * k->dim, labels = (size_t)k->samples * heads.count;
    const size_t weights = (size_t)heads.outputs * k->dim, params = weights + heads.outputs;
    float *features = normals(&rng, vectors, 2), *weight = normals(&rng, params, 0.3);
    float *want = normals(&rng, vectors, NAN), *got = normals(&rng, vectors, NAN),
          *again = normals(&rng, vectors, NAN);
    float *d_want = normals(&rng, params, 1), *d_got = copy_of(d_want, params * sizeof *d_want);
    uint32_t *which = malloc(labels * sizeof *which), *classes = malloc(labels * sizeof *classes);
    double *goals = malloc(labels * sizeof *goals), *losses = malloc(labels * sizeof *losses);
    double *lengths = malloc(k->samples * sizeof *lengths);
    uint32_t *judged = malloc(labels * sizeof *judged);
    assert_true(which && classes && goals && losses && lengths && judged);
    draw_labels(k, &heads, which, classes, goals);
    memset(judged, 0xff, labels * sizeof *judged);
    assert_ok(nsky_heads_loss_new(&host, &heads, &nsky_train_ref, k->samples, k->dim, &err), err);
    assert_ok(nsky_heads_loss_run(host, features, weight, weight + weights, which, 0.25, want,
                                  &result, &err),
              err);
    nsky_heads_loss_collect(host, d_want, d_want + weights);
    nsky_card_heads_args args = {.out = features,
                                 .weight = weight,
                                 .bias = weight + weights,
                                 .classes = classes,
                                 .goals = goals,
                                 .scale = 0.25,
                                 .d_out = got,
                                 .d_weight = d_got,
                                 .d_bias = d_got + weights,
                                 .lengths = lengths,
                                 .losses = losses,
                                 .judged = judged};
    assert_ok(nsky_card_heads_new(&card, dev, &heads, k->samples, k->dim, &err), err);
    assert_ok(nsky_card_heads_run(card, &args, &err), err);
    finish_work();
    check_told(k, &heads, losses, judged, &result);
    check_near(got, want, vectors, "derivative", k);
    check_near(d_got, d_want, params, "gradient", k);
    for (uint32_t n = 0; n < k->samples; n++) {
        double length;
        assert_ok(nsky_row_length(features + (size_t)n * k->dim, k->dim, &length, &err), err);
        assert_true(fabs(lengths[n] - length) < 1e-12 * length);
    }
    args.d_out = again; /* the same bits */
    assert_ok(nsky_card_heads_run(card, &args, &err), err);
    finish_work();
    assert_memory_equal(again, got, vectors * sizeof *got);
    nsky_card_heads_free(card);
    nsky_heads_loss_free(host);
    free_targets(&heads);
    void *blocks[] = {features, weight,  want,  got,    again,   d_want, d_got,
                      which,    classes, goals, losses, lengths, judged};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_heads(&cases[i]);
    assert_int_equal(host_blocks(), 0);
}

/* --- one classifier --- */

static void check_classifier(uint32_t samples, uint32_t classes, bool ties)
{
    nsky_error err = NSKY_ERROR_INIT;
    const size_t count = (size_t)samples * classes;
    float *logits = normals(&rng, count, 3), *want = normals(&rng, count, NAN),
          *got = normals(&rng, count, NAN);
    uint32_t *labels = malloc(samples * sizeof *labels), *judged = calloc(samples, sizeof *judged);
    double *losses = malloc(samples * sizeof *losses), sum = 0;
    uint32_t right = 0;
    nsky_contrast_result result;
    nsky_card_heads *card;

    assert_true(labels && judged && losses);
    for (uint32_t n = 0; n < samples; n++) {
        labels[n] = nsky_rng_below(&rng, classes);
        for (uint32_t c = 0; ties && c < classes; c++)
            logits[(size_t)n * classes + c] = c % 2 ? 3 : -1;
    }
    nsky_cross_entropy(logits, labels, samples, classes, 0.125, want, &result);
    const nsky_card_heads_args args = {.out = logits,
                                       .classes = labels,
                                       .scale = 0.125,
                                       .d_out = got,
                                       .losses = losses,
                                       .judged = judged};
    assert_ok(nsky_card_heads_new(&card, dev, NULL, samples, classes, &err), err);
    assert_ok(nsky_card_heads_run(card, &args, &err), err);
    finish_work();
    for (uint32_t n = 0; n < samples; n++) {
        sum += losses[n];
        right += judged[n] == (NSKY_JUDGED | NSKY_JUDGED_RIGHT);
    }
    assert_true(fabs(sum - result.loss) <= 1e-12 * (result.loss + samples));
    assert_int_equal(right, result.correct);
    for (size_t i = 0; i < count; i++)
        assert_true(fabs(got[i] - want[i]) <= 1e-7 * 0.125);
    nsky_card_heads_free(card);
    void *blocks[] = {logits, want, got, labels, judged, losses};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

static void test_classifiers(void **state)
{
    (void)state;
    check_classifier(1, 2, false);
    check_classifier(5, 255, true);
    check_classifier(3, 257, true);
    check_classifier(70, 4096, false);
    assert_int_equal(host_blocks(), 0);
}

/* --- what goes wrong --- */

/* Features that are nothing, and logits that are no numbers, are told. */
static void test_divergence(void **state)
{
    (void)state;
    enum { ROWS = 3, DIM = 260 };
    float *in = normals(&rng, (size_t)ROWS * DIM, 1), *out = normals(&rng, (size_t)ROWS * DIM, 1);
    double lengths[ROWS], loss = 0;
    uint32_t judged = 0, class = 1;
    nsky_card_head head = {0, 3, false, 1};
    float said[3] = {1, NAN, 2}, d[3];
    const nsky_scale_rows_args scale = {
        .in = in, .out = out, .lengths = lengths, .rows = ROWS, .dim = DIM, .length = 4};
    const nsky_judge_args judge = {.heads = &head,
                                   .said = said,
                                   .classes = &class,
                                   .d_said = d,
                                   .losses = &loss,
                                   .judged = &judged,
                                   .rows = 1,
                                   .head_count = 1,
                                   .outputs = 3,
                                   .scale = 1};

    memset(in + DIM, 0, DIM * sizeof *in);
    in[2 * DIM + 259] = INFINITY;
    RUN(scale_rows, scale);
    assert_true(lengths[0] > 0 && lengths[1] == 0 && isinf(lengths[2]));
    for (uint32_t i = 0; i < DIM; i++) /* a power of two: unit length's bits but for it */
        assert_true(out[i] == (float)(in[i] * 4.0 / lengths[0]));
    RUN(judge, judge);
    assert_true(isnan(loss) && judged & NSKY_JUDGED);
    class = 0;
    said[1] = 0;
    said[2] = INFINITY;
    RUN(judge, judge);
    assert_false(isfinite(loss));
    free(in);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_classifiers),
        cmocka_unit_test(test_divergence),
    };
    return cmocka_run_group_tests(tests, setup, close_device);
}
