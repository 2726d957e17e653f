/* current.h (private) - which generations there are, and which one is live.
 *
 * Publishing N: generations/.publishing is written, the work folder renamed to N, CURRENT replaced,
 * .publishing removed. The rename decides: while .publishing names a generation that is there, that
 * one is live, so that a publisher killed before CURRENT has lost nothing.
 * Thread rule: readers anywhere; writers hold the store's lock.
 */
#ifndef NSKY_STORE_CURRENT_H
#define NSKY_STORE_CURRENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_GENERATION_MAX 999999999

/* "STORE/generations/0007"; the caller frees. NULL: out of memory. */
char *nsky_generation_path(const char *store, uint32_t number, nsky_error *err);
/* Ascending; the caller frees. */
NSKY_MUST_CHECK nsky_status nsky_generation_numbers(uint32_t **out, size_t *count,
                                                    const char *store, nsky_error *err);
/* NSKY_ENOTFOUND: none yet; NSKY_EDATA: CURRENT holds no number. */
NSKY_MUST_CHECK nsky_status nsky_current_read(uint32_t *number, const char *store, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_current_announce(const char *store, uint32_t number,
                                                  nsky_error *err);
/* Finishes what an announcement began, by this or an interrupted publisher. */
NSKY_MUST_CHECK nsky_status nsky_current_settle(const char *store, nsky_error *err);

#endif
