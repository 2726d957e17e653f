/* shares.h - private: an index made by several processes or machines that see one store.
 *
 * Beside the generations lie .work-lists-VECTORS-PLAN-tables, with what was trained, and for each
 * share .work-lists-VECTORS-PLAN-share-I-of-N with segments; VECTORS and PLAN are hashes, so that
 * nothing of other vectors or options is taken up. A folder has one writer, who holds its lock. The
 * run without shares links what it finds into its own work folder.
 */
#ifndef NSKY_SHARES_H
#define NSKY_SHARES_H

#include "index/lists_build.h"

#define NSKY_SHARES_KEY_BYTES 40

/* "lists-VECTORS-PLAN" */
void nsky_shares_key(const nsky_lists_job *job, char out[NSKY_SHARES_KEY_BYTES]);

/* Rows of share `share` (from 0) of `shares`: whole batches, of those that need segments. */
void nsky_share_range(const nsky_lists_job *job, uint32_t share, uint32_t shares, uint64_t *first,
                      uint64_t *end);

/* Makes one; job's folder and tables are set here. Whoever comes first trains the tables, the
 * others wait. NSKY_EBUSY: another process makes this share. */
NSKY_MUST_CHECK nsky_status nsky_share_make(const char *store, const nsky_lists_job *job,
                                            uint32_t share, uint32_t shares, nsky_error *err);

/* Links what shares have made into job->folder; *rows of them. What is damaged is left. NSKY_EBUSY
 * names a share at work. */
NSKY_MUST_CHECK nsky_status nsky_shares_take(const char *store, const nsky_lists_job *job,
                                             uint64_t *rows, nsky_error *err);

/* Of the key, and all that are of other vectors. Those at work stay. */
void nsky_shares_remove(const char *store, const char *key);

#endif
