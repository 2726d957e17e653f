/* lists.h - for index/: the index of a large generation. Inverted lists of compact codes in memory
 * (mapped), exact re-ranking from the stored vectors. docs/index.md says why.
 *
 * A stored vector x [dim] is taken apart as
 *     x = mean + rotation^T (centroid of its list + residual) + rest
 * with rotation [coded, dim] orthonormal rows: the principal directions of a sample, turned at
 * random inside the space they span, so that every coded dimension has about the same variance.
 * `rest` is what these directions do not hold. The residual is kept in 4 or 8 bits a dimension
 * (codes.h), its error and the rest as lengths. So for any direction w
 *     w.x = w.mean + w'.centroid + w'.decoded + e,   w' = rotation w,
 *     |e| <= |w'| coded_slack + |w - rotation^T w'| rest_slack        (Cauchy-Schwarz)
 * which serves neighbours and linear probes alike.
 *
 * Three files in the generation's folder, little-endian, each with a header of NSKY_LISTS_HEADER
 * bytes {magic, ..., id, checksum} whose id ties them together:
 *   lists.bin  the tables below up to `offsets`, 64-byte aligned, one XXH64 over all of them
 *   codes.bin  blocks of NSKY_CODE_ROWS rows, list after list, a list's last block padded
 *   rows.bin   u32 row [slots], then u8 {coded_slack, rest_slack} [slots], as slack.h says them
 * A list's rows ascend. slots = blocks * NSKY_CODE_ROWS.
 *
 * Thread rule: read-only after open, any number of threads.
 */
#ifndef NSKY_LISTS_H
#define NSKY_LISTS_H

#include <stdint.h>

#include "common/error.h"
#include "common/file.h"
#include "index/codes.h"
#include "index/scan.h"

#define NSKY_LISTS_FILE "lists.bin"
#define NSKY_CODES_FILE "codes.bin"
#define NSKY_SLOTS_FILE "rows.bin"
#define NSKY_LISTS_HEADER 4096
#define NSKY_LISTS_MAX 1048576
#define NSKY_SLOT_BYTES 6      /* in rows.bin: a slot's row and slacks */
#define NSKY_NO_ROW UINT32_MAX /* in `rows`: a slot that holds nothing */

typedef struct nsky_lists {
    uint64_t rows;               /* of the generation; each is in one list, blank ones apart */
    uint32_t dim, padded, coded; /* padded = nsky_scan_padded(dim); coded is a multiple of 16 */
    uint32_t lists, groups;      /* the lists are ordered by group: neighbours in space */
    uint64_t blocks, slots;
    nsky_coder coder;            /* of residuals */
    nsky_coder centroid_coder;   /* 8 bits */
    const float *mean;           /* [padded], zero past dim */
    const float *rotation;       /* [coded, padded], zero past dim */
    const float *group_centres;  /* [groups, coded] */
    const uint32_t *group_lists; /* [groups + 1]: lists group_lists[g] .. group_lists[g + 1] - 1 */
    const float *centroids;      /* [lists, coded] */
    const uint8_t *centroid_codes; /* blocks of the centroids, for ranking the lists */
    float *turned_mean;            /* [coded] rotation mean; own memory */
    float *halves, *group_halves;  /* [lists], [groups] half of |centre|^2; own memory */
    const uint32_t *offsets;       /* [lists + 1] in blocks */
    const uint8_t *codes;          /* [blocks] of nsky_code_block_bytes(&coder) each */
    const uint32_t *row_of;        /* [slots]: NSKY_NO_ROW where there is none; damage: check it */
    const uint8_t *slack;          /* [slots, 2] by slack.h: coded_slack, rest_slack */
    nsky_map files[3];
} nsky_lists;

/* folder: of the generation. Reads headers and tables only (well under a second for 65,536 lists).
 * NSKY_ENOTFOUND: the generation has no such index. NSKY_EDATA, NSKY_EMISMATCH name the file. */
NSKY_MUST_CHECK nsky_status nsky_lists_open(nsky_lists *out, const char *folder, uint64_t rows,
                                            uint32_t dim, nsky_error *err);
void nsky_lists_close(nsky_lists *lists); /* zeroes; a zeroed one is a no-op */

/* A direction w [padded] (zero past dim) in the lists' space: turned [coded] = rotation w;
 * *constant = w.mean; *outside = |w - rotation^T turned|, never below the truth by rounding. The
 * same bits on every CPU. */
void nsky_lists_direction(const nsky_lists *lists, const float *w, float *turned, float *constant,
                          float *outside);

/* --- nearest neighbours --- */

typedef struct nsky_candidate {
    uint32_t row;
    float score; /* of the codes: about the dot product with the stored vector */
} nsky_candidate;

typedef struct nsky_lists_query {
    const float *direction; /* [padded], zero past dim; unit length */
    const uint8_t *allowed; /* bitmap of rows (bit row & 7 of byte row >> 3), or NULL: all */
    double share;    /* of all rows that are allowed, (0, 1]; not looked at where allowed is NULL */
    uint32_t nprobe; /* lists looked into where all rows are allowed; with a filter as many more as
                        lists_widen.h says; more than there are: all */
    uint32_t want;   /* candidates */
    nsky_candidate *found; /* [want], the caller's; the best by score (equal: lower row first), in
                              no order */
    uint32_t count;        /* set; < want only when the lists held no more allowed rows */
    uint64_t swept;        /* set: slots whose codes were read */
} nsky_lists_query;

/* Each query goes through its lists on one thread, best first. Of a list the blocks of 16 rows are
 * read that hold an allowed one, and of a block the second half of its dimensions only where a row
 * may still come to what the worst candidate has by then: where it does not, it is 5 standard
 * deviations of what is left short of it, which is no bound, though nothing was ever seen to be
 * lost (docs/index.md). The same candidates for any number of threads (0: one a core), for any
 * company of queries and on every CPU. */
NSKY_MUST_CHECK nsky_status nsky_lists_candidates(const nsky_lists *lists,
                                                  nsky_lists_query *queries, uint32_t count,
                                                  uint32_t threads, nsky_error *err);

/*
 * Exact cosines of candidates from the stored vectors; the best into topk, not sorted.
 * scan: the stored vectors, mapped; what is not in memory is read ahead in parallel. Rows in
 * exclude are left out. query [padded] of unit length; scratch [padded].
 */
void nsky_lists_rerank(const nsky_scan *scan, const float *query, const nsky_candidate *candidates,
                       uint32_t count, const uint64_t *exclude, uint32_t exclude_count,
                       nsky_topk *topk, uint64_t *compared, float *scratch);

#endif
