/* host_conv.c - see host_conv.h. Sums in float32, rounded once, as on a card. Thread rule: pure. */
#include "tests/encoder/cuda_host/host_conv.h"

#include <assert.h>
#include <stdlib.h>

bool host_conv_given(const nsky_conv_shape *s, const nsky_conv_data *d)
{
    switch (s->task) {
    case NSKY_CONV_DATA_BACK:
        return !d->x && d->weight && !d->bias && d->d_y && !d->y && d->d_x && !d->d_weight &&
               d->d_x != d->d_y;
    case NSKY_CONV_WEIGHT_BACK:
        return d->x && !d->weight && !d->bias && d->d_y && !d->y && !d->d_x && d->d_weight &&
               d->d_weight != d->x && d->d_weight != d->d_y;
    default:
        return d->x && d->weight && !d->bias == (s->task == NSKY_CONV_PLAIN) && d->y && !d->d_y &&
               !d->d_x && !d->d_weight && d->y != d->x && d->y != d->add;
    }
}

static float *floats_of(nsky_number number, const uint16_t *in, size_t count)
{
    float *out = malloc(count * sizeof *out);

    assert(out);
    for (size_t i = 0; i < count; i++)
        out[i] = nsky_float_of(number, in[i]);
    return out;
}

/* to += factor * from */
static void add_to(float *restrict to, float factor, const float *restrict from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] += factor * from[i];
}

/* One output pixel: its derivative dy [out_channels] to the pixels or the weights it came from. */
static void spread(const nsky_conv_shape *s, const float *dy, uint32_t oy, uint32_t ox,
                   const float *x, const float *w, float *dx, float *dw)
{
    for (uint32_t ky = 0; ky < s->kernel; ky++)
        for (uint32_t kx = 0; kx < s->kernel; kx++) {
            uint32_t y = oy * s->stride + ky - s->padding, u = ox * s->stride + kx - s->padding;
            if (y >= s->in_height || u >= s->in_width) /* wraps when below zero */
                continue;
            size_t pixel = ((size_t)y * s->in_width + u) * s->in_channels;
            for (uint32_t o = 0; o < s->out_channels; o++) {
                size_t tap = (((size_t)o * s->kernel + ky) * s->kernel + kx) * s->in_channels;
                if (dx)
                    add_to(dx + pixel, dy[o], w + tap, s->in_channels);
                else
                    add_to(dw + tap, dy[o], x + pixel, s->in_channels);
            }
        }
}

void host_conv_back(const nsky_conv_shape *s, const nsky_conv_data *d)
{
    bool data = s->task == NSKY_CONV_DATA_BACK;
    size_t image = (size_t)s->in_height * s->in_width * s->in_channels;
    size_t image_out = (size_t)s->out_height * s->out_width * s->out_channels;
    size_t filters = (size_t)s->out_channels * s->kernel * s->kernel * s->in_channels;
    size_t count = data ? s->batch * image : filters;
    float *dy = floats_of(s->number, d->d_y, s->batch * image_out);
    float *other = data ? floats_of(s->number, d->weight, filters)
                        : floats_of(s->number, d->x, s->batch * image);
    float *sum = calloc(count, sizeof *sum);
    uint16_t *out = data ? d->d_x : d->d_weight;

    assert(sum);
    for (size_t n = 0; n < s->batch; n++)
        for (uint32_t y = 0; y < s->out_height; y++)
            for (uint32_t x = 0; x < s->out_width; x++) {
                size_t at = n * image_out + ((size_t)y * s->out_width + x) * s->out_channels;
                spread(s, dy + at, y, x, data ? NULL : other + n * image, data ? other : NULL,
                       data ? sum + n * image : NULL, data ? NULL : sum);
            }
    for (size_t i = 0; i < count; i++)
        out[i] = nsky_number_of(s->number, sum[i]);
    free(dy);
    free(other);
    free(sum);
}
