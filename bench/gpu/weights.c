/* weights.c - see check.h. Thread rule: one thread. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bench/gpu/check.h"
#include "common/file.h"
#include "common/memory.h"
#include "encoder/arch.h"

#define PARTS (1 + NSKY_NORM_PARTS)

struct nsky_model {
    nsky_model_info info;
    nsky_map map;
    nsky_weight weights[NSKY_CONVS_MAX * PARTS];
    char names[NSKY_CONVS_MAX * PARTS][2 * NSKY_CONV_NAME_BYTES];
    uint32_t count;
};

static const float *add(nsky_model *m, const char *owner, const char *part, const float *data,
                        size_t count)
{
    char *name = m->names[m->count];

    snprintf(name, sizeof m->names[0], "%.31s.%.31s", owner, part);
    m->weights[m->count++] = (nsky_weight){.name = name, .data = data, .dims = 1};
    return data + count;
}

nsky_status check_model_open(nsky_model **out, const check_args *args, const char *path,
                             nsky_error *err)
{
    nsky_conv convs[NSKY_CONVS_MAX];
    uint32_t count = nsky_arch_convs(args->arch, NSKY_STEM_IMAGENET, convs);
    nsky_model *m = nsky_alloc_zero(1, sizeof *m, err);
    size_t floats = 0;
    nsky_status status;

    *out = NULL;
    if (!m)
        return err->status;
    if ((status = nsky_map_open(&m->map, path, err)) != NSKY_OK) {
        nsky_free(m);
        return status;
    }
    const float *at = m->map.data;
    for (uint32_t i = 0; i < count; i++) {
        const nsky_conv *c = &convs[i];
        size_t weights = (size_t)c->out_channels * c->in_channels * c->kernel * c->kernel;
        floats += weights + (size_t)NSKY_NORM_PARTS * c->out_channels;
        if (floats * sizeof(float) > m->map.bytes)
            break;
        at = add(m, c->name, "weight", at, weights);
        for (uint32_t p = 0; p < NSKY_NORM_PARTS; p++)
            at = add(m, c->norm, nsky_norm_parts[p], at, c->out_channels);
    }
    m->info = (nsky_model_info){.arch = args->arch,
                                .stem = NSKY_STEM_IMAGENET,
                                .dim = nsky_arch_dim(args->arch),
                                .preprocess = nsky_preprocess_default};
    snprintf(m->info.name, sizeof m->info.name, "%s", nsky_arch_name(args->arch));
    *out = m;
    return floats * sizeof(float) == m->map.bytes
               ? NSKY_OK
               : nsky_fail(err, NSKY_EDATA, "%s: not the weights of a %s", path, m->info.name);
}

void nsky_model_close(nsky_model *m)
{
    if (!m)
        return;
    nsky_map_close(&m->map);
    nsky_free(m);
}

const nsky_model_info *nsky_model_info_of(const nsky_model *m)
{
    return &m->info;
}

const nsky_weight *nsky_model_weight(const nsky_model *m, const char *name)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (strcmp(m->names[i], name) == 0)
            return &m->weights[i];
    return NULL;
}
