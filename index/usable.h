/* usable.h - private: whether the index that a generation has can be searched. One thread. */
#ifndef NSKY_USABLE_H
#define NSKY_USABLE_H

#include <stdbool.h>

#include "store/generation.h"

/* Opens the index as a search would, and closes it. whole: every byte of its files and of the
 * columns against the manifest, too. NSKY_EDATA, NSKY_EMISMATCH, NSKY_ENOTFOUND name the file. */
NSKY_MUST_CHECK nsky_status nsky_index_check(nsky_generation *generation, bool whole,
                                             nsky_error *err);
/* What speaks against an index itself, not against this moment (no memory, a disk that fails). */
static inline bool nsky_index_is_unusable(nsky_status status)
{
    return status == NSKY_EDATA || status == NSKY_EMISMATCH || status == NSKY_ENOTFOUND;
}
/* Every byte of one of the generation's files against the manifest. */
NSKY_MUST_CHECK nsky_status nsky_index_check_file(const nsky_generation *generation,
                                                  const char *name, nsky_error *err);

#endif
