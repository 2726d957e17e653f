/* cuda_module.h (private) - the CUDA back end lives in a module of its own, nearsky_cuda.so, opened
 * when somebody asks for it: one binary serves machines with and without a card.
 *
 * The module exports one symbol, NSKY_CUDA_SYMBOL. Both sides were compiled from this header; abi
 * and layout say whether it was the same one. Thread rule: any thread.
 */
#ifndef NSKY_CUDA_MODULE_H
#define NSKY_CUDA_MODULE_H

#include "encoder/backend.h"
#include "encoder/train/learner.h"

#define NSKY_CUDA_ABI 4u /* to be raised with any change of what crosses the border */
#define NSKY_CUDA_MODULE_FILE "nearsky_cuda.so"
#define NSKY_CUDA_SYMBOL "nsky_cuda_module"
#define NSKY_CUDA_MODULE_ENV "NEARSKY_CUDA_MODULE" /* a path, instead of the places searched */

typedef struct nsky_cuda_module_table {
    uint32_t abi;
    uint32_t layout; /* nsky_cuda_layout() of the module's own compilation */
    const nsky_backend_ops *ops;
    const nsky_train_ops *training;
    /* Driver, card and memory: NSKY_EDEVICE with the remedy. */
    nsky_status (*probe)(nsky_error *err);
} nsky_cuda_module_table;

/* What the module exports. */
typedef const nsky_cuda_module_table *nsky_cuda_module_fn(void);

/* Sizes of the structures that cross the border, mixed. */
static inline uint32_t nsky_cuda_layout(void)
{
    const size_t sizes[] = {sizeof(nsky_backend_ops),
                            sizeof(nsky_slot_ops),
                            sizeof(nsky_graph),
                            sizeof(nsky_op),
                            sizeof(nsky_value),
                            sizeof(nsky_stamp),
                            sizeof(nsky_preprocess),
                            sizeof(nsky_error),
                            sizeof(nsky_slot_times),
                            sizeof(nsky_train_ops),
                            sizeof(nsky_train_graph),
                            sizeof(nsky_train_card),
                            sizeof(nsky_learner_options),
                            sizeof(nsky_learner_state),
                            sizeof(nsky_learner_rates),
                            sizeof(nsky_learner_result),
                            sizeof(nsky_packed),
                            sizeof(nsky_packing),
                            sizeof(nsky_view),
                            sizeof(nsky_train_meeting),
                            sizeof(nsky_heads),
                            sizeof(nsky_target)};
    uint32_t mixed = 17;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        mixed = mixed * 1000003u + (uint32_t)sizes[i];
    return mixed;
}

/* The back end, opened and probed once a process; NULL with NSKY_EDEVICE: no module, one that does
 * not fit, no driver, an old one, no card, one too old, too little memory. The text names the
 * remedy. */
const nsky_backend_ops *nsky_cuda_backend(nsky_error *err);
/* Likewise, what trains. */
const nsky_train_ops *nsky_cuda_training(nsky_error *err);
/* Whether there is a module at all: without one nobody expects a card to be used. */
bool nsky_cuda_present(void);

#endif
