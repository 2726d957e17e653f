/* wcs_header.c - picks the cards that describe the sky. wcslib gets nothing else: neither the
 * history of somebody's pipeline nor the look-up tables some WCS point to. */
#include "fits/wcs_header.h"

#include <ctype.h>
#include <string.h>

#include "common/memory.h"

#define CARDS_MAX 512

/* A number of at most `most` digits at *at; 0 when there is none. */
static int number_at(const char **at, const char *end, int most)
{
    int value = 0;

    for (; *at < end && most > 0 && isdigit((unsigned char)**at); (*at)++, most--)
        value = 10 * value + **at - '0';
    return value;
}

static bool blank_from(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at == end;
}

static bool on_sky(int axis)
{
    return axis == 1 || axis == 2;
}

/* CRVAL2, PV1_3, CD1_2 and the old PC001002, of the first two axes; alternate descriptions (a
 * letter at the end) are left out. */
static bool is_axis_card(const char *card)
{
    static const char *const stems[] = {"CTYPE", "CRVAL", "CRPIX", "CDELT", "CUNIT",
                                        "CROTA", "PV",    "CD",    "PC"};
    const char *end = card + 8;

    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
        const char *at = card + strlen(stems[i]);
        if (memcmp(card, stems[i], strlen(stems[i])) != 0 || !isdigit((unsigned char)*at))
            continue;
        bool matrix = stems[i][2] == '\0' && stems[i][0] != 'P';
        matrix |= strcmp(stems[i], "PC") == 0;
        if (!on_sky(number_at(&at, end, matrix ? 3 : 2)))
            return false;
        if (*at == '_')
            at++;
        int second = number_at(&at, end, 3);
        return (!matrix || on_sky(second)) && blank_from(at, end);
    }
    return false;
}

/* The distortion polynomials of TAN-SIP: A_ORDER, A_2_0, BP_0_1, ... */
static bool is_sip_card(const char *card)
{
    const char *at = card + 1, *end = card + 8;

    if (card[0] != 'A' && card[0] != 'B')
        return false;
    at += *at == 'P';
    if (*at++ != '_')
        return false;
    if (memcmp(at, "ORDER", 5) == 0)
        return true; /* at most at card + 3: fits the keyword exactly */
    while (at < end && (isdigit((unsigned char)*at) || *at == '_'))
        at++;
    return blank_from(at, end);
}

static bool is_sky_card(const char *card)
{
    static const char *const plain[] = {"LONPOLE",  "LATPOLE", "RADESYS",
                                        "RADECSYS", "EQUINOX", "EPOCH"};

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (nsky_card_is(card, plain[i]))
            return true;
    return is_axis_card(card) || is_sip_card(card);
}

nsky_status nsky_wcs_header(char **out, uint32_t *count, const nsky_fits_section *section,
                            const char *name, nsky_error *err)
{
    const nsky_cards *cards = &section->cards;
    uint32_t found = 0;

    *out = NULL;
    *count = 0;
    for (uint32_t i = 0; i < cards->count; i++)
        found += is_sky_card(nsky_cards_at(cards, i));
    if (found > CARDS_MAX)
        return nsky_fail(err, NSKY_EDATA, "%s: %u keywords about its sky position are too many",
                         name, found);
    char *text = nsky_alloc_zero((size_t)found + 1, NSKY_CARD_BYTES, err);
    if (!text)
        return err->status;
    for (uint32_t i = 0; i < cards->count; i++) {
        const char *card = nsky_cards_at(cards, i);
        if (is_sky_card(card))
            memcpy(text + (size_t)(*count)++ * NSKY_CARD_BYTES, card, NSKY_CARD_BYTES);
    }
    *out = text;
    return NSKY_OK;
}
