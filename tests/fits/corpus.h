/* corpus.h - FITS files that are broken in known ways, and the pieces to break more.
 * Shared by the tests of other rooms and by the fuzzers, which start from these. */
#ifndef NSKY_TESTS_FITS_CORPUS_H
#define NSKY_TESTS_FITS_CORPUS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* --- a file, card by card --- */
typedef struct corpus_file {
    uint8_t *data; /* free with corpus_free */
    size_t bytes, room;
} corpus_file;

void corpus_free(corpus_file *file);
/* One 80-byte card, padded with blanks. */
void corpus_card(corpus_file *file, const char *format, ...) NSKY_PRINTF(2, 3);
void corpus_end(corpus_file *file); /* END and the padding after it */
void corpus_bytes(corpus_file *file, const void *data, size_t bytes); /* NULL: zeros */
void corpus_pad(corpus_file *file);                                   /* to the next block */

/* SIMPLE, BITPIX, NAXIS and NAXISn of a primary image, without END. */
void corpus_primary(corpus_file *file, int bitpix, int axes, const long long *size);
/* A whole image of float pixels, padded. */
void corpus_image(corpus_file *file, const float *pixels, long long width, long long height);
/* file becomes gzip'ed. */
void corpus_gzip(corpus_file *file);

/* --- the collection --- */
typedef struct corpus_item {
    const char *name;
    nsky_status open;  /* what nsky_fits_open_memory must say */
    const char *words; /* and with which words, or NULL */
    void (*build)(corpus_file *file);
} corpus_item;

extern const corpus_item corpus_items[];
extern const size_t corpus_item_count;

#endif
