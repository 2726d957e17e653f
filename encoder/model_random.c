/* model_random.c - networks that were never trained: the baseline that training must beat.
 *
 * A random ResNet is a fair texture filter as long as nothing drowns the signal:
 * - first-layer filters have zero mean in each channel: flat sky gives nothing. The input is
 * centred on the colour of empty sky: padding looks like sky.
 * - filters that write into a block's sum have zero mean too. After a relu all channels are
 * positive, and plain random filters pass on mostly that, so that all galaxies are alike. Of 131
 * KiDS galaxies 14% (ResNet-18) and 7% (ResNet-50) found themselves again after a turn, a shift and
 * noise; with this 21% and 23%. Centring the rest as well gives 31% and 30%, but then differences
 * are so small beside what they are taken from that bf16 loses them.
 * - the last batch norm of a block is halved: fifty layers of sums stay in range.
 * Thread rule: any thread.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"
#include "encoder/model_private.h"
#include "image/stretch.h"

#define SOURCES_MAX (NSKY_CONVS_MAX * (1 + NSKY_NORM_PARTS))
#define RESIDUAL_GAIN 0.5f
#define STREAM 0x6E657473u /* "nets": apart from other uses of a seed */

/* Tensors under construction. */
typedef struct draft {
    nsky_conv convs[NSKY_CONVS_MAX];
    uint32_t conv_count;
    nsky_safetensor_source sources[SOURCES_MAX];
    char names[SOURCES_MAX][2 * NSKY_CONV_NAME_BYTES];
    uint32_t source_count;
    float *values, *at; /* block, and its unused part */
} draft;

static float *add(draft *d, const char *owner, const char *part, uint32_t dims,
                  const uint32_t shape[4])
{
    nsky_safetensor_source *s = &d->sources[d->source_count];
    char *name = d->names[d->source_count++];
    size_t count = 1;

    snprintf(name, sizeof d->names[0], "%s.%s", owner, part);
    *s = (nsky_safetensor_source){.name = name, .data = d->at, .dims = dims};
    for (uint32_t i = 0; i < dims; i++)
        count *= s->shape[i] = shape[i];
    d->at += count;
    return d->at - count;
}

/* Each run of `taps` weights sums to nothing. */
static void remove_mean(float *weight, size_t runs, uint32_t taps)
{
    for (size_t p = 0; p < runs; p++) {
        double sum = 0;
        for (uint32_t i = 0; i < taps; i++)
            sum += weight[p * taps + i];
        for (uint32_t i = 0; i < taps; i++)
            weight[p * taps + i] -= (float)(sum / taps);
    }
}

static void draw_conv(draft *d, uint64_t seed, uint32_t number)
{
    const nsky_conv c = d->convs[number]; /* a copy: names are printed into d */
    const uint32_t shape[4] = {c.out_channels, c.in_channels, c.kernel, c.kernel};
    uint32_t taps = c.kernel * c.kernel;
    size_t planes = (size_t)c.out_channels * c.in_channels;
    float sigma = (float)sqrt(2.0 / ((double)c.in_channels * taps));
    nsky_rng rng = nsky_rng_at(seed, STREAM, number);
    float *weight = add(d, c.name, "weight", 4, shape);

    nsky_rng_fill_normal(&rng, weight, planes * taps);
    if (c.role == NSKY_CONV_STEM)
        remove_mean(weight, planes, taps);
    else if (c.role != NSKY_CONV_INNER)
        remove_mean(weight, c.out_channels, c.in_channels * taps);
    for (size_t i = 0; i < planes * taps; i++)
        weight[i] *= sigma;
    for (uint32_t p = 0; p < NSKY_NORM_PARTS; p++) {
        const char *part = nsky_norm_parts[p];
        bool one = strcmp(part, "weight") == 0 || strcmp(part, "running_var") == 0;
        bool halved = c.role == NSKY_CONV_LAST && strcmp(part, "weight") == 0;
        float *values = add(d, c.norm, part, 1, shape);
        for (uint32_t o = 0; o < c.out_channels; o++)
            values[o] = halved ? RESIDUAL_GAIN : one ? 1.0f : 0.0f;
    }
}

static void put_preprocess(nsky_json *metadata, nsky_error *err, nsky_status *status)
{
    nsky_preprocess how = nsky_preprocess_default;
    const float dark[3] = {0, 0, 0};
    nsky_json *object;
    char *text;

    nsky_stretch_apply(&nsky_stretch_viewer, dark, 1, how.mean);
    how.views = 8; /* nothing taught it that galaxies have no up */
    object = nsky_preprocess_describe(&how);
    text = nsky_json_print(object, false, err);
    nsky_json_free(object);
    if (text)
        nsky_json_put_string(metadata, "nsky.preprocess", text);
    else
        *status = err->status;
    nsky_free(text);
}

static nsky_status build_image(const draft *d, nsky_arch arch, nsky_stem stem, const char *name,
                               void **image, size_t *bytes, nsky_error *err)
{
    nsky_json *metadata = nsky_json_object();
    nsky_status status = NSKY_OK;

    if (!metadata)
        return nsky_fail(err, NSKY_ENOMEM, "out of memory drawing random weights");
    nsky_json_put_string(metadata, "nsky.name", name);
    nsky_json_put_string(metadata, "nsky.arch", nsky_arch_name(arch));
    nsky_json_put_string(metadata, "nsky.stem", nsky_stem_name(stem));
    nsky_json_put_string(metadata, "nsky.random", "true");
    put_preprocess(metadata, err, &status);
    if (status == NSKY_OK)
        status = nsky_safetensors_build(image, bytes, d->sources, d->source_count, metadata, err);
    nsky_json_free(metadata);
    return status;
}

nsky_status nsky_model_random(nsky_model **out, nsky_arch arch, nsky_stem stem, uint64_t seed,
                              nsky_error *err)
{
    assert(out && err);
    draft *d = nsky_alloc_zero(1, sizeof *d, err);
    size_t count = 0, bytes;
    char name[64];
    void *image;
    nsky_status status = NSKY_ENOMEM;

    *out = NULL;
    if (!d)
        return status;
    d->conv_count = nsky_arch_convs(arch, stem, d->convs);
    for (uint32_t i = 0; i < d->conv_count; i++) {
        const nsky_conv *c = &d->convs[i];
        count += (size_t)c->out_channels *
                 ((size_t)c->in_channels * c->kernel * c->kernel + NSKY_NORM_PARTS);
    }
    if (!(d->at = d->values = nsky_alloc(count, sizeof(float), err)))
        goto done;
    for (uint32_t i = 0; i < d->conv_count; i++)
        draw_conv(d, seed, i);
    snprintf(name, sizeof name, "random-%s%s-%" PRIu64, nsky_arch_name(arch),
             stem == NSKY_STEM_SMALL ? "-small" : "", seed);
    if ((status = build_image(d, arch, stem, name, &image, &bytes, err)) == NSKY_OK)
        status = nsky_model_adopt(out, image, bytes, name, err);
done:
    nsky_free(d->values);
    nsky_free(d);
    return status;
}

nsky_status nsky_model_load(nsky_model **out, const char *path_or_random, nsky_error *err)
{
    assert(out && path_or_random && err);
    char arch_name[16] = "resnet18";
    nsky_arch arch = NSKY_RESNET18;
    uint64_t seed = 1;
    const char *at = path_or_random + strlen("random");

    *out = NULL;
    if (strncmp(path_or_random, "random", strlen("random")) != 0 || (*at != ':' && *at != '\0'))
        return nsky_model_open(out, path_or_random, err);
    if (*at == ':') {
        size_t length = strcspn(++at, ":");
        bool number = *at >= '0' && *at <= '9'; /* "34" for "resnet34" */
        snprintf(arch_name, sizeof arch_name, "%s%.*s", number ? "resnet" : "", (int)length, at);
        at += length;
    }
    bool good = nsky_arch_parse(arch_name, &arch);
    if (*at == ':') {
        char *end;
        errno = 0;
        seed = strtoull(++at, &end, 10);
        good = good && *at >= '0' && *at <= '9' && *end == '\0' && errno == 0;
    }
    if (!good)
        return nsky_fail(err, NSKY_EINVAL, "%s: write random[:resnet18|resnet34|resnet50[:SEED]]",
                         path_or_random);
    return nsky_model_random(out, arch, NSKY_STEM_IMAGENET, seed, err);
}
