/* model.c - a weights file opened whole, or not at all.
 * Thread rule: read-only once open; any thread. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/half.h"
#include "common/log.h"
#include "common/memory.h"
#include "encoder/model_private.h"

#define FILE_BYTES_MAX ((size_t)2 << 30)

/* Ours can use it: floats, with sides that fit. */
static bool usable(const nsky_safetensor *t)
{
    if (t->dtype == NSKY_DTYPE_OTHER || t->dims > 4)
        return false;
    for (uint32_t d = 0; d < t->dims; d++)
        if (t->shape[d] > UINT32_MAX)
            return false;
    return true;
}

/* Float32 values can be used where they lie when the machine can address them. */
static bool in_place(const nsky_safetensor *t)
{
    return t->dtype == NSKY_DTYPE_F32 && (uintptr_t)t->data % sizeof(float) == 0;
}

static uint64_t float_count(const nsky_safetensor *t)
{
    return t->bytes / (t->dtype == NSKY_DTYPE_F32 ? 4 : 2);
}

static void convert(const nsky_safetensor *t, float *out)
{
    uint64_t count = float_count(t);

    if (t->dtype == NSKY_DTYPE_F32) {
        memcpy(out, t->data, t->bytes);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint16_t bits = (uint16_t)(t->data[2 * i] | t->data[2 * i + 1] << 8);
        out[i] =
            t->dtype == NSKY_DTYPE_F16 ? nsky_half_to_float(bits) : nsky_bfloat16_to_float(bits);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nsky_weight *)a)->name, ((const nsky_weight *)b)->name);
}

static nsky_status index_weights(nsky_model *model, nsky_error *err)
{
    const nsky_safetensors *file = &model->file;
    size_t floats = 0;
    float *at;

    for (uint32_t i = 0; i < file->count; i++)
        if (usable(&file->tensors[i]) && !in_place(&file->tensors[i]))
            floats += float_count(&file->tensors[i]);
    if (!(model->weights = nsky_alloc_zero(file->count, sizeof *model->weights, err)) ||
        !(model->converted = nsky_alloc(floats, sizeof(float), err)))
        return err->status;
    at = model->converted;
    for (uint32_t i = 0; i < file->count; i++) {
        const nsky_safetensor *t = &file->tensors[i];
        if (!usable(t))
            continue;
        nsky_weight *w = &model->weights[model->weight_count++];
        *w = (nsky_weight){.name = t->name, .data = (const float *)(const void *)t->data};
        w->dims = t->dims;
        for (uint32_t d = 0; d < t->dims; d++)
            w->shape[d] = (uint32_t)t->shape[d];
        if (!in_place(t)) {
            convert(t, at);
            w->data = at;
            at += float_count(t);
        }
    }
    qsort(model->weights, model->weight_count, sizeof *model->weights, by_name);
    return NSKY_OK;
}

const nsky_weight *nsky_model_weight(const nsky_model *model, const char *name)
{
    assert(model && name);
    nsky_weight key = {.name = name};

    return bsearch(&key, model->weights, model->weight_count, sizeof key, by_name);
}

/* There, of this shape, finite; not negative where it is a variance. */
static nsky_status check_weight(const nsky_model *model, const char *name, uint32_t dims,
                                const uint32_t shape[4], bool variance, const char *what,
                                nsky_error *err)
{
    const nsky_weight *w = nsky_model_weight(model, name);
    size_t count = 1;

    if (!w)
        return nsky_fail(err, NSKY_EDATA, "%s: tensor %s is missing, or not F32, F16 or BF16", what,
                         name);
    if (w->dims != dims || memcmp(w->shape, shape, dims * sizeof *shape) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: tensor %s has not the shape a %s needs", what, name,
                         nsky_arch_name(model->info.arch));
    for (uint32_t d = 0; d < dims; d++)
        count *= shape[d];
    for (size_t i = 0; i < count; i++)
        if (!isfinite(w->data[i]) || (variance && w->data[i] < 0))
            return nsky_fail(err, NSKY_EDATA, "%s: tensor %s holds %s at %zu", what, name,
                             isfinite(w->data[i]) ? "a negative variance" : "a non-finite value",
                             i);
    return NSKY_OK;
}

static nsky_status check_conv(const nsky_model *model, const nsky_conv *c, const char *what,
                              nsky_error *err)
{
    const uint32_t shape[4] = {c->out_channels, c->in_channels, c->kernel, c->kernel};
    char name[2 * NSKY_CONV_NAME_BYTES];
    nsky_status status;

    snprintf(name, sizeof name, "%.31s.weight", c->name);
    status = check_weight(model, name, 4, shape, false, what, err);
    for (uint32_t i = 0; i < NSKY_NORM_PARTS && status == NSKY_OK; i++) {
        snprintf(name, sizeof name, "%.31s.%s", c->norm, nsky_norm_parts[i]);
        bool variance = strcmp(nsky_norm_parts[i], "running_var") == 0;
        status = check_weight(model, name, 1, shape, variance, what, err);
    }
    return status;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* One of the network's own tensors ("layer1.0.bn2.weight" belongs to a listed convolution). */
static bool belongs(const char *name, const nsky_conv *convs, uint32_t count)
{
    const char *dot = strrchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : 0;

    if (!starts_with(name, "layer"))
        return true; /* fc, heads: of no interest */
    for (uint32_t i = 0; i < count; i++)
        if ((strlen(convs[i].name) == length && memcmp(convs[i].name, name, length) == 0) ||
            (strlen(convs[i].norm) == length && memcmp(convs[i].norm, name, length) == 0))
            return true;
    return false;
}

/* All that is needed, and no layer that would be left out (a deeper network's). */
static nsky_status check_network(const nsky_model *model, const char *what, nsky_error *err)
{
    nsky_conv convs[NSKY_CONVS_MAX];
    uint32_t count = nsky_arch_convs(model->info.arch, model->info.stem, convs);

    for (uint32_t i = 0; i < count; i++) {
        nsky_status status = check_conv(model, &convs[i], what, err);
        if (status != NSKY_OK)
            return status;
    }
    for (uint32_t i = 0; i < model->file.count; i++)
        if (!belongs(model->file.tensors[i].name, convs, count))
            return nsky_fail(err, NSKY_EDATA, "%s: tensor %s is no part of a %s", what,
                             model->file.tensors[i].name, nsky_arch_name(model->info.arch));
    return NSKY_OK;
}

nsky_status nsky_model_adopt(nsky_model **out, void *image, size_t bytes, const char *what,
                             nsky_error *err)
{
    assert(out && image && what && err);
    nsky_model *model = nsky_alloc_zero(1, sizeof *model, err);
    nsky_status status;

    *out = NULL;
    if (!model) {
        nsky_free(image);
        return err->status;
    }
    model->image = image;
    model->image_bytes = bytes;
    if ((status = nsky_safetensors_read(&model->file, image, bytes, what, err)) == NSKY_OK &&
        (status = index_weights(model, err)) == NSKY_OK &&
        (status = nsky_model_read_info(model, what, err)) == NSKY_OK)
        status = check_network(model, what, err);
    if (status != NSKY_OK) {
        nsky_model_close(model);
        return status;
    }
    nsky_sha256_hex(image, bytes, model->info.sha256);
    *out = model;
    return NSKY_OK;
}

nsky_status nsky_model_open(nsky_model **out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    void *image;
    size_t bytes;

    *out = NULL;
    nsky_status status = nsky_file_read(&image, &bytes, path, FILE_BYTES_MAX, err);
    if (status != NSKY_OK || (status = nsky_model_adopt(out, image, bytes, path, err)) != NSKY_OK)
        return status;
    if ((*out)->assumed)
        nsky_log_info("%s says nothing about its input: prepared as for ImageNet", path);
    return NSKY_OK;
}

nsky_status nsky_model_write(const nsky_model *model, const char *path, nsky_error *err)
{
    assert(model && path && err);
    return nsky_file_write(path, model->image, model->image_bytes, err);
}

void nsky_model_close(nsky_model *model)
{
    if (!model)
        return;
    nsky_safetensors_free(&model->file);
    nsky_free(model->weights);
    nsky_free(model->converted);
    nsky_free(model->image);
    nsky_free(model);
}

const nsky_model_info *nsky_model_info_of(const nsky_model *model)
{
    assert(model);
    return &model->info;
}
