/* field.h (private) - one brick or one stamp: everything in it, then its pixels.
 * Thread rule: one thread at a time. */
#ifndef NSKY_SIM_FIELD_H
#define NSKY_SIM_FIELD_H

#include "sim/artefact.h"
#include "sim/plan.h"
#include "sim/scene.h"

typedef struct sim_field {
    uint64_t seed; /* its own */
    uint32_t side;
    sim_conditions conditions;
    sim_object *objects; /* [count], by y then x; in a stamp the primary is number 0 */
    uint32_t count, capacity;
    sim_artefact *artefacts;
    uint32_t artefact_count;
} sim_field;

/* Everything but pixels; leaves the painter looking through the field's conditions. */
NSKY_MUST_CHECK nsky_status sim_field_plan(sim_field *out, const sim_plan *plan, uint32_t index,
                                           sim_painter *painter, nsky_error *err);
/* A stamp whose primary is of this class, for show; artefact: a bit, or 0. */
NSKY_MUST_CHECK nsky_status sim_field_example(sim_field *out, const sim_plan *plan, uint32_t index,
                                              nsky_sim_class class, uint32_t artefact,
                                              sim_painter *painter, nsky_error *err);
void sim_field_clear(sim_field *field);

/* canvas [3, side, side], overwritten; scratch [side]. */
void sim_field_draw(const sim_field *field, sim_painter *painter, sim_canvas *canvas,
                    float *scratch);

#endif
