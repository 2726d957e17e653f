/* writer_private.h - the writer's inside, shared by its three files. One thread. */
#ifndef NSKY_FITS_WRITER_PRIVATE_H
#define NSKY_FITS_WRITER_PRIVATE_H

#include <fitsio.h>

#include "fits/writer.h"

struct nsky_fits_writer {
    fitsfile *file;
    char *path, *temporary; /* of a file; NULL in memory */
    void *buffer;           /* in memory: CFITSIO grows it through nsky_realloc */
    size_t room;
    bool broken; /* a call failed: what is there is not worth publishing */
};

/* Turns a CFITSIO status into ours and marks the writer broken. */
nsky_status nsky_fits_write_failed(nsky_fits_writer *writer, int cfitsio_status, const char *what,
                                   nsky_error *err);

/* FITS text is printable ASCII: everything else becomes '?'. out [bytes], terminated. */
void nsky_fits_plain_text(char *out, size_t bytes, const char *text);

/* A HISTORY card, or several. */
NSKY_MUST_CHECK nsky_status nsky_fits_put_history(nsky_fits_writer *writer, const char *text,
                                                  nsky_error *err);

#endif
