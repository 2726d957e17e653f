/* votable_events.h - private: what libxml2 calls while a VOTable is read, and what the calls share
 * with the reader (votable_read.c). Thread rule: one thread. */
#ifndef NSKY_TABLE_VOTABLE_EVENTS_H
#define NSKY_TABLE_VOTABLE_EVENTS_H

#include "common/file.h"
#include "table/votable_binary.h"
#include "table/votable_read.h"

typedef enum nsky_votable_place {
    BEFORE, /* of the table with data */
    IN_TABLE,
    IN_DATA,
    IN_ROWS, /* TABLEDATA */
    IN_ROW,
    IN_CELL,
    IN_STREAM,
    AFTER, /* the table is over; the rest is nobody's business */
} nsky_votable_place;

struct nsky_votable_reader {
    char *path;
    nsky_map map;
    size_t fed;
    /* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): libxml2's */
    struct _xmlParserCtxt *parser;
    nsky_votable_place place;
    nsky_votable_field *fields;
    uint32_t count, capacity;
    bool masked; /* BINARY2 */
    nsky_base64 base64;
    nsky_votable_bytes stream; /* decoded, not yet rows */
    nsky_votable_bytes cell;   /* the one being read */
    uint32_t cells;            /* of the row being read */
    nsky_votable_bytes rows;   /* complete: [waiting, count] strings, each with its NUL */
    size_t row_start;          /* of the row being read */
    size_t next;               /* of the first row that has not been asked for */
    uint64_t waiting, told;    /* rows */
    const char **row;          /* [count] cells of the current row */
    bool reports_error;        /* in an INFO that says ERROR */
    nsky_error err;            /* of a callback */
};

/* The calls, each with the reader as its context. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): libxml2's */
extern const struct _xmlSAXHandler nsky_votable_events;

/* Notes what is wrong, with the file's name, unless something was before, and stops the parser. */
void nsky_votable_failed(nsky_votable_reader *r, nsky_status status, const char *format, ...)
    NSKY_PRINTF(3, 4);

#endif
