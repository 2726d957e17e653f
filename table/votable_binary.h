/* votable_binary.h (private) - rows of a VOTable's BINARY or BINARY2 stream, as text.
 * Thread rule: one thread. */
#ifndef NSKY_TABLE_VOTABLE_BINARY_H
#define NSKY_TABLE_VOTABLE_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "table/votable_read.h"

#define NSKY_VOTABLE_NULL_BYTES 48

typedef struct nsky_votable_field {
    char name[NSKY_VOTABLE_NAME_BYTES];
    char datatype[24];
    char arraysize[24];                 /* "" for one value */
    char null[NSKY_VOTABLE_NULL_BYTES]; /* the value that means unknown; "" where none does */
} nsky_votable_field;

/* Bytes that grow, up to a limit that their user checks. */
typedef struct nsky_votable_bytes {
    char *data;
    size_t used, capacity;
} nsky_votable_bytes;

NSKY_MUST_CHECK nsky_status nsky_votable_append(nsky_votable_bytes *bytes, const void *data,
                                                size_t count, nsky_error *err);

/* base64 as it arrives in pieces, blanks passed over. */
typedef struct nsky_base64 {
    uint32_t bits, count; /* count: of characters in bits, 0..3 */
    bool ended;           /* '=' was there */
} nsky_base64;

/* Appends what the characters say. NSKY_EDATA: no base64. */
NSKY_MUST_CHECK nsky_status nsky_base64_take(nsky_base64 *state, nsky_votable_bytes *out,
                                             const char *text, size_t length, nsky_error *err);

/* Can a row of these be told? NSKY_EDATA names the field that is of no known type or has arrays of
 * arrays. */
NSKY_MUST_CHECK nsky_status nsky_votable_binary_check(const nsky_votable_field *fields,
                                                      uint32_t count, nsky_error *err);

/*
 * One row from data [bytes] to cells, each with its NUL, appended to out. *taken 0: the row is not
 * all there yet. masked: BINARY2, with a bit for each unknown value before the row.
 * NSKY_EDATA   a length that is negative
 * NSKY_ELIMIT  a row longer than NSKY_VOTABLE_ROW_BYTES_MAX
 */
NSKY_MUST_CHECK nsky_status nsky_votable_binary_row(const nsky_votable_field *fields,
                                                    uint32_t count, bool masked, const char *data,
                                                    size_t bytes, size_t *taken,
                                                    nsky_votable_bytes *out, nsky_error *err);

#endif
