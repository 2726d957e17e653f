/* gather.h - private: some rows compared exactly, one by one, and no others looked at. */
#ifndef NSKY_GATHER_H
#define NSKY_GATHER_H

#include "index/scan.h"

/*
 * The rows of [first, end) whose bit is set in allowed (NULL: all of them) against a query
 * [padded] of unit length, offered to topk, which may hold hits already; not sorted. *compared
 * counts them. All cores, and more threads than cores where rows may have to come from disk. Any
 * thread.
 */
NSKY_MUST_CHECK nsky_status nsky_gather_run(const nsky_scan *scan, const float *query,
                                            uint64_t first, uint64_t end, const uint8_t *allowed,
                                            nsky_topk *topk, uint64_t *compared, nsky_error *err);

/* So many matches of a filter are compared as quickly as lists are looked into, which find less:
 * the larger the survey, the more lists such a filter makes necessary. */
uint64_t nsky_gather_few(uint64_t rows, uint32_t dim);

#endif
