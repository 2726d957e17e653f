/* pattern.h (private) - the shapes of discs that are more than a Sersic profile.
 * Surface brightness in units of their own. Thread rule: pure. */
#ifndef NSKY_SIM_PATTERN_H
#define NSKY_SIM_PATTERN_H

#include "sim/profile.h"

float sim_arms_at(const sim_brush *brush, float x, float y);
float sim_ring_at(const sim_brush *brush, float x, float y);
float sim_edge_at(const sim_brush *brush, float x, float y);
float sim_tail_at(const sim_brush *brush, float x, float y);

/* Smooth random field in [0, 1] with cells of size 1; seed 0 is 0.5 everywhere. */
float sim_value_noise(uint32_t seed, float x, float y);

#endif
