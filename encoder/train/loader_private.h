/* loader_private.h (private) - what loader.c and loader_make.c share. Thread rule: as loader.c
 * says.
 */
#ifndef NSKY_LOADER_PRIVATE_H
#define NSKY_LOADER_PRIVATE_H

#include <pthread.h>

#include "encoder/train/augment_private.h"
#include "encoder/train/loader.h"
#include "encoder/train/loader_stamps.h"

#define NSKY_LOADER_SLOTS 3u

typedef struct nsky_loader_slot {
    float *images;            /* [views, samples, 3, size, size]; NULL: packed */
    uint64_t *rows;           /* [samples] */
    nsky_view *views;         /* [views, samples] packed; `at` is settled when it is lent */
    const uint16_t **pixels;  /* [samples] */
    void **owned;             /* [samples] pixels that are the slot's own; NULL: they are not */
    uint32_t begun, finished; /* samples */
    uint32_t failed;          /* the first sample that did, by number; samples: none */
    nsky_error err;           /* its error */
} nsky_loader_slot;

struct nsky_loader {
    nsky_loader_options how; /* stores is not kept */
    uint64_t rows, steps;
    uint32_t samples, first;        /* of a batch: how many are made here, from which on */
    uint64_t *chosen, chosen_count; /* the rows batches are of; NULL: all */
    size_t image;                   /* floats of one */
    nsky_stamps *stamps;
    nsky_stamps_reader *reader; /* the caller's thread's */
    pthread_t *threads;
    uint32_t thread_count;

    pthread_mutex_t mutex;
    pthread_cond_t work, done; /* for the workers; for the caller */
    nsky_loader_slot slots[NSKY_LOADER_SLOTS];
    uint64_t next;  /* batch to lend next */
    uint64_t begin; /* batch whose samples are being handed out */
    bool lent;      /* next - 1 is with the caller */
    bool running, closing;
    uint32_t active; /* samples under way */
};

/* --- loader_make.c --- */
void *nsky_loader_work(void *payload); /* a thread; payload: the loader */
/* Views first .. end - 1 of a row, `apart` floats from one another. */
NSKY_MUST_CHECK nsky_status nsky_loader_make(const nsky_loader *l, nsky_stamps_reader *reader,
                                             nsky_augment_scratch *scratch, uint64_t row,
                                             uint32_t epoch, uint32_t first, uint32_t end,
                                             float *out, size_t apart, nsky_error *err);

#endif
