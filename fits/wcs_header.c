/* wcs_header.c - what a header says about where it points. Pure: any thread. */
#include "fits/wcs_header.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static void mark_broken(nsky_wcs_header *h, const char *card)
{
    if (h->broken[0])
        return;
    memcpy(h->broken, card, 8);
    h->broken[8] = '\0';
    h->broken[strcspn(h->broken, " ")] = '\0';
}

static bool take_number(nsky_wcs_header *h, const char *card, double *out)
{
    if (nsky_card_double(card, out))
        return true;
    mark_broken(h, card);
    return false;
}

/* The digits from *at on, at most `most`: their number, or -1 when there are none. */
static int digits_at(const char **at, const char *end, int most)
{
    const char *start = *at;
    int value = 0;

    for (; *at < end && *at - start < most && isdigit((unsigned char)**at); (*at)++)
        value = 10 * value + **at - '0';
    return *at > start ? value : -1;
}

static bool blank_from(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at == end;
}

/* "CRVAL2": the axis, 0 or 1; -1 when the card is another. */
static int axis_of(const char *card, const char *stem)
{
    const char *at = card + strlen(stem), *end = card + 8;

    if (memcmp(card, stem, strlen(stem)) != 0)
        return -1;
    int axis = digits_at(&at, end, 2);
    return (axis == 1 || axis == 2) && blank_from(at, end) ? axis - 1 : -1;
}

/* "CD1_2", "PV2_10" and the old "PC001002": both numbers. */
static bool pair_of(const char *card, const char *stem, int *first, int *second)
{
    const char *at = card + 2, *end = card + 8;

    if (memcmp(card, stem, 2) != 0)
        return false;
    *first = digits_at(&at, end, 3);
    if (at < end && *at == '_')
        at++;
    *second = digits_at(&at, end, 3);
    return *first >= 0 && *second >= 0 && blank_from(at, end);
}

static bool take_axis_text(nsky_wcs_header *h, const char *card)
{
    int axis;

    if ((axis = axis_of(card, "CTYPE")) >= 0) {
        if (!nsky_card_string(card, h->type[axis], sizeof h->type[axis]))
            mark_broken(h, card);
    } else if ((axis = axis_of(card, "CUNIT")) >= 0) {
        if (!nsky_card_string(card, h->unit[axis], sizeof h->unit[axis]))
            mark_broken(h, card);
    } else {
        return false;
    }
    return true;
}

static bool take_axis_number(nsky_wcs_header *h, const char *card)
{
    const struct {
        const char *stem;
        double *values;
        bool *seen;
    } kinds[] = {
        {"CRVAL", h->value, NULL},
        {"CRPIX", h->pixel, NULL},
        {"CDELT", h->step, &h->has_step},
        {"CROTA", h->rotation, &h->has_rotation},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int axis = axis_of(card, kinds[i].stem);
        if (axis < 0)
            continue;
        if (take_number(h, card, &kinds[i].values[axis]) && kinds[i].seen)
            *kinds[i].seen = true;
        return true;
    }
    return false;
}

static bool take_pair(nsky_wcs_header *h, const char *card)
{
    int first, second;
    bool cd = pair_of(card, "CD", &first, &second);

    if (cd || pair_of(card, "PC", &first, &second)) {
        if (first < 1 || first > 2 || second < 1 || second > 2)
            return true; /* of other axes */
        double *element = cd ? &h->cd[first - 1][second - 1] : &h->pc[first - 1][second - 1];
        if (take_number(h, card, element))
            *(cd ? &h->has_cd : &h->has_pc) = true;
        return true;
    }
    if (!pair_of(card, "PV", &first, &second))
        return false;
    if (first >= 1 && first <= 2 && h->parameter_count < NSKY_WCS_PARAMETERS_MAX) {
        double value;
        if (take_number(h, card, &value)) {
            h->parameters[h->parameter_count].axis = first;
            h->parameters[h->parameter_count].index = second;
            h->parameters[h->parameter_count++].value = value;
        }
    }
    return true;
}

/* Keywords without an axis; the old names count where the new ones are absent. */
static void take_single(nsky_wcs_header *h, const nsky_cards *cards)
{
    const struct {
        const char *key;
        double *value;
    } numbers[] = {{"LONPOLE", &h->pole_lon},
                   {"LATPOLE", &h->pole_lat},
                   {"EPOCH", &h->equinox},
                   {"EQUINOX", &h->equinox}};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        nsky_card_double(nsky_cards_find(cards, numbers[i].key), numbers[i].value);
    if (!nsky_card_string(nsky_cards_find(cards, "RADESYS"), h->frame, sizeof h->frame))
        nsky_card_string(nsky_cards_find(cards, "RADECSYS"), h->frame, sizeof h->frame);
}

void nsky_wcs_header_read(nsky_wcs_header *out, const nsky_fits_section *section)
{
    const nsky_cards *cards = &section->cards;

    *out = (nsky_wcs_header){
        .step = {1, 1}, .pc = {{1, 0}, {0, 1}}, .pole_lon = NAN, .pole_lat = NAN, .equinox = NAN};
    for (uint32_t i = 0; i < cards->count; i++) {
        const char *card = nsky_cards_at(cards, i);
        if ((card[0] == 'C' || card[0] == 'P') && !take_axis_text(out, card) &&
            !take_axis_number(out, card))
            take_pair(out, card);
    }
    take_single(out, cards);
}
