/* lists_build.h - private: from vectors to lists.bin, codes.bin and rows.bin, in a work folder.
 *
 * Three steps, each a file or more, written whole or not at all, so that a build that was killed
 * carries on where it was and ends with the same bytes:
 *   lists.part           tables but for the offsets, trained on a sample (lists_train.c)
 *   segment-NNNNNN.part  a run of rows: list, code, slack, sorted by list (lists_segment.c)
 *   the three files      segments merged, a range of lists at a time (lists_merge.c)
 * What comes out depends on the vectors and the plan alone, not on threads, memory or segments.
 */
#ifndef NSKY_LISTS_BUILD_H
#define NSKY_LISTS_BUILD_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/vectors.h"
#include "index/cluster.h"
#include "index/lists_file.h"
#include "index/space.h"

#define NSKY_TRAINED_FILE "lists.part"
#define NSKY_SEGMENT_BATCH 4096 /* rows turned together; a segment is a multiple of it */

typedef struct nsky_lists_job {
    const char *folder; /* where to write */
    nsky_vectors vectors;
    uint32_t coded, bits, lists;
    uint64_t sample_rows;     /* for centroids; fewer for the space */
    const char *vectors_name; /* what tells these vectors from others (their SHA-256) */
    uint64_t segment_rows;    /* multiple of NSKY_SEGMENT_BATCH */
    uint64_t merge_bytes;     /* memory for the merge */
    uint32_t threads;         /* >= 1 */
    const atomic_bool *stop;  /* or NULL */
} nsky_lists_job;

/* Tables in memory: an image of lists.bin, its pointers as nsky_lists has them. */
typedef struct nsky_trained {
    unsigned char *image;
    uint64_t bytes;
    nsky_lists_header header;
    nsky_lists lists; /* the tables; no codes */
    nsky_space space; /* pointers into image */
    nsky_clusters clusters;
} nsky_trained;

/* All three steps, taking up what is there of the same job. */
NSKY_MUST_CHECK nsky_status nsky_lists_build(const nsky_lists_job *job, nsky_error *err);

/* --- the steps --- */
uint64_t nsky_lists_plan_hash(const nsky_lists_job *job);
NSKY_MUST_CHECK nsky_status nsky_lists_train(nsky_trained *out, const nsky_lists_job *job,
                                             nsky_error *err);
/* NSKY_ENOTFOUND: none, or of another job. */
NSKY_MUST_CHECK nsky_status nsky_trained_read(nsky_trained *out, const nsky_lists_job *job,
                                              nsky_error *err);
void nsky_trained_free(nsky_trained *trained);

/* A segment's file: this header, counts [lists], then for each list its rows' records in order. */
typedef struct nsky_segment_header {
    char magic[8];
    uint64_t plan, trained; /* ids of the job and the tables it was made with */
    uint64_t first, rows;   /* rows of the generation it covers */
    uint64_t stored;        /* records: rows without a vector have none */
    uint32_t lists, record_bytes;
    uint64_t checksum; /* of what stands above and the counts */
} nsky_segment_header;

typedef struct nsky_record {
    uint32_t row;
    uint16_t slack[2];
    /* then the row's lanes of its block: coded * bits / 32 numbers of 4 bytes */
} nsky_record;

uint64_t nsky_segment_count(const nsky_lists_job *job);
/* caller frees */
char *nsky_segment_path(const nsky_lists_job *job, uint64_t number, nsky_error *err);
/* Header and counts [lists] of a segment. NSKY_ENOTFOUND: none, or of another job. */
NSKY_MUST_CHECK nsky_status nsky_segment_counts(const nsky_lists_job *job,
                                                const nsky_trained *trained, uint64_t number,
                                                uint32_t *counts, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_lists_segments(const nsky_lists_job *job,
                                                const nsky_trained *trained, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_lists_merge(const nsky_lists_job *job, nsky_trained *trained,
                                             nsky_error *err);

#endif
