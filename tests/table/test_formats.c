#include "support.h"
static void test_smoke(void **state)
{
    (void)state;
    static const char *const names[] = {"json", "csv", "votable", "fits"};
    for (int f = 0; f < 4; f++) {
        rows r = {.count = 4};
        nsky_error err = NSKY_ERROR_INIT;
        nsky_provenance p = {.generation = 3,
                             .model = "resnet",
                             .model_sha256 = "ab",
                             .random_weights = true,
                             .method = "exact scan",
                             .query = "GET /x?a=1&b=<2>"};
        nsky_table t = table_of(&r);
        t.provenance = &p;
        t.csv_comments = true;
        char path[99];
        snprintf(path, sizeof path, "/tmp/smoke.%s", names[f]);
        assert_ok(nsky_table_write_file(&t, f, path, &err), err);
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_smoke)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
