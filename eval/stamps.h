/* stamps.h - the stamps of the labelled objects, read once, by a few threads, for whoever makes
 * features of them. */
#ifndef NSKY_EVAL_STAMPS_H
#define NSKY_EVAL_STAMPS_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/error.h"
#include "eval/truth.h"
#include "image/stamp.h"

typedef struct nsky_stamp_source {
    const char *store;
    const nsky_truth *truth;
    uint32_t threads;        /* 0: one for each core */
    const atomic_bool *stop; /* or NULL; true: NSKY_ECANCELLED */
} nsky_stamp_source;

/* Each thread opens a state, takes groups with it, and closes it. */
typedef struct nsky_stamp_taker {
    const char *what; /* for the progress line: "hand-made" */
    uint32_t group;   /* stamps at once */
    nsky_status (*open)(void **state, void *payload, nsky_error *err); /* NULL: no state */
    /* Stamps of the objects first .. first + count - 1. */
    nsky_status (*take)(void *payload, void *state, const nsky_stamp *const *stamps, uint32_t first,
                        uint32_t count, nsky_error *err);
    void (*close)(void *state); /* a NULL state too */
    void *payload;
} nsky_stamp_taker;

/* The error is that of whichever thread failed first. */
NSKY_MUST_CHECK nsky_status nsky_stamps_each(const nsky_stamp_source *source,
                                             const nsky_stamp_taker *taker, nsky_error *err);

#endif
