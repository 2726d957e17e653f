/* judge.c - features by the inference back end, then one linear layer in double.
 * Thread rule: see judge.h. */
#include "encoder/train/judge.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "encoder/registry.h"
#include "encoder/train/heads.h"

#define OUTLIER 0.15 /* deep surveys' */

struct nsky_judge {
    const nsky_backend_ops *ops;
    nsky_loader *loader;
    const nsky_target *target;
    const float *weight, *bias;
    bool scaled;
    nsky_graph *graph;
    void *state;
    uint32_t batch;
    float *images, *features;
    double *shares; /* [batch, classes] */
};

nsky_status nsky_judge_open(nsky_judge **out, const nsky_model *model,
                            const nsky_encoder_options *how, nsky_loader *loader,
                            const nsky_target *target, const float *weight, const float *bias,
                            bool scaled, nsky_error *err)
{
    assert(out && model && how && loader && target && weight && bias && err);
    nsky_judge *j = nsky_alloc_zero(1, sizeof *j, err);
    uint32_t size = nsky_loader_how(loader)->preprocess.size;
    nsky_precision precision = how->precision;
    nsky_status status;

    *out = NULL;
    if (!j)
        return NSKY_ENOMEM;
    j->loader = loader;
    j->target = target;
    j->weight = weight;
    j->bias = bias;
    j->scaled = scaled;
    if ((status = nsky_registry_choose(&j->ops, how->device, &precision, err)) != NSKY_OK ||
        (status = nsky_graph_build(&j->graph, model, size, err)) != NSKY_OK ||
        (status = j->ops->open(&j->state, j->graph, precision, &j->batch, err)) != NSKY_OK)
        goto failed;
    if (!(j->images = nsky_alloc_aligned(j->batch, 3 * sizeof(float) * size * size, err)) ||
        !(j->features = nsky_alloc_aligned(j->batch, sizeof(float) * j->graph->dim, err)) ||
        !(j->shares = nsky_alloc(j->batch, sizeof(double) * target->class_count, err))) {
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

/* What the head says of a vector: shares, or for a number the output itself. */
static void say(const nsky_judge *j, const float *features, double *shares)
{
    uint32_t dim = j->graph->dim, classes = j->target->class_count;
    double square = 0, factor = 1;

    for (uint32_t d = 0; d < dim && j->scaled; d++)
        square += (double)features[d] * features[d];
    if (square > 0)
        factor = NSKY_HEADS_LENGTH / sqrt(square);
    for (uint32_t k = 0; k < classes; k++) {
        shares[k] = j->bias[k];
        for (uint32_t d = 0; d < dim; d++)
            shares[k] += factor * j->weight[(size_t)k * dim + d] * features[d];
    }
    if (j->target->kind != NSKY_TARGET_NUMBER)
        softmax(shares, classes);
}

/* Shares of `count` rows of the loader, which are rows[i], or first + i where rows is NULL. */
static nsky_status run(nsky_judge *j, const nsky_label *rows, uint64_t first, uint32_t count,
                       nsky_error *err)
{
    uint32_t size = j->graph->size, dim = j->graph->dim, classes = j->target->class_count;
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
        say(j, j->features + (size_t)i * dim, j->shares + (size_t)i * classes);
    return NSKY_OK;
}

static uint32_t likeliest(const double *shares, uint32_t count)
{
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
    assert(j && truth && result && err && truth->class_count == j->target->class_count);
    uint64_t count = truth->labels.count, correct = 0;
    uint32_t classes = truth->class_count;
    double *offs = nsky_alloc(count, sizeof *offs, err);
    nsky_status status = offs ? NSKY_OK : NSKY_ENOMEM;

    *result = (nsky_judge_result){count, NAN, NAN, NAN, NAN};
    for (uint64_t at = 0; at < count && status == NSKY_OK; at += j->batch) {
        uint32_t some = count - at < j->batch ? (uint32_t)(count - at) : j->batch;
        status = run(j, truth->labels.labels + at, 0, some, err);
        for (uint32_t i = 0; i < some && status == NSKY_OK; i++) {
            const double *shares = j->shares + (size_t)i * classes;
            if (truth->classes)
                correct += likeliest(shares, classes) == truth->classes[at + i];
            if (truth->values)
                offs[at + i] = off_by(j->target, shares, truth->values[at + i]);
        }
    }
    if (status == NSKY_OK && truth->values)
        summarise(offs, count, result);
    else
        result->accuracy = (double)correct / (double)count;
    nsky_free(offs);
    return status;
}

/* --- what it says of every row --- */

/* Quoted where it must be. */
static void put_field(FILE *stream, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++)
        fprintf(stream, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', stream);
}

static void put_head(const nsky_judge *j, FILE *stream)
{
    fputs("id,name,", stream);
    if (!j->target->names) {
        fputs("estimate,sigma\n", stream);
        return;
    }
    fputs("class", stream);
    for (uint32_t k = 0; k < j->target->class_count; k++) {
        fputs(",p_", stream);
        put_field(stream, j->target->names[k]);
    }
    fputc('\n', stream);
}

static void put_row(const nsky_judge *j, FILE *stream, const nsky_object *object,
                    const double *shares)
{
    const nsky_target *t = j->target;
    double mean, square = 0;

    fprintf(stream, "%" PRIu64 ",", object->id);
    put_field(stream, object->name);
    if (t->names) {
        fputc(',', stream);
        put_field(stream, t->names[likeliest(shares, t->class_count)]);
        for (uint32_t k = 0; k < t->class_count; k++)
            fprintf(stream, ",%.6f", shares[k]);
    } else {
        mean = nsky_target_estimate(t, shares);
        for (uint32_t k = 0; k < t->class_count; k++)
            square += shares[k] * pow(t->low + (k + 0.5) * t->width - mean, 2);
        fprintf(stream, ",%.6g,%.6g", mean, sqrt(square));
    }
    fputc('\n', stream);
}

static nsky_status put_rows(nsky_judge *j, FILE *stream, nsky_error *err)
{
    uint64_t rows = nsky_loader_rows(j->loader);
    nsky_object object;
    nsky_status status;

    for (uint64_t at = 0; at < rows; at += j->batch) {
        uint32_t some = rows - at < j->batch ? (uint32_t)(rows - at) : j->batch;
        if ((status = run(j, NULL, at, some, err)) != NSKY_OK)
            return status;
        for (uint32_t i = 0; i < some; i++) {
            if ((status = nsky_loader_object(j->loader, at + i, &object, err)) != NSKY_OK)
                return status;
            put_row(j, stream, &object, j->shares + (size_t)i * j->target->class_count);
        }
    }
    return NSKY_OK;
}

nsky_status nsky_judge_write(nsky_judge *j, const char *path, nsky_error *err)
{
    assert(j && path && err);
    nsky_file_writer writer = {0};
    nsky_status status = nsky_file_begin(&writer, path, err);

    if (status != NSKY_OK)
        return status;
    put_head(j, writer.stream);
    if ((status = put_rows(j, writer.stream, err)) == NSKY_OK)
        status = nsky_file_commit(&writer, err);
    nsky_file_abort(&writer);
    return status;
}
