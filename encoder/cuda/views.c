/* views.c - see views.h. Two packs take turns, so that one is filled and copied while the views of
 * the other are made. Thread rule: one thread at a time. */
#include "encoder/cuda/views.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"

#define PACKS 2u
#define TOGETHER 512u /* views in the making at once: enough for a card, and little memory */

/* What crosses the bus for one batch: views, then pixels. */
typedef struct pack {
    char *host, *device;
    size_t pixels;                 /* there is room for; 0: none yet */
    nsky_dev_event *copied, *used; /* it is on the card; the card needs it no more */
    bool busy;
} pack;

struct nsky_views {
    nsky_dev *dev;
    nsky_preprocess how;
    uint32_t views_max, margin;
    size_t pixels_max;
    pack packs[PACKS];
    uint32_t turn;
    void *flux, *known, *columns, *noise_at, *out; /* device */
};

static size_t views_bytes(const nsky_views *v)
{
    size_t bytes = v->views_max * sizeof(nsky_view);

    return (bytes + 15) / 16 * 16; /* the pixels begin there */
}

static uint32_t together(const nsky_views *v)
{
    return v->views_max < TOGETHER ? v->views_max : TOGETHER;
}

static nsky_status pack_new(nsky_views *v, pack *p, nsky_error *err)
{
    nsky_status status = nsky_dev_event_new(v->dev, &p->copied, err);

    return status == NSKY_OK ? nsky_dev_event_new(v->dev, &p->used, err) : status;
}

static void pack_empty(nsky_views *v, pack *p)
{
    nsky_dev_unpin(v->dev, p->host);
    nsky_dev_free(v->dev, p->device);
    p->host = p->device = NULL;
    p->pixels = 0;
}

/* Stamps have many sizes: with a quarter to spare, so that it seldom grows. */
static nsky_status pack_grow(nsky_views *v, pack *p, size_t pixels, nsky_error *err)
{
    void *host = NULL, *device = NULL;

    if (pixels <= p->pixels)
        return NSKY_OK;
    pack_empty(v, p);
    pixels = pixels > v->pixels_max - pixels / 4 ? v->pixels_max : pixels + pixels / 4;
    size_t bytes = views_bytes(v) + pixels * sizeof(uint16_t);
    nsky_status status = nsky_dev_pin(v->dev, &host, bytes, err);
    p->host = host;
    if (status == NSKY_OK)
        status = nsky_dev_alloc(v->dev, &device, bytes, "stamps on their way", err);
    p->device = device;
    if (status == NSKY_OK)
        p->pixels = pixels;
    return status;
}

static nsky_status open_all(nsky_views *v, nsky_error *err)
{
    size_t size = v->how.size, side = size + 2 * (size_t)v->margin;
    size_t planes = (size_t)3 * together(v), all = 3 * (size_t)v->views_max;
    const struct {
        void **to;
        size_t bytes;
        const char *what;
    } blocks[] = {{&v->flux, planes * side * side * sizeof(float), "views in the making"},
                  {&v->known, planes * side * side, "what views know"},
                  {&v->columns, planes * size * side * sizeof(float), "blurred columns"},
                  {&v->noise_at, planes * sizeof(uint64_t), "where noise begins"},
                  {&v->out, all * size * size * sizeof(float), "the views"}};
    nsky_status status = NSKY_OK;

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && status == NSKY_OK; i++)
        status = nsky_dev_alloc(v->dev, blocks[i].to, blocks[i].bytes, blocks[i].what, err);
    for (uint32_t i = 0; i < PACKS && status == NSKY_OK; i++)
        status = pack_new(v, &v->packs[i], err);
    return status;
}

nsky_status nsky_views_new(nsky_views **out, nsky_dev *dev, const nsky_preprocess *how,
                           uint32_t views_max, size_t pixels_max, uint32_t margin, nsky_error *err)
{
    assert(out && dev && how && how->size > 0 && how->size <= NSKY_STAMP_SIDE_MAX && err);
    assert(views_max > 0 && views_max <= 65536 && pixels_max > 0 &&
           pixels_max <= ((size_t)1 << 34) && margin <= NSKY_AUGMENT_RADIUS_MAX);
    nsky_views *v = nsky_alloc_zero(1, sizeof *v, err);

    *out = NULL;
    if (!v)
        return err->status;
    v->dev = dev;
    v->how = *how;
    v->views_max = views_max;
    v->pixels_max = pixels_max;
    v->margin = margin;
    nsky_status status = open_all(v, err);
    if (status != NSKY_OK) {
        nsky_views_free(v);
        return status;
    }
    *out = v;
    return NSKY_OK;
}

void nsky_views_free(nsky_views *v)
{
    nsky_error gone = NSKY_ERROR_INIT;

    if (!v)
        return;
    /* What is under way needs what is freed here; a card that is lost has nothing under way. */
    if (nsky_dev_sync(v->dev, NSKY_STREAM_COMPUTE, &gone) != NSKY_OK)
        gone = (nsky_error)NSKY_ERROR_INIT;
    for (uint32_t i = 0; i < PACKS; i++) {
        pack_empty(v, &v->packs[i]);
        nsky_dev_event_free(v->dev, v->packs[i].copied);
        nsky_dev_event_free(v->dev, v->packs[i].used);
    }
    nsky_dev_free(v->dev, v->flux);
    nsky_dev_free(v->dev, v->known);
    nsky_dev_free(v->dev, v->columns);
    nsky_dev_free(v->dev, v->noise_at);
    nsky_dev_free(v->dev, v->out);
    nsky_free(v);
}

/* Kernels trust what they are given, so it is looked at here. */
static bool is_sound(const nsky_views *v, const nsky_view *view, size_t pixel_count)
{
    const nsky_augment_recipe *r = &view->recipe;
    bool sound = r->margin <= v->margin && view->width > 0 && view->height > 0 &&
                 view->width <= 2 * NSKY_STAMP_SIDE_MAX && view->height <= 2 * NSKY_STAMP_SIDE_MAX;

    for (int band = 0; band < 3; band++)
        sound = sound && r->bands[band].radius <= r->margin;
    for (int axis = 0; axis < 2; axis++)
        sound = sound && isfinite(r->origin[axis]) && isfinite(r->right[axis]) &&
                isfinite(r->down[axis]);
    size_t pixels = (size_t)3 * view->width * view->height;
    return sound && pixels <= pixel_count && view->at <= pixel_count - pixels;
}

/* Views first .. first + count - 1, together. */
static nsky_status start(nsky_views *v, const pack *p, uint32_t first, uint32_t count,
                         nsky_error *err)
{
    size_t image = (size_t)3 * v->how.size * v->how.size;
    nsky_views_args args = {.views = (const nsky_view *)(const void *)p->device + first,
                            .pixels = (const uint16_t *)(const void *)(p->device + views_bytes(v)),
                            .flux = v->flux,
                            .known = v->known,
                            .columns = v->columns,
                            .noise_at = v->noise_at,
                            .out = (float *)v->out + first * image,
                            .count = count,
                            .size = v->how.size,
                            .side_max = v->how.size + 2 * v->margin,
                            .look = nsky_look_of(&v->how)};
    void *stream = nsky_dev_stream(v->dev, NSKY_STREAM_COMPUTE);
    nsky_status status;

    if ((status = nsky_dev_check(v->dev, nsky_launch_views_sample(&args, stream),
                                 "resampling views", err)) != NSKY_OK ||
        (status = nsky_dev_check(v->dev, nsky_launch_views_fill(&args, stream), "filling views",
                                 err)) != NSKY_OK ||
        (status = nsky_dev_check(v->dev, nsky_launch_views_blur(&args, stream), "blurring views",
                                 err)) != NSKY_OK)
        return status;
    return nsky_dev_check(v->dev, nsky_launch_views_end(&args, stream), "views' noise and stretch",
                          err);
}

nsky_status nsky_views_room(nsky_views *v, uint32_t count, size_t pixel_count, nsky_view **each,
                            uint16_t **pixels, nsky_error *err)
{
    assert(v && each && pixels && err);
    pack *p = &v->packs[v->turn % PACKS];
    nsky_status status;

    if (count > v->views_max || pixel_count > v->pixels_max)
        return nsky_fail(err, NSKY_ELIMIT, "%u views of %zu pixels; there is room for %u of %zu",
                         count, pixel_count, v->views_max, v->pixels_max);
    if (p->busy && (status = nsky_dev_wait(v->dev, p->used, err)) != NSKY_OK)
        return status;
    p->busy = false;
    if ((status = pack_grow(v, p, pixel_count, err)) != NSKY_OK)
        return status;
    *each = (nsky_view *)(void *)p->host;
    *pixels = (uint16_t *)(void *)(p->host + views_bytes(v));
    return NSKY_OK;
}

nsky_status nsky_views_start(nsky_views *v, uint32_t count, size_t pixel_count,
                             const float **images, nsky_error *err)
{
    assert(v && count > 0 && count <= v->views_max && images && err);
    pack *p = &v->packs[v->turn % PACKS];
    const nsky_view *each = (const nsky_view *)(const void *)p->host;
    size_t bytes = views_bytes(v) + pixel_count * sizeof(uint16_t);
    nsky_dev *dev = v->dev;
    nsky_status status;

    assert(pixel_count <= p->pixels);
    for (uint32_t i = 0; i < count; i++)
        if (!is_sound(v, &each[i], pixel_count))
            return nsky_fail(err, NSKY_ELIMIT, "view %u of %u asks for what is not there", i,
                             count);
    v->turn++;
    p->busy = true;
    *images = v->out;
    if ((status = nsky_dev_copy_in(dev, p->device, p->host, bytes, NSKY_STREAM_IN, err)) !=
            NSKY_OK ||
        (status = nsky_dev_record(dev, p->copied, NSKY_STREAM_IN, err)) != NSKY_OK ||
        (status = nsky_dev_follow(dev, NSKY_STREAM_COMPUTE, p->copied, err)) != NSKY_OK)
        return status;
    for (uint32_t first = 0; first < count && status == NSKY_OK; first += together(v))
        status = start(v, p, first, count - first < together(v) ? count - first : together(v), err);
    return status == NSKY_OK ? nsky_dev_record(dev, p->used, NSKY_STREAM_COMPUTE, err) : status;
}

nsky_status nsky_views_run(nsky_views *v, const nsky_view *each, uint32_t count,
                           const uint16_t *pixels, size_t pixel_count, const float **images,
                           nsky_error *err)
{
    assert(v && each && count > 0 && pixels && images && err);
    uint16_t *pixels_to;
    nsky_view *to;
    nsky_status status = nsky_views_room(v, count, pixel_count, &to, &pixels_to, err);

    if (status != NSKY_OK)
        return status;
    memcpy(to, each, count * sizeof *each);
    memcpy(pixels_to, pixels, pixel_count * sizeof *pixels);
    return nsky_views_start(v, count, pixel_count, images, err);
}

const float *nsky_views_images(const nsky_views *v)
{
    assert(v);
    return v->out;
}
