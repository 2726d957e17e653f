/* walk.h (private) - every file under some paths, in one fixed order.
 * Thread rule: one thread. */
#ifndef NSKY_INGEST_WALK_H
#define NSKY_INGEST_WALK_H

#include <stdint.h>

#include "common/error.h"

typedef enum nsky_walk_kind {
    NSKY_WALK_FITS,
    NSKY_WALK_PICTURE, /* JPEG, PNG */
    NSKY_WALK_HDF5,
    NSKY_WALK_GIVEN, /* named by the caller though its extension says nothing */
} nsky_walk_kind;

typedef struct nsky_walk_file {
    char *path; /* owned by the walk */
    uint64_t bytes;
    int64_t mtime_ns;
    nsky_walk_kind kind;
} nsky_walk_file;

typedef struct nsky_walk {
    nsky_walk_file *files; /* in order: paths as given, names within a folder sorted by byte */
    uint64_t count, capacity;
    uint64_t other; /* files that are no images: tables, texts, links, ... */
} nsky_walk;

#define NSKY_WALK_DEPTH_MAX 64

/*
 * Paths may be links; links below them are not followed. The store itself is left out, and so is
 * a path met twice. Folders that cannot be read are logged and left out.
 * NSKY_ENOTFOUND  a path of the caller's is not there
 */
NSKY_MUST_CHECK nsky_status nsky_walk_paths(nsky_walk **out, const char *store,
                                            const char *const *paths, uint32_t path_count,
                                            nsky_error *err);
void nsky_walk_free(nsky_walk *walk);

/* Bytes of a file name without its extension: "a.fits.fz" -> 1, "J0.5+1.2.jpg" -> 8. */
size_t nsky_walk_stem(const char *base);
/* The same where only the extensions of images count: "J0.5+1.2" -> 8. */
size_t nsky_walk_image_stem(const char *base);

#endif
