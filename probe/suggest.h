/* suggest.h - whose label would help a probe most: objects it is unsure of, unlike one another.
 * Thread rule: blocks; any thread. */
#ifndef NSKY_PROBE_SUGGEST_H
#define NSKY_PROBE_SUGGEST_H

#include "index/search.h"
#include "probe/probe.h"

#define NSKY_SUGGEST_MAX 1000
#define NSKY_SUGGEST_SAMPLE 65536 /* rows that suggestions of a regression are chosen from */

/*
 * Up to n rows, the most helpful first, and their scores by `output`. Objects it learned from are
 * left out. Unsure is: two classes, a probability near one half at the probe's prevalence; several,
 * two classes close to each other; a regression, far from what it learned from, among
 * NSKY_SUGGEST_SAMPLE rows of those that pass the filter. Each one chosen makes those like it
 * count less.
 * rows, scores [n], the caller's; *count < n only where there are no more.
 */
NSKY_MUST_CHECK nsky_status nsky_suggest(const nsky_probe *probe, uint32_t output,
                                         const nsky_search *search, nsky_survey *survey,
                                         const nsky_filter *filter, uint32_t n, uint32_t *rows,
                                         float *scores, uint32_t *count, nsky_error *err);

#endif
