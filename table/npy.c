/* npy.c - see npy.h. */
#include "table/npy.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/half.h"
#include "common/memory.h"

#define ALIGNMENT 64
#define PREFIX_BYTES 10 /* magic, version, length of the header that follows */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "values are written as they lie in memory");

static nsky_status put(FILE *stream, const char *name, const void *data, size_t bytes,
                       nsky_error *err)
{
    if (bytes > 0 && fwrite(data, 1, bytes, stream) != bytes)
        return nsky_fail_errno(err, "%s: cannot write", name);
    return NSKY_OK;
}

nsky_status nsky_npy_begin(FILE *stream, const char *name, nsky_npy_type type, uint64_t rows,
                           uint32_t columns, nsky_error *err)
{
    assert(stream && name && err);
    char header[4 * ALIGNMENT] = "\x93NUMPY\x01\x00";
    int length = snprintf(header + PREFIX_BYTES, sizeof header - PREFIX_BYTES,
                          "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ", %u), }",
                          type == NSKY_NPY_FLOAT16 ? "<f2" : "<f4", rows, columns);
    size_t used = PREFIX_BYTES + (size_t)length;
    size_t bytes = (used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    assert(bytes <= sizeof header);
    memset(header + used, ' ', bytes - used);
    header[bytes - 1] = '\n';
    header[8] = (char)((bytes - PREFIX_BYTES) & 0xFF);
    header[9] = (char)((bytes - PREFIX_BYTES) >> 8);
    return put(stream, name, header, bytes, err);
}

nsky_status nsky_npy_put(FILE *stream, const char *name, nsky_npy_type type,
                         const nsky_vectors *vectors, uint64_t first, uint64_t count,
                         nsky_error *err)
{
    assert(stream && name && vectors && first + count <= vectors->rows && err);
    const uint32_t dim = vectors->dim;
    nsky_status status = NSKY_OK;

    if (type == NSKY_NPY_FLOAT16 && vectors->type == NSKY_VECTOR_FLOAT16)
        return put(stream, name, nsky_vectors_row(vectors, first),
                   count * nsky_vector_bytes(vectors->type, dim), err);
    float *floats = nsky_alloc(dim, sizeof *floats, err);
    uint16_t *halves = nsky_alloc(dim, sizeof *halves, err);
    if (!floats || !halves)
        status = err->status;
    for (uint64_t row = first; row < first + count && status == NSKY_OK; row++) {
        nsky_vectors_read(vectors, row, floats);
        if (type == NSKY_NPY_FLOAT32) {
            status = put(stream, name, floats, dim * sizeof *floats, err);
        } else {
            nsky_half_from_floats(halves, floats, dim);
            status = put(stream, name, halves, dim * sizeof *halves, err);
        }
    }
    nsky_free(halves);
    nsky_free(floats);
    return status;
}
