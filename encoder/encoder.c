/* encoder.c - batches of one fixed size, views averaged, unit length.
 * Thread rule: an encoder belongs to one thread. */
#include "encoder/encoder.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/encoder_private.h"
#include "encoder/int8.h"
#include "encoder/registry.h"

struct nsky_encoder {
    const nsky_backend_ops *ops;
    void *state; /* the back end's */
    nsky_graph *graph;
    nsky_preprocess how; /* the model's, at this encoder's size */
    nsky_precision precision;
    uint32_t batch, dim;
    size_t image_floats; /* 3 size size */
    float *input;        /* [batch, 3, size, size] */
    float *features;     /* [batch, dim] */
    float *image;        /* [3, size, size], before its views are taken */
    double *sum;         /* [dim] over the views of one stamp */
};

/* The model's scales into the graph. */
static nsky_status know_scales(nsky_encoder *enc, const nsky_model *model, nsky_error *err)
{
    bool found;

    if (enc->precision != NSKY_INT8)
        return NSKY_OK;
    nsky_status status = nsky_int8_read(enc->graph, model, &found, err);
    if (status == NSKY_OK && !found)
        return nsky_fail(
            err, NSKY_EINVAL,
            "%s has no scales for int8: run nearsky calibrate STORE --model FILE --out "
            "NEW, then give --model NEW",
            nsky_model_info_of(model)->name);
    return status;
}

nsky_status nsky_encoder_open_on(nsky_encoder **out, const nsky_model *model,
                                 const nsky_backend_ops *ops, nsky_precision precision,
                                 uint32_t size, nsky_error *err)
{
    assert(out && model && ops && err);
    nsky_encoder *enc = nsky_alloc_zero(1, sizeof *enc, err);
    nsky_status status;

    *out = NULL;
    if (!enc)
        return err->status;
    enc->ops = ops;
    enc->precision = precision;
    enc->how = nsky_model_info_of(model)->preprocess;
    if (size > 0)
        enc->how.size = size;
    if ((status = nsky_graph_build(&enc->graph, model, enc->how.size, err)) != NSKY_OK ||
        (status = know_scales(enc, model, err)) != NSKY_OK ||
        (status = ops->open(&enc->state, enc->graph, precision, &enc->batch, err)) != NSKY_OK)
        goto done;
    assert(enc->batch > 0);
    enc->dim = enc->graph->dim;
    enc->image_floats = (size_t)3 * enc->how.size * enc->how.size;
    if (!(enc->input = nsky_alloc_aligned(enc->batch, enc->image_floats * sizeof(float), err)) ||
        !(enc->features = nsky_alloc_aligned(enc->batch, enc->dim * sizeof(float), err)) ||
        !(enc->image = nsky_alloc_aligned(enc->image_floats, sizeof(float), err)) ||
        !(enc->sum = nsky_alloc(enc->dim, sizeof(double), err))) {
        status = err->status;
        goto done;
    }
    *out = enc;
    enc = NULL;
done:
    nsky_encoder_close(enc);
    return status;
}

nsky_status nsky_encoder_open(nsky_encoder **out, const nsky_model *model,
                              const nsky_encoder_options *options, nsky_error *err)
{
    assert(out && model && options && options->device && err);
    nsky_precision precision = options->precision;
    const nsky_backend_ops *ops;

    *out = NULL;
    nsky_status status = nsky_registry_choose(&ops, options->device, &precision, err);
    if (status != NSKY_OK)
        return status;
    return nsky_encoder_open_on(out, model, ops, precision, options->size, err);
}

void nsky_encoder_close(nsky_encoder *enc)
{
    if (!enc)
        return;
    if (enc->state)
        enc->ops->close(enc->state);
    nsky_graph_free(enc->graph);
    nsky_free(enc->input);
    nsky_free(enc->features);
    nsky_free(enc->image);
    nsky_free(enc->sum);
    nsky_free(enc);
}

/* Runs the first n images of the input; the rest of the batch is blanked, for its own sake: what
 * stands there has no influence. */
static nsky_status run_input(nsky_encoder *enc, uint32_t n, nsky_error *err)
{
    memset(enc->input + n * enc->image_floats, 0,
           (enc->batch - n) * enc->image_floats * sizeof(float));
    return enc->ops->run(enc->state, enc->input, enc->features, err);
}

/* sum [dim] -> out [dim], unit length. */
static nsky_status normalise(const double *sum, uint32_t dim, float *out, nsky_error *err)
{
    double square = 0;

    for (uint32_t i = 0; i < dim; i++)
        square += sum[i] * sum[i];
    if (!isfinite(square))
        return nsky_fail(err, NSKY_EDATA, "the network's features are not finite");
    if (square == 0)
        return nsky_fail(err, NSKY_EDATA, "the network sees nothing: all features are zero");
    double scale = 1 / sqrt(square);
    for (uint32_t i = 0; i < dim; i++)
        out[i] = (float)(sum[i] * scale);
    return NSKY_OK;
}

static void add_features(nsky_encoder *enc, uint32_t slot)
{
    const float *features = enc->features + (size_t)slot * enc->dim;

    for (uint32_t i = 0; i < enc->dim; i++)
        enc->sum[i] += features[i];
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

nsky_status nsky_encoder_embed(nsky_encoder *enc, const nsky_tensor *images, float *out,
                               nsky_error *err)
{
    assert(enc && images && (images->n == 0 || (images->data && out)) && err);
    if (images->channels != 3 || images->height != enc->how.size || images->width != enc->how.size)
        return nsky_fail(err, NSKY_EINVAL, "images of %ux%ux%u; this encoder takes 3x%ux%u",
                         images->channels, images->height, images->width, enc->how.size,
                         enc->how.size);
    for (uint32_t i = 0; i < images->n; i++)
        if (!all_finite(images->data + i * enc->image_floats, enc->image_floats))
            return nsky_fail(err, NSKY_EDATA, "image %u has a non-finite pixel", i);
    for (uint32_t first = 0; first < images->n; first += enc->batch) {
        uint32_t n = images->n - first < enc->batch ? images->n - first : enc->batch;
        memcpy(enc->input, images->data + first * enc->image_floats,
               n * enc->image_floats * sizeof(float));
        nsky_status status = run_input(enc, n, err);
        for (uint32_t i = 0; i < n && status == NSKY_OK; i++) {
            memset(enc->sum, 0, enc->dim * sizeof *enc->sum);
            add_features(enc, i);
            status = normalise(enc->sum, enc->dim, out + (size_t)(first + i) * enc->dim, err);
        }
        if (status != NSKY_OK)
            return status;
    }
    return NSKY_OK;
}

/* Features of a full (or the last) batch, whose first slot is view `first` of all stamps' views in
 * a row, into sums; a stamp whose last view was among them is finished. */
static nsky_status take_views(nsky_encoder *enc, uint64_t first, uint32_t n, float *out,
                              nsky_error *err)
{
    uint32_t views = enc->how.views;
    nsky_status status = run_input(enc, n, err);

    for (uint32_t slot = 0; slot < n && status == NSKY_OK; slot++) {
        uint64_t number = first + slot;
        if (number % views == 0)
            memset(enc->sum, 0, enc->dim * sizeof *enc->sum);
        add_features(enc, slot);
        if (number % views == views - 1)
            status = normalise(enc->sum, enc->dim, out + number / views * enc->dim, err);
    }
    return status;
}

nsky_status nsky_encoder_embed_stamps(nsky_encoder *enc, const nsky_stamp *const *stamps,
                                      uint32_t n, float *out, nsky_error *err)
{
    assert(enc && (n == 0 || (stamps && out)) && err);
    uint32_t views = enc->how.views, filled = 0;
    uint64_t total = (uint64_t)n * views;
    nsky_status status = NSKY_OK;

    for (uint64_t number = 0; number < total && status == NSKY_OK; number++) {
        uint32_t view = (uint32_t)(number % views);
        if (view == 0 && (status = nsky_preprocess_run(&enc->how, stamps[number / views],
                                                       enc->image, err)) != NSKY_OK)
            return status;
        nsky_preprocess_view(enc->image, enc->how.size, view,
                             enc->input + filled++ * enc->image_floats);
        if (filled == enc->batch || number == total - 1) {
            status = take_views(enc, number + 1 - filled, filled, out, err);
            filled = 0;
        }
    }
    return status;
}

const char *nsky_row_fault(uint8_t fault)
{
    static const char *const texts[] = {"", "the image has an infinite pixel",
                                        "the network sees nothing: all features are zero",
                                        "the network's features are not finite"};

    assert(fault < sizeof texts / sizeof *texts);
    return texts[fault];
}

bool nsky_encoder_has_slots(const nsky_encoder *enc)
{
    assert(enc);
    return enc->ops->slots != NULL;
}

nsky_status nsky_encoder_open_slots(nsky_encoder *enc, uint32_t count, nsky_error *err)
{
    assert(enc && enc->ops->slots && count > 0 && err);
    return enc->ops->slots->open(enc->state, &enc->how, count, err);
}

nsky_status nsky_slot_begin(nsky_encoder *enc, nsky_slot **out, nsky_error *err)
{
    assert(enc && enc->ops->slots && out && err);
    return enc->ops->slots->begin(enc->state, out, err);
}

nsky_status nsky_slot_put(nsky_encoder *enc, nsky_slot *slot, const nsky_stamp *stamp, bool *full,
                          nsky_error *err)
{
    assert(enc && enc->ops->slots && slot && stamp && full && err);
    return enc->ops->slots->put(slot, stamp, full, err);
}

nsky_status nsky_slot_run(nsky_encoder *enc, nsky_slot *slot, uint16_t *vectors, uint8_t *faults,
                          nsky_error *err)
{
    assert(enc && enc->ops->slots && slot && vectors && faults && err);
    return enc->ops->slots->run(slot, vectors, faults, err);
}

void nsky_slot_end(nsky_encoder *enc, nsky_slot *slot)
{
    assert(enc && enc->ops->slots);
    enc->ops->slots->end(slot);
}

void nsky_encoder_slot_times(const nsky_encoder *enc, nsky_slot_times *out)
{
    assert(enc && enc->ops->slots && out);
    enc->ops->slots->times(enc->state, out);
}

const char *nsky_encoder_backend(const nsky_encoder *enc)
{
    assert(enc);
    return enc->ops->name;
}

nsky_precision nsky_encoder_precision(const nsky_encoder *enc)
{
    assert(enc);
    return enc->precision;
}

uint32_t nsky_encoder_dim(const nsky_encoder *enc)
{
    assert(enc);
    return enc->dim;
}

uint32_t nsky_encoder_batch(const nsky_encoder *enc)
{
    assert(enc);
    return enc->batch;
}
