/* lists_build.h - private: from vectors to lists.bin, codes.bin and rows.bin, in a work folder.
 *
 * Three steps, each a file or more, written whole or not at all, so that a build that was killed
 * carries on where it was and ends with the same bytes:
 *   lists.part              tables but for the offsets, trained on a sample (lists_train.c)
 *   segment-FIRST-ROWS.part a run of rows: list, code, slack, sorted by list (lists_segment.c);
 *                           whichever are there are taken, whoever made them (lists_parts.c)
 *   the three files         segments merged, a range of lists at a time (lists_merge.c)
 * What comes out depends on the vectors and the plan alone, not on threads, memory or segments.
 *
 * A job may keep an older index of its first rows (lists_keep.c): then nothing is trained, only the
 * rows behind them get segments, and the merge puts these behind the old codes of each list.
 */
#ifndef NSKY_LISTS_BUILD_H
#define NSKY_LISTS_BUILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/vectors.h"
#include "index/cluster.h"
#include "index/lists_file.h"
#include "index/space.h"

#define NSKY_TRAINED_FILE "lists.part"
#define NSKY_SEGMENT_BATCH 4096 /* rows turned together; a segment is a multiple of it */

typedef struct nsky_lists_job {
    const char *folder; /* where to write */
    const char *tables; /* where lists.part is, or NULL: in folder */
    nsky_vectors vectors;
    const nsky_lists *kept; /* the index of the first kept->rows, that lives on; NULL: none */
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
/* Work of this job is there, its tables at least. */
bool nsky_lists_begun(const nsky_lists_job *job);
/* The first step, where it is not done: lists.part, or nothing for a job that keeps an index. */
NSKY_MUST_CHECK nsky_status nsky_lists_ready(const nsky_lists_job *job, nsky_error *err);
/* The segments of rows [first, end) that are not there, of tables that are ready. */
NSKY_MUST_CHECK nsky_status nsky_lists_share(const nsky_lists_job *job, uint64_t first,
                                             uint64_t end, nsky_error *err);

/* --- the steps --- */
uint64_t nsky_lists_plan_hash(const nsky_lists_job *job);
NSKY_MUST_CHECK nsky_status nsky_lists_train(nsky_trained *out, const nsky_lists_job *job,
                                             nsky_error *err);
/* NSKY_ENOTFOUND: none, or of another job. */
NSKY_MUST_CHECK nsky_status nsky_trained_read(nsky_trained *out, const nsky_lists_job *job,
                                              nsky_error *err);
/* The tables of the job's kept index. */
NSKY_MUST_CHECK nsky_status nsky_trained_keep(nsky_trained *out, const nsky_lists_job *job,
                                              nsky_error *err);
/* Points the parts into image; header and bytes are set. Frees nothing on error. NSKY_ENOTFOUND:
 * the tables make no sense. */
NSKY_MUST_CHECK nsky_status nsky_trained_unfold(nsky_trained *trained, nsky_error *err);
void nsky_trained_free(nsky_trained *trained);

/* Rows of each list [lists] of the kept index. NSKY_EDATA, naming rows.bin, unless each row that
 * has a vector is in one list, once, and they ascend. */
NSKY_MUST_CHECK nsky_status nsky_kept_counts(const nsky_lists_job *job, uint32_t *counts,
                                             nsky_error *err);

/* A segment's file: this header, counts [lists], then for each list its rows' records in order. */
typedef struct nsky_segment_header {
    char magic[8];
    uint64_t plan, trained; /* ids of the job and the tables it was made with */
    uint64_t first, rows;   /* rows of the generation it covers */
    uint64_t stored;        /* records: rows without a vector have none */
    uint32_t lists, record_bytes;
    uint64_t records;  /* XXH64 of the records, each seeded with the one before */
    uint64_t checksum; /* of what stands above and the counts */
} nsky_segment_header;

typedef struct nsky_record {
    uint32_t row;
    uint8_t slack[2]; /* by slack.h */
    uint8_t zero[2];
    /* then the row's lanes of its block: coded * bits / 32 numbers of 4 bytes */
} nsky_record;

extern const char nsky_segment_magic[8];
uint32_t nsky_record_bytes(const nsky_lists_job *job);
uint64_t nsky_segment_checksum(const nsky_segment_header *header, const uint32_t *counts);
/* Of a folder's file; the caller frees. */
char *nsky_segment_path(const char *folder, uint64_t first, uint64_t rows, nsky_error *err);
/* The rows of a file's name, if it is a segment's. */
bool nsky_segment_name(const char *name, uint64_t *first, uint64_t *rows);
/* Header and counts [lists] of a segment in the job's folder. NSKY_ENOTFOUND: none, or of another
 * job, or not whole. */
NSKY_MUST_CHECK nsky_status nsky_segment_counts(const nsky_lists_job *job,
                                                const nsky_trained *trained, uint64_t first,
                                                uint64_t rows, uint32_t *counts, nsky_error *err);
/* Every byte of one that comes from another folder. NSKY_ENOTFOUND: not the job's, or damaged. */
NSKY_MUST_CHECK nsky_status nsky_segment_verify(const nsky_lists_job *job, const char *folder,
                                                uint64_t first, uint64_t rows, nsky_error *err);

/* Runs of rows without gaps, in order: those of the segments that are there, and of those to make.
 */
typedef struct nsky_segment_run {
    uint64_t first, rows;
    bool made;
} nsky_segment_run;

typedef struct nsky_segment_runs {
    nsky_segment_run *runs;
    uint64_t count, missing; /* missing: runs that are not made */
} nsky_segment_runs;

uint64_t nsky_segments_begin(const nsky_lists_job *job); /* the first row that needs one */
/* Of rows [first, end); first is a whole number of batches behind the begin. Removes what is there
 * of other jobs. */
NSKY_MUST_CHECK nsky_status nsky_segments_find(nsky_segment_runs *out, const nsky_lists_job *job,
                                               const nsky_trained *trained, uint64_t first,
                                               uint64_t end, nsky_error *err);
void nsky_segments_free(nsky_segment_runs *runs); /* zeroes; a zeroed one is a no-op */

NSKY_MUST_CHECK nsky_status nsky_lists_segments(const nsky_lists_job *job,
                                                const nsky_trained *trained, uint64_t first,
                                                uint64_t end, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_lists_merge(const nsky_lists_job *job, nsky_trained *trained,
                                             nsky_error *err);

#endif
