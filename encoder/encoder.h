/* encoder.h - galaxy tensors in, unit-length embeddings out. */
#ifndef NSKY_ENCODER_H
#define NSKY_ENCODER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/tensor.h"
#include "encoder/model.h"
#include "image/stamp.h"

/* Opaque. Owned by one thread; encoders of one model on several threads are independent. */
typedef struct nsky_encoder nsky_encoder;

typedef enum nsky_precision {
    NSKY_FP32,
    NSKY_BF16,
    NSKY_FP16, /* cuda */
    NSKY_INT8, /* cuda, with a model that was calibrated: int8.h */
} nsky_precision;

typedef struct nsky_encoder_options {
    const char *device;       /* "auto", "cpu", "ref", "cuda" (where its module and a card are) */
    nsky_precision precision; /* cpu: fp32, bf16; cuda: fp16, int8, too; ref is always fp32 */
    uint32_t size;            /* 0: the model's own */
} nsky_encoder_options;

/* {"auto", BF16 where this CPU has it or a card is used, 0}. */
nsky_encoder_options nsky_encoder_defaults(void);

/* Plans and allocates everything; the model is borrowed until close. NSKY_EDEVICE: no such device
 * or it lacks the precision; the text names those there are. NSKY_EINVAL: int8, and the model has
 * no scales for it. NSKY_EDATA: it has, and they are not this network's. */
NSKY_MUST_CHECK nsky_status nsky_encoder_open(nsky_encoder **out, const nsky_model *model,
                                              const nsky_encoder_options *options, nsky_error *err);

/*
 * Embed a batch. Blocks; allocates nothing. Any n: images run in batches of one fixed size, padded,
 * so that an image gets the same bits alone and in company.
 *
 * images  [n, 3, size, size] float32, preprocessed; borrowed
 * out     [n, dim] float32, unit length; caller-owned; unspecified on error
 * NSKY_EINVAL   shape mismatch
 * NSKY_EDATA    non-finite pixel, or features that are all zero
 * NSKY_EDEVICE  back end lost; close the encoder
 */
NSKY_MUST_CHECK nsky_status nsky_encoder_embed(nsky_encoder *enc, const nsky_tensor *images,
                                               float *out, nsky_error *err);

/* Stamps through the model's preprocessing and its views: what embed and uploads both call.
 * out [n, dim], unit length. */
NSKY_MUST_CHECK nsky_status nsky_encoder_embed_stamps(nsky_encoder *enc,
                                                      const nsky_stamp *const *stamps, uint32_t n,
                                                      float *out, nsky_error *err);

const char *nsky_encoder_backend(const nsky_encoder *enc); /* "cpu" */
nsky_precision nsky_encoder_precision(const nsky_encoder *enc);
uint32_t nsky_encoder_dim(const nsky_encoder *enc);
uint32_t nsky_encoder_batch(const nsky_encoder *enc); /* images at once, for efficient calls */
const char *nsky_precision_name(nsky_precision precision);
bool nsky_precision_parse(const char *name, nsky_precision *out); /* false: no such */

/* Frees everything; NULL is a no-op. */
void nsky_encoder_close(nsky_encoder *enc);

/* --- slots: where the device prepares stamps by itself, several threads fill its batches --- */

/* A batch in the making; one thread at a time. */
typedef struct nsky_slot nsky_slot;

enum { NSKY_ROW_SOUND, NSKY_ROW_INFINITE, NSKY_ROW_BLANK, NSKY_ROW_NOT_FINITE };
const char *nsky_row_fault(uint8_t fault); /* "the image has an infinite pixel" */

/* Seconds the device was at each stage; they overlap. */
typedef struct nsky_slot_times {
    double copy_in_s, compute_s, copy_out_s;
    uint64_t batches;
} nsky_slot_times;

/* False: stamps go through nsky_encoder_embed_stamps. True: after _open_slots any thread may use
 * begin; the rest of the encoder stays its owner's. */
bool nsky_encoder_has_slots(const nsky_encoder *enc);
NSKY_MUST_CHECK nsky_status nsky_encoder_open_slots(nsky_encoder *enc, uint32_t count,
                                                    nsky_error *err);
/* Waits for a free slot. */
NSKY_MUST_CHECK nsky_status nsky_slot_begin(nsky_encoder *enc, nsky_slot **out, nsky_error *err);
/* *full: not taken, run first. NSKY_EDATA: an infinite pixel, not taken. */
NSKY_MUST_CHECK nsky_status nsky_slot_put(nsky_encoder *enc, nsky_slot *slot,
                                          const nsky_stamp *stamp, bool *full, nsky_error *err);
/* vectors [stamps put, dim] float16, unit length, zero where faults [stamps put] says why; empties
 * the slot. NSKY_EDEVICE: the card is lost. */
NSKY_MUST_CHECK nsky_status nsky_slot_run(nsky_encoder *enc, nsky_slot *slot, uint16_t *vectors,
                                          uint8_t *faults, nsky_error *err);
void nsky_slot_end(nsky_encoder *enc, nsky_slot *slot); /* NULL is a no-op */
void nsky_encoder_slot_times(const nsky_encoder *enc, nsky_slot_times *out);

/* "cpu (oneDNN 2.6.3: fp32, bf16), ref (fp32)": for nsky info. */
void nsky_encoder_devices(char *out, size_t bytes);

#endif
