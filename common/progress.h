/* progress.h - "ingest  1,204 of 4,000 stamps  312/s  9 s left": redrawn on a terminal; elsewhere
 * (a log, a batch system) a line a minute, or every NEARSKY_PROGRESS_S seconds, 0 for none. Thread
 * rule: nsky_progress_add from any thread; the rest from one. */
#ifndef NSKY_PROGRESS_H
#define NSKY_PROGRESS_H

#include <stdint.h>

typedef struct nsky_progress nsky_progress;

/* what: verb shown first ("ingest"); unit: plural noun ("stamps"); total 0 = unknown.
 * NULL is a valid progress that shows nothing. */
nsky_progress *nsky_progress_start(const char *what, const char *unit, uint64_t total);
void nsky_progress_set_total(nsky_progress *progress, uint64_t total);
/* Redraws a terminal at most ten times a second. */
void nsky_progress_add(nsky_progress *progress, uint64_t count);
/* A few words behind it all, shown from the next redrawing on; from one thread. */
void nsky_progress_note(nsky_progress *progress, const char *text);
/* Clears the line of a terminal and frees. */
void nsky_progress_end(nsky_progress *progress);

#endif
