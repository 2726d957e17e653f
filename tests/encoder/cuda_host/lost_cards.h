/* lost_cards.h - an operation on the card of host memory that loses it. Thread rule: one thread. */
#ifndef NSKY_TEST_LOST_CARDS_H
#define NSKY_TEST_LOST_CARDS_H

#include "tests/common/support.h"
#include "tests/encoder/cuda_host/host_device.h"

/*
 * Runs op with the card lost at its first call, then at later ones, farther apart by 1/sparse of
 * the way, until op gets through. Whenever it happens: an error that says so, and nothing left
 * behind. Returns about how many calls op takes.
 */
static inline unsigned lose_cards(nsky_status (*op)(void *context, nsky_error *err), void *context,
                                  unsigned sparse)
{
    for (unsigned n = 1;; n += 1 + n / sparse) {
        nsky_error err = NSKY_ERROR_INIT;
        host_lose_at(n);
        nsky_status status = op(context, &err);
        host_lose_at(0);
        assert_int_equal(host_blocks(), 0);
        if (status == NSKY_OK)
            return n;
        assert_int_equal(status, NSKY_EDEVICE);
        assert_non_null(strstr(err.text, "lost"));
    }
}

#endif
