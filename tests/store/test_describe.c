/* test_describe.c - what `nearsky info` is told. */
#include "generation_support.h"

static nsky_json *describe(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_survey(NSKY_SURVEY_READ);
    nsky_json *json;

    assert_ok(nsky_survey_describe(survey, &json, &err), err);
    nsky_survey_close(survey);
    return json;
}

static double number_at(const nsky_json *json, const char *key)
{
    return nsky_json_get_number(json, key, -1);
}

static void test_empty(void **state)
{
    (void)state;
    nsky_survey_close(open_survey(NSKY_SURVEY_WRITE));
    nsky_json *json = describe();
    assert_string_equal(nsky_json_get_string(json, "path"), store_path);
    assert_true(number_at(json, "rows") == 0 && number_at(json, "stamp_bytes") == 0);
    assert_true(number_at(json, "rows_not_embedded") == 0);
    assert_int_equal(nsky_json_kind(nsky_json_get(json, "current")), NSKY_JSON_NULL);
    assert_int_equal(nsky_json_count(nsky_json_get(json, "generations")), 0);
    assert_int_equal(nsky_json_kind(nsky_json_get(nsky_json_get(json, "scale_arcsec_px"), "min")),
                     NSKY_JSON_NULL);
    nsky_json_free(json);
}

static void add_odd(nsky_survey *survey)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object = make_object(5);
    nsky_stamp *stamp = make_stamp(5, 8);
    nsky_add_result result;

    stamp->scale_arcsec_px = 0.396f;
    memcpy(stamp->bands, "gri", 4);
    stamp->flags = NSKY_STAMP_FROM_PICTURE;
    assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
    nsky_stamp_free(stamp);
    for (int i = 0; i < 30; i++) {
        nsky_source source = {.refused = i > 0, .reason = "not an image"};
        snprintf(source.path, sizeof source.path, "file-%02d.fits", i);
        assert_ok(nsky_survey_put_source(survey, &source, &err), err);
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
}

static void test_full(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    struct stat info;
    uint32_t number;

    make_store(5, 8);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    add_odd(survey);
    nsky_survey_close(survey);
    assert_ok(make_generation(3, &number, &err), err);
    assert_ok(make_generation(4, &number, &err), err);
    nsky_json *json = describe();
    assert_true(number_at(json, "rows") == 6);
    assert_int_equal(stat(in_store("stamps/000000.pack"), &info), 0);
    assert_true(number_at(json, "stamp_bytes") == (double)info.st_size - 16);
    const nsky_json *bands = nsky_json_get(json, "bands");
    assert_true(number_at(bands, "grz") == 5 && number_at(bands, "gri") == 1);
    const nsky_json *scale = nsky_json_get(json, "scale_arcsec_px");
    assert_true(number_at(scale, "min") == 0.262 && number_at(scale, "max") == 0.396);
    assert_int_equal(nsky_json_count(nsky_json_get(json, "kinds")), 2);
    const nsky_json *sources = nsky_json_get(json, "sources");
    assert_true(number_at(sources, "count") == 30 && number_at(sources, "refused") == 29);
    assert_int_equal(nsky_json_count(nsky_json_get(sources, "first_refused")), 20);
    assert_true(number_at(json, "current") == 2 && number_at(json, "rows_not_embedded") == 2);
    const nsky_json *second = nsky_json_next(nsky_json_first(nsky_json_get(json, "generations")));
    assert_true(number_at(second, "number") == 2 && number_at(second, "rows") == 4);
    assert_true(nsky_json_get_bool(second, "live", false));
    assert_string_equal(nsky_json_get_string(nsky_json_get(second, "model"), "name"),
                        "resnet-test");
    assert_int_equal(nsky_json_kind(nsky_json_get(second, "recall_at_10")), NSKY_JSON_NULL);
    nsky_json_free(json);
}

/* Shown with the reason, not hidden. */
static void test_damaged(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t number;

    make_store(5, 8);
    assert_ok(make_generation(3, &number, &err), err);
    flip_byte(in_store("generations/0001/manifest.json"), 0);
    flip_byte(in_store("CURRENT"), 0);
    nsky_json *json = describe();
    const nsky_json *first = nsky_json_first(nsky_json_get(json, "generations"));
    assert_non_null(strstr(nsky_json_get_string(first, "error"), "manifest.json"));
    assert_true(number_at(json, "rows_not_embedded") == 5);
    nsky_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty, fresh_store),
        cmocka_unit_test_setup(test_full, fresh_store),
        cmocka_unit_test_setup(test_damaged, fresh_store),
    };
    return cmocka_run_group_tests_name("store.describe", tests, make_test_directory,
                                       remove_test_directory);
}
