/* output.h (private) - bytes to a stream or into memory; text made fit to be written.
 * Thread rule: one thread at a time. */
#ifndef NSKY_TABLE_OUTPUT_H
#define NSKY_TABLE_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "common/error.h"

/* The first error is kept and everything after it is dropped: checked once a row. */
typedef struct nsky_output {
    FILE *stream;     /* or NULL: into memory */
    const char *name; /* of the stream, for errors */
    char *data;       /* owned */
    size_t bytes, capacity;
    nsky_error err;
} nsky_output;

void nsky_output_put(nsky_output *out, const void *data, size_t bytes);
void nsky_output_text(nsky_output *out, const char *text);
/* What went wrong so far, or NSKY_OK. */
NSKY_MUST_CHECK nsky_status nsky_output_check(const nsky_output *out, nsky_error *err);

/* Room for text that had to be changed; zeroed at first. */
typedef struct nsky_cleaner {
    char *text;
    size_t room;
} nsky_cleaner;

typedef enum nsky_charset {
    NSKY_CHARSET_UTF8,
    NSKY_CHARSET_XML,       /* without the characters that XML 1.0 has not */
    NSKY_CHARSET_XML_ASCII, /* and '?' for what is not ASCII */
} nsky_charset;

/* text itself where there is nothing to change, else a copy that lasts until the next call. NULL:
 * no memory for it. */
const char *nsky_clean_text(nsky_cleaner *cleaner, const char *text, nsky_charset charset,
                            nsky_error *err);
void nsky_cleaner_free(nsky_cleaner *cleaner);

#endif
