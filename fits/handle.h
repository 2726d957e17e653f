/* handle.h (private) - what an open file is made of. One thread at a time. */
#ifndef NSKY_FITS_HANDLE_H
#define NSKY_FITS_HANDLE_H

#include <fitsio.h>

#include "common/file.h"
#include "fits/fits.h"
#include "fits/structure.h"

struct nsky_fits {
    char *name;
    nsky_map map;     /* of a file; zeroed for memory */
    void *unpacked;   /* our own copy, where one was needed; or NULL */
    const char *data; /* the bytes CFITSIO reads: in the map, the copy or the caller's memory */
    void *buffer;     /* the same pointer and size, where CFITSIO keeps looking for them */
    size_t bytes;
    nsky_fits_structure structure;
    uint32_t current;
    fitsfile *file;
};

/* Before CFITSIO is used: it sets itself up on first use, and two threads may do that at once. */
void nsky_fits_set_up(void);

/* The section of the current HDU. */
const nsky_fits_section *nsky_fits_current(const nsky_fits *fits);

/* Turns a CFITSIO status into ours, clearing its message stack (one for all threads: its messages
 * may be another file's, so only the status text is used). what: "cannot read pixels". */
nsky_status nsky_fits_failed(const nsky_fits *fits, int cfitsio_status, const char *what,
                             nsky_error *err);

#endif
