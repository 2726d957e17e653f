/* tile_open.c - how the tiles of a compressed image are to be read, from its header. */
#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "fits/tile.h"

/* Rice's two parameters travel as ZNAMEi = 'BLOCKSIZE' / 'BYTEPIX', ZVALi. */
static void read_rice_parameters(nsky_tiles *tiles, const nsky_cards *cards)
{
    tiles->rice_block = 32;
    tiles->rice_bytes = 4;
    for (int digit = '1'; digit <= '9'; digit++) {
        char i = (char)digit;
        const char name_key[] = {'Z', 'N', 'A', 'M', 'E', i, '\0'};
        const char value_key[] = {'Z', 'V', 'A', 'L', i, '\0'};
        char name[16];
        int64_t value;
        if (!nsky_card_string(nsky_cards_find(cards, name_key), name, sizeof name) ||
            !nsky_cards_integer(cards, value_key, &value))
            continue;
        if (strcmp(name, "BLOCKSIZE") == 0)
            tiles->rice_block = value > 0 && value <= 65536 ? (uint32_t)value : 0;
        else if (strcmp(name, "BYTEPIX") == 0)
            tiles->rice_bytes = value == 1 || value == 2 || value == 4 ? (uint32_t)value : 0;
    }
}

static nsky_status read_method(nsky_tiles *tiles, nsky_error *err)
{
    const char *method = tiles->section->tiling.method;

    if (strcmp(method, "RICE_1") == 0 || strcmp(method, "RICE_ONE") == 0)
        tiles->method = NSKY_TILE_RICE;
    else if (strcmp(method, "GZIP_1") == 0)
        tiles->method = NSKY_TILE_GZIP;
    else if (strcmp(method, "GZIP_2") == 0)
        tiles->method = NSKY_TILE_GZIP_SHUFFLED;
    else
        return nsky_fail(err, NSKY_EDATA, "%s: HDU %u is compressed by %s; run funpack on it first",
                         tiles->fits->name, tiles->fits->current, method[0] ? method : "nothing");
    read_rice_parameters(tiles, &tiles->section->cards);
    if (tiles->method == NSKY_TILE_RICE && (tiles->rice_block == 0 || tiles->rice_bytes == 0))
        return nsky_fail(err, NSKY_EDATA, "%s: HDU %u has impossible Rice parameters",
                         tiles->fits->name, tiles->fits->current);
    return NSKY_OK;
}

static bool is_one_of(char form, const char *letters)
{
    return form && strchr(letters, form);
}

/* Columns must be of the kinds the convention gives them. */
static nsky_status find_columns(nsky_tiles *tiles, nsky_error *err)
{
    const struct {
        const char *name;
        nsky_tile_column *column;
        bool variable;
        const char *forms;
    } wanted[] = {
        {"COMPRESSED_DATA", &tiles->compressed, true, "B"},
        {"GZIP_COMPRESSED_DATA", &tiles->gzipped, true, "B"},
        {"UNCOMPRESSED_DATA", &tiles->plain, true, "BIJED"},
        {"ZSCALE", &tiles->scale, false, "DE"},
        {"ZZERO", &tiles->zero, false, "DE"},
        {"ZBLANK", &tiles->blank, false, "BIJK"},
    };
    bool proper = true;

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        nsky_tile_column *c = wanted[i].column;
        uint64_t repeat;
        if (!nsky_fits_find_field(tiles->section, wanted[i].name, &c->offset, &repeat, &c->form,
                                  &c->items)) {
            c->form = 0;
            continue;
        }
        proper &= repeat == 1;
        proper &= wanted[i].variable
                      ? is_one_of(c->form, "PQ") && is_one_of(c->items, wanted[i].forms)
                      : is_one_of(c->form, wanted[i].forms);
    }
    if (!proper || !tiles->compressed.form)
        return nsky_fail(err, NSKY_EDATA, "%s: the compressed image in HDU %u lacks proper columns",
                         tiles->fits->name, tiles->fits->current);
    return NSKY_OK;
}

static nsky_status read_scaling(nsky_tiles *tiles, nsky_fits *fits, nsky_error *err)
{
    const nsky_cards *cards = &tiles->section->cards;
    char how[32] = "";
    bool has_scale = tiles->scale.form && tiles->zero.form;

    tiles->key_scale = 1;
    tiles->key_zero = 0;
    tiles->bscale = 1;
    tiles->bzero = 0;
    tiles->seed = 1;
    has_scale |= nsky_fits_key_double(fits, "ZSCALE", &tiles->key_scale);
    nsky_fits_key_double(fits, "ZZERO", &tiles->key_zero);
    nsky_fits_key_double(fits, "BSCALE", &tiles->bscale);
    nsky_fits_key_double(fits, "BZERO", &tiles->bzero);
    nsky_cards_integer(cards, "ZDITHER0", &tiles->seed);
    tiles->has_blank = nsky_cards_integer(cards, "ZBLANK", &tiles->key_blank) ||
                       nsky_cards_integer(cards, "BLANK", &tiles->key_blank);
    nsky_card_string(nsky_cards_find(cards, "ZQUANTIZ"), how, sizeof how);
    tiles->quantised = tiles->section->hdu.bitpix < 0 && has_scale && strcmp(how, "NONE") != 0;
    tiles->dither = strcmp(how, "SUBTRACTIVE_DITHER_1") == 0   ? 1
                    : strcmp(how, "SUBTRACTIVE_DITHER_2") == 0 ? 2
                                                               : 0;
    if (tiles->section->hdu.bitpix == 64 ||
        (tiles->method == NSKY_TILE_RICE && tiles->section->hdu.bitpix < 0 && !tiles->quantised))
        return nsky_fail(err, NSKY_EDATA,
                         "%s: HDU %u holds %s pixels compressed by %s, which do not go together",
                         fits->name, fits->current,
                         tiles->section->hdu.bitpix == 64 ? "64-bit" : "unscaled float",
                         tiles->section->tiling.method);
    return NSKY_OK;
}

nsky_status nsky_tiles_open(nsky_tiles *tiles, nsky_fits *fits, nsky_error *err)
{
    const nsky_fits_section *section = nsky_fits_current(fits);
    nsky_status status;

    assert(section->compressed);
    *tiles = (nsky_tiles){.fits = fits, .section = section, .most = 1};
    for (uint32_t i = 0; i < section->hdu.axes; i++)
        tiles->most *= (size_t)section->tiling.tile[i];
    if ((status = read_method(tiles, err)) != NSKY_OK ||
        (status = find_columns(tiles, err)) != NSKY_OK ||
        (status = read_scaling(tiles, fits, err)) != NSKY_OK)
        return status;
    if (!(tiles->whole = nsky_alloc_aligned(tiles->most, sizeof *tiles->whole, err)) ||
        !(tiles->pixels = nsky_alloc_aligned(tiles->most, sizeof *tiles->pixels, err)) ||
        !(tiles->bytes = nsky_alloc_aligned(tiles->most, 8, err)))
        return err->status;
    return NSKY_OK;
}

void nsky_tiles_close(nsky_tiles *tiles)
{
    nsky_free(tiles->whole);
    nsky_free(tiles->pixels);
    nsky_free(tiles->bytes);
}
