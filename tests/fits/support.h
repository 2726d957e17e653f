/* support.h - what the tests of fits share. */
#ifndef NSKY_TESTS_FITS_SUPPORT_H
#define NSKY_TESTS_FITS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/memory.h"
#include "corpus.h"
#include "fits/fits.h"

#define assert_ok(call, err)            \
    do {                                \
        if ((call) != NSKY_OK)          \
            fail_msg("%s", (err).text); \
    } while (0)

/* Fails with this status, described and naming something. */
#define assert_status(call, expected, err)                                                       \
    do {                                                                                         \
        (err) = (nsky_error)NSKY_ERROR_INIT;                                                     \
        nsky_status got_ = (call);                                                               \
        if (got_ != (expected))                                                                  \
            fail_msg("%s instead of %s: %s", nsky_status_name(got_), nsky_status_name(expected), \
                     (err).text);                                                                \
        assert_int_equal((err).status, (expected));                                              \
        assert_true((err).text[0] != '\0');                                                      \
    } while (0)

/* Real images; NULL (and a line saying so) where they are absent. */
static inline const char *data_file(const char *name)
{
    static char path[4096];
    const char *root = getenv("NEARSKY_TEST_DATA");

    if (!root || !*root)
        root = "../shared/data";
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (nsky_file_exists(path))
        return path;
    printf("NEARSKY-SKIP: no test data at %s\n", path);
    return NULL;
}

/* Runs op with the first allocation failing, then the second, ... until it gets through; each
 * failed run must say NSKY_ENOMEM. Returns how many there were. */
static inline uint64_t exhaust_memory(nsky_status (*op)(void *context, nsky_error *err),
                                      void *context)
{
    for (uint64_t n = 1;; n++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_memory_fail_at(n);
        nsky_status status = op(context, &err);
        bool failed = nsky_memory_count() >= n;
        nsky_memory_fail_at(0);
        if (!failed) {
            assert_ok(status, err);
            return n - 1;
        }
        assert_int_equal(status, NSKY_ENOMEM);
        assert_int_equal(err.status, NSKY_ENOMEM);
        assert_true(err.text[0] != '\0');
    }
}

/* A directory of this test's own, removed by temporary_end. */
static inline void temporary_begin(char path[64])
{
    strcpy(path, "/tmp/nsky-fits-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline void temporary_end(const char *path)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_remove_tree(path, &err), err);
}

#endif
