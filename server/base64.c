/* base64.c - see base64.h. */
#include "server/base64.h"

#include <stdint.h>
#include <string.h>

#include "common/memory.h"

char *nsky_base64(const char *prefix, const void *data, size_t bytes, nsky_error *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = data;
    size_t start = strlen(prefix);
    char *text = nsky_alloc(start + (bytes / 3 + 1) * 4 + 1, 1, err);

    if (!text)
        return NULL;
    char *out = text + start;
    memcpy(text, prefix, start);
    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t left = bytes - i < 3 ? (uint32_t)(bytes - i) : 3;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (left > 2 ? in[i + 2] : 0);
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[group & 63] : '=';
    }
    *out = '\0';
    return text;
}
