/* train_loss.c - see train_loss.h: two products with the queue, one kernel a row between them. The
 * second product adds up the whole queue, which is cut into parts so that a card is busy.
 * Thread rule: see train_network.h. */
#include "encoder/cuda/train_loss.h"

#include <assert.h>

#include "common/memory.h"
#include "encoder/cuda/kernels_learn.h"
#include "encoder/cuda/train_private.h"

#define PART 1024u /* rows of the queue that one block adds up, but for */
#define PARTS_MAX 64u

struct nsky_card_loss {
    nsky_dev *dev;
    uint32_t samples, dim, queue, parts;
    float temperature;
    float *unit, *positives, *d_unit; /* device: [samples, dim] */
    float *cosines;                   /* device: [samples, queue] */
    float *shares;                    /* device: [parts, samples, dim] */
    double *pull;                     /* device: [samples] */
};

static nsky_status alloc(nsky_card_loss *l, void **out, size_t count, size_t times, size_t bytes,
                         nsky_error *err)
{
    size_t all;

    *out = NULL;
    if (!nsky_mul_size(count, times, &all) || !nsky_mul_size(all, bytes, &all))
        return nsky_fail(err, NSKY_ELIMIT, "a queue of %u is too long", l->queue);
    return nsky_dev_alloc(l->dev, out, all, "the loss", err);
}

static nsky_status alloc_all(nsky_card_loss *l, nsky_error *err)
{
    size_t vectors = (size_t)l->samples * l->dim;
    struct {
        void **to;
        size_t count, times, bytes;
    } blocks[] = {{(void **)&l->unit, vectors, 1, sizeof(float)},
                  {(void **)&l->positives, vectors, 1, sizeof(float)},
                  {(void **)&l->d_unit, vectors, 1, sizeof(float)},
                  {(void **)&l->cosines, l->samples, l->queue, sizeof(float)},
                  {(void **)&l->shares, vectors, l->parts, sizeof(float)},
                  {(void **)&l->pull, l->samples, 1, sizeof(double)}};
    nsky_status status = NSKY_OK;

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && status == NSKY_OK; i++)
        status = alloc(l, blocks[i].to, blocks[i].count, blocks[i].times, blocks[i].bytes, err);
    return status;
}

nsky_status nsky_card_loss_new(nsky_card_loss **out, nsky_dev *dev, uint32_t samples, uint32_t dim,
                               uint32_t queue, float temperature, nsky_error *err)
{
    assert(out && dev && samples > 0 && dim > 0 && queue > 0 && temperature > 0 && err);
    nsky_card_loss *l = nsky_alloc_zero(1, sizeof *l, err);
    nsky_status status;

    *out = NULL;
    if (!l)
        return NSKY_ENOMEM;
    l->dev = dev;
    l->samples = samples;
    l->dim = dim;
    l->queue = queue;
    l->temperature = temperature;
    l->parts = (queue + PART - 1) / PART;
    if (l->parts > PARTS_MAX)
        l->parts = PARTS_MAX;
    if ((status = alloc_all(l, err)) != NSKY_OK) {
        nsky_card_loss_free(l);
        return status;
    }
    *out = l;
    return NSKY_OK;
}

void nsky_card_loss_free(nsky_card_loss *l)
{
    if (!l)
        return;
    nsky_dev_free(l->dev, l->unit);
    nsky_dev_free(l->dev, l->positives);
    nsky_dev_free(l->dev, l->d_unit);
    nsky_dev_free(l->dev, l->cosines);
    nsky_dev_free(l->dev, l->shares);
    nsky_dev_free(l->dev, l->pull);
    nsky_free(l);
}

/* cosines [samples, queue] of rows with the queue. */
static nsky_status compare(nsky_card_loss *l, const float *rows, const float *queue,
                           nsky_error *err)
{
    const nsky_matrix_args args =
        nsky_product_abt(rows, queue, l->cosines, l->samples, l->queue, l->dim);

    return NSKY_TRAIN_LAUNCH(l->dev, matrix, &args, err);
}

static nsky_status find_neighbours(nsky_card_loss *l, const nsky_card_loss_args *args,
                                   nsky_error *err)
{
    const nsky_nearest_args nearest = {.cosines = l->cosines,
                                       .queue = args->queue,
                                       .out = l->positives,
                                       .rows = l->samples,
                                       .queue_rows = l->queue,
                                       .dim = l->dim};
    nsky_status status = compare(l, args->keys, args->queue, err);

    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(l->dev, nearest, &nearest, err) : status;
}

/* The queue's share of the derivatives: weights times the queue. */
static nsky_status pull_apart(nsky_card_loss *l, const float *queue, nsky_error *err)
{
    nsky_matrix_args product =
        nsky_product_ab(l->cosines, queue, l->shares, l->samples, l->dim, l->queue);
    const nsky_fold_args fold = {
        .in = l->shares, .out = l->d_unit, .count = (size_t)l->samples * l->dim, .parts = l->parts};
    nsky_status status;

    product.splits = l->parts;
    status = NSKY_TRAIN_LAUNCH(l->dev, matrix, &product, err);
    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(l->dev, fold, &fold, err) : status;
}

nsky_status nsky_card_loss_run(nsky_card_loss *l, const nsky_card_loss_args *args, nsky_error *err)
{
    assert(l && args && err);
    const float *positives = args->neighbours ? l->positives : args->keys;
    const nsky_unit_args unit = {.in = args->queries,
                                 .out = l->unit,
                                 .lengths = args->lengths,
                                 .rows = l->samples,
                                 .dim = l->dim};
    const nsky_weigh_args weigh = {.cosines = l->cosines,
                                   .unit = l->unit,
                                   .positive = positives,
                                   .pull = l->pull,
                                   .loss = args->losses,
                                   .correct = args->correct,
                                   .rows = l->samples,
                                   .queue_rows = l->queue,
                                   .dim = l->dim,
                                   .temperature = l->temperature,
                                   .factor = args->scale / l->temperature};
    const nsky_through_args through = {.d_unit = l->d_unit,
                                       .unit = l->unit,
                                       .positive = positives,
                                       .pull = l->pull,
                                       .lengths = args->lengths,
                                       .d_query = args->d_queries,
                                       .rows = l->samples,
                                       .dim = l->dim};
    nsky_status status = args->neighbours ? find_neighbours(l, args, err) : NSKY_OK;

    if (status != NSKY_OK || (status = NSKY_TRAIN_LAUNCH(l->dev, unit, &unit, err)) != NSKY_OK ||
        (status = compare(l, l->unit, args->queue, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, weigh, &weigh, err)) != NSKY_OK ||
        (status = pull_apart(l, args->queue, err)) != NSKY_OK)
        return status;
    return NSKY_TRAIN_LAUNCH(l->dev, through, &through, err);
}
