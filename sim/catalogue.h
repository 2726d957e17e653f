/* catalogue.h (private) - what a survey's pipeline would list, and what is really there.
 * Thread rule: one thread at a time. */
#ifndef NSKY_SIM_CATALOGUE_H
#define NSKY_SIM_CATALOGUE_H

#include <stdio.h>

#include "sim/field.h"

/* Columns of the table in `truth.csv`; bricks have id, brick and objid, stamps do not. */
void sim_truth_header(FILE *stream, bool stamps);
/* One row for each entry of a brick's catalogue, or for a stamp's primary. */
void sim_truth_rows(FILE *stream, const sim_plan *plan, uint32_t index, const sim_field *field);

/* tractor-<brick>.fits: true fluxes behind dust, with the noise of a fit. */
NSKY_MUST_CHECK nsky_status sim_write_tractor(const char *path, const sim_brick *brick,
                                              const sim_field *field, nsky_error *err);

#define SIM_STAMP_NAME_BYTES 48
void sim_stamp_name(const sim_plan *plan, uint32_t index, char out[SIM_STAMP_NAME_BYTES]);

#endif
