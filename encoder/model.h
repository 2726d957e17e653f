/* model.h - weights and what they were trained to see: a safetensors file, checked whole.
 *
 * torchvision's ResNet names. What the network expects of its input travels in the file's
 * __metadata__ ("nearsky.*" keys), so training, bulk embedding and uploads prepare alike; without
 * them (a published file) the defaults of its architecture hold and a note says so.
 * Thread rule: read-only once open; any thread.
 */
#ifndef NSKY_MODEL_H
#define NSKY_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/json.h"
#include "encoder/preprocess.h"

typedef struct nsky_model nsky_model;

typedef enum nsky_arch { NSKY_RESNET18, NSKY_RESNET34, NSKY_RESNET50 } nsky_arch;
typedef enum nsky_stem {
    NSKY_STEM_IMAGENET, /* 7x7 stride 2, max-pool */
    NSKY_STEM_SMALL,    /* 3x3 stride 1, no max-pool (Hayat et al.: keeps small stamps large) */
} nsky_stem;

typedef struct nsky_model_info {
    char name[64];
    nsky_arch arch;
    nsky_stem stem;
    uint32_t dim;        /* 512 or 2048 */
    bool random_weights; /* never trained: every answer must say so */
    char sha256[NSKY_SHA256_HEX_BYTES];
    nsky_preprocess preprocess;
} nsky_model_info;

/* One tensor, float32 whatever the file holds (F32, F16, BF16). */
typedef struct nsky_weight {
    const char *name;
    const float *data;
    uint32_t dims;
    uint32_t shape[4];
} nsky_weight;

/*
 * NSKY_EDATA: not safetensors, or damaged (any check of the format), or a tensor is missing, has
 * another shape, or holds a non-finite value: the text names the tensor.
 */
NSKY_MUST_CHECK nsky_status nsky_model_open(nsky_model **out, const char *path, nsky_error *err);

/* Seeded He-normal weights, batch norms at identity: an honest baseline. Written by
 * nsky_model_write it is the same file each time. */
NSKY_MUST_CHECK nsky_status nsky_model_random(nsky_model **out, nsky_arch arch, nsky_stem stem,
                                              uint64_t seed, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_model_write(const nsky_model *model, const char *path,
                                             nsky_error *err);
/* The weights into STORE/models, unless they are there, by way of a file in `folder` (a random
 * model has none of its own), which is removed: also one that a killed run left. */
NSKY_MUST_CHECK nsky_status nsky_model_keep(const nsky_model *model, const char *store,
                                            const char *folder, nsky_error *err);
/* A path, or "random[:resnet18|34|50[:SEED]]" (resnet18, seed 1). NSKY_EINVAL: neither. */
NSKY_MUST_CHECK nsky_status nsky_model_load(nsky_model **out, const char *path_or_random,
                                            nsky_error *err);
void nsky_model_close(nsky_model *model); /* no encoder may use it any more; NULL is a no-op */

const nsky_model_info *nsky_model_info_of(const nsky_model *model);
const nsky_weight *nsky_model_weight(const nsky_model *model, const char *name); /* or NULL */
/* {name, arch, stem, dim, sha256, random_weights, preprocess: {...}, ...} for manifests and
 * answers. */
NSKY_MUST_CHECK nsky_status nsky_model_describe(const nsky_model *model, nsky_json **out,
                                                nsky_error *err);

const char *nsky_arch_name(nsky_arch arch); /* "resnet18" */
bool nsky_arch_parse(const char *name, nsky_arch *out);

#endif
