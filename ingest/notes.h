/* notes.h (private) - what was assumed or left out, as one line for people: "a; b; c". */
#ifndef NSKY_INGEST_NOTES_H
#define NSKY_INGEST_NOTES_H

#include <stddef.h>

#include "common/error.h"

/* Appends to notes, which holds `bytes`; what does not fit is left out whole. */
void nsky_note(char *notes, size_t bytes, const char *format, ...) NSKY_PRINTF(3, 4);

#endif
