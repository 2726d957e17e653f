/* votable_binary.c - see votable_binary.h. All numbers are big-endian. Thread rule: one thread. */
#include "table/votable_binary.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

nsky_status nsky_votable_append(nsky_votable_bytes *bytes, const void *data, size_t count,
                                nsky_error *err)
{
    if (count > bytes->capacity - bytes->used) {
        size_t more = bytes->capacity ? bytes->capacity : 4096;
        while (count > more - bytes->used)
            more *= 2;
        char *grown = nsky_realloc(bytes->data, more, 1, err);
        if (!grown)
            return err->status;
        bytes->data = grown;
        bytes->capacity = more;
    }
    memcpy(bytes->data + bytes->used, data, count);
    bytes->used += count;
    return NSKY_OK;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

nsky_status nsky_base64_take(nsky_base64 *state, nsky_votable_bytes *out, const char *text,
                             size_t length, nsky_error *err)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r')
            continue;
        const bool end = text[i] == '=';
        const int value = base64_value(text[i]);
        if ((value < 0 && !end) || (end && state->count == 0) || (state->ended && !end))
            return nsky_fail(err, NSKY_EDATA, "its stream is no base64");
        state->bits = state->bits << 6 | (end ? 0 : (uint32_t)value);
        state->count++;
        /* The second, third and fourth character complete a byte each; padding completes none. */
        if (state->count > 1 && !end) {
            char byte = (char)(state->bits >> (state->count == 2 ? 4 : state->count == 3 ? 2 : 0));
            nsky_status status = nsky_votable_append(out, &byte, 1, err);
            if (status != NSKY_OK)
                return status;
        }
        state->ended = state->ended || end;
        if (state->count == 4)
            state->bits = state->count = 0;
    }
    return NSKY_OK;
}

typedef enum kind { BOOLEAN, BIT, CHAR, UNICODE, INTEGER, FLOAT, DOUBLE, PAIR } kind;

static const struct type {
    const char *name;
    kind kind;
    uint32_t bytes;
} types[] = {
    {"boolean", BOOLEAN, 1},
    {"bit", BIT, 1},
    {"unsignedByte", INTEGER, 1},
    {"short", INTEGER, 2},
    {"int", INTEGER, 4},
    {"long", INTEGER, 8},
    {"char", CHAR, 1},
    {"unicodeChar", UNICODE, 2},
    {"float", FLOAT, 4},
    {"double", DOUBLE, 8},
    {"floatComplex", PAIR, 8},
    {"doubleComplex", PAIR, 16},
};

static const struct type *type_of(const nsky_votable_field *field)
{
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        if (strcmp(field->datatype, types[t].name) == 0)
            return &types[t];
    return NULL;
}

/* "" is 1, "12" is 12; "*" and "12*" say *variable. false: something else. */
static bool parse_size(const char *text, uint32_t *count, bool *variable)
{
    char *end = (char *)text;
    unsigned long number = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 1;

    *variable = *end == '*';
    *count = (uint32_t)number;
    return number >= 1 && number <= NSKY_VOTABLE_ROW_BYTES_MAX && end[*variable ? 1 : 0] == '\0';
}

nsky_status nsky_votable_binary_check(const nsky_votable_field *fields, uint32_t count,
                                      nsky_error *err)
{
    uint32_t items;
    bool variable;

    for (uint32_t f = 0; f < count; f++) {
        if (!type_of(&fields[f]))
            return nsky_fail(err, NSKY_EDATA, "field %.60s has no known datatype (\"%s\")",
                             fields[f].name, fields[f].datatype);
        if (!parse_size(fields[f].arraysize, &items, &variable))
            return nsky_fail(err, NSKY_EDATA,
                             "field %.60s is an array of arrays (%s), which only TABLEDATA is read "
                             "of; save the table as such, or without it",
                             fields[f].name, fields[f].arraysize);
    }
    return NSKY_OK;
}

static uint64_t big_endian(const unsigned char *data, uint32_t bytes)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < bytes; i++)
        value = value << 8 | data[i];
    return value;
}

static nsky_status put_number(const struct type *type, const unsigned char *data, const char *null,
                              nsky_votable_bytes *out, nsky_error *err)
{
    char text[64] = "";
    uint64_t bits = big_endian(data, type->bytes < 8 ? type->bytes : 8);
    uint32_t half = (uint32_t)bits;
    float single;
    double number;

    switch (type->kind) {
    case INTEGER: /* a byte has no sign, the others have */
        snprintf(text, sizeof text, "%" PRId64,
                 type->bytes == 1   ? (int64_t)bits
                 : type->bytes == 2 ? (int64_t)(int16_t)bits
                 : type->bytes == 4 ? (int64_t)(int32_t)bits
                                    : (int64_t)bits);
        break;
    case FLOAT:
        memcpy(&single, &half, sizeof single);
        snprintf(text, sizeof text, "%.9g", (double)single);
        break;
    case DOUBLE:
        memcpy(&number, &bits, sizeof number);
        snprintf(text, sizeof text, "%.17g", number);
        break;
    case BOOLEAN:
        snprintf(text, sizeof text, "%s",
                 strchr("Tt1", data[0]) && data[0]   ? "true"
                 : strchr("Ff0", data[0]) && data[0] ? "false"
                                                     : "");
        break;
    default: /* complex numbers are nobody's label */
        break;
    }
    if (*null && strcmp(text, null) == 0)
        text[0] = '\0';
    return nsky_votable_append(out, text, strlen(text), err);
}

/* UCS-2, surrogate pairs joined, what is none becomes U+FFFD. */
static nsky_status put_unicode(const unsigned char *data, uint32_t items, nsky_votable_bytes *out,
                               nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < items && status == NSKY_OK; i++) {
        uint32_t c = (uint32_t)big_endian(data + (size_t)2 * i, 2);
        uint32_t low = i + 1 < items ? (uint32_t)big_endian(data + (size_t)2 * i + 2, 2) : 0;
        char text[4];
        size_t length;
        if (c == 0)
            break;
        if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i++;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
        }
        length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t k = length; k-- > 1; c >>= 6)
            text[k] = (char)(0x80 | (c & 0x3f));
        text[0] = (char)(length == 1 ? c : (0xf00u >> length & 0xff) | c);
        status = nsky_votable_append(out, text, length, err);
    }
    return status;
}

static nsky_status put_items(const nsky_votable_field *field, const struct type *type,
                             const unsigned char *data, uint32_t items, nsky_votable_bytes *out,
                             nsky_error *err)
{
    nsky_status status = NSKY_OK;

    if (type->kind == CHAR) {
        size_t length = strnlen((const char *)data, items);
        while (length > 0 && data[length - 1] == ' ')
            length--;
        return nsky_votable_append(out, data, length, err);
    }
    if (type->kind == BIT && items == 1) /* astropy sets another bit of the byte than the first */
        return nsky_votable_append(out, data[0] ? "1" : "0", 1, err);
    if (type->kind == UNICODE)
        return put_unicode(data, items, out, err);
    for (uint32_t i = 0; i < items && status == NSKY_OK; i++) {
        if (i > 0)
            status = nsky_votable_append(out, " ", 1, err);
        if (status == NSKY_OK && type->kind == BIT)
            status = nsky_votable_append(out, data[i / 8] >> (7 - i % 8) & 1 ? "1" : "0", 1, err);
        else if (status == NSKY_OK)
            status = put_number(type, data + (size_t)i * type->bytes, field->null, out, err);
    }
    return status;
}

/* *taken UINT32_MAX: not all there. */
static nsky_status read_field(const nsky_votable_field *field, bool unknown,
                              const unsigned char *data, size_t bytes, size_t *taken,
                              nsky_votable_bytes *out, nsky_error *err)
{
    const struct type *type = type_of(field);
    uint32_t items;
    bool variable, good = parse_size(field->arraysize, &items, &variable);

    assert(type && good);
    *taken = SIZE_MAX;
    if (variable && bytes < 4)
        return NSKY_OK;
    if (variable) {
        items = (uint32_t)big_endian(data, 4);
        if (items > NSKY_VOTABLE_ROW_BYTES_MAX)
            return nsky_fail(err, items > INT32_MAX ? NSKY_EDATA : NSKY_ELIMIT,
                             "field %.60s has %d items", field->name, (int32_t)items);
    }
    size_t start = variable ? 4 : 0;
    size_t size = type->kind == BIT ? ((size_t)items + 7) / 8 : (size_t)items * type->bytes;
    if (bytes - start < size)
        return NSKY_OK;
    *taken = start + size;
    if (!unknown) {
        nsky_status status = put_items(field, type, data + start, items, out, err);
        if (status != NSKY_OK)
            return status;
    }
    return nsky_votable_append(out, "", 1, err);
}

nsky_status nsky_votable_binary_row(const nsky_votable_field *fields, uint32_t count, bool masked,
                                    const char *data, size_t bytes, size_t *taken,
                                    nsky_votable_bytes *out, nsky_error *err)
{
    const unsigned char *mask = (const unsigned char *)data;
    const size_t before = out->used;
    size_t at = masked ? (count + 7) / 8 : 0;

    *taken = 0;
    for (uint32_t f = 0; f < count && at <= bytes; f++) {
        size_t step;
        bool unknown = masked && mask[f / 8] >> (7 - f % 8) & 1;
        nsky_status status =
            read_field(&fields[f], unknown, mask + at, bytes - at, &step, out, err);
        if (status != NSKY_OK)
            return status;
        if (step == SIZE_MAX || at + step > NSKY_VOTABLE_ROW_BYTES_MAX) {
            out->used = before;
            return at + (step == SIZE_MAX ? 0 : step) > NSKY_VOTABLE_ROW_BYTES_MAX ||
                           bytes > 2 * (size_t)NSKY_VOTABLE_ROW_BYTES_MAX
                       ? nsky_fail(err, NSKY_ELIMIT, "a row of more than %u bytes",
                                   NSKY_VOTABLE_ROW_BYTES_MAX)
                       : NSKY_OK;
        }
        at += step;
    }
    if (at > bytes)
        return NSKY_OK;
    *taken = at;
    return NSKY_OK;
}
