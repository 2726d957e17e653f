/* lens_draws.h (private) - lens probes, one for each draw of labels, and how they rank the rest.
 * Thread rule: read-only once made. */
#ifndef NSKY_EVAL_LENS_DRAWS_H
#define NSKY_EVAL_LENS_DRAWS_H

#include "eval/ranked.h"
#include "eval/task.h"

typedef struct nsky_lens_draws {
    uint32_t count;
    nsky_ranked *all;     /* [count]: lenses among everything that was not trained on */
    nsky_ranked *matched; /* [count]: lenses among look-alikes; empty where there are none */
} nsky_lens_draws;

/* labels: half of them lenses, a quarter look-alikes (where there are some), the rest others. */
NSKY_MUST_CHECK nsky_status nsky_lens_draws_new(nsky_lens_draws **out, const nsky_task *task,
                                                const nsky_features *features, uint32_t labels,
                                                nsky_error *err);
void nsky_lens_draws_free(nsky_lens_draws *draws); /* NULL is a no-op */

/* completeness.*: adds the share found at a false-positive rate of 1e-2, by Einstein radius and by
 * the signal to noise of the arcs, where the labels have them. */
NSKY_MUST_CHECK nsky_status nsky_lens_completeness(nsky_scores *scores, const nsky_task *task,
                                                   const nsky_lens_draws *draws, nsky_error *err);

#endif
