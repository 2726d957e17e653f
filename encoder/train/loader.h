/* loader.h - batches of augmented views for training, prepared ahead by threads of its own.
 *
 * What a batch holds depends on (seed, epoch, step) and the stores only: not on threads, memory or
 * where training was stopped. An epoch visits every stamp at most once, in an order of its own;
 * what does not fill a batch at its end is left out. Stamps of several stores are mixed as they
 * come. They are decompressed once and kept as float16 up to `memory_bytes`; beyond that they are
 * read from their packs again each epoch.
 * Thread rule: a loader belongs to one thread.
 */
#ifndef NSKY_LOADER_H
#define NSKY_LOADER_H

#include <stdint.h>

#include "common/error.h"
#include "encoder/preprocess.h"
#include "encoder/train/augment.h"
#include "encoder/train/packed.h"
#include "store/survey.h"

#define NSKY_LOADER_STORES_MAX 64u
#define NSKY_LOADER_VIEWS_MAX 16u
#define NSKY_LOADER_THREADS_MAX 256u

typedef struct nsky_loader nsky_loader;

typedef struct nsky_loader_options {
    const char *const *stores; /* folders; borrowed during open */
    uint32_t store_count;
    nsky_preprocess preprocess;
    nsky_augment augment;
    uint32_t views; /* 2 */
    uint32_t batch;
    uint64_t seed;
    uint32_t threads;      /* 0: as many as there are cores */
    uint64_t memory_bytes; /* for stamps; 0: 4 GiB. Batches prepared ahead come on top: three */
    bool packed;           /* nsky_loader_next_packed instead of nsky_loader_next */
    uint32_t part, parts;  /* of every batch the part-th of so many equal ones; parts 0: all */
} nsky_loader_options;

/*
 * NSKY_EINVAL    no stores, fewer stamps than a batch, or one of no equal parts
 * NSKY_ELIMIT    more stores, views, threads or rows than the loader takes
 * and what opening a store says
 */
NSKY_MUST_CHECK nsky_status nsky_loader_open(nsky_loader **out, const nsky_loader_options *options,
                                             nsky_error *err);
/* Stamps: rows 0 .. rows - 1 are those of the first store, then those of the second, ... */
uint64_t nsky_loader_rows(const nsky_loader *l);
uint64_t nsky_loader_steps(const nsky_loader *l); /* full batches an epoch */
/* Batches are of these rows [count] alone (those that have labels), each once, copied; before the
 * first nsky_loader_next. NSKY_EINVAL: fewer than a batch. */
NSKY_MUST_CHECK nsky_status nsky_loader_restrict(nsky_loader *l, const uint64_t *rows,
                                                 uint64_t count, nsky_error *err);

/* The next nsky_loader_next gives (epoch, step); step may be nsky_loader_steps: the epoch after.
 * NSKY_EINVAL: step beyond. */
NSKY_MUST_CHECK nsky_status nsky_loader_seek(nsky_loader *l, uint32_t epoch, uint64_t step,
                                             nsky_error *err);
/*
 * images [views, batch, 3, size, size] float32 and rows [batch] (of a part of a batch: of that
 * many): the loader's, valid until the next call. Epochs follow one another without end. On error
 * (a damaged stamp: the text names store and row) the same batch comes again, and fails again
 * unless the store was mended.
 */
NSKY_MUST_CHECK nsky_status nsky_loader_next(nsky_loader *l, const float **images,
                                             const uint64_t **rows, nsky_error *err);

/* The same views, not made yet: as the stamps and numbers they are made of. */
NSKY_MUST_CHECK nsky_status nsky_loader_next_packed(nsky_loader *l, nsky_packed *batch,
                                                    const uint64_t **rows, nsky_error *err);

/* out [3, size, size]: centre crop, no augmentation: exactly nsky_preprocess_run. */
NSKY_MUST_CHECK nsky_status nsky_loader_plain(nsky_loader *l, uint64_t row, float *out,
                                              nsky_error *err);
/* One view, as nsky_loader_next would give it. The scratch is of the loader's own options. */
NSKY_MUST_CHECK nsky_status nsky_loader_view(nsky_loader *l, uint64_t row, uint32_t epoch,
                                             uint32_t view, float *out,
                                             nsky_augment_scratch *scratch, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_loader_stamp(nsky_loader *l, uint64_t row, nsky_stamp **out,
                                              nsky_error *err);
/* The catalogue's row, for labels; out->row is the row in its own store. */
NSKY_MUST_CHECK nsky_status nsky_loader_object(nsky_loader *l, uint64_t row, nsky_object *out,
                                               nsky_error *err);
/* What it was opened with; `stores` is NULL, threads as many as there are. */
const nsky_loader_options *nsky_loader_how(const nsky_loader *l);
/* The store's folder as given. */
const char *nsky_loader_store(const nsky_loader *l, uint64_t row);

void nsky_loader_close(nsky_loader *l); /* waits for its threads; NULL is a no-op */

#endif
