/* cards.c - header cards, read without trusting anything. */
#include "fits/cards.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool nsky_cards_read(nsky_cards *out, const char *data, size_t bytes)
{
    size_t most = bytes / NSKY_CARD_BYTES;

    for (size_t i = 0; i < most; i++) {
        if (nsky_card_is(data + i * NSKY_CARD_BYTES, "END")) {
            *out = (nsky_cards){.text = data, .count = (uint32_t)i};
            return true;
        }
    }
    return false;
}

bool nsky_card_is(const char *card, const char *key)
{
    size_t length = strlen(key);

    assert(length <= 8);
    if (memcmp(card, key, length) != 0)
        return false;
    for (size_t i = length; i < 8; i++)
        if (card[i] != ' ')
            return false;
    return true;
}

const char *nsky_cards_at(const nsky_cards *cards, uint32_t index)
{
    return index < cards->count ? cards->text + (size_t)index * NSKY_CARD_BYTES : NULL;
}

const char *nsky_cards_find(const nsky_cards *cards, const char *key)
{
    for (uint32_t i = 0; i < cards->count; i++) {
        const char *card = nsky_cards_at(cards, i);
        if (nsky_card_is(card, key))
            return card;
    }
    return NULL;
}

/* First character of the value, blanks skipped; card + 80 when there is none. */
static const char *value_of(const char *card)
{
    const char *end = card + NSKY_CARD_BYTES;

    if (card[8] != '=' || card[9] != ' ')
        return end;
    const char *at = card + 10;
    while (at < end && *at == ' ')
        at++;
    return at;
}

bool nsky_card_integer(const char *card, int64_t *out)
{
    if (!card)
        return false;
    const char *at = value_of(card), *end = card + NSKY_CARD_BYTES;
    bool negative = at < end && *at == '-';
    int64_t value = 0;

    if (at < end && (*at == '-' || *at == '+'))
        at++;
    const char *digits = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return false;
    if (at == digits || (at < end && *at != ' ' && *at != '/'))
        return false; /* no digits, or a decimal point and the like after them */
    *out = negative ? -value : value;
    return true;
}

bool nsky_card_double(const char *card, double *out)
{
    char text[NSKY_CARD_BYTES + 1];
    size_t used = 0;

    if (!card)
        return false;
    for (const char *at = value_of(card); at < card + NSKY_CARD_BYTES; at++) {
        if (*at == ' ' || *at == '/')
            break;
        if (!strchr("+-.0123456789EeDd", *at) || *at == '\0')
            return false; /* also keeps hexadecimal, inf and nan from strtod */
        text[used++] = *at == 'D' || *at == 'd' ? 'E' : *at;
    }
    text[used] = '\0';
    char *end;
    double value = strtod(text, &end);
    if (used == 0 || end != text + used || !isfinite(value))
        return false;
    *out = value;
    return true;
}

bool nsky_card_true(const char *card)
{
    if (!card)
        return false;
    const char *at = value_of(card);
    return at < card + NSKY_CARD_BYTES && *at == 'T';
}

bool nsky_card_string(const char *card, char *out, size_t bytes)
{
    assert(bytes > 0);
    if (!card)
        return false;
    const char *at = value_of(card), *end = card + NSKY_CARD_BYTES;
    size_t used = 0;

    if (at == end || *at != '\'')
        return false;
    for (at++; at < end; at++) {
        if (*at == '\'' && (at + 1 == end || *++at != '\''))
            break; /* the closing quote; doubled ones stand for one */
        if (used + 1 < bytes)
            out[used++] = *at;
    }
    while (used > 0 && out[used - 1] == ' ')
        used--;
    out[used] = '\0';
    return true;
}

bool nsky_cards_integer(const nsky_cards *cards, const char *key, int64_t *out)
{
    return nsky_card_integer(nsky_cards_find(cards, key), out);
}

bool nsky_cards_indexed(const nsky_cards *cards, const char *key, uint32_t index, int64_t *out)
{
    char name[16];

    snprintf(name, sizeof name, "%.5s%u", key, index % 1000);
    if (strlen(name) > 8)
        return false;
    return nsky_cards_integer(cards, name, out);
}
