/* fits.c - opening files and moving between their HDUs.
 *
 * CFITSIO only ever sees memory: a map of the file, the caller's buffer, or our own unpacked copy.
 * So it parses no file names, opens no URLs, unpacks nothing by itself, and the structure checks
 * have seen the very bytes it reads. A file that another process cuts short while it is mapped
 * raises SIGBUS; surveys' files are written once.
 */
#include "fits/fits.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "fits/gunzip.h"
#include "fits/handle.h"

#define UPLOAD_UNPACKED_MAX (256ull << 20) /* of gzip'ed memory: it came from a stranger */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_up(void)
{
    (void)fits_init_cfitsio(); /* what fails fails again, and is reported, when a file is opened */
}

void nsky_fits_set_up(void)
{
    pthread_once(&once, set_up);
}

const nsky_fits_section *nsky_fits_current(const nsky_fits *fits)
{
    return &fits->structure.sections[fits->current];
}

nsky_status nsky_fits_failed(const nsky_fits *fits, int cfitsio_status, const char *what,
                             nsky_error *err)
{
    char text[FLEN_STATUS] = "";
    nsky_status status = cfitsio_status == MEMORY_ALLOCATION ? NSKY_ENOMEM : NSKY_EDATA;

    fits_get_errstatus(cfitsio_status, text);
    fits_clear_errmsg();
    return nsky_fail(err, status, "%s: %s in HDU %u: %s (CFITSIO %d)", fits->name, what,
                     fits->current, text, cfitsio_status);
}

/* The keyword part of a card, as CFITSIO finds it: before the equals sign, HIERARCH or not. */
static bool card_names(const char *card, const char *key)
{
    char name[NSKY_CARD_BYTES + 1];
    const char *equals = memchr(card, '=', NSKY_CARD_BYTES);
    size_t length = equals ? (size_t)(equals - card) : 0;

    memcpy(name, card, length);
    name[length] = '\0';
    return strcasestr(name, key) != NULL;
}

/* CFITSIO must not know which tables carry an image: on sight it computes with their tile sizes and
 * divides by some. tile.c reads them instead. */
static uint32_t hide_compression(const nsky_fits *fits, bool only_count)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < fits->structure.count; i++) {
        const nsky_fits_section *section = &fits->structure.sections[i];
        for (uint32_t k = 0; section->row_bytes > 0 && k < section->cards.count; k++) {
            const char *card = nsky_cards_at(&section->cards, k);
            if (!card_names(card, "ZIMAGE"))
                continue;
            found++;
            if (!only_count) { /* the bytes are our own copy by now */
                char *own = (char *)fits->unpacked + (card - fits->data);
                memset(own, ' ', NSKY_CARD_BYTES);
                memcpy(own, "COMMENT", 7);
            }
        }
    }
    return found;
}

/* What CFITSIO gets to read. It wants whole blocks, where files without the padding of their last
 * one are common enough; and no word of compressed images. */
static nsky_status prepare_bytes(nsky_fits *fits, nsky_error *err)
{
    uint64_t end = fits->structure.end;
    bool compressed = hide_compression(fits, true) > 0;

    if (end > fits->bytes || (compressed && !fits->unpacked)) {
        size_t known = end < fits->bytes ? (size_t)end : fits->bytes;
        char *copy = nsky_alloc((size_t)end, 1, err);
        if (!copy)
            return err->status;
        memcpy(copy, fits->data, known);
        memset(copy + known, 0, (size_t)end - known);
        for (uint32_t i = 0; i < fits->structure.count; i++) { /* cards point into the old bytes */
            nsky_cards *cards = &fits->structure.sections[i].cards;
            cards->text = copy + (cards->text - fits->data);
        }
        nsky_free(fits->unpacked);
        nsky_map_close(&fits->map);
        fits->unpacked = copy;
        fits->data = copy;
    }
    fits->bytes = (size_t)end; /* leaves out what follows the last HDU */
    if (compressed)
        hide_compression(fits, false);
    return NSKY_OK;
}

/* Everything after the bytes are in memory. */
static nsky_status open_bytes(nsky_fits *fits, uint64_t unpacked_max, nsky_error *err)
{
    nsky_status status;
    int failed = 0;

    if (fits->bytes == 0)
        return nsky_fail(err, NSKY_EDATA, "%s is empty", fits->name);
    if (fits->bytes > NSKY_FITS_BYTES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s is larger than %llu GiB; cut it up", fits->name,
                         (unsigned long long)(NSKY_FITS_BYTES_MAX >> 30));
    if (nsky_is_gzip(fits->data, fits->bytes)) {
        size_t bytes;
        status = nsky_gunzip(&fits->unpacked, &bytes, fits->data, fits->bytes, unpacked_max,
                             fits->name, err);
        if (status != NSKY_OK)
            return status;
        nsky_map_close(&fits->map);
        fits->data = fits->unpacked;
        fits->bytes = bytes;
    }
    if ((status = nsky_fits_structure_read(&fits->structure, fits->data, fits->bytes, fits->name,
                                           err)) != NSKY_OK ||
        (status = prepare_bytes(fits, err)) != NSKY_OK)
        return status;
    nsky_fits_set_up();
    fits->buffer = (void *)(uintptr_t)fits->data; /* opened for reading: never written to */
    if (fits_open_memfile(&fits->file, "memory", READONLY, &fits->buffer, &fits->bytes, 0, NULL,
                          &failed)) {
        fits->file = NULL;
        return nsky_fits_failed(fits, failed, "cannot open", err);
    }
    return NSKY_OK;
}

static nsky_status handle_new(nsky_fits **out, const char *name, nsky_error *err)
{
    *out = NULL;
    nsky_fits *fits = nsky_alloc_zero(1, sizeof *fits, err);
    if (!fits)
        return err->status;
    if (!(fits->name = nsky_strdup(name, err))) {
        nsky_free(fits);
        return err->status;
    }
    *out = fits;
    return NSKY_OK;
}

nsky_status nsky_fits_open(nsky_fits **out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    nsky_fits *fits;
    nsky_status status = handle_new(&fits, path, err);

    *out = NULL;
    if (status != NSKY_OK)
        return status;
    if ((status = nsky_map_open(&fits->map, path, err)) == NSKY_OK) {
        fits->data = fits->map.data;
        fits->bytes = fits->map.bytes;
        status = open_bytes(fits, NSKY_FITS_BYTES_MAX, err);
    }
    if (status != NSKY_OK) {
        nsky_fits_close(fits);
        return status;
    }
    *out = fits;
    return NSKY_OK;
}

nsky_status nsky_fits_open_memory(nsky_fits **out, const void *data, size_t bytes, const char *name,
                                  nsky_error *err)
{
    assert(out && (data || bytes == 0) && name && err);
    nsky_fits *fits;
    nsky_status status = handle_new(&fits, name, err);

    *out = NULL;
    if (status != NSKY_OK)
        return status;
    fits->data = data;
    fits->bytes = bytes;
    if ((status = open_bytes(fits, UPLOAD_UNPACKED_MAX, err)) != NSKY_OK) {
        nsky_fits_close(fits);
        return status;
    }
    *out = fits;
    return NSKY_OK;
}

void nsky_fits_close(nsky_fits *fits)
{
    int ignored = 0;

    if (!fits)
        return;
    if (fits->file && fits_close_file(fits->file, &ignored))
        fits_clear_errmsg();
    nsky_free(fits->structure.sections);
    nsky_free(fits->unpacked);
    nsky_map_close(&fits->map);
    nsky_free(fits->name);
    nsky_free(fits);
}

const char *nsky_fits_name(const nsky_fits *fits)
{
    assert(fits);
    return fits->name;
}

uint32_t nsky_fits_hdu_count(const nsky_fits *fits)
{
    assert(fits);
    return fits->structure.count;
}

/* CFITSIO has read the same header; where it understood something else, we misjudged what it would
 * do with it. */
static bool same_structure(nsky_fits *fits, const nsky_fits_section *section)
{
    LONGLONG start = -1, rows = -1;
    int failed = 0;

    if (fits_get_hduaddrll(fits->file, NULL, &start, NULL, &failed) || start < 0 ||
        (uint64_t)start != section->data_offset)
        return false;
    if (section->hdu.kind == NSKY_FITS_TABLE || section->compressed)
        return fits_get_num_rowsll(fits->file, &rows, &failed) == 0 &&
               (uint64_t)rows == section->hdu.rows;

    LONGLONG size[NSKY_FITS_AXES_MAX] = {0};
    int bitpix = 0, axes = -1;
    if (fits_get_img_paramll(fits->file, NSKY_FITS_AXES_MAX, &bitpix, &axes, size, &failed) ||
        bitpix != section->hdu.bitpix || axes != (int)section->hdu.axes)
        return false;
    for (uint32_t i = 0; i < section->hdu.axes; i++)
        if ((uint64_t)size[i] != section->hdu.size[i])
            return false;
    return true;
}

nsky_status nsky_fits_select(nsky_fits *fits, uint32_t index, nsky_fits_hdu *out, nsky_error *err)
{
    assert(fits && out && err);
    int failed = 0;

    if (index >= fits->structure.count)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s has %u HDUs, there is no number %u", fits->name,
                         fits->structure.count, index);
    fits->current = index;
    if (fits_movabs_hdu(fits->file, (int)index + 1, NULL, &failed))
        return nsky_fits_failed(fits, failed, "cannot read the header", err);
    const nsky_fits_section *section = nsky_fits_current(fits);
    if (!same_structure(fits, section)) {
        fits_clear_errmsg();
        return nsky_fail(err, NSKY_EDATA, "%s: the header of HDU %u contradicts itself", fits->name,
                         index);
    }
    *out = section->hdu;
    if (section->compressed)
        out->rows = 0; /* those of the table that carries the image are nobody's business */
    return NSKY_OK;
}
