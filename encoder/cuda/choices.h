/* choices.h (private) - which way each convolution went best on this card, kept in the user's cache
 * so that the next start need not try again, and gives the same bits.
 *
 * A text file for each card and cuDNN: one line a shape, "KEY engine position microseconds". A line
 * that makes no sense is as good as none. Thread rule: one thread. */
#ifndef NSKY_CUDA_CHOICES_H
#define NSKY_CUDA_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "encoder/cuda/device.h"

#define NSKY_CHOICES_MAX 4096u /* shapes a file may hold; the oldest go first */
#define NSKY_CHOICE_KEY_BYTES 96

typedef struct nsky_choice {
    char key[NSKY_CHOICE_KEY_BYTES];
    int64_t engine;
    uint32_t position; /* in cuDNN's order */
    double microseconds;
} nsky_choice;

typedef struct nsky_choices {
    char *path; /* NULL: nowhere to keep them */
    nsky_choice *all;
    uint32_t count, room;
    bool changed;
} nsky_choices;

/* "bf16 n512 c64 24x24 k256 1/1/0 add relu", "bf16 n256 c64 24x24 k64 3/1/1 weight-back" */
void nsky_choice_key(char out[NSKY_CHOICE_KEY_BYTES], const nsky_conv_shape *shape);

/* card: "NVIDIA H100 80GB HBM3", dnn: cuDNN's version. What cannot be read is as if it were not
 * there. NSKY_ENOMEM. */
NSKY_MUST_CHECK nsky_status nsky_choices_open(nsky_choices *out, const char *card, size_t dnn,
                                              nsky_error *err);
const nsky_choice *nsky_choices_find(const nsky_choices *choices, const char *key);
/* Replaces the one of the same key. NSKY_ENOMEM. */
NSKY_MUST_CHECK nsky_status nsky_choices_put(nsky_choices *choices, const nsky_choice *choice,
                                             nsky_error *err);
/* Atomically; a no-op when nothing changed. */
NSKY_MUST_CHECK nsky_status nsky_choices_save(nsky_choices *choices, nsky_error *err);
void nsky_choices_close(nsky_choices *choices); /* a zeroed one is a no-op */

#endif
