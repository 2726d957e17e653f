/* test_version.c - the texts are there and look as promised. */
#include "support.h"

#include "common/version.h"

static void test_texts(void **state)
{
    (void)state;
    int major, minor, patch, end = 0;

    assert_int_equal(sscanf(nsky_version(), "%d.%d.%d%n", &major, &minor, &patch, &end), 3);
    assert_int_equal(nsky_version()[end], '\0');
    const char *commit = nsky_commit();
    assert_true(strcmp(commit, "unknown") == 0 ||
                (strlen(commit) >= 7 && strspn(commit, "0123456789abcdef") == strlen(commit)));
}

static void test_cpu_features(void **state)
{
    (void)state;
    const char *features = nsky_cpu_features();

    assert_ptr_equal(features, nsky_cpu_features());
#if defined(__x86_64__)
    assert_int_equal(strncmp(features, "x86-64", 6), 0);
    if (__builtin_cpu_supports("avx2"))
        assert_non_null(strstr(features, " AVX"));
    else
        assert_string_equal(features, "x86-64");
#else
    assert_true(features[0] != '\0');
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_cpu_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
