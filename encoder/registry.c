/* registry.c - the one place that knows which back ends exist. Thread rule: pure. */
#include "encoder/registry.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Fastest first. */
static const nsky_backend_ops *const backends[] = {
#ifdef NSKY_HAVE_CPU
    &nsky_backend_cpu,
#endif
    &nsky_backend_ref,
};

#define BACKENDS (sizeof backends / sizeof *backends)

nsky_status nsky_registry_choose(const nsky_backend_ops **out, const char *device,
                                 nsky_precision *precision, nsky_error *err)
{
    assert(out && device && precision && err);
    bool any = strcmp(device, "auto") == 0;
    char devices[256];

    for (size_t i = 0; i < BACKENDS; i++) {
        const nsky_backend_ops *ops = backends[i];
        if (!any && strcmp(device, ops->name) != 0)
            continue;
        nsky_precision runs = ops == &nsky_backend_ref ? NSKY_FP32 : *precision;
        if (!ops->available(runs) || (any && runs != *precision))
            continue;
        *precision = runs;
        *out = ops;
        return NSKY_OK;
    }
    nsky_encoder_devices(devices, sizeof devices);
    return nsky_fail(err, NSKY_EDEVICE, "no device \"%s\" with %s here; there are: %s", device,
                     nsky_precision_name(*precision), devices);
}

void nsky_encoder_devices(char *out, size_t bytes)
{
    assert(out && bytes > 0);
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < BACKENDS && used < bytes; i++) {
        char detail[128] = "";
        if (!backends[i]->available(NSKY_FP32))
            continue;
        backends[i]->describe(detail, sizeof detail);
        used += (size_t)snprintf(out + used, bytes - used, "%s%s (%s)", used > 0 ? ", " : "",
                                 backends[i]->name, detail);
    }
}

const char *nsky_precision_name(nsky_precision precision)
{
    assert(precision <= NSKY_BF16);
    return precision == NSKY_BF16 ? "bf16" : "fp32";
}

nsky_encoder_options nsky_encoder_defaults(void)
{
    nsky_encoder_options options = {.device = "auto", .precision = NSKY_FP32, .size = 0};

    for (size_t i = 0; i < BACKENDS; i++)
        if (backends[i]->available(NSKY_BF16))
            options.precision = NSKY_BF16;
    return options;
}
