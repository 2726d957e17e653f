/* slots.c - threads fill pinned memory; what is full goes to the card on one stream, through the
 * network on another, and back on a third, while other slots are filled.
 *
 * Each slot has its own memory on either side, so that only the network is waited for. The number
 * of slots bounds all of it. A card that is lost says so once, to everyone. Thread rule: see
 * slots.h. */
#include "encoder/cuda/slots.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/kernels.h"
#include "encoder/cuda/wire.h"

enum { IN_FROM, IN_TO, COMPUTE_FROM, COMPUTE_TO, OUT_FROM, OUT_TO, EVENTS };

struct nsky_slot {
    nsky_slots *owner;
    nsky_slot *next;        /* of the free ones */
    char *in, *device_in;   /* wires [rows], then pixels */
    char *out, *device_out; /* vectors [rows, dim], then faults [rows] */
    uint32_t rows;
    size_t pixels;
    nsky_dev_event *events[EVENTS];
};

struct nsky_slots {
    nsky_dev *dev;
    nsky_network *net;
    pthread_mutex_t *turn;
    nsky_preprocess how;
    uint32_t images, rows_max, dim; /* a run's images; a slot's stamps */
    size_t pixels_max;              /* of a slot */
    nsky_slot *slots;               /* [count] */
    uint32_t count;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t given_back;
    nsky_slot *free;
    nsky_slot_times times;
    nsky_error lost; /* status NSKY_OK: it is not */
};

static size_t wires_bytes(const nsky_slots *s)
{
    return s->rows_max * sizeof(nsky_wire);
}

static size_t vectors_bytes(const nsky_slots *s)
{
    return (size_t)s->rows_max * s->dim * sizeof(uint16_t);
}

static nsky_status slot_new(nsky_slots *s, nsky_slot *slot, nsky_error *err)
{
    size_t in = wires_bytes(s) + s->pixels_max * sizeof(uint16_t);
    size_t out = vectors_bytes(s) + s->rows_max;
    void *blocks[4] = {NULL};
    nsky_status status;

    slot->owner = s;
    if ((status = nsky_dev_pin(s->dev, &blocks[0], in, err)) == NSKY_OK &&
        (status = nsky_dev_pin(s->dev, &blocks[1], out, err)) == NSKY_OK &&
        (status = nsky_dev_alloc(s->dev, &blocks[2], in, "stamps on their way", err)) == NSKY_OK)
        status = nsky_dev_alloc(s->dev, &blocks[3], out, "vectors on their way", err);
    slot->in = blocks[0];
    slot->out = blocks[1];
    slot->device_in = blocks[2];
    slot->device_out = blocks[3];
    for (int i = 0; i < EVENTS && status == NSKY_OK; i++)
        status = nsky_dev_event_new(s->dev, &slot->events[i], err);
    return status;
}

static void slot_free(nsky_slots *s, nsky_slot *slot)
{
    nsky_dev_unpin(s->dev, slot->in);
    nsky_dev_unpin(s->dev, slot->out);
    nsky_dev_free(s->dev, slot->device_in);
    nsky_dev_free(s->dev, slot->device_out);
    for (int i = 0; i < EVENTS; i++)
        nsky_dev_event_free(s->dev, slot->events[i]);
}

/* As many pixels as the usual stamps take, and at least the largest that there are. */
static size_t pixels_for(const nsky_slots *s)
{
    size_t usual = (size_t)3 * s->how.size * s->how.size * s->rows_max;
    size_t largest = (size_t)3 * NSKY_STAMP_SIDE_MAX * NSKY_STAMP_SIDE_MAX;

    return usual > largest ? usual : largest;
}

nsky_status nsky_slots_new(nsky_slots **out, nsky_dev *dev, nsky_network *net,
                           pthread_mutex_t *turn, const nsky_preprocess *how, uint32_t batch,
                           uint32_t dim, uint32_t count, nsky_error *err)
{
    assert(out && dev && net && turn && how && how->views > 0 && how->views <= batch && err);
    assert(dim <= NSKY_FEATURES_MAX && count > 0 && count <= NSKY_SLOTS_MAX);
    nsky_slots *s = nsky_alloc_zero(1, sizeof *s, err);
    nsky_status status = NSKY_OK;

    *out = NULL;
    if (!s)
        return err->status;
    s->dev = dev;
    s->net = net;
    s->turn = turn;
    s->how = *how;
    s->images = batch;
    s->rows_max = batch / how->views;
    s->dim = dim;
    s->pixels_max = pixels_for(s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->given_back, NULL);
    if (!(s->slots = nsky_alloc_zero(count, sizeof *s->slots, err)))
        status = err->status;
    for (; s->count < count && status == NSKY_OK; s->count++) {
        status = slot_new(s, &s->slots[s->count], err);
        s->slots[s->count].next = s->free;
        s->free = &s->slots[s->count];
    }
    if (status != NSKY_OK) {
        nsky_slots_free(s);
        return status;
    }
    *out = s;
    return NSKY_OK;
}

void nsky_slots_free(nsky_slots *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        slot_free(s, &s->slots[i]);
    pthread_cond_destroy(&s->given_back);
    pthread_mutex_destroy(&s->lock);
    nsky_free(s->slots);
    nsky_free(s);
}

nsky_status nsky_slots_begin(nsky_slots *s, nsky_slot **out, nsky_error *err)
{
    assert(s && out && err);
    nsky_status status;

    *out = NULL;
    pthread_mutex_lock(&s->lock);
    while (!s->free && s->lost.status == NSKY_OK)
        pthread_cond_wait(&s->given_back, &s->lock);
    if ((status = s->lost.status) != NSKY_OK) {
        *err = s->lost;
    } else {
        *out = s->free;
        s->free = s->free->next;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void nsky_slots_end(nsky_slot *slot)
{
    if (!slot)
        return;
    nsky_slots *s = slot->owner;

    slot->rows = 0;
    slot->pixels = 0;
    pthread_mutex_lock(&s->lock);
    slot->next = s->free;
    s->free = slot;
    pthread_cond_signal(&s->given_back);
    pthread_mutex_unlock(&s->lock);
}

nsky_status nsky_slots_put(nsky_slot *slot, const nsky_stamp *stamp, bool *full, nsky_error *err)
{
    assert(slot && stamp && full && err);
    const nsky_slots *s = slot->owner;
    size_t count = nsky_wire_count(&s->how, stamp);
    nsky_wire *wire = (nsky_wire *)(void *)slot->in + slot->rows;

    *full = slot->rows == s->rows_max || count > s->pixels_max - slot->pixels;
    if (*full)
        return NSKY_OK;
    uint16_t *pixels = (uint16_t *)(void *)(slot->in + wires_bytes(s)) + slot->pixels;
    nsky_status status = nsky_wire_put(&s->how, stamp, wire, pixels, err);
    if (status != NSKY_OK)
        return status;
    wire->at = slot->pixels;
    slot->pixels += count;
    slot->rows++;
    return NSKY_OK;
}

static nsky_status launch_prepare(const nsky_slots *s, const nsky_slot *slot, nsky_error *err)
{
    const nsky_preprocess *how = &s->how;
    nsky_prepare_args args = {.wires = (const nsky_wire *)(void *)slot->device_in,
                              .pixels =
                                  (const uint16_t *)(void *)(slot->device_in + wires_bytes(s)),
                              .out = nsky_network_input(s->net),
                              .stamps = slot->rows,
                              .images = s->images,
                              .views = how->views,
                              .size = how->size,
                              .look = nsky_look_of(how)};

    args.number = nsky_network_input_number(s->net, &args.gain);
    return nsky_dev_check(s->dev,
                          nsky_launch_prepare(&args, nsky_dev_stream(s->dev, NSKY_STREAM_COMPUTE)),
                          "preprocessing", err);
}

static nsky_status launch_finish(const nsky_slots *s, const nsky_slot *slot, nsky_error *err)
{
    const nsky_finish_args args = {.features = nsky_network_features(s->net),
                                   .vectors = (uint16_t *)(void *)slot->device_out,
                                   .faults = (uint8_t *)slot->device_out + vectors_bytes(s),
                                   .stamps = slot->rows,
                                   .views = s->how.views,
                                   .dim = s->dim};

    return nsky_dev_check(s->dev,
                          nsky_launch_finish(&args, nsky_dev_stream(s->dev, NSKY_STREAM_COMPUTE)),
                          "the vectors' length", err);
}

/* All of it is put into the streams; nothing is waited for. */
static nsky_status send(nsky_slots *s, nsky_slot *slot, nsky_error *err)
{
    nsky_dev *dev = s->dev;
    nsky_dev_event **e = slot->events;
    size_t in = wires_bytes(s) + slot->pixels * sizeof(uint16_t);
    size_t out = vectors_bytes(s) + s->rows_max;
    nsky_status status;

    if ((status = nsky_dev_record(dev, e[IN_FROM], NSKY_STREAM_IN, err)) != NSKY_OK ||
        (status = nsky_dev_copy_in(dev, slot->device_in, slot->in, in, NSKY_STREAM_IN, err)) !=
            NSKY_OK ||
        (status = nsky_dev_record(dev, e[IN_TO], NSKY_STREAM_IN, err)) != NSKY_OK ||
        (status = nsky_dev_follow(dev, NSKY_STREAM_COMPUTE, e[IN_TO], err)) != NSKY_OK ||
        (status = nsky_dev_record(dev, e[COMPUTE_FROM], NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = launch_prepare(s, slot, err)) != NSKY_OK ||
        (status = nsky_network_run(s->net, err)) != NSKY_OK ||
        (status = launch_finish(s, slot, err)) != NSKY_OK ||
        (status = nsky_dev_record(dev, e[COMPUTE_TO], NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = nsky_dev_follow(dev, NSKY_STREAM_OUT, e[COMPUTE_TO], err)) != NSKY_OK ||
        (status = nsky_dev_record(dev, e[OUT_FROM], NSKY_STREAM_OUT, err)) != NSKY_OK ||
        (status = nsky_dev_copy_out(dev, slot->out, slot->device_out, out, NSKY_STREAM_OUT, err)) !=
            NSKY_OK)
        return status;
    return nsky_dev_record(dev, e[OUT_TO], NSKY_STREAM_OUT, err);
}

static nsky_status measure(nsky_slots *s, nsky_slot *slot, nsky_error *err)
{
    nsky_dev_event **e = slot->events;
    double in, compute, out;
    nsky_status status;

    if ((status = nsky_dev_between(s->dev, e[IN_FROM], e[IN_TO], &in, err)) != NSKY_OK ||
        (status = nsky_dev_between(s->dev, e[COMPUTE_FROM], e[COMPUTE_TO], &compute, err)) !=
            NSKY_OK ||
        (status = nsky_dev_between(s->dev, e[OUT_FROM], e[OUT_TO], &out, err)) != NSKY_OK)
        return status;
    pthread_mutex_lock(&s->lock);
    s->times.copy_in_s += in;
    s->times.compute_s += compute;
    s->times.copy_out_s += out;
    s->times.batches++;
    pthread_mutex_unlock(&s->lock);
    return NSKY_OK;
}

/* The first who notices says what happened; whoever waits for a slot is woken. */
static void lose(nsky_slots *s, const nsky_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (s->lost.status == NSKY_OK)
        s->lost = *err;
    pthread_cond_broadcast(&s->given_back);
    pthread_mutex_unlock(&s->lock);
}

nsky_status nsky_slots_run(nsky_slot *slot, uint16_t *vectors, uint8_t *faults, nsky_error *err)
{
    assert(slot && (slot->rows == 0 || (vectors && faults)) && err);
    nsky_slots *s = slot->owner;
    nsky_status status;

    if (slot->rows == 0)
        return NSKY_OK;
    pthread_mutex_lock(s->turn);
    status = send(s, slot, err);
    pthread_mutex_unlock(s->turn);
    if (status == NSKY_OK && (status = nsky_dev_wait(s->dev, slot->events[OUT_TO], err)) == NSKY_OK)
        status = measure(s, slot, err);
    if (status != NSKY_OK) {
        lose(s, err);
        return status;
    }
    memcpy(vectors, slot->out, (size_t)slot->rows * s->dim * sizeof *vectors);
    memcpy(faults, slot->out + vectors_bytes(s), slot->rows);
    slot->rows = 0;
    slot->pixels = 0;
    return NSKY_OK;
}

void nsky_slots_times(nsky_slots *s, nsky_slot_times *out)
{
    assert(s && out);
    pthread_mutex_lock(&s->lock);
    *out = s->times;
    pthread_mutex_unlock(&s->lock);
}
