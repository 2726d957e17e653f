/* structure.h (private) - where the HDUs of a file are and what they hold, found and checked before
 * CFITSIO sees a byte: it divides by header values, allocates what headers ask for and seeks where
 * they point. Thread rule: plain data. */
#ifndef NSKY_FITS_STRUCTURE_H
#define NSKY_FITS_STRUCTURE_H

#include "fits/cards.h"
#include "fits/fits.h"

#define NSKY_FITS_HEADER_BYTES_MAX (4u << 20)
#define NSKY_FITS_COLUMNS_MAX 999
#define NSKY_FITS_ROW_BYTES_MAX (16u << 20)

/* How a tile-compressed image is cut; meaningless for others. */
typedef struct nsky_fits_tiling {
    char method[16];                   /* ZCMPTYPE */
    uint64_t tile[NSKY_FITS_AXES_MAX]; /* >= 1, at most the axis */
} nsky_fits_tiling;

typedef struct nsky_fits_section {
    nsky_fits_hdu hdu;
    nsky_cards cards;     /* borrowed from the file's bytes */
    uint64_t data_offset; /* of the data in the file */
    uint64_t data_bytes;  /* without padding */
    uint64_t row_bytes;   /* of a table */
    uint64_t heap_offset; /* in the data, of variable-length fields */
    uint32_t columns;
    bool compressed, ascii;
    nsky_fits_tiling tiling;
} nsky_fits_section;

typedef struct nsky_fits_structure {
    nsky_fits_section *sections; /* nsky_alloc; owned */
    uint32_t count;
    uint64_t end; /* of the last HDU, padding included: may lie past the end of the bytes */
} nsky_fits_structure;

/* NSKY_EDATA: damaged, truncated or not FITS; NSKY_ELIMIT: a bound exceeded; NSKY_ENOMEM. */
NSKY_MUST_CHECK nsky_status nsky_fits_structure_read(nsky_fits_structure *out, const char *data,
                                                     size_t bytes, const char *name,
                                                     nsky_error *err);

/* What is being checked, for messages. */
typedef struct nsky_fits_where {
    const char *name;
    uint32_t hdu;
    nsky_error *err;
} nsky_fits_where;

/* tables.c: the table-like half of the checks, on a section whose cards are read. axes are NAXIS1
 * and NAXIS2. */
NSKY_MUST_CHECK nsky_status nsky_fits_check_table(nsky_fits_section *section, const int64_t axes[2],
                                                  const nsky_fits_where *where);

/* tables.c: where a field lies in a row, by case-insensitive name. items: the letter after P or Q,
 * or 0. false: no such column. */
bool nsky_fits_find_field(const nsky_fits_section *section, const char *name, uint64_t *offset,
                          uint64_t *repeat, char *form, char *items);

/* Axes that make an image, checked and copied: >= 1, and their product in bounds. */
NSKY_MUST_CHECK nsky_status nsky_fits_check_image(nsky_fits_section *section, int64_t bitpix,
                                                  int64_t axis_count, const int64_t *axes,
                                                  const nsky_fits_where *where);

uint64_t nsky_fits_pixels(const nsky_fits_hdu *hdu);

#endif
