/* append.h (private) - what was read, into the store: rows, refusals, commits in batches.
 * Thread rule: one thread. */
#ifndef NSKY_INGEST_APPEND_H
#define NSKY_INGEST_APPEND_H

#include "ingest/catalogue.h"
#include "ingest/ingest.h"
#include "ingest/pipeline.h"

typedef struct nsky_append {
    nsky_survey *survey;
    const nsky_ingest_options *options;
    const nsky_catalogue *catalogue; /* or NULL */
    nsky_selection selection;        /* of entries of bricks */
    nsky_ingest_report *report;
    uint64_t pending;   /* objects since the last commit */
    double committed_s; /* when that was */
    uint64_t matched;   /* objects that the catalogue knew */
    uint64_t wider;     /* unchanged bricks, read before with a wider selection */
} nsky_append;

#define NSKY_COMMIT_OBJECTS 512 /* or options->batch */
#define NSKY_COMMIT_SECONDS 5

/* true: the store knows these files as they are and took them; nothing to do. Refused ones are
 * always looked at again: the reason may lie in another file or in an option. */
NSKY_MUST_CHECK nsky_status nsky_append_is_unchanged(nsky_append *append, const nsky_job *job,
                                                     bool *unchanged, nsky_error *err);

/* Rows and a source, or a refused source and a line of log. Anything but NSKY_OK is the end of the
 * run: the store or the memory failed, not the file. */
NSKY_MUST_CHECK nsky_status nsky_append_outcome(nsky_append *append, nsky_outcome *outcome,
                                                nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_append_commit(nsky_append *append, nsky_error *err);

#endif
