/* writer_private.h - the writer's inside, shared by its files. One thread. */
#ifndef NSKY_FITS_WRITER_PRIVATE_H
#define NSKY_FITS_WRITER_PRIVATE_H

#include <fitsio.h>

#include "fits/writer.h"

struct nsky_fits_writer {
    fitsfile *file;
    char *path, *temporary;        /* of a file; NULL in memory */
    int fd;                        /* of the temporary; -1 in memory */
    void *buffer;                  /* what CFITSIO writes to: heap, or a map of the temporary */
    size_t room;                   /* of buffer; CFITSIO keeps it up to date */
    int storage_errno;             /* why the buffer could not grow, or 0 */
    bool broken;                   /* a call failed: what is there is not worth publishing */
    const void *enlisted;          /* buffer as other threads may see it, and */
    struct nsky_fits_writer *next; /* the next of all writers: under storage's lock */
};

/* writer_storage.c: the buffer. It grows from within CFITSIO, which forgets some of the failures of
 * that: storage_errno remembers. */
NSKY_MUST_CHECK nsky_status nsky_fits_storage_open(nsky_fits_writer *writer, nsky_error *err);
void *nsky_fits_storage_grow(void *buffer, size_t bytes); /* CFITSIO's call-back */
size_t nsky_fits_storage_step(void);                      /* bytes to grow by */
/* A file: cut to `bytes`, on disk to stay, under its final name. */
NSKY_MUST_CHECK nsky_status nsky_fits_storage_publish(nsky_fits_writer *writer, size_t bytes,
                                                      nsky_error *err);
void nsky_fits_storage_close(nsky_fits_writer *writer); /* frees buffer, removes the temporary */

/* Turns a CFITSIO status into ours and marks the writer broken. */
nsky_status nsky_fits_write_failed(nsky_fits_writer *writer, int cfitsio_status, const char *what,
                                   nsky_error *err);

/* FITS text is printable ASCII: everything else becomes '?'. out [bytes], terminated. */
void nsky_fits_plain_text(char *out, size_t bytes, const char *text);

/* A HISTORY card, or several. */
NSKY_MUST_CHECK nsky_status nsky_fits_put_history(nsky_fits_writer *writer, const char *text,
                                                  nsky_error *err);

#endif
