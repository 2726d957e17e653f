/* kernel_rows.h (private) - rows of channels, eight at a time, and orders of numbers; see grid.h
 * and kernels_train.h. Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_ROWS_H
#define NSKY_CUDA_KERNEL_ROWS_H

#include "encoder/cuda/grid.h"
#include "encoder/cuda/kernels_train.h"

NSKY_ON_BOTH static inline uint32_t nsky_eights_of(uint32_t channels)
{
    return (channels + NSKY_EIGHT - 1) / NSKY_EIGHT;
}

NSKY_ON_DEVICE static inline void nsky_rows_load(const nsky_rows *r, size_t row, uint32_t eight,
                                                 float out[8])
{
    if (r->exact) {
        const float *from = (const float *)r->at + row * r->room;
        for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
            uint32_t c = NSKY_EIGHT * eight + i;
            out[i] = c < r->channels ? from[c] : 0;
        }
        return;
    }
    nsky_eight in = ((const nsky_eight *)r->at)[row * (r->room / NSKY_EIGHT) + eight];
    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        out[i] = nsky_float_of(NSKY_NUMBER_BF16, in.v[i]);
}

/* What pads is zero, whatever the values say. */
NSKY_ON_DEVICE static inline void nsky_rows_store(const nsky_rows *r, size_t row, uint32_t eight,
                                                  const float values[8])
{
    nsky_eight out;

    if (r->exact) {
        float *to = (float *)r->at + row * r->room;
        for (uint32_t i = 0; i < NSKY_EIGHT; i++)
            if (NSKY_EIGHT * eight + i < r->channels)
                to[NSKY_EIGHT * eight + i] = values[i];
        return;
    }
    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        out.v[i] = NSKY_EIGHT * eight + i < r->channels
                       ? nsky_number_of(NSKY_NUMBER_BF16, values[i])
                       : (uint16_t)0;
    ((nsky_eight *)r->at)[row * (r->room / NSKY_EIGHT) + eight] = out;
}

/* As store; more: to what is there. */
NSKY_ON_DEVICE static inline void nsky_rows_put(const nsky_rows *r, size_t row, uint32_t eight,
                                                float values[8], bool more)
{
    float there[8];

    if (more) {
        nsky_rows_load(r, row, eight, there);
        for (uint32_t i = 0; i < NSKY_EIGHT; i++)
            values[i] += there[i];
    }
    nsky_rows_store(r, row, eight, values);
}

NSKY_ON_BOTH static inline size_t nsky_rows_eights(const nsky_rows *r)
{
    return r->count * nsky_eights_of(r->room);
}

/* --- orders --- */

static inline size_t nsky_order_count(const nsky_order_args *a)
{
    return nsky_rows_eights(&a->out);
}

/* An item is eight channels of a row. */
NSKY_ON_DEVICE static inline void nsky_order_item(const nsky_order_args *a, size_t item)
{
    uint32_t eights = nsky_eights_of(a->out.room), eight = (uint32_t)(item % eights);
    size_t row = item / eights, image = row / a->pixels, pixel = row % a->pixels;
    float values[8];

    for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
        uint32_t c = NSKY_EIGHT * eight + i;
        values[i] =
            c < a->out.channels ? a->in[(image * a->out.channels + c) * a->pixels + pixel] : 0;
    }
    nsky_rows_store(&a->out, row, eight, values);
}

static inline size_t nsky_unorder_count(const nsky_unorder_args *a)
{
    return a->in.count * a->in.channels;
}

NSKY_ON_DEVICE static inline void nsky_unorder_item(const nsky_unorder_args *a, size_t item)
{
    size_t plane = item / a->pixels, pixel = item % a->pixels;
    size_t row = plane / a->in.channels * a->pixels + pixel, c = plane % a->in.channels;
    size_t at = row * a->in.room + c;

    a->out[item] = a->in.exact ? ((const float *)a->in.at)[at]
                               : nsky_float_of(NSKY_NUMBER_BF16, ((const uint16_t *)a->in.at)[at]);
}

static inline size_t nsky_weight_count(const nsky_weight_args *a)
{
    return (size_t)NSKY_EIGHT * nsky_eights_of(a->out_channels) * a->taps *
           nsky_eights_of(a->in_channels);
}

/* An item is eight channels of a tap. */
NSKY_ON_DEVICE static inline void nsky_weight_item(const nsky_weight_args *a, size_t item)
{
    uint32_t eights = nsky_eights_of(a->in_channels), eight = (uint32_t)(item % eights);
    size_t tap = item / eights % a->taps, o = item / eights / a->taps;
    nsky_eight out;

    for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
        uint32_t c = NSKY_EIGHT * eight + i;
        out.v[i] =
            o < a->out_channels && c < a->in_channels
                ? nsky_number_of(NSKY_NUMBER_BF16, a->in[(o * a->in_channels + c) * a->taps + tap])
                : (uint16_t)0;
    }
    a->out[item] = out;
}

static inline size_t nsky_unweight_count(const nsky_unweight_args *a)
{
    return (size_t)a->out_channels * a->in_channels * a->taps;
}

NSKY_ON_DEVICE static inline void nsky_unweight_item(const nsky_unweight_args *a, size_t item)
{
    size_t tap = item % a->taps, c = item / a->taps % a->in_channels;
    size_t o = item / a->taps / a->in_channels;
    size_t room = (size_t)NSKY_EIGHT * nsky_eights_of(a->in_channels);

    a->out[item] = nsky_float_of(NSKY_NUMBER_BF16, a->in[(o * a->taps + tap) * room + c]);
}

/* --- sums of whole arrays --- */

static inline size_t nsky_fold_count(const nsky_fold_args *a)
{
    return a->count;
}

NSKY_ON_DEVICE static inline void nsky_fold_item(const nsky_fold_args *a, size_t item)
{
    float sum = a->in[item];

    for (uint32_t p = 1; p < a->parts; p++)
        sum += a->in[p * a->count + item];
    a->out[item] = a->more ? a->out[item] + sum : sum;
}

static inline size_t nsky_fill_count(const nsky_fill_args *a)
{
    return a->count;
}

NSKY_ON_DEVICE static inline void nsky_fill_item(const nsky_fill_args *a, size_t item)
{
    a->out[item] = a->value;
}

#endif
