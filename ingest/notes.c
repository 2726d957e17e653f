/* notes.c - see notes.h. Thread rule: pure. */
#include "ingest/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void nsky_note(char *notes, size_t bytes, const char *format, ...)
{
    char text[256];
    va_list args;
    size_t used = strlen(notes);

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *separator = used > 0 ? "; " : "";
    if (used + strlen(separator) + strlen(text) < bytes)
        snprintf(notes + used, bytes - used, "%s%s", separator, text);
}
