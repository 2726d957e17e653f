/* manifest.h (private) - generations/NNNN/manifest.json: what must be in it.
 * Thread rule: a manifest belongs to one thread. */
#ifndef NSKY_STORE_MANIFEST_H
#define NSKY_STORE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "common/vectors.h"

#define NSKY_MANIFEST_FORMAT 1
#define NSKY_MANIFEST_BYTES_MAX ((size_t)16 << 20)
#define NSKY_DIM_MAX 65536
#define NSKY_MANIFEST "manifest.json"

/* Borrowed from the manifest. */
typedef struct nsky_manifest {
    uint64_t rows, blank_rows; /* blank: rows whose vector is all zeros, for nothing was seen */
    uint32_t dim;
    nsky_vector_type type;    /* "vector_type"; float16 where it is not said */
    const char *model_sha256; /* 64 lower-case hex digits */
} nsky_manifest;

/* "rows", "dim", "model" and, where they are there, "blank_rows" and "vector_type"; NSKY_EDATA
 * names what is wrong in `path`. */
NSKY_MUST_CHECK nsky_status nsky_manifest_read(nsky_manifest *out, const nsky_json *root,
                                               const char *path, nsky_error *err);
/* Everything of a published one, the list of files too. NSKY_EMISMATCH: newer format. */
NSKY_MUST_CHECK nsky_status nsky_manifest_check(nsky_manifest *out, const nsky_json *root,
                                                uint32_t number, const char *path, nsky_error *err);
/* A plain name within a folder, not hidden, not the manifest's. */
bool nsky_manifest_name_ok(const char *name);
bool nsky_is_sha256(const char *text); /* NULL is none */
/* The entry's size; the caller has checked the manifest. */
uint64_t nsky_manifest_bytes(const nsky_json *file);

#endif
