/* npy.h - a matrix as NumPy's .npy file, version 1.0. Thread rule: one stream, one thread. */
#ifndef NSKY_TABLE_NPY_H
#define NSKY_TABLE_NPY_H

#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/vectors.h"

typedef enum nsky_npy_type { NSKY_NPY_FLOAT16, NSKY_NPY_FLOAT32 } nsky_npy_type;

/* The header of [rows, columns], C order, little-endian: a multiple of 64 bytes, so that a map of
 * the file is aligned. The values follow, row by row; `name` is the stream's, for errors. */
NSKY_MUST_CHECK nsky_status nsky_npy_begin(FILE *stream, const char *name, nsky_npy_type type,
                                           uint64_t rows, uint32_t columns, nsky_error *err);
/* Rows [first, first + count): as they are where they are of that type, else by way of float32. */
NSKY_MUST_CHECK nsky_status nsky_npy_put(FILE *stream, const char *name, nsky_npy_type type,
                                         const nsky_vectors *vectors, uint64_t first,
                                         uint64_t count, nsky_error *err);

#endif
