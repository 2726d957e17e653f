/* host_device.c - see host_device.h. One lock for everything. */
#include "tests/encoder/cuda_host/host_device.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/device.h"
#include "tests/encoder/cuda_host/host_conv.h"

typedef struct work {
    void (*run)(const void *args);
    _Alignas(16) char args[HOST_ARGS_BYTES];
} work;

/* done: of all that was ever put into it. */
typedef struct queue {
    work *all;
    size_t count, room, done;
} queue;

struct nsky_dev {
    queue streams[NSKY_STREAMS];
};

/* A place in a stream's work; stream NULL: never recorded. */
struct nsky_dev_event {
    queue *in;
    size_t place;
};

struct nsky_dev_graph {
    queue recorded;
};

struct nsky_dev_conv {
    nsky_conv_shape shape;
    nsky_conv_data data;
    bool bound;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static queue *capturing; /* what the compute stream is given goes there */
static queue *captured_from;
static atomic_uint calls, lose_at, blocks, launches;
static atomic_bool refuses;

void host_refuse_captures(bool refuse)
{
    refuses = refuse;
}

unsigned host_launches(void)
{
    return launches;
}

void host_lose_at(unsigned n)
{
    calls = 0;
    lose_at = n;
}

unsigned host_blocks(void)
{
    return blocks;
}

static nsky_status lost(nsky_error *err)
{
    unsigned at = lose_at, call = ++calls;

    return at > 0 && call >= at ? nsky_fail(err, NSKY_EDEVICE, "the card is lost (test)") : NSKY_OK;
}

static void put(queue *s, void (*run)(const void *), const void *args, size_t bytes)
{
    assert(bytes <= HOST_ARGS_BYTES);
    if (s == captured_from && capturing)
        s = capturing;
    if (s->count == s->room) {
        s->room = s->room > 0 ? 2 * s->room : 64;
        s->all = realloc(s->all, s->room * sizeof *s->all);
        assert(s->all);
    }
    s->all[s->count].run = run;
    memcpy(s->all[s->count++].args, args, bytes);
}

/* Runs the stream's work up to a place. */
static void force(queue *s, size_t place)
{
    while (s->done < place) {
        work one = s->all[s->done++]; /* a copy: what runs may make the array move */
        one.run(one.args);
    }
}

int host_start(void *opaque, void (*run)(const void *args), const void *args, size_t bytes)
{
    pthread_mutex_lock(&lock);
    put(opaque, run, args, bytes);
    pthread_mutex_unlock(&lock);
    return 0;
}

nsky_status nsky_dev_probe(char *described, size_t bytes, nsky_error *err)
{
    if (getenv("NEARSKY_TEST_NO_CARD"))
        return nsky_fail(err, NSKY_EDEVICE,
                         "no NVIDIA driver here: install one, or use --device cpu");
    if (described)
        snprintf(described, bytes, "a host's memory");
    return NSKY_OK;
}

nsky_status nsky_dev_open(nsky_dev **out, nsky_error *err)
{
    *out = NULL;
    if (lost(err) != NSKY_OK)
        return err->status;
    *out = nsky_alloc_zero(1, sizeof **out, err);
    return *out ? NSKY_OK : err->status;
}

void nsky_dev_close(nsky_dev *dev)
{
    if (!dev)
        return;
    for (int i = 0; i < NSKY_STREAMS; i++)
        free(dev->streams[i].all);
    nsky_free(dev);
}

void *nsky_dev_stream(const nsky_dev *dev, nsky_stream stream)
{
    return (void *)(uintptr_t)&dev->streams[stream];
}

nsky_status nsky_dev_check(const nsky_dev *dev, int code, const char *what, nsky_error *err)
{
    (void)dev;
    if (lost(err) != NSKY_OK)
        return err->status;
    return code == 0 ? NSKY_OK : nsky_fail(err, NSKY_EDEVICE, "%s failed", what);
}

nsky_status nsky_dev_alloc(nsky_dev *dev, void **out, size_t bytes, const char *what,
                           nsky_error *err)
{
    (void)dev;
    *out = NULL;
    if (lost(err) != NSKY_OK)
        return err->status;
    assert(what && bytes > 0);
    if (!(*out = nsky_alloc_aligned(bytes, 1, err)))
        return err->status;
    memset(*out, 0xff, bytes);
    blocks++;
    return NSKY_OK;
}

/* All that was put into the streams. */
static void force_all(nsky_dev *dev)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < NSKY_STREAMS; i++)
        force(&dev->streams[i], dev->streams[i].count);
    pthread_mutex_unlock(&lock);
}

/* As cudaFree: behind all work. */
void nsky_dev_free(nsky_dev *dev, void *block)
{
    if (!block)
        return;
    force_all(dev);
    blocks--;
    nsky_free(block);
}

nsky_status nsky_dev_pin(nsky_dev *dev, void **out, size_t bytes, nsky_error *err)
{
    return nsky_dev_alloc(dev, out, bytes, "pinned", err);
}

void nsky_dev_unpin(nsky_dev *dev, void *block)
{
    nsky_dev_free(dev, block);
}

typedef struct copy {
    void *to;
    const void *from;
    size_t bytes;
} copy;

static void run_copy(const void *opaque)
{
    const copy *c = opaque;

    memcpy(c->to, c->from, c->bytes);
}

static nsky_status put_copy(nsky_dev *dev, void *to, const void *from, size_t bytes, nsky_stream s,
                            nsky_error *err)
{
    const copy c = {to, from, bytes};

    if (lost(err) != NSKY_OK)
        return err->status;
    host_start(&dev->streams[s], run_copy, &c, sizeof c);
    return NSKY_OK;
}

nsky_status nsky_dev_copy_in(nsky_dev *dev, void *to, const void *from, size_t bytes,
                             nsky_stream stream, nsky_error *err)
{
    return put_copy(dev, to, from, bytes, stream, err);
}

nsky_status nsky_dev_copy_out(nsky_dev *dev, void *to, const void *from, size_t bytes,
                              nsky_stream stream, nsky_error *err)
{
    return put_copy(dev, to, from, bytes, stream, err);
}

nsky_status nsky_dev_sync(nsky_dev *dev, nsky_stream stream, nsky_error *err)
{
    if (lost(err) != NSKY_OK)
        return err->status;
    pthread_mutex_lock(&lock);
    assert(!capturing);
    force(&dev->streams[stream], dev->streams[stream].count);
    pthread_mutex_unlock(&lock);
    return NSKY_OK;
}

nsky_status nsky_dev_event_new(nsky_dev *dev, nsky_dev_event **out, nsky_error *err)
{
    (void)dev;
    *out = NULL;
    if (lost(err) != NSKY_OK || !(*out = nsky_alloc_zero(1, sizeof **out, err)))
        return err->status;
    blocks++;
    return NSKY_OK;
}

void nsky_dev_event_free(nsky_dev *dev, nsky_dev_event *event)
{
    (void)dev;
    blocks -= event != NULL;
    nsky_free(event);
}

nsky_status nsky_dev_record(nsky_dev *dev, nsky_dev_event *event, nsky_stream stream,
                            nsky_error *err)
{
    if (lost(err) != NSKY_OK)
        return err->status;
    pthread_mutex_lock(&lock);
    event->in = &dev->streams[stream];
    event->place = event->in->count;
    pthread_mutex_unlock(&lock);
    return NSKY_OK;
}

static void run_follow(const void *opaque)
{
    const nsky_dev_event *event = opaque;

    force(event->in, event->place);
}

nsky_status nsky_dev_follow(nsky_dev *dev, nsky_stream stream, nsky_dev_event *event,
                            nsky_error *err)
{
    if (lost(err) != NSKY_OK)
        return err->status;
    pthread_mutex_lock(&lock);
    assert(event->in);
    put(&dev->streams[stream], run_follow, event, sizeof *event);
    pthread_mutex_unlock(&lock);
    return NSKY_OK;
}

nsky_status nsky_dev_wait(nsky_dev *dev, nsky_dev_event *event, nsky_error *err)
{
    (void)dev;
    if (lost(err) != NSKY_OK)
        return err->status;
    pthread_mutex_lock(&lock);
    assert(event->in);
    force(event->in, event->place);
    pthread_mutex_unlock(&lock);
    return NSKY_OK;
}

nsky_status nsky_dev_between(nsky_dev *dev, nsky_dev_event *from, nsky_dev_event *to,
                             double *seconds, nsky_error *err)
{
    (void)dev;
    if (lost(err) != NSKY_OK)
        return err->status;
    assert(from->in && from->in == to->in && from->place <= to->place &&
           to->place <= to->in->done); /* as CUDA: of what has not happened there is no time */
    *seconds = 1e-3;
    return NSKY_OK;
}

nsky_status nsky_dev_capture(nsky_dev *dev, nsky_error *err)
{
    if (lost(err) != NSKY_OK)
        return err->status;
    pthread_mutex_lock(&lock);
    assert(!capturing);
    capturing = calloc(1, sizeof *capturing);
    captured_from = &dev->streams[NSKY_STREAM_COMPUTE];
    pthread_mutex_unlock(&lock);
    return NSKY_OK;
}

nsky_status nsky_dev_captured(nsky_dev *dev, nsky_dev_graph **out, nsky_error *err)
{
    (void)dev;
    pthread_mutex_lock(&lock);
    queue *recorded = capturing;
    assert(recorded);
    capturing = captured_from = NULL;
    pthread_mutex_unlock(&lock);
    *out = NULL;
    if (refuses)
        nsky_fail(err, NSKY_EDEVICE, "this cannot be recorded (test)");
    else if (lost(err) == NSKY_OK)
        *out = nsky_alloc_zero(1, sizeof **out, err);
    if (*out) {
        (*out)->recorded = *recorded;
        blocks++;
    } else {
        free(recorded->all);
    }
    free(recorded);
    return *out ? NSKY_OK : err->status;
}

nsky_status nsky_dev_launch(nsky_dev *dev, nsky_dev_graph *graph, nsky_error *err)
{
    if (lost(err) != NSKY_OK)
        return err->status;
    launches++;
    for (size_t i = 0; i < graph->recorded.count; i++)
        host_start(&dev->streams[NSKY_STREAM_COMPUTE], graph->recorded.all[i].run,
                   graph->recorded.all[i].args, HOST_ARGS_BYTES);
    return NSKY_OK;
}

void nsky_dev_graph_free(nsky_dev *dev, nsky_dev_graph *graph)
{
    (void)dev;
    if (!graph)
        return;
    blocks--;
    free(graph->recorded.all);
    nsky_free(graph);
}

nsky_status nsky_dev_conv_new(nsky_dev *dev, nsky_dev_conv **out, const nsky_conv_shape *s,
                              nsky_error *err)
{
    (void)dev;
    *out = NULL;
    assert(s->in_channels % NSKY_EIGHT == 0 && s->out_channels % NSKY_EIGHT == 0);
    assert((s->in_height + 2 * s->padding - s->kernel) / s->stride + 1 == s->out_height);
    if (lost(err) != NSKY_OK || !(*out = nsky_alloc_zero(1, sizeof **out, err)))
        return err->status;
    (*out)->shape = *s;
    blocks++;
    return NSKY_OK;
}

size_t nsky_dev_conv_workspace(const nsky_dev_conv *conv)
{
    return conv->shape.kernel * (size_t)64; /* not the same for all */
}

nsky_status nsky_dev_conv_bind(nsky_dev *dev, nsky_dev_conv *conv, const nsky_conv_data *data,
                               void *workspace, nsky_error *err)
{
    (void)dev;
    assert(workspace && !!data->add == conv->shape.add && host_conv_given(&conv->shape, data));
    if (lost(err) != NSKY_OK)
        return err->status;
    conv->data = *data;
    conv->bound = true;
    return NSKY_OK;
}

/* The sum over one output pixel's window, for one channel; x and w as floats. Eight sums side by
 * side, which a compiler makes a vector of. */
static float window_sum(const nsky_conv_shape *s, const float *x, const float *w, uint32_t oy,
                        uint32_t ox)
{
    float sums[NSKY_EIGHT] = {0}, sum = 0;

    for (uint32_t ky = 0; ky < s->kernel; ky++)
        for (uint32_t kx = 0; kx < s->kernel; kx++) {
            uint32_t y = oy * s->stride + ky - s->padding, u = ox * s->stride + kx - s->padding;
            if (y >= s->in_height || u >= s->in_width)
                continue;
            const float *from = x + ((size_t)y * s->in_width + u) * s->in_channels;
            const float *tap = w + ((size_t)ky * s->kernel + kx) * s->in_channels;
            for (uint32_t c = 0; c < s->in_channels; c += NSKY_EIGHT)
                for (uint32_t i = 0; i < NSKY_EIGHT; i++)
                    sums[i] += from[c + i] * tap[c + i];
        }
    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        sum += sums[i];
    return sum;
}

static float *floats_of(nsky_number number, const void *in, size_t count)
{
    float *out = malloc(count * sizeof *out);

    assert(out);
    for (size_t i = 0; i < count; i++)
        out[i] = nsky_number_get(number, in, i);
    return out;
}

static void run_conv(const void *opaque)
{
    const nsky_dev_conv *conv = *(nsky_dev_conv *const *)opaque;
    const nsky_conv_shape *s = &conv->shape;
    if (s->task == NSKY_CONV_DATA_BACK || s->task == NSKY_CONV_WEIGHT_BACK) {
        host_conv_back(s, &conv->data);
        return;
    }
    nsky_number bias = s->number == NSKY_NUMBER_INT8 ? NSKY_NUMBER_FP32 : s->number;
    size_t image = (size_t)s->in_height * s->in_width * s->in_channels;
    size_t filter = (size_t)s->kernel * s->kernel * s->in_channels;
    float *in = floats_of(s->number, conv->data.x, s->batch * image);
    float *w = floats_of(s->number, conv->data.weight, s->out_channels * filter);
    size_t at = 0;

    for (uint32_t n = 0; n < s->batch; n++)
        for (uint32_t y = 0; y < s->out_height; y++)
            for (uint32_t x = 0; x < s->out_width; x++)
                for (uint32_t o = 0; o < s->out_channels; o++, at++) {
                    float value = window_sum(s, in + n * image, w + o * filter, y, x);
                    if (conv->data.scale)
                        value *= conv->data.scale[o];
                    if (conv->data.add)
                        value += nsky_number_get(s->number, conv->data.add, at);
                    if (conv->data.bias)
                        value += nsky_number_get(bias, conv->data.bias, o);
                    if (s->relu && !(value > 0) && value == value)
                        value = 0;
                    if (conv->data.rescale)
                        value *= *conv->data.rescale;
                    nsky_number_put(s->widen ? NSKY_NUMBER_BF16 : s->number, conv->data.y, at,
                                    value);
                }
    free(in);
    free(w);
}

nsky_status nsky_dev_conv_run(nsky_dev *dev, nsky_dev_conv *conv, nsky_error *err)
{
    assert(conv->bound);
    if (lost(err) != NSKY_OK)
        return err->status;
    host_start(&dev->streams[NSKY_STREAM_COMPUTE], run_conv, &conv, sizeof conv);
    return NSKY_OK;
}

void nsky_dev_conv_free(nsky_dev *dev, nsky_dev_conv *conv)
{
    force_all(dev); /* a launch keeps nothing of the descriptor, this work does */
    blocks -= conv != NULL;
    nsky_free(conv);
}

void nsky_dev_keep_choices(nsky_dev *dev)
{
    (void)dev;
}
