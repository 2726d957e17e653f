/* test_reply.c - problem documents, tags, tables, base64, metrics: answers as plain data. */
#include "tests/common/support.h"

#include <math.h>

#include "common/json.h"
#include "common/log.h"
#include "server/api.h"
#include "server/base64.h"

static void problems(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_reply reply = {0};
    nsky_json *json;

    (void)state;
    nsky_reply_problem(&reply, 404, "no-such-object", "no %s \"%d\"", "object", 5);
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.content_type, "application/problem+json");
    assert_ok(nsky_json_parse(&json, reply.body, reply.bytes, "problem", &err), err);
    assert_string_equal(nsky_json_get_string(json, "type"), "urn:nearsky:problem:no-such-object");
    assert_string_equal(nsky_json_get_string(json, "title"), "Not Found");
    assert_string_equal(nsky_json_get_string(json, "detail"), "no object \"5\"");
    assert_true(nsky_json_get_number(json, "status", 0) == 404);
    nsky_json_free(json);
    nsky_reply_clear(&reply);
}

static void errors(void **state)
{
    static const struct {
        nsky_status status;
        unsigned http;
        bool shown; /* the rest may name paths of this machine */
    } all[] = {
        {NSKY_EINVAL, 400, true},   {NSKY_ENOTFOUND, 404, true}, {NSKY_EDATA, 422, true},
        {NSKY_ELIMIT, 413, true},   {NSKY_EMISMATCH, 409, true}, {NSKY_EIO, 500, false},
        {NSKY_ENOMEM, 503, false},  {NSKY_EBUSY, 503, true},     {NSKY_ECANCELLED, 503, true},
        {NSKY_EDEVICE, 503, false}, {NSKY_EEXIST, 409, true},
    };
    nsky_reply reply = {0};
    nsky_error err;

    (void)state;
    nsky_log_set_level((nsky_log_level)(NSKY_LOG_ERROR - 1));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        nsky_fail(&err, all[i].status, "/secret/path");
        nsky_reply_error(&reply, &err);
        assert_int_equal(reply.status, all[i].http);
        assert_int_equal(strstr(reply.body, "/secret/path") != NULL, all[i].shown);
        assert_int_equal(reply.retry_after_s > 0, all[i].http == 503);
    }
    nsky_reply_clear(&reply);
}

/* Without memory there is still an answer with the right status. */
static void problems_without_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        nsky_reply reply = {0};
        nsky_memory_fail_at(n);
        nsky_reply_problem(&reply, 404, NULL, "nothing there");
        nsky_memory_fail_at(0);
        assert_int_equal(reply.status, 404);
        assert_true(reply.bytes > 0);
        nsky_reply_clear(&reply);
    }
}

static void tags(void **state)
{
    (void)state;
    assert_true(nsky_etag_matches("\"a\"", "\"a\""));
    assert_true(nsky_etag_matches("\"b\", \"a\"", "\"a\""));
    assert_true(nsky_etag_matches("W/\"a\"", "\"a\""));
    assert_true(nsky_etag_matches(" * ", "\"a\""));
    static const char *const others[] = {"",       "\"b\"",    "a",           "\"a",
                                         "\"ab\"", "\"A\"",    "\"b\",\"c\"", ",,,",
                                         "W/",     "\"b\"\"a", "x\"a\""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (nsky_etag_matches(others[i], "\"a\""))
            fail_msg("%s matched", others[i]);
    assert_false(nsky_etag_matches(NULL, "\"a\""));
    assert_false(nsky_etag_matches("*", ""));

    nsky_reply reply = {0};
    nsky_reply_text(&reply, 200, "text");
    nsky_reply_etag(&reply, "\"b\"", "\"a\"");
    assert_int_equal(reply.status, 200);
    nsky_reply_etag(&reply, "\"a\"", "\"a\"");
    assert_int_equal(reply.status, 304);
    assert_int_equal(reply.bytes, 0);
    assert_string_equal(reply.etag, "\"a\"");
    nsky_reply_clear(&reply);
}

static nsky_status number_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < *(uint32_t *)payload && status == NSKY_OK; i++)
        status = nsky_table_put(sink, &(nsky_cell){.integer = i}, err);
    return status;
}

static void tables(void **state)
{
    static const char *const types[] = {"application/json",
                                        "text/csv; charset=utf-8; header=present",
                                        "application/x-votable+xml", "application/fits"};
    static const char *const names[] = {"json", "csv", "vot", "fits"};
    static const nsky_table_column column = {.name = "n", .type = NSKY_CELL_INTEGER};
    char disposition[80];

    (void)state;
    for (int format = NSKY_TABLE_JSON; format <= NSKY_TABLE_FITS; format++) {
        uint32_t count = 2;
        nsky_reply reply = {0};
        const nsky_table table = {.name = "numbers",
                                  .columns = &column,
                                  .column_count = 1,
                                  .rows = number_rows,
                                  .payload = &count};
        nsky_reply_table(&reply, &table, (nsky_table_format)format);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.content_type, types[format]);
        snprintf(disposition, sizeof disposition, "attachment; filename=\"nearsky-numbers.%s\"",
                 names[format]);
        assert_string_equal(reply.disposition, disposition);
        if (format == NSKY_TABLE_CSV)
            assert_memory_equal(reply.body, "n\n0\n1\n", 6);
        nsky_reply_clear(&reply);
    }
}

static void tables_that_fail(void **state)
{
    static const nsky_table_column column = {.name = "v", .type = NSKY_CELL_FLOATS, .length = 1};
    uint32_t count = 0;
    nsky_reply reply = {0};
    const nsky_table table = {.name = "vectors",
                              .columns = &column,
                              .column_count = 1,
                              .rows = number_rows,
                              .payload = &count};

    (void)state;
    nsky_reply_table(&reply, &table, NSKY_TABLE_CSV);
    assert_int_equal(reply.status, 400);
    assert_string_equal(reply.content_type, "application/problem+json");
    nsky_reply_clear(&reply);
}

static void base64(void **state)
{
    static const char *const known[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}}; /* RFC 4648 */
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *text = nsky_base64("x:", known[i][0], strlen(known[i][0]), &err);
        assert_memory_equal(text, "x:", 2);
        assert_string_equal(text + 2, known[i][1]);
        nsky_free(text);
    }
}

static void metrics(void **state)
{
    static nsky_metrics counted;
    const char *labels[] = {"/a", "none"};
    nsky_error err = NSKY_ERROR_INIT;
    size_t bytes;

    (void)state;
    nsky_metrics_request(&counted, 0, 200, 300);
    nsky_metrics_request(&counted, 0, 200, 20000000);
    nsky_metrics_request(&counted, 1, 418, 1);
    nsky_metrics_batch(&counted.batch_queries, 7);
    char *text = nsky_metrics_print(&counted, labels, 2, 9, &bytes, &err);
    assert_non_null(text);
    assert_int_equal(strlen(text), bytes);
    static const char *const lines[] = {
        "nearsky_generation 9\n",
        "nearsky_http_requests_total{route=\"/a\",status=\"200\"} 2\n",
        "nearsky_http_requests_total{route=\"none\",status=\"other\"} 1\n",
        "seconds_bucket{route=\"/a\",le=\"0.00025\"} 0\n",
        "seconds_bucket{route=\"/a\",le=\"0.0005\"} 1\n",
        "seconds_bucket{route=\"/a\",le=\"+Inf\"} 2\n",
        "seconds_sum{route=\"/a\"} 20.0003\n",
        "seconds_count{route=\"/a\"} 2\n",
        "batch_queries_bucket{le=\"6\"} 0\n",
        "batch_queries_bucket{le=\"8\"} 1\n",
        "batch_queries_sum 7\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i]))
            fail_msg("no %s in\n%s", lines[i], text);
    nsky_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems),
        cmocka_unit_test(errors),
        cmocka_unit_test(problems_without_memory),
        cmocka_unit_test(tags),
        cmocka_unit_test(tables),
        cmocka_unit_test(tables_that_fail),
        cmocka_unit_test(base64),
        cmocka_unit_test(metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
