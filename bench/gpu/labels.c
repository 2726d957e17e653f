/* labels.c - a step of a training from labels on the card: what the heads said of the card's own
 * features against heads_loss.c, the update against sgd.c, to the last bit, and the same bits
 * twice. Thread rule: one thread. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/gpu/check.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/arch.h"
#include "encoder/cuda/train.h"
#include "encoder/cuda/train_learner.h"
#include "encoder/train/learner.h"

#define SEED 11
#define LIST 100u /* labels of each head */
#define CLASSES 300u
#define BINS 64u
#define HEADS 5u
#define CLOSE 1e-5 /* of the largest: float32 sums in any order */

static const nsky_learner_rates rates = {.sgd = {0.05, 0.9, 1e-4}, .keep = 0.99};

typedef struct check {
    nsky_train_graph *graph;
    nsky_heads heads;
    nsky_target targets[HEADS];
    uint32_t classes[HEADS][LIST];
    double values[LIST];
    uint32_t batch, dim;
    size_t numbers; /* of a state */
    float *images, *features, *d_features, *want, *fc;
    uint32_t *which;
    nsky_learner_state before, after, again;
    float *gradients;
    double worst; /* in tolerances */
    const char *where;
} check;

/* Classes, a number, a flag, near vectors, bins. */
static void make_heads(check *c)
{
    static const nsky_target_kind kinds[HEADS] = {NSKY_TARGET_CLASSES, NSKY_TARGET_NUMBER,
                                                  NSKY_TARGET_FLAG, NSKY_TARGET_CLASSES,
                                                  NSKY_TARGET_BINS};
    static const uint32_t counts[HEADS] = {CLASSES, 1, 2, 3, BINS};
    nsky_rng rng = nsky_rng_at(SEED, 1, 0);

    for (uint32_t h = 0; h < HEADS; h++) {
        const bool near = h == 3;
        c->targets[h] = (nsky_target){.kind = kinds[h],
                                      .classes = c->classes[h],
                                      .class_count = counts[h],
                                      .values = c->values,
                                      .low = 0.3,
                                      .width = 0.7};
        c->heads.list[h] = (nsky_head){.near = near,
                                       .weight = 1.0 / (1 + h),
                                       .first = c->heads.outputs,
                                       .target = &c->targets[h]};
        c->heads.outputs += near ? 0 : counts[h];
        for (uint32_t i = 0; i < LIST; i++)
            c->classes[h][i] = nsky_rng_below(&rng, counts[h]);
    }
    for (uint32_t i = 0; i < LIST; i++)
        c->values[i] = 2 * nsky_rng_normal(&rng);
    c->heads.count = HEADS;
}

static nsky_status new_state(const check *c, nsky_learner_state *out, nsky_error *err)
{
    const size_t params = c->graph->param_floats, stats = c->graph->stat_floats;
    float *block = nsky_alloc_zero(c->numbers, sizeof *block, err);

    *out = (nsky_learner_state){.params = block};
    if (!block)
        return NSKY_ENOMEM;
    out->velocity = block + params;
    out->slow_params = out->velocity + params;
    out->stats = out->slow_params + params;
    out->slow_stats = out->stats + stats;
    return NSKY_OK;
}

static nsky_status make(check *c, const check_args *args, nsky_error *err)
{
    make_heads(c);
    if (!(c->graph = nsky_alloc_zero(1, sizeof *c->graph, err)))
        return NSKY_ENOMEM;
    nsky_train_graph_init(c->graph, 3, args->size);
    const uint32_t x = nsky_train_add_resnet(c->graph, args->arch, NSKY_STEM_IMAGENET);
    nsky_train_add_loose(c->graph, "fc", x, c->heads.outputs);
    c->dim = (uint32_t)nsky_train_out_floats(c->graph);
    c->numbers = 3 * c->graph->param_floats + 2 * c->graph->stat_floats;
    const size_t pixels = c->batch * nsky_train_in_floats(c->graph);
    const size_t vectors = (size_t)c->batch * c->dim, labels = (size_t)c->batch * HEADS;
    if (!(c->images = nsky_alloc(pixels, sizeof(float), err)) ||
        !(c->features = nsky_alloc(3 * vectors, sizeof(float), err)) ||
        !(c->which = nsky_alloc(labels, sizeof *c->which, err)) ||
        !(c->gradients = nsky_alloc(c->graph->param_floats, sizeof(float), err)) ||
        !(c->fc = nsky_alloc_zero(c->graph->param_floats, sizeof(float), err)) ||
        new_state(c, &c->before, err) != NSKY_OK || new_state(c, &c->after, err) != NSKY_OK ||
        new_state(c, &c->again, err) != NSKY_OK)
        return NSKY_ENOMEM;
    c->d_features = c->features + vectors;
    c->want = c->d_features + vectors;
    nsky_rng rng = nsky_rng_at(SEED, 2, 0);
    nsky_rng_fill_normal(&rng, c->images, pixels);
    nsky_train_graph_draw(c->graph, SEED, c->before.params, c->before.stats);
    for (size_t i = 0; i < labels; i++)
        c->which[i] =
            nsky_rng_below(&rng, 4) == 0 ? NSKY_HEAD_UNLABELLED : nsky_rng_below(&rng, LIST);
    return NSKY_OK;
}

/* --- on the card --- */

static nsky_status copy_out(nsky_dev *dev, float *to, const float *from, size_t count,
                            nsky_error *err)
{
    nsky_status status =
        nsky_dev_copy_out(dev, to, from, count * sizeof *to, NSKY_STREAM_COMPUTE, err);

    return status == NSKY_OK ? nsky_dev_sync(dev, NSKY_STREAM_COMPUTE, err) : status;
}

/* What the heads saw, and what they answered. */
static nsky_status look(check *c, const nsky_card_labels *l, nsky_error *err)
{
    const size_t vectors = (size_t)c->batch * c->dim;
    nsky_status status = copy_out(l->dev, c->features, nsky_train_net_out(l->net), vectors, err);

    return status == NSKY_OK ? copy_out(l->dev, c->d_features, l->d_out, vectors, err) : status;
}

static nsky_status run(check *c, nsky_learner_state *after, nsky_learner_result *result,
                       nsky_error *err)
{
    const nsky_train_card *table = nsky_train_cuda.card;
    const nsky_learner_options how = {.ops = &nsky_train_cuda,
                                      .precision = NSKY_BF16,
                                      .query = c->graph,
                                      .heads = &c->heads,
                                      .batch = c->batch,
                                      .sub_batch = c->batch,
                                      .threads = 1};
    void *card = NULL;
    nsky_status status;

    if ((status = table->open(&card, &how, err)) == NSKY_OK &&
        (status = table->put(card, &c->before, err)) == NSKY_OK &&
        (status = table->step(card, c->images, c->which, NULL, &rates, result, err)) == NSKY_OK &&
        (status = table->get(card, after, c->gradients, err)) == NSKY_OK)
        status = look(c, ((const nsky_card_learner *)card)->labels, err);
    table->close(card);
    return status;
}

/* --- against the host --- */

static void multiply(uint32_t m, uint32_t n, uint32_t k, const float *a, const float *b,
                     bool transposed, float *out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t x = 0; x < k; x++)
                sum += (double)a[i * k + x] * b[transposed ? j * k + x : x * n + j];
            out[i * n + j] = (float)sum;
        }
}

static void note(check *c, double off, const char *where)
{
    if (off <= c->worst)
        return;
    c->worst = isfinite(off) ? off : 1e30;
    c->where = where;
}

static void compare(check *c, const float *got, const float *want, size_t count, const char *where)
{
    double size = 0;

    for (size_t i = 0; i < count; i++)
        size = fmax(size, fabs((double)want[i]));
    for (size_t i = 0; i < count; i++)
        note(c, fabs((double)got[i] - want[i]) / (CLOSE * size + 1e-12), where);
}

static void compare_losses(check *c, const nsky_learner_result *got, const nsky_heads_result *want)
{
    const double loss = want->loss / c->batch;

    note(c, fabs(got->loss - loss) / (2 * CLOSE * (loss + 1)), "loss");
    note(c, fabs(got->accuracy - (double)want->right / c->batch) * c->batch, "accuracy");
    for (uint32_t h = 0; h < HEADS; h++) {
        const double one = want->of[h] / want->count[h];
        if (want->count[h] > 0)
            note(c, fabs(got->heads[h] - one) / (2 * CLOSE * (one + 1)), "a head's loss");
    }
}

static nsky_status check_loss(check *c, const nsky_learner_result *said, nsky_error *err)
{
    static const nsky_train_ops plain = {.name = "plain", .multiply = multiply};
    const nsky_train_param *weight = nsky_train_param_named(c->graph, "fc.weight");
    const nsky_train_param *bias = nsky_train_param_named(c->graph, "fc.bias");
    const float *params = c->before.params;
    nsky_heads_result result;
    nsky_heads_loss *loss;
    nsky_status status = nsky_heads_loss_new(&loss, &c->heads, &plain, c->batch, c->dim, err);

    if (status == NSKY_OK)
        status =
            nsky_heads_loss_run(loss, c->features, params + weight->offset, params + bias->offset,
                                c->which, 1.0 / c->batch, c->want, &result, err);
    if (status == NSKY_OK) {
        nsky_heads_loss_collect(loss, c->fc + weight->offset, c->fc + bias->offset);
        compare_losses(c, said, &result);
        compare(c, c->d_features, c->want, (size_t)c->batch * c->dim, "features' derivatives");
        compare(c, c->gradients + weight->offset, c->fc + weight->offset, weight->count, "weights");
        compare(c, c->gradients + bias->offset, c->fc + bias->offset, bias->count, "biases");
    }
    nsky_heads_loss_free(loss);
    return status;
}

/* The same bits. */
static bool same_update(check *c)
{
    const size_t count = c->graph->param_floats, bytes = count * sizeof(float);
    nsky_learner_state *s = &c->before;

    nsky_sgd_step(c->graph, &rates.sgd, 0, count, s->params, s->velocity, c->gradients);
    nsky_ema_step(rates.keep, 0, count, s->slow_params, s->params);
    return memcmp(s->params, c->after.params, bytes) == 0 &&
           memcmp(s->velocity, c->after.velocity, bytes) == 0 &&
           memcmp(s->slow_params, c->after.slow_params, bytes) == 0;
}

static nsky_status judge(check *c, const check_args *args, nsky_error *err)
{
    nsky_learner_result said, twice;
    nsky_status status;

    if ((status = run(c, &c->again, &twice, err)) != NSKY_OK ||
        (status = run(c, &c->after, &said, err)) != NSKY_OK ||
        (status = check_loss(c, &said, err)) != NSKY_OK)
        return status;
    const bool same = said.loss == twice.loss &&
                      memcmp(c->after.params, c->again.params, c->numbers * sizeof(float)) == 0;
    const bool update = same_update(c);
    printf(
        "{\"check\": \"labels\", \"arch\": \"%s\", \"size\": %u, \"batch\": %u, \"worst\": %.3f, "
        "\"where\": \"%s\", \"same_update\": %s, \"same_bits\": %s}\n",
        nsky_arch_name(args->arch), args->size, c->batch, c->worst, c->where,
        update ? "true" : "false", same ? "true" : "false");
    if (!(c->worst <= 1))
        return nsky_fail(err, NSKY_EMISMATCH, "%s: off by %.2f tolerances", c->where, c->worst);
    return same && update ? NSKY_OK
                          : nsky_fail(err, NSKY_EMISMATCH, "the %s not the same bits",
                                      update ? "same step twice is" : "update and sgd.c's are");
}

nsky_status check_labels(const check_args *args, nsky_error *err)
{
    check c = {.batch = args->batch > 1 ? args->batch : 64, .where = ""};
    nsky_status status = make(&c, args, err);

    if (status == NSKY_OK)
        status = judge(&c, args, err);
    void *blocks[] = {c.graph, c.images,        c.features,     c.which,       c.gradients,
                      c.fc,    c.before.params, c.after.params, c.again.params};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        nsky_free(blocks[i]);
    return status;
}
