/* judge.c - features by the inference back end, then one linear layer in double.
 * Thread rule: see judge.h. */
#include "encoder/train/judge_private.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/registry.h"

#define OUTLIER 0.15 /* deep surveys' */

nsky_status nsky_judge_open(nsky_judge **out, const nsky_model *model,
                            const nsky_encoder_options *how, nsky_loader *loader,
                            const nsky_judge_head *heads, uint32_t count, bool scaled,
                            nsky_error *err)
{
    assert(out && model && how && loader && heads && count > 0 && count <= NSKY_HEADS_MAX && err);
    nsky_judge *j = nsky_alloc_zero(1, sizeof *j, err);
    uint32_t size = nsky_loader_how(loader)->preprocess.size;
    nsky_precision precision = how->precision;
    nsky_status status;

    *out = NULL;
    if (!j)
        return NSKY_ENOMEM;
    j->loader = loader;
    j->count = count;
    j->scaled = scaled;
    for (uint32_t h = 0; h < count; h++) {
        assert(heads[h].target && heads[h].weight && heads[h].bias);
        j->heads[h] = heads[h];
        j->outputs += heads[h].target->class_count;
    }
    if ((status = nsky_registry_choose(&j->ops, how->device, &precision, err)) != NSKY_OK ||
        (status = nsky_graph_build(&j->graph, model, size, err)) != NSKY_OK ||
        (status = j->ops->open(&j->state, j->graph, precision, &j->batch, err)) != NSKY_OK)
        goto failed;
    if (!(j->images = nsky_alloc_aligned(j->batch, 3 * sizeof(float) * size * size, err)) ||
        !(j->features = nsky_alloc_aligned(j->batch, sizeof(float) * j->graph->dim, err)) ||
        !(j->shares = nsky_alloc(j->batch, sizeof(double) * j->outputs, err))) {
        status = NSKY_ENOMEM;
        goto failed;
    }
    *out = j;
    return NSKY_OK;
failed:
    nsky_judge_close(j);
    return status;
}

void nsky_judge_close(nsky_judge *j)
{
    if (!j)
        return;
    if (j->state)
        j->ops->close(j->state);
    nsky_graph_free(j->graph);
    nsky_free(j->images);
    nsky_free(j->features);
    nsky_free(j->shares);
    nsky_free(j);
}

static void softmax(double *logits, uint32_t count)
{
    double most = logits[0], sum = 0;

    for (uint32_t k = 1; k < count; k++)
        most = fmax(most, logits[k]);
    for (uint32_t k = 0; k < count; k++)
        sum += logits[k] = exp(logits[k] - most);
    for (uint32_t k = 0; k < count; k++)
        logits[k] /= sum;
}

/* What a head says of a vector, by which it is multiplied with factor. */
static void say(const nsky_judge_head *head, const float *features, uint32_t dim, double factor,
                double *shares)
{
    const uint32_t classes = head->target->class_count;

    for (uint32_t k = 0; k < classes; k++) {
        shares[k] = head->bias[k];
        for (uint32_t d = 0; d < dim; d++)
            shares[k] += factor * head->weight[(size_t)k * dim + d] * features[d];
    }
    if (head->target->kind != NSKY_TARGET_NUMBER)
        softmax(shares, classes);
}

static void say_all(const nsky_judge *j, const float *features, double *shares)
{
    const uint32_t dim = j->graph->dim;
    double square = 0;

    for (uint32_t d = 0; d < dim && j->scaled; d++)
        square += (double)features[d] * features[d];
    for (uint32_t h = 0; h < j->count; h++) {
        say(&j->heads[h], features, dim, square > 0 ? NSKY_HEADS_LENGTH / sqrt(square) : 1, shares);
        shares += j->heads[h].target->class_count;
    }
}

nsky_status nsky_judge_run(nsky_judge *j, const nsky_label *rows, uint64_t first, uint32_t count,
                           nsky_error *err)
{
    assert(j && count <= j->batch && err);
    uint32_t size = j->graph->size, dim = j->graph->dim;
    nsky_status status;

    for (uint32_t i = 0; i < j->batch; i++) {
        float *image = j->images + (size_t)i * 3 * size * size;
        uint64_t row = rows ? rows[i < count ? i : 0].row : first + (i < count ? i : 0);
        if (i >= count) /* padding: any image */
            memcpy(image, j->images, sizeof(float) * 3 * size * size);
        else if ((status = nsky_loader_plain(j->loader, row, image, err)) != NSKY_OK)
            return status;
    }
    if ((status = j->ops->run(j->state, j->images, j->features, err)) != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        say_all(j, j->features + (size_t)i * dim, j->shares + (size_t)i * j->outputs);
    return NSKY_OK;
}

uint32_t nsky_judge_likeliest(const double *shares, uint32_t count)
{
    assert(shares);
    uint32_t best = 0;

    for (uint32_t k = 1; k < count; k++)
        if (shares[k] > shares[best])
            best = k;
    return best;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, uint64_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

/* offs is overwritten. */
static void summarise(double *offs, uint64_t count, nsky_judge_result *result)
{
    double sum = 0;
    uint64_t far = 0;

    for (uint64_t i = 0; i < count; i++) {
        sum += offs[i];
        far += fabs(offs[i]) > OUTLIER;
    }
    double middle = median(offs, count);
    for (uint64_t i = 0; i < count; i++)
        offs[i] = fabs(offs[i] - middle);
    result->bias = sum / (double)count;
    result->outliers = (double)far / (double)count;
    result->sigma_mad = 1.4826 * median(offs, count);
}

static double off_by(const nsky_target *t, const double *shares, double value)
{
    double off = nsky_target_estimate(t, shares) - value;

    return t->kind == NSKY_TARGET_BINS ? off / (1 + value) : off;
}

nsky_status nsky_judge_measure(nsky_judge *j, const nsky_target *truth, nsky_judge_result *result,
                               nsky_error *err)
{
    assert(j && truth && result && err);
    const nsky_target *target = j->heads[0].target;
    uint64_t count = truth->labels.count, correct = 0;
    assert(truth->class_count == target->class_count);
    double *offs = nsky_alloc(count, sizeof *offs, err);
    nsky_status status = offs ? NSKY_OK : NSKY_ENOMEM;

    *result = (nsky_judge_result){count, NAN, NAN, NAN, NAN};
    for (uint64_t at = 0; at < count && status == NSKY_OK; at += j->batch) {
        uint32_t some = count - at < j->batch ? (uint32_t)(count - at) : j->batch;
        status = nsky_judge_run(j, truth->labels.labels + at, 0, some, err);
        for (uint32_t i = 0; i < some && status == NSKY_OK; i++) {
            const double *shares = j->shares + (size_t)i * j->outputs;
            if (truth->classes)
                correct +=
                    nsky_judge_likeliest(shares, target->class_count) == truth->classes[at + i];
            if (truth->values)
                offs[at + i] = off_by(target, shares, truth->values[at + i]);
        }
    }
    if (status == NSKY_OK && truth->values)
        summarise(offs, count, result);
    else
        result->accuracy = (double)correct / (double)count;
    nsky_free(offs);
    return status;
}
