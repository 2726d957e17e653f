/* registry.c - the one place that knows which back ends exist. Thread rule: any thread. */
#include "encoder/registry.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "encoder/cuda_module.h"

/* Those of this binary, fastest first. Before them comes the CUDA module, where there is one. */
static const nsky_backend_ops *const backends[] = {
#ifdef NSKY_HAVE_CPU
    &nsky_backend_cpu,
#endif
    &nsky_backend_ref,
};

#define BACKENDS (sizeof backends / sizeof *backends)

/* A card was to be expected and is not to be had. */
static void say_once(const nsky_error *why)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&said))
        nsky_log_info("on the CPU: %s", why->text);
}

static nsky_status choose_cuda(const nsky_backend_ops **out, nsky_precision precision,
                               nsky_error *err)
{
    const nsky_backend_ops *ops = nsky_cuda_backend(err);

    if (!ops)
        return err->status;
    if (!ops->available(precision))
        return nsky_fail(err, NSKY_EDEVICE,
                         "cuda has no %s; use --precision fp32, bf16, fp16 or int8",
                         nsky_precision_name(precision));
    *out = ops;
    return NSKY_OK;
}

nsky_status nsky_registry_choose(const nsky_backend_ops **out, const char *device,
                                 nsky_precision *precision, nsky_error *err)
{
    assert(out && device && precision && err);
    bool any = strcmp(device, "auto") == 0;
    char devices[256];

    if (strcmp(device, "cuda") == 0)
        return choose_cuda(out, *precision, err);
    if (any && nsky_cuda_present()) {
        nsky_error why = NSKY_ERROR_INIT;
        if (choose_cuda(out, *precision, &why) == NSKY_OK)
            return NSKY_OK;
        say_once(&why);
    }
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

static nsky_status choose_cuda_training(const nsky_train_ops **out, nsky_precision precision,
                                        nsky_error *err)
{
    const nsky_train_ops *ops = nsky_cuda_training(err);

    if (!ops)
        return err->status;
    if (!ops->available(precision))
        return nsky_fail(err, NSKY_EDEVICE, "cuda does not train in %s; use --precision bf16",
                         nsky_precision_name(precision));
    *out = ops;
    return NSKY_OK;
}

nsky_status nsky_registry_choose_training(const nsky_train_ops **out, const char *device,
                                          nsky_precision precision, nsky_error *err)
{
    assert(out && device && err);
    static const nsky_train_ops *const all[] = {
#ifdef NSKY_HAVE_CPU
        &nsky_train_cpu,
#endif
        &nsky_train_ref,
    };
    bool any = strcmp(device, "auto") == 0;

    if (strcmp(device, "cuda") == 0)
        return choose_cuda_training(out, precision, err);
    if (any && precision == NSKY_BF16 && nsky_cuda_present()) { /* fp32 is the CPU's */
        nsky_error why = NSKY_ERROR_INIT;
        if (choose_cuda_training(out, precision, &why) == NSKY_OK)
            return NSKY_OK;
        say_once(&why);
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((any || strcmp(device, all[i]->name) == 0) && all[i]->available(precision)) {
            *out = all[i];
            return NSKY_OK;
        }
    return nsky_fail(err, NSKY_EDEVICE,
                     "no device \"%s\" trains in %s here; there are: cuda (bf16, where there is a "
                     "card), cpu (fp32, and bf16 where the CPU has it), ref (fp32)",
                     device, nsky_precision_name(precision));
}

static size_t append_device(char *out, size_t bytes, size_t used, const nsky_backend_ops *ops)
{
    char detail[128] = "";

    if (used >= bytes)
        return used;
    ops->describe(detail, sizeof detail);
    return used + (size_t)snprintf(out + used, bytes - used, "%s%s (%s)", used > 0 ? ", " : "",
                                   ops->name, detail);
}

void nsky_encoder_devices(char *out, size_t bytes)
{
    assert(out && bytes > 0);
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_backend_ops *cuda = nsky_cuda_backend(&err);
    size_t used = 0;

    out[0] = '\0';
    if (cuda)
        used = append_device(out, bytes, used, cuda);
    for (size_t i = 0; i < BACKENDS; i++)
        if (backends[i]->available(NSKY_FP32))
            used = append_device(out, bytes, used, backends[i]);
}

const char *nsky_precision_name(nsky_precision precision)
{
    static const char *const names[] = {"fp32", "bf16", "fp16", "int8"};

    assert(precision <= NSKY_INT8);
    return names[precision];
}

bool nsky_precision_parse(const char *name, nsky_precision *out)
{
    assert(name && out);
    for (nsky_precision p = NSKY_FP32; p <= NSKY_INT8; p++)
        if (strcmp(name, nsky_precision_name(p)) == 0) {
            *out = p;
            return true;
        }
    return false;
}

nsky_encoder_options nsky_encoder_defaults(void)
{
    nsky_encoder_options options = {.device = "auto", .precision = NSKY_FP32, .size = 0};
    nsky_error err = NSKY_ERROR_INIT;
    bool bf16 = nsky_cuda_backend(&err) != NULL;

    for (size_t i = 0; i < BACKENDS; i++)
        bf16 = bf16 || backends[i]->available(NSKY_BF16);
    if (bf16)
        options.precision = NSKY_BF16;
    return options;
}
