/* file.h - files that are either whole or absent, and read-only maps of them.
 * Thread rule: any thread. Paths are bytes; errors name them. */
#ifndef NSKY_FILE_H
#define NSKY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

/* A regular file, mapped read-only. data is NULL for an empty file. */
typedef struct nsky_map {
    const void *data;
    size_t bytes;
} nsky_map;

NSKY_MUST_CHECK nsky_status nsky_map_open(nsky_map *out, const char *path, nsky_error *err);
void nsky_map_close(nsky_map *map); /* zeroes *map; a zeroed map is a no-op */

/* Whole file into memory the caller frees with nsky_free; a NUL follows the bytes.
 * NSKY_ELIMIT when larger than bytes_max. */
NSKY_MUST_CHECK nsky_status nsky_file_read(void **out, size_t *bytes, const char *path,
                                           size_t bytes_max, nsky_error *err);

/*
 * Atomic replacement: open a temporary beside `path`, write to ->stream, then commit (flush, fsync,
 * rename, fsync of the directory) or abort (remove the temporary). Every error of the stream is
 * found at commit. NSKY_EINVAL: a device, a pipe or a socket stands there.
 */
typedef struct nsky_file_writer {
    FILE *stream;
    char *path, *temporary; /* owned */
} nsky_file_writer;

NSKY_MUST_CHECK nsky_status nsky_file_begin(nsky_file_writer *out, const char *path,
                                            nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_file_commit(nsky_file_writer *writer, nsky_error *err);
void nsky_file_abort(nsky_file_writer *writer); /* no-op after commit or on a zeroed writer */

/* The three steps in one. */
NSKY_MUST_CHECK nsky_status nsky_file_write(const char *path, const void *data, size_t bytes,
                                            nsky_error *err);

NSKY_MUST_CHECK nsky_status nsky_fsync_directory(const char *path, nsky_error *err);
/* mkdir -p; existing directories are fine. */
NSKY_MUST_CHECK nsky_status nsky_make_directories(const char *path, nsky_error *err);
/* rm -r of a path; absent is fine; never follows symbolic links. */
NSKY_MUST_CHECK nsky_status nsky_remove_tree(const char *path, nsky_error *err);
/* Something other than a directory; links are followed. */
bool nsky_file_exists(const char *path);
bool nsky_directory_exists(const char *path);
/* "a/b.fits.fz" -> "b.fits.fz" (points into path). */
const char *nsky_path_base(const char *path);

/*
 * Sorted names in a directory ("." and ".." left out), so that walks are the same everywhere.
 * The list and its strings are one block: free with nsky_free. A NULL follows the last name.
 */
NSKY_MUST_CHECK nsky_status nsky_directory_list(char ***out, size_t *count, const char *path,
                                                nsky_error *err);

#endif
