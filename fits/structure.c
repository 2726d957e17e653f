/* structure.c - walks the HDUs of a file and checks each header against the bounds and the bytes
 * that are really there. */
#include "fits/structure.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"

typedef struct walk {
    const char *data;
    size_t bytes;
    uint64_t offset; /* of the HDU at hand */
    nsky_fits_where where;
} walk;

static uint64_t padded(uint64_t bytes)
{
    return (bytes + NSKY_FITS_BLOCK_BYTES - 1) / NSKY_FITS_BLOCK_BYTES * NSKY_FITS_BLOCK_BYTES;
}

uint64_t nsky_fits_pixels(const nsky_fits_hdu *hdu)
{
    uint64_t pixels = hdu->axes > 0;

    for (uint32_t i = 0; i < hdu->axes; i++)
        pixels *= hdu->size[i]; /* checked not to overflow */
    return pixels;
}

nsky_status nsky_fits_check_image(nsky_fits_section *section, int64_t bitpix, int64_t axis_count,
                                  const int64_t *axes, const nsky_fits_where *where)
{
    uint64_t pixels = 1;

    if (bitpix != 8 && bitpix != 16 && bitpix != 32 && bitpix != 64 && bitpix != -32 &&
        bitpix != -64)
        return nsky_fail(where->err, NSKY_EDATA,
                         "%s: HDU %u has BITPIX = %lld, which FITS does not know", where->name,
                         where->hdu, (long long)bitpix);
    for (int64_t i = 0; i < axis_count; i++) {
        if (axes[i] < 1)
            return nsky_fail(where->err, NSKY_EDATA, "%s: axis %lld of HDU %u is %lld pixels long",
                             where->name, (long long)i + 1, where->hdu, (long long)axes[i]);
        if (__builtin_mul_overflow(pixels, (uint64_t)axes[i], &pixels) ||
            pixels > NSKY_FITS_PIXELS_MAX)
            return nsky_fail(where->err, NSKY_ELIMIT,
                             "%s: the image in HDU %u has more than %llu pixels; cut it up",
                             where->name, where->hdu, (unsigned long long)NSKY_FITS_PIXELS_MAX);
        section->hdu.size[i] = (uint64_t)axes[i];
    }
    section->hdu.kind = axis_count > 0 ? NSKY_FITS_IMAGE : NSKY_FITS_EMPTY;
    section->hdu.bitpix = (int)bitpix;
    section->hdu.axes = (uint32_t)axis_count;
    return NSKY_OK;
}

/* The keywords every header starts with, in the order the standard demands, because that is where
 * CFITSIO takes them from. */
static nsky_status read_axes(const nsky_cards *cards, const nsky_fits_where *where, int64_t *bitpix,
                             int64_t *axis_count, int64_t axes[NSKY_FITS_AXES_MAX])
{
    const char *card = nsky_cards_at(cards, 1);

    if (!card || !nsky_card_is(card, "BITPIX") || !nsky_card_integer(card, bitpix))
        return nsky_fail(where->err, NSKY_EDATA, "%s: the second keyword of HDU %u is not BITPIX",
                         where->name, where->hdu);
    card = nsky_cards_at(cards, 2);
    if (!card || !nsky_card_is(card, "NAXIS") || !nsky_card_integer(card, axis_count) ||
        *axis_count < 0)
        return nsky_fail(where->err, NSKY_EDATA, "%s: the third keyword of HDU %u is not NAXIS",
                         where->name, where->hdu);
    if (*axis_count > NSKY_FITS_AXES_MAX)
        return nsky_fail(where->err, NSKY_ELIMIT, "%s: HDU %u has %lld axes; at most %d are read",
                         where->name, where->hdu, (long long)*axis_count, NSKY_FITS_AXES_MAX);
    for (int64_t i = 0; i < *axis_count; i++) {
        const char key[] = {'N', 'A', 'X', 'I', 'S', (char)('1' + i), '\0'};
        card = nsky_cards_at(cards, (uint32_t)(3 + i));
        if (!card || !nsky_card_is(card, key) || !nsky_card_integer(card, &axes[i]))
            return nsky_fail(where->err, NSKY_EDATA,
                             "%s: keyword %s of HDU %u is missing or no whole number", where->name,
                             key, where->hdu);
    }
    return NSKY_OK;
}

/* PCOUNT and GCOUNT, 0 and 1 where primary headers leave them out. */
static nsky_status read_counts(const nsky_cards *cards, const nsky_fits_where *where,
                               int64_t *pcount)
{
    int64_t gcount = 1;

    *pcount = 0;
    if ((nsky_cards_find(cards, "PCOUNT") && !nsky_cards_integer(cards, "PCOUNT", pcount)) ||
        (nsky_cards_find(cards, "GCOUNT") && !nsky_cards_integer(cards, "GCOUNT", &gcount)) ||
        *pcount < 0 || gcount != 1 || nsky_card_true(nsky_cards_find(cards, "GROUPS")))
        return nsky_fail(where->err, NSKY_EDATA,
                         "%s: HDU %u is in random groups or has a broken PCOUNT or GCOUNT",
                         where->name, where->hdu);
    return NSKY_OK;
}

static nsky_status check_section(nsky_fits_section *section, const nsky_fits_where *where)
{
    const nsky_cards *cards = &section->cards;
    int64_t bitpix, axis_count, axes[NSKY_FITS_AXES_MAX] = {0}, pcount;
    char kind[16] = "IMAGE";
    nsky_status status;

    if (cards->count == 0 || (where->hdu == 0 && !nsky_card_is(cards->text, "SIMPLE")) ||
        (where->hdu > 0 && !nsky_card_string(cards->text, kind, sizeof kind)))
        return nsky_fail(where->err, NSKY_EDATA, "%s: HDU %u has no SIMPLE or XTENSION keyword",
                         where->name, where->hdu);
    if ((status = read_axes(cards, where, &bitpix, &axis_count, axes)) != NSKY_OK ||
        (status = read_counts(cards, where, &pcount)) != NSKY_OK)
        return status;
    nsky_card_string(nsky_cards_find(cards, "EXTNAME"), section->hdu.name,
                     sizeof section->hdu.name);

    if (strcmp(kind, "IMAGE") == 0) {
        if ((status = nsky_fits_check_image(section, bitpix, axis_count, axes, where)) != NSKY_OK)
            return status;
        if (pcount != 0)
            return nsky_fail(where->err, NSKY_EDATA, "%s: the image in HDU %u has PCOUNT = %lld",
                             where->name, where->hdu, (long long)pcount);
        section->data_bytes =
            nsky_fits_pixels(&section->hdu) * (uint64_t)(bitpix < 0 ? -bitpix : bitpix) / 8;
        return NSKY_OK;
    }
    section->ascii = strcmp(kind, "TABLE") == 0;
    if (!section->ascii && strcmp(kind, "BINTABLE") != 0)
        return nsky_fail(where->err, NSKY_EDATA, "%s: HDU %u is of an unknown kind, '%s'",
                         where->name, where->hdu, kind);
    if (bitpix != 8 || axis_count != 2 || axes[0] < 0 || axes[1] < 0 ||
        __builtin_mul_overflow((uint64_t)axes[0], (uint64_t)axes[1], &section->data_bytes) ||
        __builtin_add_overflow(section->data_bytes, (uint64_t)pcount, &section->data_bytes))
        return nsky_fail(where->err, NSKY_EDATA, "%s: the table in HDU %u has no proper size",
                         where->name, where->hdu);
    return nsky_fits_check_table(section, axes, where);
}

/* Reads the HDU at w->offset; on success w->offset is that of the next. */
static nsky_status step(walk *w, nsky_fits_section *section)
{
    const nsky_fits_where *where = &w->where;
    size_t left = w->bytes - w->offset;
    size_t most = left < NSKY_FITS_HEADER_BYTES_MAX ? left : NSKY_FITS_HEADER_BYTES_MAX;
    nsky_status status;

    *section = (nsky_fits_section){0};
    if (!nsky_cards_read(&section->cards, w->data + w->offset, most)) {
        if (left > most)
            return nsky_fail(where->err, NSKY_ELIMIT,
                             "%s: the header of HDU %u has no END in %u MiB", where->name,
                             where->hdu, NSKY_FITS_HEADER_BYTES_MAX >> 20);
        return nsky_fail(where->err, NSKY_EDATA,
                         "%s is truncated or damaged: the header of HDU %u has no END", where->name,
                         where->hdu);
    }
    if ((status = check_section(section, where)) != NSKY_OK)
        return status;
    section->data_offset =
        w->offset + padded(((uint64_t)section->cards.count + 1) * NSKY_CARD_BYTES);
    if (section->data_bytes > 0 && (section->data_offset > w->bytes ||
                                    section->data_bytes > w->bytes - section->data_offset)) {
        if (section->data_bytes > NSKY_FITS_BYTES_MAX)
            return nsky_fail(where->err, NSKY_ELIMIT, "%s: HDU %u claims to be %.3g bytes long",
                             where->name, where->hdu, (double)section->data_bytes);
        return nsky_fail(
            where->err, NSKY_EDATA,
            "%s is truncated: header promises %llu bytes, file has %zu; fetch it again",
            where->name, (unsigned long long)section->data_offset + section->data_bytes, w->bytes);
    }
    w->offset = section->data_offset + padded(section->data_bytes);
    return NSKY_OK;
}

/* Anything but another extension after the last HDU is padding or somebody's notes. */
static bool another_follows(const walk *w)
{
    return w->offset < w->bytes && w->bytes - w->offset >= NSKY_CARD_BYTES &&
           nsky_card_is(w->data + w->offset, "XTENSION");
}

nsky_status nsky_fits_structure_read(nsky_fits_structure *out, const char *data, size_t bytes,
                                     const char *name, nsky_error *err)
{
    assert(out && name && err);
    walk w = {.data = data, .bytes = bytes, .where = {.name = name, .err = err}};
    uint32_t room = 0;
    nsky_status status;

    *out = (nsky_fits_structure){0};
    if (bytes < NSKY_CARD_BYTES || memcmp(data, "SIMPLE  =", 9) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s is not a FITS file", name);
    do {
        if (out->count == NSKY_FITS_HDUS_MAX) {
            status =
                nsky_fail(err, NSKY_ELIMIT, "%s has more than %d HDUs", name, NSKY_FITS_HDUS_MAX);
            goto failed;
        }
        if (out->count == room) {
            room = room ? 2 * room : 8;
            void *grown = nsky_realloc(out->sections, room, sizeof *out->sections, err);
            if (!grown) {
                status = err->status;
                goto failed;
            }
            out->sections = grown;
        }
        w.where.hdu = out->count;
        if ((status = step(&w, &out->sections[out->count])) != NSKY_OK)
            goto failed;
        out->count++;
    } while (another_follows(&w));
    out->end = w.offset;
    return NSKY_OK;
failed:
    nsky_free(out->sections);
    *out = (nsky_fits_structure){0};
    return status;
}
