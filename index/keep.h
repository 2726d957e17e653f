/* keep.h - private: whether a new index may live on the tables of the live one, so that only rows
 * that were added are encoded. One thread. */
#ifndef NSKY_KEEP_H
#define NSKY_KEEP_H

#include "index/build.h"
#include "index/choose.h"
#include "index/lists.h"

/* Of the live generation's lists, as its manifest says. */
typedef struct nsky_keep {
    bool wanted;                 /* their tables serve all rows: see nsky_keep_choose */
    uint64_t rows, trained_rows; /* they cover; their tables were trained on; 0: no lists */
    /* When the tables were new: what was asked, and the lists it took to find how much. */
    double recall_target, recall_at_10;
    uint32_t nprobe;
} nsky_keep;

/*
 * The tables are kept as long as rows have grown by less than half since they were trained, the
 * vectors are stored as they were, and the options would choose the same lists and codes for the
 * rows they were trained on. plan: as chosen for all rows; where tables are kept it becomes one
 * with their lists, without a graph.
 */
NSKY_MUST_CHECK nsky_status nsky_keep_choose(nsky_keep *out, nsky_index_plan *plan,
                                             const nsky_generation *from,
                                             const nsky_index_options *options,
                                             uint64_t memory_bytes, nsky_error *err);

/* Opens the lists. whole: every byte against the manifest, lest damage become part of a new index
 * with a checksum of its own. NSKY_EDATA, NSKY_EMISMATCH, NSKY_ENOTFOUND: not as they were. */
NSKY_MUST_CHECK nsky_status nsky_keep_open(nsky_lists *out, const nsky_keep *keep,
                                           const nsky_generation *from, bool whole,
                                           nsky_error *err);

/* After the efforts were tuned to target on the kept tables: recall@10 is a point less than what
 * was asked and the tables gave when they were new, or it takes more than twice the lists. */
bool nsky_keep_falls_short(const nsky_keep *keep, double target, uint32_t nprobe,
                           double recall_at_10);

/* "trained" of a manifest's index. */
nsky_json *nsky_keep_describe(const nsky_keep *keep, nsky_vector_type type);

#endif
