/* checkpoint.c - everything a training needs to go on as if it had never stopped: a safetensors
 * file whose metadata holds the counters and whose bytes a checksum guards.
 * Thread rule: see trainer.h. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/memory.h"
#include "encoder/safetensors.h"
#include "encoder/train/trainer.h"

#define BYTES_MAX ((size_t)4 << 30)
#define PARTS 6

typedef struct part {
    const char *name;
    float *data; /* NULL: this training has none */
    size_t count;
} part;

static void list_parts(const nsky_trainer *t, part out[PARTS])
{
    const nsky_learner_state *s = nsky_learner_state_of(t->learner);
    size_t queue = (size_t)t->options.queue * t->options.projection;

    out[0] = (part){"params", s->params, t->query.param_floats};
    out[1] = (part){"velocity", s->velocity, t->query.param_floats};
    out[2] = (part){"stats", s->stats, t->query.stat_floats};
    out[3] = (part){"slow_params", s->slow_params, t->key.param_floats};
    out[4] = (part){"slow_stats", s->slow_stats, t->key.stat_floats};
    out[5] = (part){"queue", s->queue, queue};
}

static void put_number(nsky_json *object, const char *key, double number)
{
    char text[40];

    snprintf(text, sizeof text, "%.17g", number);
    nsky_json_put_string(object, key, text);
}

static nsky_json *counters(const nsky_trainer *t, uint32_t crc)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_string(object, "nsky.checkpoint", "1");
    nsky_json_put_string(object, "nsky.identity", t->identity);
    put_number(object, "nsky.step", (double)t->step);
    put_number(object, "nsky.queue_at", nsky_learner_state_of(t->learner)->queue_at);
    put_number(object, "nsky.seconds", nsky_trainer_seconds(t));
    put_number(object, "nsky.epoch_loss", t->epoch_loss);
    put_number(object, "nsky.epoch_accuracy", t->epoch_accuracy);
    put_number(object, "nsky.loss", t->report.loss);
    put_number(object, "nsky.accuracy", t->report.accuracy);
    put_number(object, "nsky.knn_accuracy", t->report.knn_accuracy);
    put_number(object, "nsky.precision_at_10", t->report.precision_at_10);
    put_number(object, "nsky.validation", t->report.validation);
    put_number(object, "nsky.crc32", crc);
    return object;
}

nsky_status nsky_checkpoint_write(const nsky_trainer *t, nsky_error *err)
{
    assert(t && err);
    nsky_safetensor_source sources[PARTS];
    part parts[PARTS];
    uint32_t count = 0, crc = 0;
    void *image = NULL;
    size_t bytes;
    nsky_status status = nsky_learner_fetch(t->learner, err);

    if (status != NSKY_OK)
        return status;
    list_parts(t, parts);
    for (uint32_t i = 0; i < PARTS; i++) {
        if (!parts[i].data)
            continue;
        crc = nsky_crc32(crc, parts[i].data, parts[i].count * sizeof(float));
        sources[count++] = (nsky_safetensor_source){.name = parts[i].name,
                                                    .data = parts[i].data,
                                                    .dims = 1,
                                                    .shape = {(uint32_t)parts[i].count}};
    }
    nsky_json *metadata = counters(t, crc);
    status = nsky_safetensors_build(&image, &bytes, sources, count, metadata, err);
    nsky_json_free(metadata);
    if (status == NSKY_OK)
        status = nsky_file_write(t->checkpoint, image, bytes, err);
    nsky_free(image);
    return status;
}

/* --- reading: as if a stranger had written it --- */

static nsky_status damaged(const nsky_trainer *t, const char *what, nsky_error *err)
{
    return nsky_fail(err, NSKY_EDATA,
                     "%s: %s; remove it, or give --fresh, to begin the training again",
                     t->checkpoint, what);
}

/* A number that was written with put_number, within bounds. */
static bool get_number(const nsky_json *object, const char *key, double low, double high,
                       double *out)
{
    const char *text = nsky_json_get_string(object, key);
    char *end = NULL;

    if (!text)
        return false;
    *out = strtod(text, &end);
    return end != text && *end == '\0' &&
           ((*out >= low && *out <= high) || (isnan(*out) && isnan(low)));
}

/* What the report begins with: any number will do. */
static void get_report(const nsky_json *object, nsky_train_report *out)
{
    const struct {
        const char *key;
        double *number;
    } all[] = {{"nsky.loss", &out->loss},
               {"nsky.accuracy", &out->accuracy},
               {"nsky.knn_accuracy", &out->knn_accuracy},
               {"nsky.precision_at_10", &out->precision_at_10},
               {"nsky.validation", &out->validation}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *text = nsky_json_get_string(object, all[i].key);
        *all[i].number = text ? strtod(text, NULL) : NAN;
    }
}

static const nsky_safetensor *find(const nsky_safetensors *file, const char *name)
{
    for (uint32_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

static nsky_status read_parts(nsky_trainer *t, const nsky_safetensors *file, double crc,
                              nsky_error *err)
{
    part parts[PARTS];
    uint32_t sum = 0, expected = 0;

    list_parts(t, parts);
    for (uint32_t i = 0; i < PARTS; i++) {
        const nsky_safetensor *tensor = find(file, parts[i].name);
        if (!parts[i].data)
            continue;
        expected++;
        if (!tensor || tensor->dtype != NSKY_DTYPE_F32 || tensor->dims != 1 ||
            tensor->shape[0] != parts[i].count)
            return damaged(t, "a tensor is missing or has another shape", err);
        sum = nsky_crc32(sum, tensor->data, parts[i].count * sizeof(float));
    }
    if (sum != crc || file->count != expected)
        return damaged(t, "its bytes are not those that were written", err);
    for (uint32_t i = 0; i < PARTS; i++) {
        if (!parts[i].data)
            continue;
        memcpy(parts[i].data, find(file, parts[i].name)->data, parts[i].count * sizeof(float));
        for (size_t k = 0; k < parts[i].count; k++)
            if (!isfinite(parts[i].data[k]))
                return damaged(t, "it holds values that are not finite", err);
    }
    return NSKY_OK;
}

static nsky_status read_counters(nsky_trainer *t, const nsky_json *metadata, double *crc,
                                 nsky_error *err)
{
    double step, queue_at;

    if (!get_number(metadata, "nsky.step", 0, (double)t->steps, &step) || floor(step) != step ||
        !get_number(metadata, "nsky.queue_at", 0, t->options.queue, &queue_at) ||
        floor(queue_at) != queue_at || (queue_at > 0 && queue_at >= t->options.queue) ||
        !get_number(metadata, "nsky.seconds", 0, 1e12, &t->seconds_before) ||
        !get_number(metadata, "nsky.epoch_loss", -1e30, 1e30, &t->epoch_loss) ||
        !get_number(metadata, "nsky.epoch_accuracy", 0, 1e30, &t->epoch_accuracy) ||
        !get_number(metadata, "nsky.crc32", 0, UINT32_MAX, crc))
        return damaged(t, "its counters make no sense", err);
    t->step = (uint64_t)step;
    nsky_learner_state_of(t->learner)->queue_at = (uint32_t)queue_at;
    get_report(metadata, &t->report);
    return NSKY_OK;
}

nsky_status nsky_checkpoint_read(nsky_trainer *t, nsky_error *err)
{
    assert(t && err);
    nsky_safetensors file = {0};
    void *image = NULL;
    size_t bytes;
    double crc;
    nsky_status status;

    if (!nsky_file_exists(t->checkpoint))
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: there is none", t->checkpoint);
    if ((status = nsky_file_read(&image, &bytes, t->checkpoint, BYTES_MAX, err)) != NSKY_OK)
        return status;
    if ((status = nsky_safetensors_read(&file, image, bytes, t->checkpoint, err)) != NSKY_OK)
        goto done;
    const char *identity =
        file.metadata ? nsky_json_get_string(file.metadata, "nsky.identity") : NULL;
    const char *format =
        file.metadata ? nsky_json_get_string(file.metadata, "nsky.checkpoint") : NULL;
    if (!identity || !format || strcmp(format, "1") != 0) {
        status = damaged(t, "it is no checkpoint of this program", err);
        goto done;
    }
    if ((status = nsky_trainer_same(t, identity, err)) == NSKY_OK &&
        (status = read_counters(t, file.metadata, &crc, err)) == NSKY_OK)
        status = read_parts(t, &file, crc, err);
done:
    nsky_safetensors_free(&file);
    nsky_free(image);
    return status;
}
