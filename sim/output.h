/* output.h (private) - files of one brick or stamp.
 * Thread rule: one worker for each thread. */
#ifndef NSKY_SIM_OUTPUT_H
#define NSKY_SIM_OUTPUT_H

#include "image/stamp.h"
#include "sim/field.h"

/* What one thread draws with. */
typedef struct sim_worker {
    const char *out;
    const sim_plan *plan;
    sim_painter *painter;
    nsky_stamp *stamp; /* stamps */
    sim_canvas canvas; /* its pixels, or a brick's */
    float *scratch;    /* [side] */
} sim_worker;

NSKY_MUST_CHECK nsky_status sim_worker_open(sim_worker *worker, const char *out,
                                            const sim_plan *plan, nsky_error *err);
void sim_worker_close(sim_worker *worker);

/* All files of this brick or stamp are there. */
NSKY_MUST_CHECK nsky_status sim_output_finished(bool *finished, const sim_worker *worker,
                                                uint32_t index, nsky_error *err);
/* Draws the field and writes its files. */
NSKY_MUST_CHECK nsky_status sim_output_write(sim_worker *worker, uint32_t index,
                                             const sim_field *field, nsky_error *err);

#endif
