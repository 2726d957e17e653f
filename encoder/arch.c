/* arch.c - ResNet-18/34 (basic blocks) and 50 (bottlenecks, stride on the 3x3 as torchvision has
 * it). Thread rule: pure. */
#include "encoder/arch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define STEM_CHANNELS 64u

const char *const nsky_norm_parts[NSKY_NORM_PARTS] = {"weight", "bias", "running_mean",
                                                      "running_var"};

static const struct {
    const char *name;
    bool bottleneck;
    uint32_t blocks[4];
} archs[] = {
    [NSKY_RESNET18] = {"resnet18", false, {2, 2, 2, 2}},
    [NSKY_RESNET34] = {"resnet34", false, {3, 4, 6, 3}},
    [NSKY_RESNET50] = {"resnet50", true, {3, 4, 6, 3}},
};

static const char *const stems[] = {[NSKY_STEM_IMAGENET] = "imagenet", [NSKY_STEM_SMALL] = "small"};

const char *nsky_arch_name(nsky_arch arch)
{
    assert(arch <= NSKY_RESNET50);
    return archs[arch].name;
}

bool nsky_arch_parse(const char *name, nsky_arch *out)
{
    assert(name && out);
    for (int i = 0; i <= NSKY_RESNET50; i++)
        if (strcmp(name, archs[i].name) == 0) {
            *out = (nsky_arch)i;
            return true;
        }
    return false;
}

const char *nsky_stem_name(nsky_stem stem)
{
    assert(stem <= NSKY_STEM_SMALL);
    return stems[stem];
}

bool nsky_stem_parse(const char *name, nsky_stem *out)
{
    assert(name && out);
    for (int i = 0; i <= NSKY_STEM_SMALL; i++)
        if (strcmp(name, stems[i]) == 0) {
            *out = (nsky_stem)i;
            return true;
        }
    return false;
}

uint32_t nsky_arch_dim(nsky_arch arch)
{
    assert(arch <= NSKY_RESNET50);
    return archs[arch].bottleneck ? 2048 : 512;
}

/* layer.block as people count them: "layer1.0". */
static nsky_conv conv_of_block(uint32_t layer, uint32_t block, uint32_t number, nsky_conv_role role)
{
    nsky_conv c = {.role = role};

    snprintf(c.name, sizeof c.name, "layer%u.%u.conv%u", layer, block, number);
    snprintf(c.norm, sizeof c.norm, "layer%u.%u.bn%u", layer, block, number);
    if (role == NSKY_CONV_SHORTCUT) {
        snprintf(c.name, sizeof c.name, "layer%u.%u.downsample.0", layer, block);
        snprintf(c.norm, sizeof c.norm, "layer%u.%u.downsample.1", layer, block);
    }
    return c;
}

static void set_shape(nsky_conv *c, uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride)
{
    c->in_channels = in;
    c->out_channels = out;
    c->kernel = kernel;
    c->stride = stride;
    c->padding = kernel / 2;
}

/* Appends one block; returns how many convolutions it has. *channels: in, then out. */
static uint32_t add_block(nsky_conv *out, bool bottleneck, uint32_t layer, uint32_t block,
                          uint32_t *channels)
{
    uint32_t width = STEM_CHANNELS << (layer - 1), wide = bottleneck ? 4 * width : width;
    uint32_t stride = block == 0 && layer > 1 ? 2 : 1, count = 0, in = *channels;

    if (stride != 1 || in != wide) {
        out[count] = conv_of_block(layer, block, 0, NSKY_CONV_SHORTCUT);
        set_shape(&out[count++], in, wide, 1, stride);
    }
    out[count] = conv_of_block(layer, block, 1, NSKY_CONV_INNER);
    out[count].first = true;
    if (bottleneck) {
        set_shape(&out[count++], in, width, 1, 1);
        out[count] = conv_of_block(layer, block, 2, NSKY_CONV_INNER);
        set_shape(&out[count++], width, width, 3, stride);
        out[count] = conv_of_block(layer, block, 3, NSKY_CONV_LAST);
        set_shape(&out[count++], width, wide, 1, 1);
    } else {
        set_shape(&out[count++], in, width, 3, stride);
        out[count] = conv_of_block(layer, block, 2, NSKY_CONV_LAST);
        set_shape(&out[count++], width, width, 3, 1);
    }
    *channels = wide;
    return count;
}

uint32_t nsky_arch_convs(nsky_arch arch, nsky_stem stem, nsky_conv out[NSKY_CONVS_MAX])
{
    assert(arch <= NSKY_RESNET50 && stem <= NSKY_STEM_SMALL && out);
    uint32_t count = 1, channels = STEM_CHANNELS;

    out[0] = (nsky_conv){.name = "conv1", .norm = "bn1", .role = NSKY_CONV_STEM};
    if (stem == NSKY_STEM_IMAGENET)
        set_shape(&out[0], 3, STEM_CHANNELS, 7, 2);
    else
        set_shape(&out[0], 3, STEM_CHANNELS, 3, 1);
    for (uint32_t layer = 1; layer <= 4; layer++)
        for (uint32_t block = 0; block < archs[arch].blocks[layer - 1]; block++)
            count += add_block(out + count, archs[arch].bottleneck, layer, block, &channels);
    assert(count <= NSKY_CONVS_MAX && channels == nsky_arch_dim(arch));
    return count;
}
