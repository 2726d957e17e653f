/* train_heads.c - see train_heads.h: a product with the heads' weights, one kernel a label,
 * products back to weights and to features. Thread rule: see train_network.h. */
#include "encoder/cuda/train_heads.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/train_private.h"

struct nsky_card_heads {
    nsky_dev *dev;
    uint32_t samples, dim, count, outputs;
    bool linear, near; /* linear: heads of their own; near: some of them are */
    nsky_card_head list[NSKY_HEADS_MAX];
    nsky_card_head *heads; /* device: list */
    /* device, of heads of their own */
    float *unit, *d_unit;          /* [samples, dim], of length NSKY_HEADS_LENGTH */
    float *said, *d_said;          /* [samples, outputs] */
    float *d_weight;               /* [outputs, dim] */
    float *products, *pull, *both; /* [samples, samples], of near heads */
    float *d_near;                 /* [samples, dim] */
};

static void describe(nsky_card_heads *l, const nsky_heads *heads)
{
    l->linear = heads != NULL;
    l->count = heads ? heads->count : 1;
    l->outputs = heads ? heads->outputs : l->dim;
    l->list[0] = (nsky_card_head){0, l->dim, false, 1};
    for (uint32_t h = 0; heads && h < heads->count; h++) {
        const nsky_head *head = &heads->list[h];
        l->list[h] = (nsky_card_head){head->first, head->near ? 0 : head->target->class_count,
                                      head->target->kind == NSKY_TARGET_NUMBER, head->weight};
        l->near = l->near || head->near;
    }
}

static nsky_status alloc_all(nsky_card_heads *l, nsky_error *err)
{
    const size_t vectors = (size_t)l->samples * l->dim, said = (size_t)l->samples * l->outputs;
    const size_t pairs = l->near ? (size_t)l->samples * l->samples : 0, f = sizeof(float);
    const struct {
        void **to;
        size_t bytes;
    } blocks[] = {{(void **)&l->heads, l->count * sizeof *l->heads},
                  {(void **)&l->unit, l->linear ? vectors * f : 0},
                  {(void **)&l->d_unit, l->linear ? vectors * f : 0},
                  {(void **)&l->said, l->linear ? said * f : 0},
                  {(void **)&l->d_said, l->linear ? said * f : 0},
                  {(void **)&l->d_weight, l->linear ? (size_t)l->outputs * l->dim * f : 0},
                  {(void **)&l->products, pairs * f},
                  {(void **)&l->pull, pairs * f},
                  {(void **)&l->both, pairs * f},
                  {(void **)&l->d_near, l->near ? vectors * f : 0}};
    nsky_status status = NSKY_OK;

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && status == NSKY_OK; i++)
        if (blocks[i].bytes > 0)
            status = nsky_dev_alloc(l->dev, blocks[i].to, blocks[i].bytes, "the heads", err);
    return status;
}

/* What the heads are, to the card. */
static nsky_status send_heads(nsky_card_heads *l, nsky_error *err)
{
    const size_t bytes = l->count * sizeof *l->list;
    void *pinned = NULL;
    nsky_status status = nsky_dev_pin(l->dev, &pinned, bytes, err);

    if (status != NSKY_OK)
        return status;
    memcpy(pinned, l->list, bytes);
    status = nsky_dev_copy_in(l->dev, l->heads, pinned, bytes, NSKY_STREAM_COMPUTE, err);
    if (status == NSKY_OK)
        status = nsky_dev_sync(l->dev, NSKY_STREAM_COMPUTE, err);
    nsky_dev_unpin(l->dev, pinned);
    return status;
}

nsky_status nsky_card_heads_new(nsky_card_heads **out, nsky_dev *dev, const nsky_heads *heads,
                                uint32_t samples, uint32_t dim, nsky_error *err)
{
    assert(out && dev && (!heads || heads->outputs > 0) && samples > 0 && dim > 0 && err);
    nsky_card_heads *l = nsky_alloc_zero(1, sizeof *l, err);
    nsky_status status;

    *out = NULL;
    if (!l)
        return NSKY_ENOMEM;
    l->dev = dev;
    l->samples = samples;
    l->dim = dim;
    describe(l, heads);
    if ((status = alloc_all(l, err)) != NSKY_OK || (status = send_heads(l, err)) != NSKY_OK) {
        nsky_card_heads_free(l);
        return status;
    }
    *out = l;
    return NSKY_OK;
}

void nsky_card_heads_free(nsky_card_heads *l)
{
    if (!l)
        return;
    void *blocks[] = {l->heads,    l->unit,     l->d_unit, l->said, l->d_said,
                      l->d_weight, l->products, l->pull,   l->both, l->d_near};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        nsky_dev_free(l->dev, blocks[i]);
    nsky_free(l);
}

/* --- a sub-batch --- */

static nsky_status judge(nsky_card_heads *l, const nsky_card_heads_args *a, const float *said,
                         float *d_said, nsky_error *err)
{
    nsky_judge_args args = {.heads = l->heads,
                            .said = said,
                            .classes = a->classes,
                            .goals = a->goals,
                            .losses = a->losses,
                            .judged = a->judged,
                            .rows = l->samples,
                            .head_count = l->count,
                            .outputs = l->outputs,
                            .scale = a->scale};

    args.d_said = d_said;
    return NSKY_TRAIN_LAUNCH(l->dev, judge, &args, err);
}

/* Features to one length, and what the heads say of them. */
static nsky_status speak(nsky_card_heads *l, const nsky_card_heads_args *a, nsky_error *err)
{
    const nsky_scale_rows_args scale = {.in = a->out,
                                        .out = l->unit,
                                        .lengths = a->lengths,
                                        .rows = l->samples,
                                        .dim = l->dim,
                                        .length = NSKY_HEADS_LENGTH};
    nsky_matrix_args said =
        nsky_product_abt(l->unit, a->weight, l->said, l->samples, l->outputs, l->dim);
    nsky_status status = NSKY_TRAIN_LAUNCH(l->dev, scale_rows, &scale, err);

    said.bias = a->bias;
    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(l->dev, matrix, &said, err) : status;
}

/* sum += part */
static nsky_status add(nsky_card_heads *l, float *sum, const float *part, size_t count,
                       nsky_error *err)
{
    nsky_fold_args args = {.in = part, .count = count, .parts = 1, .more = true};

    args.out = sum;
    return NSKY_TRAIN_LAUNCH(l->dev, fold, &args, err);
}

/* Back to weights, biases, and the heads' share of the features' derivatives. */
static nsky_status go_back(nsky_card_heads *l, const nsky_card_heads_args *a, nsky_error *err)
{
    const nsky_matrix_args weight =
        nsky_product_atb(l->d_said, l->unit, l->d_weight, l->outputs, l->dim, l->samples);
    const nsky_columns_args bias = {
        .in = l->d_said, .sum = a->d_bias, .rows = l->samples, .columns = l->outputs};
    const nsky_matrix_args unit =
        nsky_product_ab(l->d_said, a->weight, l->d_unit, l->samples, l->dim, l->outputs);
    nsky_status status;

    if ((status = NSKY_TRAIN_LAUNCH(l->dev, matrix, &weight, err)) != NSKY_OK ||
        (status = add(l, a->d_weight, l->d_weight, (size_t)l->outputs * l->dim, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, columns, &bias, err)) != NSKY_OK)
        return status;
    return NSKY_TRAIN_LAUNCH(l->dev, matrix, &unit, err);
}

/* Products of the vectors with each other: the same for every near head. */
static nsky_status compare(nsky_card_heads *l, nsky_error *err)
{
    const nsky_matrix_args args =
        nsky_product_abt(l->unit, l->unit, l->products, l->samples, l->samples, l->dim);

    return NSKY_TRAIN_LAUNCH(l->dev, matrix, &args, err);
}

static nsky_status pull_near(nsky_card_heads *l, const nsky_card_heads_args *a, uint32_t head,
                             nsky_error *err)
{
    const double square = NSKY_HEADS_LENGTH * NSKY_HEADS_LENGTH;
    const nsky_near_args near = {.products = l->products,
                                 .classes = a->classes,
                                 .pull = l->pull,
                                 .losses = a->losses,
                                 .judged = a->judged,
                                 .rows = l->samples,
                                 .head_count = l->count,
                                 .head = head,
                                 .heat = 1 / (NSKY_NEAR_TEMPERATURE * square),
                                 .scale = a->scale * l->list[head].weight};
    const nsky_both_args both = {.in = l->pull, .out = l->both, .rows = l->samples};
    const nsky_matrix_args pull =
        nsky_product_ab(l->both, l->unit, l->d_near, l->samples, l->dim, l->samples);
    nsky_status status;

    if ((status = NSKY_TRAIN_LAUNCH(l->dev, near, &near, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, both, &both, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, matrix, &pull, err)) != NSKY_OK)
        return status;
    return add(l, l->d_unit, l->d_near, (size_t)l->samples * l->dim, err);
}

nsky_status nsky_card_heads_run(nsky_card_heads *l, const nsky_card_heads_args *a, nsky_error *err)
{
    assert(l && a && err && !l->linear == !a->weight);
    const nsky_unscale_args unscale = {.d_unit = l->d_unit,
                                       .unit = l->unit,
                                       .lengths = a->lengths,
                                       .d_rows = a->d_out,
                                       .rows = l->samples,
                                       .dim = l->dim,
                                       .length = NSKY_HEADS_LENGTH};
    nsky_status status;

    if (!l->linear)
        return judge(l, a, a->out, a->d_out, err);
    if ((status = speak(l, a, err)) != NSKY_OK ||
        (status = judge(l, a, l->said, l->d_said, err)) != NSKY_OK ||
        (status = go_back(l, a, err)) != NSKY_OK ||
        (l->near && (status = compare(l, err)) != NSKY_OK))
        return status;
    for (uint32_t h = 0; h < l->count && status == NSKY_OK; h++)
        if (l->list[h].count == 0)
            status = pull_near(l, a, h, err);
    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(l->dev, unscale, &unscale, err) : status;
}
