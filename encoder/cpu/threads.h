/* threads.h (private) - one thread for oneDNN, as long as a call lasts. Thread rule: any thread. */
#ifndef NSKY_CPU_THREADS_H
#define NSKY_CPU_THREADS_H

/* Sets how many threads OpenMP gives this thread; returns how many it gave. */
int nsky_cpu_set_threads(int count);

#endif
