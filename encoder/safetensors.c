/* safetensors.c - reading: every rule of the format before a byte is used. Thread rule: pure. */
#include "encoder/safetensors.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define LENGTH_BYTES 8u

static const struct {
    const char *name;
    uint32_t bytes;
    nsky_dtype dtype;
} dtypes[] = {
    {"F32", 4, NSKY_DTYPE_F32},       {"F16", 2, NSKY_DTYPE_F16},
    {"BF16", 2, NSKY_DTYPE_BF16},     {"F64", 8, NSKY_DTYPE_OTHER},
    {"I64", 8, NSKY_DTYPE_OTHER},     {"U64", 8, NSKY_DTYPE_OTHER},
    {"I32", 4, NSKY_DTYPE_OTHER},     {"U32", 4, NSKY_DTYPE_OTHER},
    {"I16", 2, NSKY_DTYPE_OTHER},     {"U16", 2, NSKY_DTYPE_OTHER},
    {"I8", 1, NSKY_DTYPE_OTHER},      {"U8", 1, NSKY_DTYPE_OTHER},
    {"BOOL", 1, NSKY_DTYPE_OTHER},    {"F8_E4M3", 1, NSKY_DTYPE_OTHER},
    {"F8_E5M2", 1, NSKY_DTYPE_OTHER},
};

/* A count in JSON: not negative, whole, and exact in a double. */
static bool read_count(const nsky_json *value, uint64_t *out)
{
    double number = nsky_json_number(value, -1);

    if (!(number >= 0 && number < 9007199254740992.0) || floor(number) != number)
        return false;
    *out = (uint64_t)number;
    return true;
}

static nsky_status read_dtype(nsky_safetensor *t, const nsky_json *entry, uint32_t *item_bytes,
                              const char *what, nsky_error *err)
{
    const char *name = nsky_json_get_string(entry, "dtype");

    for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            t->dtype = dtypes[i].dtype;
            *item_bytes = dtypes[i].bytes;
            return NSKY_OK;
        }
    return nsky_fail(err, NSKY_EDATA, "%s: tensor %s: dtype %s is unknown", what, t->name,
                     name ? name : "(none)");
}

/* Sets shape and *bytes = product x item_bytes. */
static nsky_status read_shape(nsky_safetensor *t, const nsky_json *entry, uint32_t item_bytes,
                              uint64_t *bytes, const char *what, nsky_error *err)
{
    const nsky_json *shape = nsky_json_get(entry, "shape");

    if (!shape || nsky_json_kind(shape) != NSKY_JSON_ARRAY)
        return nsky_fail(err, NSKY_EDATA, "%s: tensor %s has no shape", what, t->name);
    if (nsky_json_count(shape) > NSKY_SAFETENSORS_DIMS_MAX)
        return nsky_fail(err, NSKY_EDATA, "%s: tensor %s has more than %u dimensions", what,
                         t->name, NSKY_SAFETENSORS_DIMS_MAX);
    *bytes = item_bytes;
    for (const nsky_json *v = nsky_json_first(shape); v; v = nsky_json_next(v)) {
        uint64_t side;
        if (!read_count(v, &side))
            return nsky_fail(err, NSKY_EDATA, "%s: tensor %s: a side is no count", what, t->name);
        t->shape[t->dims++] = side;
        if (__builtin_mul_overflow(*bytes, side, bytes))
            return nsky_fail(err, NSKY_EDATA, "%s: tensor %s: shape overflows", what, t->name);
    }
    return NSKY_OK;
}

static nsky_status read_tensor(nsky_safetensor *t, const nsky_json *entry,
                               const unsigned char *buffer, uint64_t buffer_bytes, const char *what,
                               nsky_error *err)
{
    const nsky_json *offsets = nsky_json_get(entry, "data_offsets");
    const nsky_json *first = offsets ? nsky_json_first(offsets) : NULL;
    uint64_t begin, end, bytes = 0;
    uint32_t item_bytes = 0;
    nsky_status status;

    memset(t, 0, sizeof *t);
    t->name = nsky_json_key(entry);
    if (nsky_json_kind(entry) != NSKY_JSON_OBJECT || nsky_json_count(entry) != 3)
        return nsky_fail(err, NSKY_EDATA, "%s: tensor %s is not {dtype, shape, data_offsets}", what,
                         t->name);
    if ((status = read_dtype(t, entry, &item_bytes, what, err)) != NSKY_OK ||
        (status = read_shape(t, entry, item_bytes, &bytes, what, err)) != NSKY_OK)
        return status;
    if (!first || nsky_json_kind(offsets) != NSKY_JSON_ARRAY || nsky_json_count(offsets) != 2 ||
        !read_count(first, &begin) || !read_count(nsky_json_next(first), &end))
        return nsky_fail(err, NSKY_EDATA, "%s: tensor %s: data_offsets are not two counts", what,
                         t->name);
    if (begin > end || end > buffer_bytes)
        return nsky_fail(err, NSKY_EDATA, "%s: tensor %s lies outside the file", what, t->name);
    if (end - begin != bytes)
        return nsky_fail(err, NSKY_EDATA, "%s: tensor %s: shape and size disagree", what, t->name);
    t->data = buffer + begin;
    t->bytes = bytes;
    return NSKY_OK;
}

/* Empty tensors share their offset with the next one: by end decides. */
static int by_data(const void *a, const void *b)
{
    const nsky_safetensor *x = a, *y = b;

    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static nsky_status read_metadata(nsky_safetensors *file, const nsky_json *value, const char *what,
                                 nsky_error *err)
{
    if (nsky_json_kind(value) != NSKY_JSON_OBJECT)
        return nsky_fail(err, NSKY_EDATA, "%s: __metadata__ is not an object", what);
    for (const nsky_json *v = nsky_json_first(value); v; v = nsky_json_next(v))
        if (nsky_json_kind(v) != NSKY_JSON_STRING)
            return nsky_fail(err, NSKY_EDATA, "%s: __metadata__ %s is not a string", what,
                             nsky_json_key(v));
    file->metadata = value;
    return NSKY_OK;
}

/* No gaps, no overlaps, nothing behind the last: otherwise two readers could see two files. */
static nsky_status check_layout(const nsky_safetensors *file, const unsigned char *buffer,
                                uint64_t buffer_bytes, const char *what, nsky_error *err)
{
    const unsigned char *expected = buffer;

    for (uint32_t i = 0; i < file->count; i++) {
        const nsky_safetensor *t = &file->tensors[i];
        if (t->data != expected)
            return nsky_fail(err, NSKY_EDATA, "%s: tensor %s %s", what, t->name,
                             t->data < expected ? "overlaps another" : "follows a gap");
        expected += t->bytes;
    }
    if (expected != buffer + buffer_bytes)
        return nsky_fail(err, NSKY_EDATA, "%s: %llu bytes belong to no tensor", what,
                         (unsigned long long)(buffer + buffer_bytes - expected));
    return NSKY_OK;
}

static nsky_status read_entries(nsky_safetensors *file, const unsigned char *buffer,
                                uint64_t buffer_bytes, const char *what, nsky_error *err)
{
    size_t count = nsky_json_count(file->header);
    nsky_status status;

    if (nsky_json_kind(file->header) != NSKY_JSON_OBJECT)
        return nsky_fail(err, NSKY_EDATA, "%s: the header is not a JSON object", what);
    if (count > NSKY_SAFETENSORS_TENSORS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: %zu tensors; at most %u are read", what, count,
                         NSKY_SAFETENSORS_TENSORS_MAX);
    if (!(file->tensors = nsky_alloc(count, sizeof *file->tensors, err)))
        return err->status;
    for (const nsky_json *v = nsky_json_first(file->header); v; v = nsky_json_next(v)) {
        status =
            strcmp(nsky_json_key(v), "__metadata__") == 0
                ? read_metadata(file, v, what, err)
                : read_tensor(&file->tensors[file->count++], v, buffer, buffer_bytes, what, err);
        if (status != NSKY_OK)
            return status;
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, by_data);
    return check_layout(file, buffer, buffer_bytes, what, err);
}

nsky_status nsky_safetensors_read(nsky_safetensors *out, const void *image, size_t bytes,
                                  const char *what, nsky_error *err)
{
    assert(out && (image || bytes == 0) && what && err);
    const unsigned char *at = image;
    uint64_t header_bytes = 0;
    nsky_status status;

    memset(out, 0, sizeof *out);
    if (bytes < LENGTH_BYTES)
        return nsky_fail(err, NSKY_EDATA, "%s: too short to be a safetensors file", what);
    for (uint32_t i = 0; i < LENGTH_BYTES; i++)
        header_bytes |= (uint64_t)at[i] << (8 * i);
    if (header_bytes > NSKY_SAFETENSORS_HEADER_MAX)
        return nsky_fail(err, NSKY_EDATA, "%s: not a safetensors file (header of %llu bytes)", what,
                         (unsigned long long)header_bytes);
    if (header_bytes > bytes - LENGTH_BYTES)
        return nsky_fail(err, NSKY_EDATA, "%s: cut short within its header", what);
    at += LENGTH_BYTES;
    if (header_bytes == 0 || at[0] != '{')
        return nsky_fail(err, NSKY_EDATA, "%s: not a safetensors file (no header)", what);
    if ((status = nsky_json_parse(&out->header, (const char *)at, header_bytes, what, err)) ==
        NSKY_OK)
        status =
            read_entries(out, at + header_bytes, bytes - LENGTH_BYTES - header_bytes, what, err);
    if (status != NSKY_OK)
        nsky_safetensors_free(out);
    return status;
}

void nsky_safetensors_free(nsky_safetensors *file)
{
    nsky_json_free(file->header);
    nsky_free(file->tensors);
    memset(file, 0, sizeof *file);
}
