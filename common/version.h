/* version.h - which nearsky this is. The commit comes from CMake at configure time. */
#ifndef NSKY_VERSION_H
#define NSKY_VERSION_H

const char *nsky_version(void); /* "0.1.0" */
const char *nsky_commit(void);  /* short git hash, or "unknown" outside a checkout */
/* "x86-64 AVX-512 (VNNI, BF16)", "x86-64 AVX2", ...: what this CPU offers, found at run time. */
const char *nsky_cpu_features(void);

#endif
