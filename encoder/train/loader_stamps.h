/* loader_stamps.h (private) - the stamps of several stores as one list, kept in memory as far as
 * that goes. Thread rule: the list may be shared; each thread reads with a reader of its own. */
#ifndef NSKY_LOADER_STAMPS_H
#define NSKY_LOADER_STAMPS_H

#include "encoder/train/augment.h"
#include "encoder/train/loader.h"

typedef struct nsky_stamps nsky_stamps;
typedef struct nsky_stamps_reader nsky_stamps_reader;

NSKY_MUST_CHECK nsky_status nsky_stamps_open(nsky_stamps **out, const nsky_loader_options *options,
                                             nsky_error *err);
uint64_t nsky_stamps_rows(const nsky_stamps *stamps);
/* The store that holds row, and the row's number there. */
const char *nsky_stamps_locate(const nsky_stamps *stamps, uint64_t row, uint64_t *own_row);
void nsky_stamps_close(nsky_stamps *stamps); /* after its readers; NULL is a no-op */

/* Opens stores when they are first read from. stamps is borrowed. */
NSKY_MUST_CHECK nsky_status nsky_stamps_reader_new(nsky_stamps_reader **out, nsky_stamps *stamps,
                                                   nsky_error *err);
void nsky_stamps_reader_free(nsky_stamps_reader *reader); /* NULL is a no-op */

/*
 * A stamp prepared for views (see augment_private.h) through float16, and what is known of it: the
 * same whether it was in memory or not. *stamp is the reader's, until the next call.
 */
NSKY_MUST_CHECK nsky_status nsky_stamps_prepared(nsky_stamps_reader *reader, uint64_t row,
                                                 const nsky_stamp **stamp, nsky_augment_own *own,
                                                 nsky_error *err);
/* The same at rest, to be copied from. */
typedef struct nsky_stamps_packed {
    nsky_stamp header; /* without pixels */
    nsky_augment_own own;
    const uint16_t *pixels; /* [3, height, width] float16 */
    void *owned;            /* NULL: they last until close; else the caller frees this */
} nsky_stamps_packed;

NSKY_MUST_CHECK nsky_status nsky_stamps_pack(nsky_stamps_reader *reader, uint64_t row,
                                             nsky_stamps_packed *out, nsky_error *err);
/* As the store has it. */
NSKY_MUST_CHECK nsky_status nsky_stamps_stored(nsky_stamps_reader *reader, uint64_t row,
                                               nsky_stamp **out, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_stamps_object(nsky_stamps_reader *reader, uint64_t row,
                                               nsky_object *out, nsky_error *err);

#endif
