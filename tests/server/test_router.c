/* test_router.c - paths to routes, methods, and the whole table. */
#include "tests/common/support.h"

#include "server/service.h"

static void run(nsky_request *request)
{
    (void)request;
}

static const nsky_route some[] = {
    {"/a", NSKY_GET, NULL, NSKY_BODY_NONE, run},
    {"/a/fixed", NSKY_GET, NULL, NSKY_BODY_NONE, run},
    {"/a/{id}", NSKY_GET | NSKY_POST, NULL, NSKY_BODY_NONE, run},
    {"/a/{id}/part", NSKY_POST, NULL, NSKY_BODY_NONE, run},
};

static nsky_match find(const char *path, uint32_t method)
{
    return nsky_route_find(some, 4, path, method);
}

static void finds(void **state)
{
    (void)state;
    assert_ptr_equal(find("/a", NSKY_GET).route, &some[0]);
    assert_ptr_equal(find("/a/fixed", NSKY_GET).route, &some[1]);
    assert_ptr_equal(find("/a/fixed", NSKY_POST).route, &some[2]);
    nsky_match match = find("/a/12/part", NSKY_POST);
    assert_ptr_equal(match.route, &some[3]);
    assert_string_equal(match.captured, "12");
    assert_string_equal(find("/a", NSKY_GET).captured, "");
}

static void finds_nothing(void **state)
{
    static const char *const none[] = {"",         "/",          "a",          "/a/",
                                       "//a",      "/A",         "/ab",        "/a//",
                                       "/a//part", "/a/1/part/", "/a/1/parts", "/a/1/2/3"};
    char longest[200] = "/a/";

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        nsky_match match = find(none[i], NSKY_GET | NSKY_POST);
        if (match.route || match.allowed)
            fail_msg("\"%s\" found %s", none[i], match.route->pattern);
    }
    memset(longest + 3, '1', NSKY_ROUTE_CAPTURE_BYTES - 1);
    assert_non_null(find(longest, NSKY_GET).route);
    strcat(longest, "1");
    assert_null(find(longest, NSKY_GET).route);
}

static void knows_methods(void **state)
{
    (void)state;
    assert_int_equal(nsky_method_of("GET"), NSKY_GET);
    assert_int_equal(nsky_method_of("HEAD"), NSKY_GET);
    assert_int_equal(nsky_method_of("POST"), NSKY_POST);
    assert_int_equal(nsky_method_of("get"), 0);
    assert_int_equal(nsky_method_of("DELETE"), 0);
    nsky_match match = find("/a/1/part", NSKY_GET);
    assert_null(match.route);
    assert_string_equal(nsky_methods_text(match.allowed), "POST");
    assert_string_equal(nsky_methods_text(find("/a/fixed", 0).allowed), "GET, HEAD, POST");
}

/* What is not of the API is the page's; nothing under /api is. */
static void the_table(void **state)
{
    (void)state;
    assert_string_equal(nsky_routes_match("/", NSKY_GET).route->pattern, "page");
    assert_string_equal(nsky_routes_match("/assets/x.js", NSKY_GET).route->pattern, "page");
    assert_null(nsky_routes_match("/", NSKY_POST).route);
    assert_int_equal(nsky_routes_match("/", NSKY_POST).allowed, NSKY_GET);
    assert_int_equal(nsky_routes_match("/api/v1/none", NSKY_GET).allowed, 0);
    assert_string_equal(nsky_routes_match("/api/v1/objects/random", NSKY_GET).route->pattern,
                        "/api/v1/objects/random");
    assert_true(nsky_route_count() <= NSKY_METRICS_ROUTES_MAX);
    assert_string_equal(nsky_route_label(nsky_route_number(NULL)), "none");
    assert_string_equal(
        nsky_route_label(nsky_route_number(nsky_routes_match("/metrics", NSKY_GET).route)),
        "/metrics");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(finds_nothing),
        cmocka_unit_test(knows_methods),
        cmocka_unit_test(the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
