/* order.h (private) - the order of an epoch: a permutation one can ask about any place of.
 * Thread rule: pure. */
#ifndef NSKY_ORDER_H
#define NSKY_ORDER_H

#include <stdint.h>

/* The row at `place` in epoch `epoch`; each of 0 .. rows - 1 comes once. place < rows <= 2^62. */
uint64_t nsky_order_at(uint64_t seed, uint32_t epoch, uint64_t rows, uint64_t place);

#endif
