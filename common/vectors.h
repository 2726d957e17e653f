/* vectors.h - rows of vectors as they are stored.
 *
 * float16: the numbers, of unit length up to rounding. int8: half the disk; a row's numbers times a
 * positive factor of its own, rounded, so that the largest is 127 or -127. The factor is not kept:
 * vectors have unit length, so what is read is the row divided by its length. Rounding moves a
 * vector by at most sqrt(dim) / 254 of its largest number, and a product with any direction by far
 * less (docs/index.md has what that costs). A row of zeros has no vector.
 * Thread rule: pure functions.
 */
#ifndef NSKY_VECTORS_H
#define NSKY_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum nsky_vector_type { NSKY_VECTOR_FLOAT16, NSKY_VECTOR_INT8 } nsky_vector_type;

typedef struct nsky_vectors {
    const void *data; /* [rows, dim], borrowed */
    uint64_t rows;
    uint32_t dim;
    nsky_vector_type type;
} nsky_vectors;

const char *nsky_vector_type_name(nsky_vector_type type); /* "float16", "int8" */
bool nsky_vector_type_parse(nsky_vector_type *out, const char *name);
const char *nsky_vector_file_name(nsky_vector_type type); /* "vectors.f16", "vectors.i8" */
size_t nsky_vector_bytes(nsky_vector_type type, uint32_t dim);

/* One row, wherever it lies: row points to nsky_vector_bytes of it. */
void nsky_vector_decode(nsky_vector_type type, const void *row, uint32_t dim, float *out);
/* x [dim], finite. */
void nsky_vector_encode(nsky_vector_type type, const float *x, uint32_t dim, void *row);
/* x [dim] as it would come back from being stored. */
void nsky_vector_round(nsky_vector_type type, float *x, uint32_t dim);
bool nsky_vector_is_blank(nsky_vector_type type, const void *row, uint32_t dim);

static inline const void *nsky_vectors_row(const nsky_vectors *vectors, uint64_t row)
{
    return (const char *)vectors->data + row * nsky_vector_bytes(vectors->type, vectors->dim);
}

/* Asks the disk for rows [first, end) of a mapped file, all at once: a page fault reads a small
 * piece and waits for it. Advice: where they are in memory nothing happens. false: it is not taken.
 */
bool nsky_vectors_will_need(const nsky_vectors *vectors, uint64_t first, uint64_t end);

/* A row in memory to the cache, all its lines. */
static inline void nsky_vectors_prefetch(const nsky_vectors *vectors, uint64_t row)
{
    const char *bytes = nsky_vectors_row(vectors, row);
    const size_t count = nsky_vector_bytes(vectors->type, vectors->dim);

    for (size_t line = 0; line < count; line += 64)
        __builtin_prefetch(bytes + line);
}

/* Rows [first, first + count) of them. */
static inline nsky_vectors nsky_vectors_run(const nsky_vectors *vectors, uint64_t first,
                                            uint64_t count)
{
    return (nsky_vectors){nsky_vectors_row(vectors, first), count, vectors->dim, vectors->type};
}

static inline void nsky_vectors_read(const nsky_vectors *vectors, uint64_t row, float *out)
{
    nsky_vector_decode(vectors->type, nsky_vectors_row(vectors, row), vectors->dim, out);
}

static inline bool nsky_vectors_is_blank(const nsky_vectors *vectors, uint64_t row)
{
    return nsky_vector_is_blank(vectors->type, nsky_vectors_row(vectors, row), vectors->dim);
}

#endif
