/* slots.h (private) - batches in the making, and the way of a full one over the card.
 * Thread rule: begin, put, run and end from any thread, a slot one thread at a time. */
#ifndef NSKY_CUDA_SLOTS_H
#define NSKY_CUDA_SLOTS_H

#include <pthread.h>

#include "encoder/cuda/network.h"

#define NSKY_SLOTS_MAX 64u

typedef struct nsky_slots nsky_slots;

/* turn: held while the compute stream is given work. All are borrowed until free.
 * batch: images a run of the network takes. */
NSKY_MUST_CHECK nsky_status nsky_slots_new(nsky_slots **out, nsky_dev *dev, nsky_network *net,
                                           pthread_mutex_t *turn, const nsky_preprocess *how,
                                           uint32_t batch, uint32_t dim, uint32_t count,
                                           nsky_error *err);
void nsky_slots_free(nsky_slots *slots); /* all must have been given back; NULL is a no-op */

/* As nsky_slot_ops. */
NSKY_MUST_CHECK nsky_status nsky_slots_begin(nsky_slots *slots, nsky_slot **out, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_slots_put(nsky_slot *slot, const nsky_stamp *stamp, bool *full,
                                           nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_slots_run(nsky_slot *slot, uint16_t *vectors, uint8_t *faults,
                                           nsky_error *err);
void nsky_slots_end(nsky_slot *slot);
void nsky_slots_times(nsky_slots *slots, nsky_slot_times *out);

#endif
