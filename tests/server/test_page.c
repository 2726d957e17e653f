/* test_page.c - the page's files: what is listed is served, what is not does not exist. */
#include "tests/common/support.h"

#include "common/file.h"
#include "server/page.h"

static void put(const char *name, const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_file_write(in_directory(name), text, strlen(text), &err), err);
}

static nsky_page *open_page(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_page *page;

    assert_ok(nsky_make_directories(in_directory("page/assets/deep"), &err), err);
    put("page/index.html", "<p>page</p>");
    put("page/assets/index-1.css", "p{}");
    put("page/assets/deep/x.woff2", "font");
    put("page/empty.txt", "");
    put("page/.env", "secret");
    put("outside.txt", "secret");
    if (symlink(in_directory("outside.txt"), in_directory("page/link.txt")) != 0)
        assert_true(nsky_file_exists(in_directory("page/link.txt")));
    assert_ok(nsky_page_open(&page, in_directory("page"), &err), err);
    return page;
}

static void serves(void **state)
{
    static const struct {
        const char *path, *text, *type, *cache;
    } files[] = {
        {"/", "<p>page</p>", "text/html; charset=utf-8", "no-cache"},
        {"/index.html", "<p>page</p>", "text/html; charset=utf-8", "no-cache"},
        {"/object/12", "<p>page</p>", "text/html; charset=utf-8", "no-cache"},
        {"/assets/index-1.css", "p{}", "text/css; charset=utf-8",
         "public, max-age=31536000, immutable"},
        {"/assets/deep/x.woff2", "font", "font/woff2", "public, max-age=31536000, immutable"},
        {"/empty.txt", "", "text/plain; charset=utf-8", "no-cache"},
    };
    nsky_page *page = open_page();
    nsky_reply reply = {0};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_true(nsky_page_reply(page, files[i].path, "", &reply));
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.bytes, strlen(files[i].text));
        assert_memory_equal(reply.body, files[i].text, reply.bytes);
        assert_string_equal(reply.content_type, files[i].type);
        assert_string_equal(reply.cache_control, files[i].cache);
        assert_string_equal(reply.policy, NSKY_PAGE_POLICY);
        char etag[NSKY_ETAG_BYTES];
        strcpy(etag, reply.etag);
        assert_true(nsky_page_reply(page, files[i].path, etag, &reply));
        assert_int_equal(reply.status, 304);
    }
    nsky_reply_clear(&reply);
    nsky_page_close(page);
}

static void serves_nothing_else(void **state)
{
    static const char *const none[] = {
        "/.env",        "/link.txt", "/outside.txt", "/../outside.txt", "/assets/../../outside.txt",
        "/assets/none", "/assets",   "/none.js",     "//index.html",    "/./index.html",
        "/INDEX.HTML"};
    nsky_page *page = open_page();
    nsky_reply reply = {0};

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (nsky_page_reply(page, none[i], "", &reply) && !strstr(reply.body, "<p>page</p>"))
            fail_msg("%s was served", none[i]);
    assert_false(nsky_page_reply(page, "/../outside.txt", "", &reply));
    assert_false(nsky_page_reply(page, "/assets/none", "", &reply));
    nsky_reply_clear(&reply);
    nsky_page_close(page);
}

static void refuses(void **state)
{
    nsky_error err;
    nsky_page *page;

    (void)state;
    assert_fails(nsky_page_open(&page, in_directory("absent"), &err), NSKY_ENOTFOUND, err,
                 "no such folder");
    assert_ok(nsky_make_directories(in_directory("bare"), &err), err);
    assert_fails(nsky_page_open(&page, in_directory("bare"), &err), NSKY_ENOTFOUND, err,
                 "index.html");
    nsky_page_close(NULL);
}

static nsky_status open_and_close(void *context, nsky_error *err)
{
    nsky_page *page;
    nsky_status status = nsky_page_open(&page, context, err);

    nsky_page_close(page);
    return status;
}

static void survives_no_memory(void **state)
{
    char path[1024];

    (void)state;
    nsky_page_close(open_page());
    strcpy(path, in_directory("page"));
    assert_true(exhaust_memory(open_and_close, path) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves),
        cmocka_unit_test(serves_nothing_else),
        cmocka_unit_test(refuses),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
