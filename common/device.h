/* device.h - for inline functions that a CUDA compiler compiles for the card too, so that what is
 * computed there is written, and tested, once. Thread rule: none. */
#ifndef NSKY_DEVICE_H
#define NSKY_DEVICE_H

#ifdef __CUDACC__
#define NSKY_ON_DEVICE __device__
#else
#define NSKY_ON_DEVICE
#endif

#endif
