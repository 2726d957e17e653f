/* safetensors_write.c - a file image as the reference writer lays it out: wider elements first,
 * then by name, header padded with spaces to 8 bytes. Thread rule: pure. */
#include "encoder/safetensors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/half.h"
#include "common/memory.h"

static int in_file_order(const void *a, const void *b)
{
    const nsky_safetensor_source *const *x = a, *const *y = b;

    if ((*x)->half != (*y)->half)
        return (*x)->half ? 1 : -1;
    return strcmp((*x)->name, (*y)->name);
}

static bool tensor_bytes(const nsky_safetensor_source *t, size_t *bytes)
{
    *bytes = t->half ? sizeof(uint16_t) : sizeof(float);
    for (uint32_t i = 0; i < t->dims; i++)
        if (!nsky_mul_size(*bytes, t->shape[i], bytes))
            return false;
    return true;
}

/* By way of text: a container that memory was too short for says so when printed. */
static nsky_status copy_json(nsky_json **out, const nsky_json *from, nsky_error *err)
{
    char *text = nsky_json_print(from, false, err);

    if (!text)
        return err->status;
    nsky_status status = nsky_json_parse(out, text, strlen(text), "__metadata__", err);
    nsky_free(text);
    return status;
}

/* Text of the header; *data_bytes: of all tensors together. */
static char *header_text(const nsky_safetensor_source *const *sorted, uint32_t count,
                         const nsky_json *metadata, size_t *data_bytes, nsky_error *err)
{
    nsky_json *copy = NULL;
    bool fits = true;

    if (metadata && copy_json(&copy, metadata, err) != NSKY_OK)
        return NULL;
    *data_bytes = 0;
    nsky_json *header = nsky_json_object();
    if (copy)
        nsky_json_put(header, "__metadata__", copy);
    for (uint32_t i = 0; i < count && fits; i++) {
        nsky_json *entry = nsky_json_object(), *shape = nsky_json_array();
        nsky_json *offsets = nsky_json_array();
        size_t bytes;
        nsky_json_append_number(offsets, (double)*data_bytes);
        fits = tensor_bytes(sorted[i], &bytes) && nsky_add_size(*data_bytes, bytes, data_bytes);
        nsky_json_append_number(offsets, (double)*data_bytes);
        for (uint32_t d = 0; d < sorted[i]->dims; d++)
            nsky_json_append_number(shape, sorted[i]->shape[d]);
        nsky_json_put_string(entry, "dtype", sorted[i]->half ? "F16" : "F32");
        nsky_json_put(entry, "shape", shape);
        nsky_json_put(entry, "data_offsets", offsets);
        nsky_json_put(header, sorted[i]->name, entry);
    }
    char *text = nsky_json_print(header, false, err);
    nsky_json_free(header);
    if (text && !fits) {
        nsky_fail(err, NSKY_ELIMIT, "tensors too large to write");
        nsky_free(text);
        return NULL;
    }
    return text;
}

static void put_halves(unsigned char *out, const float *in, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t bits = nsky_half_from_float(in[i]);
        out[2 * i] = (unsigned char)bits;
        out[2 * i + 1] = (unsigned char)(bits >> 8);
    }
}

static void *lay_out(const char *header, const nsky_safetensor_source *const *sorted,
                     uint32_t count, size_t data_bytes, size_t *bytes, nsky_error *err)
{
    size_t header_bytes = strlen(header), padded = (header_bytes + 7) / 8 * 8;
    unsigned char *image, *at;

    if (!nsky_add_size(data_bytes, 8 + padded, bytes)) {
        nsky_fail(err, NSKY_ELIMIT, "tensors too large to write");
        return NULL;
    }
    if (!(image = nsky_alloc(*bytes, 1, err)))
        return NULL;
    for (uint32_t i = 0; i < 8; i++)
        image[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    memcpy(image + 8, header, header_bytes);
    memset(image + 8 + header_bytes, ' ', padded - header_bytes);
    at = image + 8 + padded;
    for (uint32_t i = 0; i < count; i++) {
        size_t tensor = 0;
        tensor_bytes(sorted[i], &tensor);
        if (sorted[i]->half)
            put_halves(at, sorted[i]->data, tensor / 2);
        else if (tensor > 0)
            memcpy(at, sorted[i]->data, tensor);
        at += tensor;
    }
    return image;
}

nsky_status nsky_safetensors_build(void **out, size_t *bytes, const nsky_safetensor_source *tensors,
                                   uint32_t count, const nsky_json *metadata, nsky_error *err)
{
    assert(out && bytes && (tensors || count == 0) && err);
    const nsky_safetensor_source **sorted = nsky_alloc(count, sizeof *sorted, err);
    char *header = NULL;
    size_t data_bytes;

    *out = NULL;
    if (!sorted)
        return err->status;
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &tensors[i];
    qsort(sorted, count, sizeof *sorted, in_file_order);
    if ((header = header_text(sorted, count, metadata, &data_bytes, err)))
        *out = lay_out(header, sorted, count, data_bytes, bytes, err);
    nsky_free(header);
    nsky_free(sorted);
    return *out ? NSKY_OK : err->status;
}
