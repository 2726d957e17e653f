/* version.c - which nearsky this is and what the CPU offers. Thread rule: any thread. */
#include "common/version.h"

#ifndef NSKY_VERSION_TEXT /* both come from CMakeLists.txt */
#define NSKY_VERSION_TEXT "0.0.0"
#endif
#ifndef NSKY_COMMIT_TEXT
#define NSKY_COMMIT_TEXT "unknown"
#endif

const char *nsky_version(void)
{
    return NSKY_VERSION_TEXT;
}

const char *nsky_commit(void)
{
    return NSKY_COMMIT_TEXT;
}

const char *nsky_cpu_features(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
        int vnni = __builtin_cpu_supports("avx512vnni");
        int bf16 = __builtin_cpu_supports("avx512bf16");
        return vnni && bf16 ? "x86-64 AVX-512 (VNNI, BF16)"
               : vnni       ? "x86-64 AVX-512 (VNNI)"
               : bf16       ? "x86-64 AVX-512 (BF16)"
                            : "x86-64 AVX-512";
    }
    return __builtin_cpu_supports("avx2") ? "x86-64 AVX2" : "x86-64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "generic";
#endif
}
