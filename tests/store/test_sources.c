/* test_sources.c - what ingest has been through. */
#include "support.h"

static nsky_source make_source(uint32_t n, bool refused)
{
    nsky_source source = {.bytes = 1000 + n, .mtime_ns = -5, .objects = n, .refused = refused};

    snprintf(source.path, sizeof source.path, "dir/file-%04" PRIu32 ".fits", n);
    snprintf(source.reason, sizeof source.reason, "%s", refused ? "no image in it" : "");
    return source;
}

static void put(nsky_survey *survey, const nsky_source *source)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_survey_put_source(survey, source, &err), err);
}

static void test_put_and_get(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_source in = make_source(3, true), out;
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    put(survey, &in);
    assert_ok(nsky_survey_source(survey, in.path, &out, &err), err);
    assert_string_equal(out.path, in.path);
    assert_int_equal(out.bytes, 1003);
    assert_int_equal(out.mtime_ns, -5);
    assert_int_equal(out.objects, 3);
    assert_true(out.refused);
    assert_string_equal(out.reason, "no image in it");
    in = make_source(3, false);
    in.objects = 9;
    put(survey, &in); /* replaces */
    assert_ok(nsky_survey_source(survey, in.path, &out, &err), err);
    assert_int_equal(out.objects, 9);
    assert_false(out.refused);
    assert_string_equal(out.reason, "");
    nsky_survey_close(survey); /* not committed */
    survey = open_survey(NSKY_SURVEY_WRITE);
    assert_fails(nsky_survey_source(survey, in.path, &out, &err), NSKY_ENOTFOUND, err, in.path);
    assert_fails(nsky_survey_source(survey, "", &out, &err), NSKY_ENOTFOUND, err, "ingested");
    put(survey, &in);
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
    survey = open_survey(NSKY_SURVEY_READ);
    assert_ok(nsky_survey_source(survey, in.path, &out, &err), err);
    nsky_survey_close(survey);
    assert_sound();
}

static void test_refused(void **state)
{
    (void)state;
    nsky_error err;
    nsky_source source = make_source(1, false);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    source.objects = UINT64_MAX;
    assert_fails(nsky_survey_put_source(survey, &source, &err), NSKY_EINVAL, err, "count");
    source = make_source(1, false);
    source.path[0] = '\0';
    assert_fails(nsky_survey_put_source(survey, &source, &err), NSKY_EINVAL, err, "path");
    nsky_survey_close(survey);
}

typedef struct seen_sources {
    uint32_t count, stop_at;
    char last[NSKY_SOURCE_BYTES];
    bool refused_only;
} seen_sources;

static bool see(const nsky_source *source, void *payload)
{
    seen_sources *seen = payload;

    assert_true(strcmp(source->path, seen->last) > 0);
    assert_true(source->refused || !seen->refused_only);
    memcpy(seen->last, source->path, sizeof seen->last);
    return ++seen->count != seen->stop_at;
}

static void test_each(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    for (uint32_t n = 0; n < 500; n++) {
        nsky_source source = make_source(n * 37 % 500, n % 5 == 0);
        put(survey, &source);
    }
    seen_sources seen = {0};
    assert_ok(nsky_survey_each_source(survey, false, see, &seen, &err), err);
    assert_int_equal(seen.count, 500);
    seen = (seen_sources){.refused_only = true};
    assert_ok(nsky_survey_each_source(survey, true, see, &seen, &err), err);
    assert_int_equal(seen.count, 100);
    seen = (seen_sources){.stop_at = 70};
    assert_ok(nsky_survey_each_source(survey, false, see, &seen, &err), err);
    assert_int_equal(seen.count, 70);
    nsky_survey_close(survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_put_and_get, fresh_store),
        cmocka_unit_test_setup(test_refused, fresh_store),
        cmocka_unit_test_setup(test_each, fresh_store),
    };
    return cmocka_run_group_tests_name("store.sources", tests, make_test_directory,
                                       remove_test_directory);
}
