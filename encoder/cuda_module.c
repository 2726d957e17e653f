/* cuda_module.c - finds and opens nearsky_cuda.so. Thread rule: see cuda_module.h. */
#include "encoder/cuda_module.h"

#include <assert.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside the binary, as built, or as installed. */
static const char *const places[] = {"", "../lib/nearsky/", "../lib/"};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const nsky_cuda_module_table *opened; /* NULL: not to be had, because */
static nsky_error reason = NSKY_ERROR_INIT;  /* of this */
static bool present;
static void *handle; /* never closed: threads of the driver may be running in it */

/* Where the module is; false: nowhere. */
static bool find(char *out, size_t bytes)
{
    const char *given = getenv(NSKY_CUDA_MODULE_ENV);
    char exe[PATH_MAX];

    if (given) {
        int length = snprintf(out, bytes, "%s", given);
        return length > 0 && (size_t)length < bytes && access(out, R_OK) == 0;
    }
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length <= 0)
        return false;
    exe[length] = '\0';
    char *base = strrchr(exe, '/');
    if (!base)
        return false;
    base[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int whole = snprintf(out, bytes, "%s%s%s", exe, places[i], NSKY_CUDA_MODULE_FILE);
        if (whole > 0 && (size_t)whole < bytes && access(out, R_OK) == 0)
            return true;
    }
    return false;
}

static nsky_status open_module(const char *path, nsky_error *err)
{
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return nsky_fail(err, NSKY_EDEVICE,
                         "the CUDA module cannot be opened (%.600s); install the CUDA runtime and "
                         "cuDNN 9 that it was built with, or use --device cpu",
                         dlerror());
    nsky_cuda_module_fn *table_of = NULL;
    void *symbol = dlsym(handle, NSKY_CUDA_SYMBOL);
    memcpy(&table_of, &symbol, sizeof table_of); /* C has no cast from an object to a function */
    const nsky_cuda_module_table *table = table_of ? table_of() : NULL;
    if (!table || table->abi != NSKY_CUDA_ABI || table->layout != nsky_cuda_layout())
        return nsky_fail(err, NSKY_EDEVICE,
                         "%s belongs to another version of nearsky; build both together, or use "
                         "--device cpu",
                         path);
    nsky_status status = table->probe(err);
    if (status == NSKY_OK)
        opened = table;
    return status;
}

static void open_once(void)
{
    char path[PATH_MAX];

    if (!find(path, sizeof path)) {
        const char *given = getenv(NSKY_CUDA_MODULE_ENV);
        nsky_fail(&reason, NSKY_EDEVICE,
                  "no CUDA module (%s) here: build nearsky where nvcc and cuDNN 9 are, with "
                  "-DNEARSKY_CUDA=ON, or use --device cpu",
                  given ? given : NSKY_CUDA_MODULE_FILE);
        return;
    }
    present = true;
    if (open_module(path, &reason) == NSKY_OK)
        reason = (nsky_error)NSKY_ERROR_INIT;
}

const nsky_backend_ops *nsky_cuda_backend(nsky_error *err)
{
    assert(err);
    pthread_once(&once, open_once);
    if (!opened)
        *err = reason;
    return opened ? opened->ops : NULL;
}

const nsky_train_ops *nsky_cuda_training(nsky_error *err)
{
    return nsky_cuda_backend(err) ? opened->training : NULL;
}

bool nsky_cuda_present(void)
{
    pthread_once(&once, open_once);
    return present;
}
