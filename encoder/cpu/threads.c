/* threads.c - the OpenMP runtime is whichever one oneDNN was loaded with (GNU's or LLVM's), so it
 * is asked for by name; without one, nothing. Thread rule: any thread. */
#include "encoder/cpu/threads.h"

#include <dlfcn.h>
#include <stddef.h>

int nsky_cpu_set_threads(int count)
{
    int (*get)(void) = NULL;
    void (*set)(int) = NULL;

    *(void **)&get = dlsym(RTLD_DEFAULT, "omp_get_max_threads");
    *(void **)&set = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    if (!get || !set)
        return 1;
    int before = get();
    set(count);
    return before;
}
