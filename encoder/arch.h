/* arch.h (private) - the ResNets as lists of convolutions, under torchvision's names. What a file
 * must hold, what random weights are drawn for and what the graph runs all come from here.
 * Thread rule: pure. */
#ifndef NSKY_ARCH_H
#define NSKY_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "encoder/model.h"

#define NSKY_CONVS_MAX 53 /* ResNet-50 */
#define NSKY_CONV_NAME_BYTES 32

typedef enum nsky_conv_role {
    NSKY_CONV_STEM,
    NSKY_CONV_SHORTCUT, /* first in its block, where there is one */
    NSKY_CONV_INNER,    /* relu follows */
    NSKY_CONV_LAST,     /* the shortcut is added, then relu */
} nsky_conv_role;

/* Every convolution is followed by its batch norm and has no bias of its own. */
typedef struct nsky_conv {
    char name[NSKY_CONV_NAME_BYTES]; /* "layer1.0.conv2"; its weights are name + ".weight" */
    char norm[NSKY_CONV_NAME_BYTES]; /* "layer1.0.bn2" */
    nsky_conv_role role;
    bool first; /* opens a block: its input is the block's */
    uint32_t in_channels, out_channels, kernel, stride, padding;
} nsky_conv;

/* In the order they run; returns how many. */
uint32_t nsky_arch_convs(nsky_arch arch, nsky_stem stem, nsky_conv out[NSKY_CONVS_MAX]);
uint32_t nsky_arch_dim(nsky_arch arch);
const char *nsky_stem_name(nsky_stem stem); /* "imagenet", "small" */
bool nsky_stem_parse(const char *name, nsky_stem *out);

/* The four vectors of a batch norm, [out_channels] each. */
#define NSKY_NORM_PARTS 4
extern const char *const nsky_norm_parts[NSKY_NORM_PARTS]; /* weight, bias, running_mean, _var */

#endif
