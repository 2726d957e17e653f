/* support.h - what the tests of fits/ share, on top of what those of common/ do. */
#ifndef NSKY_TESTS_FITS_SUPPORT_H
#define NSKY_TESTS_FITS_SUPPORT_H

#include "tests/common/support.h"

#include <math.h>

#include "common/file.h"
#include "corpus.h"
#include "fits/fits.h"

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
