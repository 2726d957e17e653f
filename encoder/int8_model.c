/* int8_model.c - int8's scales in the weights file's metadata. Thread rule: one thread. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "encoder/int8.h"
#include "encoder/model_private.h"

#define KEY "nsky.int8"
#define LENGTH_BYTES 8u /* of the header, before it */

/* Every value that is kept as bytes, and nothing else. */
static nsky_status take(nsky_graph *graph, const nsky_json *largest, const char *what,
                        nsky_error *err)
{
    size_t wanted = 0;

    for (uint32_t v = 0; v < graph->value_count; v++) {
        const char *name = nsky_int8_name(graph, v);
        if (!nsky_int8_keeps(graph, v))
            continue;
        wanted++;
        double size = nsky_json_get_number(largest, name, 0);
        if (!(size >= NSKY_INT8_LEAST && size <= 1 / NSKY_INT8_LEAST))
            return nsky_fail(err, NSKY_EDATA, "%s: %s has no scale for %s, or none that can be",
                             what, KEY, name);
        graph->values[v].largest = (float)size;
    }
    if (nsky_json_kind(largest) != NSKY_JSON_OBJECT || nsky_json_count(largest) != wanted)
        return nsky_fail(err, NSKY_EDATA, "%s: %s has other scales than this network's", what, KEY);
    return NSKY_OK;
}

nsky_status nsky_int8_read(nsky_graph *graph, const nsky_model *model, bool *found, nsky_error *err)
{
    assert(graph && model && found && err);
    const char *text =
        model->file.metadata ? nsky_json_get_string(model->file.metadata, KEY) : NULL;
    const char *what = model->info.name;
    nsky_json *object = NULL;

    *found = text != NULL;
    for (uint32_t v = 0; v < graph->value_count; v++)
        graph->values[v].largest = 0;
    if (!text)
        return NSKY_OK;
    nsky_status status = nsky_json_parse(&object, text, strlen(text), what, err);
    if (status == NSKY_OK)
        status = take(graph, nsky_json_get(object, "largest"), what, err);
    nsky_json_free(object);
    return status;
}

static char *scales_text(const nsky_graph *graph, uint64_t stamps, nsky_error *err)
{
    nsky_json *object = nsky_json_object(), *largest = nsky_json_object();

    for (uint32_t v = 0; v < graph->value_count; v++)
        if (graph->values[v].largest > 0) {
            char digits[32]; /* 1.234, not 1.2339999675750732 */
            snprintf(digits, sizeof digits, "%.6g", (double)graph->values[v].largest);
            nsky_json_put_number(largest, nsky_int8_name(graph, v), strtod(digits, NULL));
        }
    nsky_json_put_integer(object, "stamps", (int64_t)stamps);
    nsky_json_put_string(object, "statistic", "largest magnitude");
    nsky_json_put(object, "largest", largest);
    char *text = nsky_json_print(object, false, err);
    nsky_json_free(object);
    return text;
}

/* The file's header with the scales in it. */
static char *header_text(const nsky_model *model, const char *scales, nsky_error *err)
{
    char *whole = nsky_json_print(model->file.header, false, err), *text = NULL;
    nsky_json *header = NULL, *metadata = NULL;

    if (!whole)
        return NULL;
    if (nsky_json_parse(&header, whole, strlen(whole), model->info.name, err) != NSKY_OK)
        goto done;
    metadata = nsky_json_object(); /* afresh: what was read is borrowed and not to be changed */
    for (const nsky_json *m = nsky_json_first(nsky_json_get(header, "__metadata__")); m;
         m = nsky_json_next(m))
        nsky_json_put_string(metadata, nsky_json_key(m), nsky_json_string(m));
    nsky_json_put_string(metadata, KEY, scales);
    nsky_json_put(header, "__metadata__", metadata);
    text = nsky_json_print(header, false, err);
done:
    nsky_json_free(header);
    nsky_free(whole);
    return text;
}

/* The tensors' bytes are those of the model's own file, whatever they are. */
static nsky_status write_image(const nsky_model *model, const char *header, const char *path,
                               nsky_error *err)
{
    const unsigned char *image = model->image;
    uint64_t old = 0;
    size_t length = strlen(header), padded = (length + 7) / 8 * 8;

    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        old = old << 8 | image[i];
    size_t data = model->image_bytes - LENGTH_BYTES - old;
    unsigned char *out = nsky_alloc(LENGTH_BYTES + padded + data, 1, err);
    if (!out)
        return err->status;
    for (uint32_t i = 0; i < LENGTH_BYTES; i++)
        out[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    memcpy(out + LENGTH_BYTES, header, length);
    memset(out + LENGTH_BYTES + length, ' ', padded - length);
    memcpy(out + LENGTH_BYTES + padded, image + LENGTH_BYTES + old, data);
    nsky_status status = nsky_file_write(path, out, LENGTH_BYTES + padded + data, err);
    nsky_free(out);
    return status;
}

nsky_status nsky_int8_write(const nsky_graph *graph, const nsky_model *model, uint64_t stamps,
                            const char *path, nsky_error *err)
{
    assert(graph && model && path && err);
    char *scales = scales_text(graph, stamps, err);
    char *header = scales ? header_text(model, scales, err) : NULL;
    nsky_status status = header ? write_image(model, header, path, err) : err->status;

    nsky_free(header);
    nsky_free(scales);
    return status;
}
