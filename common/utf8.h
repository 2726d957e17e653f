/* utf8.h (private) - the one test of UTF-8 that JSON and the log share. Thread rule: pure. */
#ifndef NSKY_UTF8_H
#define NSKY_UTF8_H

#include <stddef.h>

/* Bytes (1 to 4) of the valid sequence at text, or 0: cut short, overlong, a surrogate or beyond
 * U+10FFFF. bytes >= 1. */
static inline size_t nsky_utf8_step(const unsigned char *text, size_t bytes)
{
    unsigned char lead = text[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

    if (length == 0 || lead > 0xF4 || length > bytes)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((lead == 0xE0 && text[1] < 0xA0) || (lead == 0xED && text[1] > 0x9F) ||
        (lead == 0xF0 && text[1] < 0x90) || (lead == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

#endif
