/* generation.h - immutable sets of vectors and what is built on them.
 *
 * STORE/generations/NNNN/: vectors.f16 or vectors.i8 (common/vectors.h; row = catalogue row),
 * manifest.json, and after indexing the files the index room adds. STORE/CURRENT names the live
 * one. STORE/models/<first 16 hex of sha256>.safetensors holds the weights, so that a store answers
 * for uploads by itself. A generation is prepared in generations/.work-<key>/ (kept when
 * interrupted, so that the same work carries on), renamed to its number when whole, then made
 * CURRENT. Thread rule: as survey.h.
 */
#ifndef NSKY_GENERATION_H
#define NSKY_GENERATION_H

#include <stdint.h>

#include "common/error.h"
#include "common/file.h"
#include "common/json.h"
#include "common/vectors.h"

/* --- reading: a live or named generation, mapped --- */
typedef struct nsky_generation {
    uint32_t number;
    char *path; /* STORE/generations/NNNN */
    nsky_json *manifest;
    uint64_t rows;
    uint32_t dim;
    nsky_vectors vectors; /* in map */
    nsky_map map;
    uint8_t *deleted; /* a bit for each row that is hidden (row & 7 of byte row >> 3); NULL: none */
    uint64_t deleted_count;
} nsky_generation;

/* number 0: the live one; NSKY_ENOTFOUND tells to run `nearsky embed`. Checks that sizes match the
 * manifest and that the catalogue has at least as many rows; checksums are verify's work. */
NSKY_MUST_CHECK nsky_status nsky_generation_open(nsky_generation **out, const char *store,
                                                 uint32_t number, nsky_error *err);
void nsky_generation_close(nsky_generation *generation);
/* One row as float32. */
void nsky_generation_vector(const nsky_generation *generation, uint64_t row, float *out);
/* Path of the weights in the store; the caller frees it with nsky_free. */
NSKY_MUST_CHECK nsky_status nsky_generation_model_path(const nsky_generation *generation,
                                                       char **out, nsky_error *err);

/* --- writing --- */
typedef struct nsky_generation_work {
    char *path; /* the work folder: write files here */
    char *store;
} nsky_generation_work;

/* Opens (or takes up again) the work folder named by key; letters, digits and '-' only. Holds the
 * store's writer lock while open. */
NSKY_MUST_CHECK nsky_status nsky_generation_begin(nsky_generation_work **out, const char *store,
                                                  const char *key, nsky_error *err);
/* The same for a share of the work, which others may do beside it: the lock is the folder's own
 * (NSKY_EBUSY). Never published: whoever has them all makes the generation and abandons them. */
NSKY_MUST_CHECK nsky_status nsky_generation_begin_part(nsky_generation_work **out,
                                                       const char *store, const char *key,
                                                       nsky_error *err);
/* Where the folder of a key is, whether it is there or not; free with nsky_free. NULL: NSKY_ENOMEM.
 */
char *nsky_generation_work_path(const char *store, const char *key, nsky_error *err);
/* The keys that begin so, of the work folders that are there, sorted; one block: free with
 * nsky_free, which may also be NULL on error. */
NSKY_MUST_CHECK nsky_status nsky_generation_work_keys(char ***keys, size_t *count,
                                                      const char *store, const char *start,
                                                      nsky_error *err);
/* Throws away the work of a part, unless somebody is at it: what is left does no harm. */
void nsky_generation_discard_part(const char *store, const char *key);
/*
 * Adds to the manifest "format", "number", "created_by", and "files": {name: {bytes, sha256}} for
 * every file in the folder, writes it, syncs all, renames to the next number, points CURRENT at it.
 * The rows that the catalogue says are deleted go into deleted.bin, and their number into
 * "deleted_rows". Takes and frees the manifest; frees the work, also on error.
 * The manifest must have "rows", "dim", "vector_type" where it is not float16, and "model": {name,
 * sha256, ...}; "blank_rows" counts rows
 * whose vector is all zeros, for which there was nothing to see.
 */
NSKY_MUST_CHECK nsky_status nsky_generation_publish(nsky_generation_work *work, nsky_json *manifest,
                                                    uint32_t *number, nsky_error *err);
void nsky_generation_pause(nsky_generation_work *work);   /* keeps the folder for next time */
void nsky_generation_abandon(nsky_generation_work *work); /* removes the folder */
/* Hard link (or copy) of a file of an older generation into the work folder, replacing what is
 * there; a link keeps the checksum that the older manifest has. Never write to a linked file: copy
 * it to change it. */
NSKY_MUST_CHECK nsky_status nsky_generation_link(const nsky_generation_work *work,
                                                 const nsky_generation *from, const char *name,
                                                 nsky_error *err);
/* Copies weights into STORE/models under their hash, atomically; a no-op when they are there. */
NSKY_MUST_CHECK nsky_status nsky_store_put_model(const char *store, const char *model_path,
                                                 const char *sha256, nsky_error *err);

#endif
