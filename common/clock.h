/* clock.h - how long something took. Any thread. */
#ifndef NSKY_CLOCK_H
#define NSKY_CLOCK_H

#include <stdint.h>

/* Since some moment in the past; never goes back, whatever happens to the time of day. */
uint64_t nsky_now_ns(void);
double nsky_now_s(void);
/* What the cores have given: to the calling thread, to the whole process. */
double nsky_thread_cpu_s(void);
double nsky_process_cpu_s(void);

#endif
