/* view.h (private) - everything that belongs to one live generation, opened together and checked to
 * belong together. A request holds the view it began with; a reload makes a new one beside it.
 *
 * Thread rule: retain, release and the survey handles from any thread; the encoder by the
 * embedder's thread alone.
 */
#ifndef NSKY_SERVER_VIEW_H
#define NSKY_SERVER_VIEW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "encoder/encoder.h"
#include "index/search.h"
#include "probe/guard.h"
#include "store/survey.h"

typedef struct nsky_view {
    atomic_uint references;
    char *store;
    nsky_search *search;
    nsky_model *model;
    nsky_encoder *encoder;
    nsky_probe *guard; /* against artefacts; NULL: none */
    uint32_t generation, dim;
    uint64_t rows;
    const nsky_model_info *model_info; /* of model */
    char tag[17]; /* 16 hex digits that change with the generation's content: for ETags */

    pthread_mutex_t lock;  /* guards what follows */
    nsky_survey **handles; /* idle ones */
    uint32_t handle_count, handles_max;
} nsky_view;

/* handles_max: as many threads as will borrow at once. One reference, the caller's.
 * NSKY_EMISMATCH: the weights are not those the vectors were made with. */
NSKY_MUST_CHECK nsky_status nsky_view_open(nsky_view **out, const char *store, const char *device,
                                           uint32_t handles_max, nsky_error *err);
nsky_view *nsky_view_retain(nsky_view *view);
void nsky_view_release(nsky_view *view); /* the last one closes everything; NULL is a no-op */

/* A catalogue handle for one thread, given back soon. */
NSKY_MUST_CHECK nsky_status nsky_view_borrow(nsky_view *view, nsky_survey **out, nsky_error *err);
void nsky_view_give_back(nsky_view *view, nsky_survey *survey);

#endif
