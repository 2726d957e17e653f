/* safetensors.h (private) - the container format, read and written in memory.
 *
 * u64 LE header length, header (a JSON object), then the tensors' bytes back to back. Everything
 * the reference reader checks is checked: a file that opens here is whole and means one thing.
 * Thread rule: read-only once read; any thread.
 */
#ifndef NSKY_SAFETENSORS_H
#define NSKY_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

#define NSKY_SAFETENSORS_HEADER_MAX 100000000u /* bytes; the format's own limit */
#define NSKY_SAFETENSORS_TENSORS_MAX 65536u
#define NSKY_SAFETENSORS_DIMS_MAX 8u

typedef enum nsky_dtype {
    NSKY_DTYPE_F32,
    NSKY_DTYPE_F16,
    NSKY_DTYPE_BF16,
    NSKY_DTYPE_OTHER, /* known to the format, of no use to us */
} nsky_dtype;

/* name and data are borrowed: from the header and from the image. data is not aligned. */
typedef struct nsky_safetensor {
    const char *name;
    nsky_dtype dtype;
    uint32_t dims;
    uint64_t shape[NSKY_SAFETENSORS_DIMS_MAX];
    const unsigned char *data;
    uint64_t bytes;
} nsky_safetensor;

typedef struct nsky_safetensors {
    nsky_json *header;
    nsky_safetensor *tensors; /* in the order of their bytes */
    uint32_t count;
    const nsky_json *metadata; /* object of strings, or NULL; borrowed from header */
} nsky_safetensors;

/* The image is borrowed as long as *out lives. `what` names it in errors.
 * NSKY_EDATA: anything wrong. NSKY_ELIMIT: more tensors than we read. */
NSKY_MUST_CHECK nsky_status nsky_safetensors_read(nsky_safetensors *out, const void *image,
                                                  size_t bytes, const char *what, nsky_error *err);
void nsky_safetensors_free(nsky_safetensors *file); /* zeroed is a no-op */

/* A tensor to write. */
typedef struct nsky_safetensor_source {
    const char *name;
    const float *data;
    uint32_t dims;
    uint32_t shape[4];
    bool half; /* as float16 */
} nsky_safetensor_source;

/*
 * A whole file in memory, which the caller frees with nsky_free: the same bytes for the same
 * tensors in whatever order they come. metadata is an object of strings, or NULL; borrowed.
 */
NSKY_MUST_CHECK nsky_status nsky_safetensors_build(void **out, size_t *bytes,
                                                   const nsky_safetensor_source *tensors,
                                                   uint32_t count, const nsky_json *metadata,
                                                   nsky_error *err);

#endif
