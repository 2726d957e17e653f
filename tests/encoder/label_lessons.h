/* label_lessons.h - made-up images whose labels can be seen in them, and small networks that learn
 * them: a classifier, or several heads. */
#ifndef NSKY_TEST_LABEL_LESSONS_H
#define NSKY_TEST_LABEL_LESSONS_H

#include "tests/encoder/train_networks.h"

#include "encoder/train/learner.h"
#include "tests/common/support.h"

#define SIDE 16u
#define BATCH 32u
#define IMAGE ((size_t)3 * SIDE * SIDE)
#define CLASSES 5u
#define LIST 60u /* labels of each head */
#define HEADS 5u
#define FEATURES 16u
#define BATCHES 5

static uint32_t classes[LIST], flags[LIST], bins[LIST];
static double values[LIST];

/* A label of the list is the place of a brightness: its class, its bin, itself, whether it is
 * large. */
static inline nsky_heads *make_heads(void)
{
    static nsky_target class = {.kind = NSKY_TARGET_CLASSES,
                                .classes = classes,
                                .class_count = CLASSES},
                       number = {.kind = NSKY_TARGET_NUMBER,
                                 .values = values,
                                 .class_count = 1,
                                 .low = 0.1,
                                 .width = 0.8},
                       flag = {.kind = NSKY_TARGET_FLAG, .classes = flags, .class_count = 2},
                       bin = {.kind = NSKY_TARGET_BINS, .classes = bins, .class_count = 7};
    static nsky_heads heads = {.list = {{.weight = 1, .first = 0, .target = &class},
                                        {.weight = 0.5, .first = CLASSES, .target = &number},
                                        {.weight = 0.25, .first = CLASSES + 1, .target = &flag},
                                        {.weight = 0.3, .near = true, .target = &class},
                                        {.weight = 0.7, .first = CLASSES + 3, .target = &bin}},
                               .count = HEADS,
                               .outputs = CLASSES + 3 + 7};

    for (uint32_t i = 0; i < LIST; i++) {
        values[i] = -1.5 + 3.0 * i / LIST;
        classes[i] = i * CLASSES / LIST;
        bins[i] = i * 7 / LIST;
        flags[i] = i > LIST / 2;
    }
    return &heads;
}

typedef struct lesson {
    float *images;   /* [BATCHES, BATCH, 3, SIDE, SIDE] */
    uint32_t *which; /* [BATCHES, BATCH, HEADS], some have none */
    uint32_t *one;   /* [BATCHES, BATCH] */
} lesson;

/* Blobs of many brightnesses, by which they are labelled. */
static inline lesson make_lesson(void)
{
    const size_t count = (size_t)BATCHES * BATCH;
    lesson l = {malloc(count * IMAGE * sizeof(float)), malloc(count * HEADS * sizeof(uint32_t)),
                malloc(count * sizeof(uint32_t))};
    nsky_rng rng = nsky_rng_at(8, 8, 9);

    assert_true(l.images && l.which && l.one);
    make_heads();
    nsky_rng_fill_normal(&rng, l.images, count * IMAGE);
    for (size_t n = 0; n < count; n++) {
        uint32_t label = nsky_rng_below(&rng, LIST);
        double bright = exp(values[label]), width = nsky_rng_range(&rng, 2, 4);
        for (size_t i = 0; i < IMAGE; i++) {
            double x = (double)(i % SIDE) - 7.5, y = (double)(i / SIDE % SIDE) - 7.5;
            float *pixel = &l.images[n * IMAGE + i];
            *pixel = (float)(bright * exp(-(x * x + y * y) / (2 * width * width)) + 0.1 * *pixel);
        }
        l.one[n] = classes[label];
        for (uint32_t h = 0; h < HEADS; h++)
            l.which[n * HEADS + h] = (n + h) % (2 + h) == 1 ? NSKY_HEAD_UNLABELLED : label;
    }
    return l;
}

static inline void lesson_free(lesson *l)
{
    free(l->images);
    free(l->which);
    free(l->one);
}

static inline nsky_learner_options options_of(nsky_train_graph *query, const nsky_train_ops *ops,
                                              nsky_precision precision, bool several)
{
    uint32_t features = tiny_trunk(query, SIDE);

    if (several)
        nsky_train_add_loose(query, "fc", features, make_heads()->outputs);
    else
        nsky_train_add_linear(query, "fc", features, CLASSES, true);
    return (nsky_learner_options){.ops = ops,
                                  .precision = precision,
                                  .query = query,
                                  .heads = several ? make_heads() : NULL,
                                  .batch = BATCH,
                                  .sub_batch = 16,
                                  .threads = 1,
                                  .seed = 4};
}

static inline nsky_status step_of(nsky_learner *learner, const nsky_learner_options *o,
                                  const lesson *l, uint64_t step, nsky_learner_result *result,
                                  nsky_error *err)
{
    const nsky_learner_rates rates = {
        .sgd = {0.02, 0.9, 1e-3}, .keep = 0.9, .clip = step % 2 ? 0.5 : 0, .step = step};
    const size_t at = step % BATCHES * BATCH;

    return nsky_learner_step(learner, l->images + at * IMAGE,
                             o->heads ? l->which + at * HEADS : l->one + at, &rates, result, err);
}

static inline float *kept(const float *from, size_t count)
{
    float *out = malloc(count * sizeof *out);

    assert_non_null(out);
    return memcpy(out, from, count * sizeof *out);
}

#endif
