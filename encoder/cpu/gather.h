/* gather.h (private) - the windows of a convolution, laid out as rows of a matrix. Thread rule:
 * pure.
 */
#ifndef NSKY_CPU_GATHER_H
#define NSKY_CPU_GATHER_H

#include <stddef.h>
#include <stdint.h>

typedef struct nsky_cpu_gather {
    uint32_t batch;
    size_t pixel_bytes;     /* all channels of one pixel */
    uint32_t height, width; /* of the input */
    uint32_t out_height, out_width;
    uint32_t kernel, stride, padding;
} nsky_cpu_gather;

/*
 * in  [batch, height, width, channels]
 * out [batch, out_height, out_width, kernel, kernel, channels]; zeros where a window leaves the
 * image
 */
void nsky_cpu_gather_run(const nsky_cpu_gather *gather, const char *in, char *out);

#endif
