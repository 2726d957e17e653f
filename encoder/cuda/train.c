/* train.c - see train.h. A state is a network with a device of its own; what crosses the table's
 * border lies in host memory and is copied. Thread rule: a state belongs to one thread at a time.
 */
#include "encoder/cuda/train.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/train_learner.h"

#define LANES 8u /* sums side by side, which a compiler makes a vector of */

typedef struct cuda_train {
    nsky_dev *dev;
    nsky_train_net *net;
    const nsky_train_graph *graph;
    uint32_t batch;
    size_t in_floats, out_floats; /* of a batch */
    float *params, *sum;          /* device: [param_floats]; sum NULL: forwards only */
    float *in, *d_out;            /* device */
    /* Pinned, what is copied either way: [param_floats], [in], [out], [stat_floats]. A card that is
     * lost may still be reading and writing here, but never in what is the caller's. */
    float *staged, *staged_in, *staged_out, *stats;
} cuda_train;

static bool cuda_available(nsky_precision precision)
{
    return precision == NSKY_BF16;
}

static void cuda_close(void *opened)
{
    cuda_train *t = opened;

    if (!t)
        return;
    nsky_train_net_free(t->net);
    if (t->dev) {
        nsky_dev_free(t->dev, t->params);
        nsky_dev_free(t->dev, t->sum);
        nsky_dev_free(t->dev, t->in);
        nsky_dev_free(t->dev, t->d_out);
        nsky_dev_unpin(t->dev, t->staged);
    }
    nsky_dev_close(t->dev);
    nsky_free(t);
}

static nsky_status alloc(cuda_train *t, float **out, size_t floats, const char *what,
                         nsky_error *err)
{
    void *block = NULL;
    nsky_status status = nsky_dev_alloc(t->dev, &block, floats * sizeof(float), what, err);

    *out = block;
    return status;
}

static nsky_status pin(cuda_train *t, nsky_error *err)
{
    size_t floats = t->graph->param_floats + t->in_floats + t->out_floats + t->graph->stat_floats;
    void *block = NULL;
    nsky_status status = nsky_dev_pin(t->dev, &block, floats * sizeof(float), err);

    if (status != NSKY_OK)
        return status;
    t->staged = block;
    t->staged_in = t->staged + t->graph->param_floats;
    t->staged_out = t->staged_in + t->in_floats;
    t->stats = t->staged_out + t->out_floats;
    return NSKY_OK;
}

static nsky_status open_all(cuda_train *t, bool learns, nsky_error *err)
{
    size_t params = t->graph->param_floats;
    nsky_status status;

    if ((status = nsky_dev_open(&t->dev, err)) != NSKY_OK || (status = pin(t, err)) != NSKY_OK ||
        (status = nsky_train_net_new(&t->net, t->dev, t->graph, t->batch, learns, err)) !=
            NSKY_OK ||
        (status = alloc(t, &t->params, params, "the parameters", err)) != NSKY_OK ||
        (status = alloc(t, &t->in, t->in_floats, "the images", err)) != NSKY_OK)
        return status;
    if (!learns)
        return NSKY_OK;
    if ((status = alloc(t, &t->sum, params, "the derivatives", err)) != NSKY_OK)
        return status;
    return alloc(t, &t->d_out, t->out_floats, "the loss's derivatives", err);
}

static nsky_status cuda_open(void **out, const nsky_train_graph *graph, nsky_precision precision,
                             uint32_t batch, bool learns, nsky_error *err)
{
    assert(out && graph && batch > 0 && batch <= NSKY_TRAIN_BATCH_MAX && err);
    const nsky_train_value *first = &graph->values[0];
    const nsky_train_value *last = &graph->values[graph->value_count - 1];
    cuda_train *t;
    nsky_status status;

    *out = NULL;
    if (!cuda_available(precision))
        return nsky_fail(err, NSKY_EDEVICE, "cuda trains in bf16 only; use --precision bf16");
    if (!(t = nsky_alloc_zero(1, sizeof *t, err)))
        return NSKY_ENOMEM;
    t->graph = graph;
    t->batch = batch;
    t->in_floats = (size_t)batch * first->channels * first->height * first->width;
    t->out_floats = (size_t)batch * last->channels * last->height * last->width;
    if ((status = open_all(t, learns, err)) != NSKY_OK) {
        cuda_close(t);
        return status;
    }
    *out = t;
    return NSKY_OK;
}

static nsky_status copy_in(cuda_train *t, float *to, float *staged, const float *from,
                           size_t floats, nsky_error *err)
{
    memcpy(staged, from, floats * sizeof(float));
    return nsky_dev_copy_in(t->dev, to, staged, floats * sizeof(float), NSKY_STREAM_COMPUTE, err);
}

static nsky_status copy_out(cuda_train *t, float *staged, const float *from, size_t floats,
                            nsky_error *err)
{
    return nsky_dev_copy_out(t->dev, staged, from, floats * sizeof(float), NSKY_STREAM_COMPUTE,
                             err);
}

static nsky_status wait(cuda_train *t, nsky_status status, nsky_error *err)
{
    return status == NSKY_OK ? nsky_dev_sync(t->dev, NSKY_STREAM_COMPUTE, err) : status;
}

static nsky_status cuda_load(void *opened, const float *params, nsky_error *err)
{
    assert(opened && params && err);
    cuda_train *t = opened;
    nsky_status status = copy_in(t, t->params, t->staged, params, t->graph->param_floats, err);

    if (status == NSKY_OK)
        status = nsky_train_net_load(t->net, t->params, err);
    return wait(t, status, err);
}

static nsky_status cuda_forward(void *opened, const float *in, float *out, nsky_error *err)
{
    assert(opened && in && out && err);
    cuda_train *t = opened;
    nsky_status status;

    if ((status = copy_in(t, t->in, t->staged_in, in, t->in_floats, err)) == NSKY_OK &&
        (status = nsky_train_net_forward(t->net, t->in, err)) == NSKY_OK &&
        (status = copy_out(t, t->staged_out, nsky_train_net_out(t->net), t->out_floats, err)) ==
            NSKY_OK)
        status = copy_out(t, t->stats, nsky_train_net_stats(t->net), t->graph->stat_floats, err);
    if ((status = wait(t, status, err)) == NSKY_OK)
        memcpy(out, t->staged_out, t->out_floats * sizeof *out);
    return status;
}

static void cuda_stats(void *opened, float *out)
{
    assert(opened && out);
    const cuda_train *t = opened;

    memcpy(out, t->stats, t->graph->stat_floats * sizeof *out);
}

static nsky_status cuda_backward(void *opened, const float *d_out, nsky_error *err)
{
    assert(opened && d_out && err);
    cuda_train *t = opened;
    nsky_status status = copy_in(t, t->d_out, t->staged_out, d_out, t->out_floats, err);

    if (status == NSKY_OK)
        status = nsky_train_net_backward(t->net, t->d_out, err);
    return wait(t, status, err);
}

/* The caller's sum to the card and back: what is added is added there. */
static nsky_status cuda_add_gradients(void *opened, float *sum, nsky_error *err)
{
    assert(opened && sum && err);
    cuda_train *t = opened;
    size_t floats = t->graph->param_floats;
    nsky_status status;

    if ((status = copy_in(t, t->sum, t->staged, sum, floats, err)) == NSKY_OK &&
        (status = nsky_train_net_add_gradients(t->net, t->sum, err)) == NSKY_OK)
        status = copy_out(t, t->staged, t->sum, floats, err);
    if ((status = wait(t, status, err)) == NSKY_OK)
        memcpy(sum, t->staged, floats * sizeof *sum);
    return status;
}

static float dot(const float *a, const float *b, uint32_t count)
{
    float sums[LANES] = {0}, sum = 0;
    uint32_t i = 0;

    for (; i + LANES <= count; i += LANES)
        for (uint32_t j = 0; j < LANES; j++)
            sums[j] += a[i + j] * b[i + j];
    for (; i < count; i++)
        sum += a[i] * b[i];
    for (uint32_t j = 0; j < LANES; j++)
        sum += sums[j];
    return sum;
}

/* On the host: what asks for it has its numbers there. */
static void cuda_multiply(uint32_t m, uint32_t n, uint32_t k, const float *a, const float *b,
                          bool transposed, float *out)
{
    for (size_t i = 0; i < m; i++) {
        float *row = out + i * n;
        if (transposed) {
            for (size_t j = 0; j < n; j++)
                row[j] = dot(a + i * k, b + j * k, k);
            continue;
        }
        memset(row, 0, n * sizeof *row);
        for (size_t l = 0; l < k; l++)
            for (size_t j = 0; j < n; j++)
                row[j] += a[i * k + l] * b[l * n + j];
    }
}

static const nsky_train_card card = {
    .open = nsky_card_learner_open,
    .put = nsky_card_learner_put,
    .get = nsky_card_learner_get,
    .step = nsky_card_learner_step,
    .stage = nsky_card_learner_stage,
    .step_views = nsky_card_learner_step_views,
    .join = nsky_card_learner_join,
    .leave = nsky_card_learner_leave,
    .close = nsky_card_learner_close,
};

const nsky_train_ops nsky_train_cuda = {
    .name = "cuda",
    .workers = 1,
    .available = cuda_available,
    .open = cuda_open,
    .load = cuda_load,
    .forward = cuda_forward,
    .stats = cuda_stats,
    .backward = cuda_backward,
    .add_gradients = cuda_add_gradients,
    .close = cuda_close,
    .multiply = cuda_multiply,
    .card = &card,
};
