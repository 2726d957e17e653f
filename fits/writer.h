/* writer.h - FITS files written whole (beside, then renamed) or into memory.
 * Same call sequence, same bytes: no dates are written. */
#ifndef NSKY_FITS_WRITER_H
#define NSKY_FITS_WRITER_H

#include "common/error.h"
#include "common/sky.h"
#include "image/stamp.h"

typedef struct nsky_fits_writer nsky_fits_writer; /* owned by one thread */

NSKY_MUST_CHECK nsky_status nsky_fits_create(nsky_fits_writer **out, const char *path,
                                             nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_fits_create_memory(nsky_fits_writer **out, nsky_error *err);

typedef enum nsky_fits_compression {
    NSKY_FITS_PLAIN,
    NSKY_FITS_RICE, /* tile-compressed, quantised to noise/16 with subtractive dithering 2, as fpack
                       -q does: lossy */
} nsky_fits_compression;

/* float32 image, planes 1 (2-D) or more (3-D cube). `centre` and scale write a TAN WCS with north
 * up and east left, reference pixel in the middle; centre NULL writes none. */
typedef struct nsky_fits_image {
    const float *pixels; /* [planes, height, width] */
    uint64_t width, height, planes;
    const nsky_sky *centre;
    double scale_arcsec_px;
    const char *extname; /* or NULL */
    nsky_fits_compression compression;
} nsky_fits_image;

NSKY_MUST_CHECK nsky_status nsky_fits_append_image(nsky_fits_writer *writer,
                                                   const nsky_fits_image *image, nsky_error *err);

/* Keywords go into the HDU appended last. */
NSKY_MUST_CHECK nsky_status nsky_fits_put_string(nsky_fits_writer *writer, const char *key,
                                                 const char *value, const char *comment,
                                                 nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_fits_put_double(nsky_fits_writer *writer, const char *key,
                                                 double value, const char *comment,
                                                 nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_fits_put_integer(nsky_fits_writer *writer, const char *key,
                                                  int64_t value, const char *comment,
                                                  nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_fits_put_flag(nsky_fits_writer *writer, const char *key,
                                               bool value, const char *comment, nsky_error *err);

/* One column of a binary table; exactly one of the arrays is set. NaN is the null of doubles. */
typedef struct nsky_fits_column {
    const char *name, *unit; /* unit may be NULL */
    const double *doubles;
    const float *floats;
    const int64_t *integers;
    const char *const *strings;
} nsky_fits_column;

NSKY_MUST_CHECK nsky_status nsky_fits_append_table(nsky_fits_writer *writer, const char *extname,
                                                   const nsky_fits_column *columns,
                                                   uint32_t column_count, uint64_t rows,
                                                   nsky_error *err);

/* --- a table some rows at a time: begin, keywords, then the rows in order --- */
typedef struct nsky_fits_field {
    const char *name, *unit, *ucd, *comment; /* all but name may be NULL */
    char type;                               /* 'K' int64, 'D' double, 'E' float, 'A' text */
    uint32_t repeat;                         /* values, or bytes of text; at least 1 */
    bool nullable;                           /* 'K': INT64_MIN is unknown (TNULLn) */
} nsky_fits_field;

size_t nsky_fits_row_bytes(const nsky_fits_field *fields, uint32_t count);
/* Exactly `rows` rows are to follow. count <= 999. */
NSKY_MUST_CHECK nsky_status nsky_fits_begin_rows(nsky_fits_writer *writer, const char *extname,
                                                 const nsky_fits_field *fields, uint32_t count,
                                                 uint64_t rows, nsky_error *err);
/* Rows first, first + 1, ...; packed [rows, row_bytes] in the machine's byte order without gaps,
 * text as nsky_fits_pad_text makes it. packed is overwritten. */
NSKY_MUST_CHECK nsky_status nsky_fits_put_rows(nsky_fits_writer *writer,
                                               const nsky_fits_field *fields, uint32_t count,
                                               uint64_t first, void *packed, uint64_t rows,
                                               nsky_error *err);
/* out [bytes]: printable ASCII, '?' for the rest, cut or filled up with NULs. */
void nsky_fits_pad_text(char *out, size_t bytes, const char *text);

/* Files: sync and rename into place. Memory: *data (freed with nsky_free) and *bytes. Both free the
 * writer, also on error. */
NSKY_MUST_CHECK nsky_status nsky_fits_finish(nsky_fits_writer *writer, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_fits_finish_memory(nsky_fits_writer *writer, void **data,
                                                    size_t *bytes, nsky_error *err);
void nsky_fits_discard(nsky_fits_writer *writer); /* NULL is a no-op */

/* A stamp as a Legacy Survey cutout: 3-D cube, BANDS, BAND0.., TAN WCS where `centre` is not NULL;
 * history (or NULL) becomes a HISTORY card. */
NSKY_MUST_CHECK nsky_status nsky_fits_from_stamp(void **data, size_t *bytes,
                                                 const nsky_stamp *stamp, const nsky_sky *centre,
                                                 const char *history, nsky_error *err);

#endif
