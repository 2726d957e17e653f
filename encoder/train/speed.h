/* speed.h - how fast this machine trains, and how much of that is spent in what cannot be saved.
 * Thread rule: one measurement at a time, or they disturb each other. */
#ifndef NSKY_TRAIN_SPEED_H
#define NSKY_TRAIN_SPEED_H

#include "encoder/encoder.h"

typedef struct nsky_train_speed_options {
    nsky_arch arch;
    uint32_t size;
    uint32_t sub_batch, threads; /* 0: the device's; with a card there is one thread */
    const char *device;          /* "cpu", "cuda", "ref", "auto" */
    nsky_precision precision;
    bool labels; /* a classifier learns instead of pairs: an image is forwards and backwards once */
    double seconds;
} nsky_train_speed_options;

typedef struct nsky_train_speed {
    const char *device;
    uint32_t sub_batch, threads; /* what they were */
    uint64_t steps;
    double pairs_per_s;     /* with labels: images */
    double pairs_per_cpu_s; /* by the time of this process's cores; with a card, of what it leaves
                               them to do */
    /* Convolutions and batch norms alone: twice forwards, once back; with labels once forwards.
     * NaN: the device does not tell. */
    double kernel_pairs_per_cpu_s;
} nsky_train_speed;

nsky_train_speed_options nsky_train_speed_defaults(void); /* ResNet-18, 96 px, the CPU, 10 s */

/* NSKY_EDEVICE: no such device here, or not with this precision. */
NSKY_MUST_CHECK nsky_status nsky_train_speed_measure(const nsky_train_speed_options *options,
                                                     nsky_train_speed *out, nsky_error *err);

#endif
