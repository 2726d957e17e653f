/* model_private.h (private) - what model.c and model_random.c share. */
#ifndef NSKY_MODEL_PRIVATE_H
#define NSKY_MODEL_PRIVATE_H

#include "encoder/arch.h"
#include "encoder/safetensors.h"

/* A model is the image of its file: what is hashed, written and pointed into. */
struct nsky_model {
    nsky_model_info info;
    void *image;
    size_t image_bytes;
    nsky_safetensors file;
    float *converted;     /* tensors of the image that are not aligned float32 */
    nsky_weight *weights; /* by name */
    uint32_t weight_count;
    bool assumed; /* the file says nothing about its input: ImageNet's is taken */
};

/* Checks everything and takes the image, also on error. `what` names it in errors. */
NSKY_MUST_CHECK nsky_status nsky_model_adopt(nsky_model **out, void *image, size_t bytes,
                                             const char *what, nsky_error *err);
/* Fills info from metadata and tensors; checks that both agree. */
NSKY_MUST_CHECK nsky_status nsky_model_read_info(nsky_model *model, const char *what,
                                                 nsky_error *err);

#endif
