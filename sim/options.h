/* options.h (private) - bounds of a survey, and the note it leaves in its folder.
 * Thread rule: one thread. */
#ifndef NSKY_SIM_OPTIONS_H
#define NSKY_SIM_OPTIONS_H

#include "sim/plan.h"

/* NSKY_EINVAL names the option that is out of range. */
NSKY_MUST_CHECK nsky_status sim_options_check(const nsky_sim_options *options, nsky_error *err);
/* Writes simulate.json, or finds it there with the same options; NSKY_EMISMATCH otherwise. */
NSKY_MUST_CHECK nsky_status sim_options_claim(const nsky_sim_options *options, const sim_plan *plan,
                                              nsky_error *err);
uint32_t sim_options_threads(const nsky_sim_options *options, uint32_t fields);

#endif
