/* fits.h - FITS files, read with suspicion and written whole. The only room that includes CFITSIO.
 *
 * Files reach CFITSIO from memory only (mapped, borrowed or unpacked): its extended file names
 * would open URLs, run filters and read shared memory. The structure is checked before CFITSIO sees
 * it and before anything is allocated. gzip'ed files may unpack to NSKY_FITS_BYTES_MAX, gzip'ed
 * memory to 256 MiB. Tiles compressed by Rice or gzip are read; other methods are NSKY_EDATA.
 * Thread rule: a handle belongs to one thread at a time; different handles are independent.
 */
#ifndef NSKY_FITS_H
#define NSKY_FITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_FITS_AXES_MAX 4
#define NSKY_FITS_PIXELS_MAX (1ull << 28) /* of one image: a 16k x 16k brick */
#define NSKY_FITS_BYTES_MAX (4ull << 30)  /* of one file, uncompressed */
#define NSKY_FITS_HDUS_MAX 256

typedef struct nsky_fits nsky_fits;

typedef enum nsky_fits_kind {
    NSKY_FITS_EMPTY, /* a header without data */
    NSKY_FITS_IMAGE, /* also a tile-compressed one */
    NSKY_FITS_TABLE,
} nsky_fits_kind;

/* What one header says, checked: every axis >= 1 and their product within bounds. */
typedef struct nsky_fits_hdu {
    nsky_fits_kind kind;
    char name[72]; /* EXTNAME, or "" */
    int bitpix;
    uint32_t axes;                     /* of an image */
    uint64_t size[NSKY_FITS_AXES_MAX]; /* size[0] = x, fastest */
    uint64_t rows;                     /* of a table */
} nsky_fits_hdu;

/* `name` names it in errors. Memory is borrowed until close. Truncated or foreign data: NSKY_EDATA.
 */
NSKY_MUST_CHECK nsky_status nsky_fits_open(nsky_fits **out, const char *path, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_fits_open_memory(nsky_fits **out, const void *data, size_t bytes,
                                                  const char *name, nsky_error *err);
void nsky_fits_close(nsky_fits *fits); /* NULL is a no-op */
const char *nsky_fits_name(const nsky_fits *fits);

/* HDUs count from 0. Moving to one makes it current for the calls below. */
uint32_t nsky_fits_hdu_count(const nsky_fits *fits);
NSKY_MUST_CHECK nsky_status nsky_fits_select(nsky_fits *fits, uint32_t index, nsky_fits_hdu *out,
                                             nsky_error *err);

/* Keywords of the current HDU. false: absent or of another type, the output untouched. */
bool nsky_fits_key_string(nsky_fits *fits, const char *key, char *out, size_t bytes);
bool nsky_fits_key_double(nsky_fits *fits, const char *key, double *out);
bool nsky_fits_key_integer(nsky_fits *fits, const char *key, int64_t *out);

/*
 * A box of one plane of the current image as float32, BSCALE and BLANK applied (BLANK -> NaN).
 * x0, y0 count from 0; plane is the index along the third axis (0 for 2-D images); the box must lie
 * inside the image. out [height, width], row 0 = first row of the file (south, by convention).
 */
NSKY_MUST_CHECK nsky_status nsky_fits_read_box(nsky_fits *fits, uint64_t plane, uint64_t x0,
                                               uint64_t y0, uint64_t width, uint64_t height,
                                               float *out, nsky_error *err);

/* --- tables: columns by case-insensitive name --- */
bool nsky_fits_has_column(nsky_fits *fits, const char *column);
/* Scalar columns; rows [first, first + count). NULL values: NaN, INT64_MIN. */
NSKY_MUST_CHECK nsky_status nsky_fits_read_doubles(nsky_fits *fits, const char *column,
                                                   uint64_t first, uint64_t count, double *out,
                                                   nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_fits_read_integers(nsky_fits *fits, const char *column,
                                                    uint64_t first, uint64_t count, int64_t *out,
                                                    nsky_error *err);
/* out [count][stride], NUL-terminated, trailing blanks removed, cut at stride - 1. */
NSKY_MUST_CHECK nsky_status nsky_fits_read_strings(nsky_fits *fits, const char *column,
                                                   uint64_t first, uint64_t count, char *out,
                                                   size_t stride, nsky_error *err);
/* Calls `each` with every column's name, in order; stops when it returns false. */
void nsky_fits_each_column(nsky_fits *fits, bool (*each)(const char *name, void *payload),
                           void *payload);

#endif
