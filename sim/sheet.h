/* sheet.h (private) - a contact sheet: what each class looks like in a survey of this seed.
 * Thread rule: one thread. */
#ifndef NSKY_SIM_SHEET_H
#define NSKY_SIM_SHEET_H

#include "sim/plan.h"

/* A JPEG with one row for each class and each artefact; drawn anew, as stamps, from the same
 * population as the survey itself. */
NSKY_MUST_CHECK nsky_status sim_write_sheet(const char *path, const sim_plan *plan,
                                            const atomic_bool *stop, nsky_error *err);

#endif
