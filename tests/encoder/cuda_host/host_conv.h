/* host_conv.h - derivatives of convolutions in plain sums, for the card of host memory.
 * Thread rule: pure functions. */
#ifndef NSKY_TEST_HOST_CONV_H
#define NSKY_TEST_HOST_CONV_H

#include "encoder/cuda/device.h"

/* What the task needs, and nothing else, is there; what it writes is not what it reads. */
bool host_conv_given(const nsky_conv_shape *shape, const nsky_conv_data *data);
/* DATA_BACK and WEIGHT_BACK. */
void host_conv_back(const nsky_conv_shape *shape, const nsky_conv_data *data);

#endif
