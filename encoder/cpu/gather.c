/* gather.c - copies of pixels; channels-last makes a row of a window one piece. Thread rule: pure.
 */
#include "encoder/cpu/gather.h"

#include <string.h>

/* One row of a window: columns x .. x + kernel - 1, of which some may lie outside. */
static char *gather_row(const nsky_cpu_gather *g, const char *row, int64_t x, char *out)
{
    int64_t first = x < 0 ? -x : 0;
    int64_t end = x + g->kernel > g->width ? (int64_t)g->width - x : (int64_t)g->kernel;

    if (!row || first >= end)
        first = end = 0;
    memset(out, 0, (size_t)first * g->pixel_bytes);
    if (first < end)
        memcpy(out + (size_t)first * g->pixel_bytes, row + (size_t)(x + first) * g->pixel_bytes,
               (size_t)(end - first) * g->pixel_bytes);
    memset(out + (size_t)end * g->pixel_bytes, 0, (size_t)(g->kernel - end) * g->pixel_bytes);
    return out + g->kernel * g->pixel_bytes;
}

static char *gather_window(const nsky_cpu_gather *g, const char *image, int64_t y, int64_t x,
                           char *out)
{
    for (int64_t row = y; row < y + g->kernel; row++) {
        const char *in =
            row < 0 || row >= g->height ? NULL : image + (size_t)row * g->width * g->pixel_bytes;
        out = gather_row(g, in, x, out);
    }
    return out;
}

void nsky_cpu_gather_run(const nsky_cpu_gather *g, const char *in, char *out)
{
    for (uint32_t n = 0; n < g->batch; n++, in += (size_t)g->height * g->width * g->pixel_bytes)
        for (int64_t y = 0; y < g->out_height; y++)
            for (int64_t x = 0; x < g->out_width; x++)
                out = gather_window(g, in, y * g->stride - g->padding, x * g->stride - g->padding,
                                    out);
}
