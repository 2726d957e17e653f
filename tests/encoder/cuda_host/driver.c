/* driver.c - a libcuda.so.1 of a machine without a card: it takes compiled kernels and keeps none.
 * cuDNN compiles its int8 convolutions for a card it is told of, but only where a driver can be
 * opened; so a test can see whether they compile, not what they compute. Whatever else is asked
 * fails as NVIDIA's own stub of this library does. Thread rule: any thread. */
#include <stddef.h>

#define SHOWN __attribute__((visibility("default")))
#define STUB_LIBRARY 34 /* CUDA_ERROR_STUB_LIBRARY */

typedef int answer;

SHOWN answer cuLibraryLoadData(void **library, const void *code, void *options, void *values,
                               unsigned count, void *more, void *more_values, unsigned more_count);
SHOWN answer cuLibraryUnload(void *library);
SHOWN answer cuLibraryGetKernel(void **kernel, void *library, const char *name);
SHOWN answer cuKernelGetFunction(void **function, void *kernel);

static char nothing; /* what handles point to */

answer cuLibraryLoadData(void **library, const void *code, void *options, void *values,
                         unsigned count, void *more, void *more_values, unsigned more_count)
{
    (void)options, (void)values, (void)count, (void)more, (void)more_values, (void)more_count;
    *library = &nothing;
    return code ? 0 : STUB_LIBRARY;
}

answer cuLibraryUnload(void *library)
{
    (void)library;
    return 0;
}

answer cuLibraryGetKernel(void **kernel, void *library, const char *name)
{
    (void)library, (void)name;
    *kernel = &nothing;
    return 0;
}

answer cuKernelGetFunction(void **function, void *kernel)
{
    (void)kernel;
    *function = &nothing;
    return 0;
}

/* What cuDNN and the CUDA runtime look for, by whatever they may be called with. */
#define FAILS(name)          \
    SHOWN answer name(void); \
    answer name(void)        \
    {                        \
        return STUB_LIBRARY; \
    }
FAILS(cuInit)
FAILS(cuDriverGetVersion)
FAILS(cuDeviceGetCount)
FAILS(cuGetErrorString)
FAILS(cuGetErrorName)
FAILS(cuGetExportTable)
FAILS(cuGetProcAddress)
FAILS(cuGetProcAddress_v2)
FAILS(cuLibraryGetModule)
FAILS(cuKernelGetAttribute)
FAILS(cuKernelSetAttribute)
FAILS(cuFuncGetAttribute)
FAILS(cuFuncSetAttribute)
FAILS(cuOccupancyMaxActiveBlocksPerMultiprocessor)
FAILS(cuLaunchKernel)
FAILS(cuLaunchKernelEx)
FAILS(cuTensorMapEncodeTiled)
FAILS(cuTensorMapEncodeIm2col)
FAILS(cuCtxGetCurrent)
FAILS(cuCtxGetLimit)
FAILS(cuCtxPopCurrent)
FAILS(cuCtxPushCurrent)
FAILS(cuDeviceGet)
FAILS(cuLaunchCooperativeKernel)
FAILS(cuLibraryLoadFromFile)
FAILS(cuLinkAddData)
FAILS(cuLinkComplete)
FAILS(cuLinkCreate)
FAILS(cuLinkDestroy)
FAILS(cuOccupancyMaxPotentialClusterSize)
FAILS(cuStreamGetCtx)
