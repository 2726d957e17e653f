/* tables.c - checks of table headers and of the compressed images that travel as tables. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fits/structure.h"

/* "16A", "1D", "PB(1234)", "8X": repeat count and type letter. */
static bool parse_form(const char *form, uint64_t *repeat, char *type)
{
    *repeat = 0;
    const char *at = form;
    for (; *at >= '0' && *at <= '9'; at++)
        if ((*repeat = *repeat * 10 + (uint64_t)(*at - '0')) > NSKY_FITS_ROW_BYTES_MAX * 8ull)
            return false;
    if (at == form)
        *repeat = 1;
    *type = *at;
    return *at != '\0';
}

/* Bytes one field takes in a row; false for letters FITS does not know. */
static bool field_bytes(const char *form, uint64_t *bytes)
{
    static const struct {
        char type;
        uint8_t bytes;
    } sizes[] = {{'L', 1}, {'B', 1}, {'A', 1}, {'I', 2},  {'J', 4}, {'E', 4},
                 {'K', 8}, {'D', 8}, {'C', 8}, {'M', 16}, {'P', 8}, {'Q', 16}};
    uint64_t repeat;
    char type;

    if (!parse_form(form, &repeat, &type))
        return false;
    if (type == 'X') {
        *bytes = (repeat + 7) / 8;
        return true;
    }
    if ((type == 'P' || type == 'Q') && repeat > 1)
        return false;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i].type == type) {
            *bytes = repeat * sizes[i].bytes;
            return true;
        }
    }
    return false;
}

bool nsky_fits_find_field(const nsky_fits_section *section, const char *name, uint64_t *offset,
                          uint64_t *repeat, char *form, char *items)
{
    *offset = 0;
    for (uint32_t i = 1; i <= section->columns; i++) {
        char key[12], text[72], title[72] = "";
        uint64_t bytes = 0;
        snprintf(key, sizeof key, "TFORM%u", i);
        nsky_card_string(nsky_cards_find(&section->cards, key), text, sizeof text);
        snprintf(key, sizeof key, "TTYPE%u", i);
        nsky_card_string(nsky_cards_find(&section->cards, key), title, sizeof title);
        if (strcasecmp(title, name) == 0) {
            const char *letter = text + strspn(text, "0123456789");
            *items = *letter == 'P' || *letter == 'Q' ? letter[1] : 0;
            return parse_form(text, repeat, form);
        }
        field_bytes(text, &bytes); /* checked when the file was opened */
        *offset += bytes;
    }
    return false;
}

/* ASCII tables: the field must lie inside the row. */
static bool ascii_field_fits(const nsky_fits_section *section, uint32_t column, const char *form)
{
    int64_t start;
    uint64_t width = 0;

    if (!strchr("AIFED", form[0]) || !form[0] ||
        !nsky_cards_indexed(&section->cards, "TBCOL", column, &start))
        return false;
    for (const char *at = form + 1; *at >= '0' && *at <= '9' && width < 1000000; at++)
        width = width * 10 + (uint64_t)(*at - '0');
    return width > 0 && start >= 1 && (uint64_t)start - 1 + width <= section->row_bytes;
}

static nsky_status check_columns(const nsky_fits_section *section, const nsky_fits_where *where)
{
    uint64_t total = 0;

    for (uint32_t i = 1; i <= section->columns; i++) {
        char key[12], form[72];
        uint64_t bytes = 0;

        snprintf(key, sizeof key, "TFORM%u", i);
        if (!nsky_card_string(nsky_cards_find(&section->cards, key), form, sizeof form) ||
            !(section->ascii ? ascii_field_fits(section, i, form) : field_bytes(form, &bytes)))
            return nsky_fail(where->err, NSKY_EDATA,
                             "%s: column %u of the table in HDU %u has no proper TFORM",
                             where->name, i, where->hdu);
        total += bytes; /* at most 999 times 2^31 */
    }
    if (!section->ascii && total != section->row_bytes)
        return nsky_fail(where->err, NSKY_EDATA,
                         "%s: the columns of the table in HDU %u make rows of %llu bytes, its "
                         "header says %llu",
                         where->name, where->hdu, (unsigned long long)total,
                         (unsigned long long)section->row_bytes);
    return NSKY_OK;
}

/* Tile sizes, and one table row for every tile. */
static nsky_status check_tiles(nsky_fits_section *section, const nsky_fits_where *where)
{
    uint64_t tiles = 1;

    for (uint32_t i = 0; i < section->hdu.axes; i++) {
        const char key[] = {'Z', 'T', 'I', 'L', 'E', (char)('1' + i), '\0'};
        uint64_t size = section->hdu.size[i];
        int64_t tile = i == 0 ? (int64_t)size : 1;

        if (nsky_cards_find(&section->cards, key) &&
            !nsky_cards_integer(&section->cards, key, &tile))
            tile = 0;
        if (tile < 1 || (uint64_t)tile > size)
            return nsky_fail(where->err, NSKY_EDATA,
                             "%s: the compressed image in HDU %u has impossible tiles (%s)",
                             where->name, where->hdu, key);
        section->tiling.tile[i] = (uint64_t)tile;
        tiles *= (size - 1) / (uint64_t)tile + 1;
    }
    if (tiles != section->hdu.rows)
        return nsky_fail(where->err, NSKY_EDATA,
                         "%s: the compressed image in HDU %u has %llu tiles in %llu rows",
                         where->name, where->hdu, (unsigned long long)tiles,
                         (unsigned long long)section->hdu.rows);
    return NSKY_OK;
}

static nsky_status check_compressed(nsky_fits_section *section, const nsky_fits_where *where)
{
    const nsky_cards *cards = &section->cards;
    int64_t bitpix = 0, axis_count = 0, axes[NSKY_FITS_AXES_MAX] = {0};
    nsky_status status;

    nsky_card_string(nsky_cards_find(cards, "ZCMPTYPE"), section->tiling.method,
                     sizeof section->tiling.method);
    if (!nsky_cards_integer(cards, "ZBITPIX", &bitpix) ||
        !nsky_cards_integer(cards, "ZNAXIS", &axis_count) || axis_count < 1)
        return nsky_fail(where->err, NSKY_EDATA,
                         "%s: the compressed image in HDU %u lacks ZBITPIX or ZNAXIS", where->name,
                         where->hdu);
    if (axis_count > NSKY_FITS_AXES_MAX)
        return nsky_fail(where->err, NSKY_ELIMIT, "%s: HDU %u has %lld axes; at most %d are read",
                         where->name, where->hdu, (long long)axis_count, NSKY_FITS_AXES_MAX);
    for (int64_t i = 0; i < axis_count; i++) {
        const char key[] = {'Z', 'N', 'A', 'X', 'I', 'S', (char)('1' + i), '\0'};
        nsky_cards_integer(cards, key, &axes[i]); /* absent: 0, refused below */
    }
    if ((status = nsky_fits_check_image(section, bitpix, axis_count, axes, where)) != NSKY_OK)
        return status;
    section->compressed = true;
    if (strcmp(section->hdu.name, "COMPRESSED_IMAGE") == 0)
        section->hdu.name[0] = '\0'; /* fpack's filler, not a name */
    return check_tiles(section, where);
}

nsky_status nsky_fits_check_table(nsky_fits_section *section, const int64_t axes[2],
                                  const nsky_fits_where *where)
{
    int64_t columns, heap;
    nsky_status status;

    section->hdu.kind = NSKY_FITS_TABLE;
    section->hdu.bitpix = 8;
    section->hdu.rows = (uint64_t)axes[1];
    section->row_bytes = (uint64_t)axes[0];
    section->heap_offset = section->hdu.rows * section->row_bytes;
    if (nsky_cards_integer(&section->cards, "THEAP", &heap) && heap > 0)
        section->heap_offset = (uint64_t)heap; /* compared with the data where it is used */
    if (section->row_bytes > NSKY_FITS_ROW_BYTES_MAX)
        return nsky_fail(where->err, NSKY_ELIMIT,
                         "%s: rows of the table in HDU %u are longer than %u MiB", where->name,
                         where->hdu, NSKY_FITS_ROW_BYTES_MAX >> 20);
    if (!nsky_cards_integer(&section->cards, "TFIELDS", &columns) || columns < 0 ||
        columns > NSKY_FITS_COLUMNS_MAX || (section->row_bytes == 0 && section->hdu.rows > 0))
        return nsky_fail(where->err, NSKY_EDATA, "%s: the table in HDU %u has no proper TFIELDS",
                         where->name, where->hdu);
    section->columns = (uint32_t)columns;
    if ((status = check_columns(section, where)) != NSKY_OK)
        return status;
    if (!section->ascii && nsky_card_true(nsky_cards_find(&section->cards, "ZIMAGE")))
        return check_compressed(section, where);
    return NSKY_OK;
}
