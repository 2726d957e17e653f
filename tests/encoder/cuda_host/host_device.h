/* host_device.h - a card made of host memory, for tests of all that stands above device.h.
 *
 * It is as lazy as a card may be: nothing that is put into a stream happens before somebody waits
 * for it, and then only what has to. A copy that nobody ordered behind its computation, memory
 * filled again too early, an event forgotten: on this card they always go wrong. Memory is full of
 * NaN before it is written. Thread rule: as device.h. */
#ifndef NSKY_TEST_HOST_DEVICE_H
#define NSKY_TEST_HOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#define HOST_ARGS_BYTES 256

/* Puts work into a stream (or into the capture that is under way); args are copied. 0. */
int host_start(void *stream, void (*run)(const void *args), const void *args, size_t bytes);
/* Every call from the n-th on fails as if the card were lost; 0: none does. */
void host_lose_at(unsigned n);
/* Captures end in failure from now on, as with an engine that cannot be recorded. */
void host_refuse_captures(bool refuse);
/* Recordings that were started, since the beginning. */
unsigned host_launches(void);
/* Blocks that were not freed. */
unsigned host_blocks(void);

#endif
