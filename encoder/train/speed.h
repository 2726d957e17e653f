/* speed.h - how fast this machine trains, and how much of that is spent in what cannot be saved.
 * Thread rule: one measurement at a time, or they disturb each other. */
#ifndef NSKY_TRAIN_SPEED_H
#define NSKY_TRAIN_SPEED_H

#include "encoder/encoder.h"

typedef struct nsky_train_speed_options {
    nsky_arch arch;
    uint32_t size, sub_batch, threads;
    nsky_precision precision;
    double seconds;
} nsky_train_speed_options;

typedef struct nsky_train_speed {
    uint64_t steps;
    double pairs_per_s, pairs_per_cpu_s;
    double
        kernel_pairs_per_cpu_s; /* convolutions and batch norms alone: twice forwards, once back */
} nsky_train_speed;

nsky_train_speed_options nsky_train_speed_defaults(void); /* ResNet-18, 96 px, every core, 10 s */

/* NSKY_EDEVICE: this CPU has not the precision. */
NSKY_MUST_CHECK nsky_status nsky_train_speed_measure(const nsky_train_speed_options *options,
                                                     nsky_train_speed *out, nsky_error *err);

#endif
