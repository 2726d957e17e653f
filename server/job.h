/* job.h (private) - a search on its way through the workers.
 * Thread rule: as request.h: whoever has the request has its job. */
#ifndef NSKY_SERVER_JOB_H
#define NSKY_SERVER_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "index/search.h"
#include "ingest/decode.h"
#include "server/probe_job.h"
#include "table/table.h"

#define NSKY_JOB_K_DEFAULT 50
#define NSKY_GROUP_ARCSEC_MAX 3600
#define NSKY_FILTER_IDS_MAX 20000 /* of one request: each is looked up */

typedef struct nsky_job {
    /* asked */
    uint32_t k;
    nsky_effort effort;
    nsky_table_format format;
    double group_arcsec;    /* hits closer together than this are one; 0: no grouping */
    nsky_filter filter;     /* points into what follows */
    uint64_t *cells, *rows; /* owned; or NULL */
    float *vectors; /* [positive + negative, dim], owned; of an upload: set by the embedder */
    uint32_t positive_count, negative_count;
    uint64_t exclude[2 * NSKY_SEARCH_EXAMPLES_MAX];
    uint32_t exclude_count;

    /* an upload; before it is embedded */
    bool upload;
    char upload_name[200];
    size_t upload_bytes;
    nsky_decoded decoded; /* owned */

    /* the example of a neighbours query */
    uint64_t query_row; /* UINT64_MAX: none */

    uint32_t neighbours; /* of an estimate: how many with a value */

    nsky_probe_job *probe; /* or NULL: a search; owned */

    /* found */
    nsky_error err; /* status NSKY_OK: the rest holds */
    nsky_hit *hits; /* [count], owned */
    uint32_t count;
    uint64_t matching, scanned;
    const char *method;
    char why[NSKY_WHY_BYTES];
} nsky_job;

NSKY_MUST_CHECK nsky_status nsky_job_new(nsky_job **out, nsky_error *err);
void nsky_job_free(nsky_job *job); /* NULL is a no-op */

/* Hits to ask the index for: more than k where grouping will drop some. */
uint32_t nsky_job_fetch(const nsky_job *job);

#endif
