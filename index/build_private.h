/* build_private.h (private) - an index being built, whichever kind it is. One thread drives. */
#ifndef NSKY_BUILD_PRIVATE_H
#define NSKY_BUILD_PRIVATE_H

#include "index/build.h"
#include "index/by_graph.h"
#include "index/choose.h"
#include "index/keep.h"
#include "index/recall.h"
#include "index/scan.h"
#include "index/shares.h"
#include "index/tune.h"
#include "store/generation.h"

typedef struct nsky_build {
    const char *store;
    const nsky_index_options *options;
    nsky_generation *from;
    nsky_generation_work *work;
    nsky_index_plan plan, anew; /* what is made; what would be if nothing were kept */
    nsky_keep keep;             /* of the live lists, and when they are made of the new ones */
    uint64_t kept_rows, taken_rows;
    char shares_key[NSKY_SHARES_KEY_BYTES]; /* "": no lists were made */
    uint64_t memory_bytes;                  /* that the build may take */
    double recall_target;
    nsky_scan scan;
    nsky_recall recall;           /* set by the building: of the effort that is served by default */
    uint32_t faiss_lists, nprobe; /* FAISS's */
    nsky_tuned tuned;             /* the lists' */
    nsky_knn_effort graph_effort;
} nsky_build;

/* Write the index into the work folder and measure its recall. */
NSKY_MUST_CHECK nsky_status nsky_build_faiss(nsky_build *build, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_build_lists(nsky_build *build, nsky_error *err);
/* A share of the lists, for a run that takes it over. Needs no work folder. */
NSKY_MUST_CHECK nsky_status nsky_build_share(nsky_build *build, nsky_index_report *report,
                                             nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_build_graph(nsky_build *build, nsky_error *err);
/* What they are called in the manifest. */
void nsky_build_faiss_describe(const nsky_build *build, nsky_json *index);
void nsky_build_lists_describe(const nsky_build *build, nsky_json *index);

#endif
