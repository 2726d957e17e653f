/* output.c - see output.h. */
#include "table/output.h"

#include <string.h>

#include "common/memory.h"
#include "common/utf8.h"
#include "table/format.h"

#define FIRST_BYTES 4096

static void put_memory(nsky_output *out, const void *data, size_t bytes)
{
    size_t needed;

    if (!nsky_add_size(out->bytes, bytes, &needed) || needed > NSKY_TABLE_BYTES_MAX) {
        nsky_table_too_large(&out->err);
        return;
    }
    if (needed > out->capacity) {
        size_t capacity = 2 * out->capacity > needed ? 2 * out->capacity : needed + FIRST_BYTES;
        char *grown = nsky_realloc(out->data, capacity, 1, &out->err);
        if (!grown)
            return;
        out->data = grown;
        out->capacity = capacity;
    }
    memcpy(out->data + out->bytes, data, bytes);
    out->bytes = needed;
}

void nsky_output_put(nsky_output *out, const void *data, size_t bytes)
{
    if (out->err.status != NSKY_OK || bytes == 0)
        return;
    if (!out->stream)
        put_memory(out, data, bytes);
    else if (fwrite(data, 1, bytes, out->stream) != bytes)
        nsky_fail_errno(&out->err, "%s: cannot write", out->name);
}

void nsky_output_text(nsky_output *out, const char *text)
{
    nsky_output_put(out, text, strlen(text));
}

nsky_status nsky_output_check(const nsky_output *out, nsky_error *err)
{
    if (out->err.status != NSKY_OK)
        *err = out->err;
    return out->err.status;
}

/* Bytes of the character at text, 0 where it must be replaced (by `*skip` bytes less input). */
static size_t step(const unsigned char *text, size_t bytes, nsky_charset charset, size_t *skip)
{
    size_t length = nsky_utf8_step(text, bytes);

    *skip = length ? length : 1;
    if (length == 0 || charset == NSKY_CHARSET_UTF8)
        return length;
    if (length == 1)
        return text[0] >= ' ' || text[0] == '\t' || text[0] == '\n' || text[0] == '\r';
    if (charset == NSKY_CHARSET_XML_ASCII)
        return 0;
    return length == 3 && text[0] == 0xEF && text[1] == 0xBF && text[2] >= 0xBE ? 0 : length;
}

const char *nsky_clean_text(nsky_cleaner *cleaner, const char *text, nsky_charset charset,
                            nsky_error *err)
{
    const char *other = charset == NSKY_CHARSET_XML_ASCII ? "?" : "\xEF\xBF\xBD";
    size_t bytes = strlen(text), good = 0, skip, room;

    while (good < bytes &&
           step((const unsigned char *)text + good, bytes - good, charset, &skip) != 0)
        good += skip;
    if (good == bytes)
        return text;
    if (!nsky_mul_size(bytes, 3, &room) || !nsky_add_size(room, 1, &room)) {
        nsky_fail(err, NSKY_ELIMIT, "a text of %zu bytes", bytes);
        return NULL;
    }
    if (room > cleaner->room) {
        char *grown = nsky_realloc(cleaner->text, room, 1, err);
        if (!grown)
            return NULL;
        cleaner->text = grown;
        cleaner->room = room;
    }
    char *to = cleaner->text;
    for (size_t at = 0; at < bytes; at += skip) {
        size_t length = step((const unsigned char *)text + at, bytes - at, charset, &skip);
        const char *from = length ? text + at : other;
        length = length ? length : strlen(other);
        memcpy(to, from, length);
        to += length;
    }
    *to = '\0';
    return cleaner->text;
}

void nsky_cleaner_free(nsky_cleaner *cleaner)
{
    nsky_free(cleaner->text);
    *cleaner = (nsky_cleaner){NULL, 0};
}
