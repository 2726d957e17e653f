/* band.c - see band.h. Thread rule: pure. */
#include "ingest/band.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static char band_letter(char c)
{
    c = (char)tolower((unsigned char)c);
    return c != '\0' && strchr("ugrizy", c) ? c : '\0';
}

/* A letter, perhaps p for "prime", perhaps a digit for the filter's generation. */
static char band_of_word(const char *word, size_t bytes)
{
    char band = bytes > 0 ? band_letter(word[0]) : '\0';
    size_t at = 1;

    if (at < bytes && tolower((unsigned char)word[at]) == 'p')
        at++;
    if (at < bytes && isdigit((unsigned char)word[at]))
        at++;
    return at >= bytes ? band : '\0';
}

char nsky_band_of_filter(const char *text)
{
    while (*text != '\0') {
        size_t bytes = 0;
        while (*text != '\0' && !isalnum((unsigned char)*text))
            text++;
        while (isalnum((unsigned char)text[bytes]))
            bytes++;
        char band = band_of_word(text, bytes);
        if (band != '\0')
            return band;
        text += bytes;
    }
    return '\0';
}

static bool is_separator(char c)
{
    return c == '-' || c == '_' || c == '.' || c == ' ';
}

bool nsky_band_in_stem(const char *stem, size_t bytes, nsky_band_word *out)
{
    for (size_t at = bytes; at-- > 0;) {
        bool starts = at == 0 || is_separator(stem[at - 1]);
        bool ends = at + 1 == bytes || is_separator(stem[at + 1]);
        char band = band_letter(stem[at]);
        if (starts && ends && band != '\0') {
            *out = (nsky_band_word){band, at};
            return true;
        }
    }
    return false;
}

bool nsky_band_is_folder(const char *name, size_t bytes, char *band)
{
    *band = '\0';
    if (bytes == 1)
        return (*band = band_letter(name[0])) != '\0';
    if (bytes == 6 && strncasecmp(name + 2, "band", 4) == 0 && is_separator(name[1]))
        return (*band = band_letter(name[0])) != '\0';
    if (bytes < 5 || strncasecmp(name, "band", 4) != 0)
        return false;
    size_t at = is_separator(name[4]) ? 5 : 4;
    if (bytes - at == 1 && (*band = band_letter(name[at])) != '\0')
        return true;
    for (size_t i = at; i < bytes; i++)
        if (!isdigit((unsigned char)name[i]))
            return false;
    return at < bytes && bytes - at <= 2;
}
