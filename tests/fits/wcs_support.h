/* wcs_support.h - small images with the sky cards a test wants. */
#ifndef NSKY_TESTS_FITS_WCS_SUPPORT_H
#define NSKY_TESTS_FITS_WCS_SUPPORT_H

#include "fits/wcs.h"
#include "support.h"

static const char *const centre[] = {"CRPIX1  = 50.5",       "CRPIX2  = 40.5",
                                     "CRVAL1  = 150.0",      "CRVAL2  = 2.0",
                                     "CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'"};

/* A 100 x 80 image with these cards after the first `shared` of centre. */
static inline nsky_fits *with_cards(const char *const *cards, size_t count, size_t shared,
                                    corpus_file *file)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits *fits;
    nsky_fits_hdu hdu;

    corpus_primary(file, 8, 2, (long long[]){100, 80});
    for (size_t i = 0; i < shared; i++)
        corpus_card(file, "%s", centre[i]);
    for (size_t i = 0; i < count; i++)
        corpus_card(file, "%s", cards[i]);
    corpus_end(file);
    corpus_bytes(file, NULL, 8000);
    corpus_pad(file);
    assert_ok(nsky_fits_open_memory(&fits, file->data, file->bytes, "made up", &err), err);
    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
    return fits;
}

#endif
