/* golden_model.h - the network of the golden files: random convolutions, and batch norms that do
 * something, by a rule without rounding. Thread rule: any thread. */
#ifndef NSKY_TEST_GOLDEN_MODEL_H
#define NSKY_TEST_GOLDEN_MODEL_H

#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/model_private.h"

#define GOLDEN_SEED 20211

/* Multiples of 1/64: exact in float32 and in any language. */
static inline float golden_norm_value(const char *part, uint32_t conv, uint32_t channel)
{
    float u = (float)((channel * 37 + conv * 11) % 64) / 64;

    if (strcmp(part, "weight") == 0)
        return 0.25f + u / 2;
    if (strcmp(part, "running_var") == 0)
        return 0.5f + u;
    return strcmp(part, "bias") == 0 ? (u - 0.5f) / 4 : (0.5f - u) / 2;
}

static inline nsky_status golden_sources(const nsky_model *from, nsky_safetensor_source *sources,
                                         char (*names)[64], uint32_t *count, float *values)
{
    nsky_conv convs[NSKY_CONVS_MAX];
    const nsky_model_info *info = nsky_model_info_of(from);
    uint32_t n = nsky_arch_convs(info->arch, info->stem, convs);

    *count = 0;
    for (uint32_t i = 0; i < n; i++) {
        nsky_safetensor_source *s = &sources[*count];
        snprintf(names[*count], sizeof *names, "%.31s.weight", convs[i].name);
        const nsky_weight *w = nsky_model_weight(from, names[*count]);
        *s = (nsky_safetensor_source){.name = names[(*count)++], .data = w->data, .dims = 4};
        memcpy(s->shape, w->shape, sizeof s->shape);
        for (uint32_t p = 0; p < NSKY_NORM_PARTS; p++) {
            s = &sources[*count];
            snprintf(names[*count], sizeof *names, "%.31s.%s", convs[i].norm, nsky_norm_parts[p]);
            *s = (nsky_safetensor_source){.name = names[(*count)++], .data = values, .dims = 1};
            s->shape[0] = convs[i].out_channels;
            for (uint32_t o = 0; o < convs[i].out_channels; o++)
                *values++ = golden_norm_value(nsky_norm_parts[p], i, o);
        }
    }
    return NSKY_OK;
}

#define GOLDEN_TENSORS_MAX (NSKY_CONVS_MAX * (1 + NSKY_NORM_PARTS))
#define GOLDEN_VALUES_MAX (NSKY_CONVS_MAX * NSKY_NORM_PARTS * 2048)

static inline nsky_status golden_model(nsky_model **out, nsky_arch arch, nsky_stem stem,
                                       nsky_error *err)
{
    static char names[GOLDEN_TENSORS_MAX][64];
    static nsky_safetensor_source sources[GOLDEN_TENSORS_MAX];
    float *values = nsky_alloc(GOLDEN_VALUES_MAX, sizeof *values, err);
    nsky_model *random = NULL;
    uint32_t count;
    size_t bytes;
    void *image;

    if (!values || nsky_model_random(&random, arch, stem, GOLDEN_SEED, err) != NSKY_OK ||
        golden_sources(random, sources, names, &count, values) != NSKY_OK ||
        nsky_safetensors_build(&image, &bytes, sources, count, NULL, err) != NSKY_OK ||
        nsky_model_adopt(out, image, bytes, "golden", err) != NSKY_OK) {
        nsky_model_close(random);
        nsky_free(values);
        return err->status;
    }
    nsky_model_close(random);
    nsky_free(values);
    return NSKY_OK;
}

#endif
