/* test_stamp.c - stamps: made, copied, described. */
#include "support.h"

static void test_new_is_missing_everywhere(void **state)
{
    (void)state;
    nsky_stamp *stamp = new_stamp(5, 4, 0.262f);

    assert_int_equal(stamp->width, 5);
    assert_int_equal(stamp->height, 4);
    assert_true(stamp->scale_arcsec_px == 0.262f);
    assert_string_equal(stamp->bands, "grz");
    assert_int_equal(stamp->flags, 0);
    for (int i = 0; i < 3 * 4 * 5; i++)
        assert_true(isnan(stamp->pixels[i]));
    for (uint32_t band = 0; band < NSKY_STAMP_BANDS; band++)
        assert_ptr_equal(nsky_stamp_band(stamp, band), stamp->pixels + 20 * band);
    nsky_stamp_free(stamp);
    nsky_stamp_free(NULL);
}

static void test_limits(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = (nsky_stamp *)&err;
    const uint32_t sizes[][2] = {{0, 5}, {5, 0}, {513, 5}, {5, 513}, {UINT32_MAX, UINT32_MAX}};
    const float scales[] = {0, -1, NAN, INFINITY};

    for (int i = 0; i < 5; i++) {
        assert_fails(nsky_stamp_new(&stamp, sizes[i][0], sizes[i][1], 0.262f, &err), NSKY_ELIMIT,
                     err, "sides go from 1 to 512");
        assert_null(stamp);
    }
    for (int i = 0; i < 4; i++)
        assert_fails(nsky_stamp_new(&stamp, 5, 5, scales[i], &err), NSKY_EINVAL, err, "arcsec");
    stamp = new_stamp(512, 512, 1e-6f);
    nsky_stamp_free(stamp);
}

static void test_copy(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = new_stamp(3, 2, 0.5f), *copy;

    for (uint32_t i = 0; i < 18; i++)
        stamp->pixels[i] = noise_at(i);
    stamp->pixels[4] = NAN;
    strcpy(stamp->bands, "gri");
    stamp->flags = NSKY_STAMP_EDGE | NSKY_STAMP_CROPPED;
    assert_ok(nsky_stamp_copy(&copy, stamp, &err), err);
    assert_ptr_not_equal(copy->pixels, stamp->pixels);
    assert_memory_equal(copy->pixels, stamp->pixels, 18 * sizeof(float));
    assert_string_equal(copy->bands, "gri");
    assert_int_equal(copy->flags, stamp->flags);
    assert_int_equal(copy->width, 3);
    assert_int_equal(copy->height, 2);
    assert_true(copy->scale_arcsec_px == 0.5f);
    nsky_stamp_free(stamp);
    nsky_stamp_free(copy);
}

static void test_flags_in_words(void **state)
{
    (void)state;
    char text[256];

    nsky_stamp_describe_flags(0, text, sizeof text);
    assert_string_equal(text, "");
    nsky_stamp_describe_flags(NSKY_STAMP_FROM_PICTURE | NSKY_STAMP_SCALE_ASSUMED, text,
                              sizeof text);
    assert_string_equal(text, "recovered from a picture; pixel scale assumed");
    nsky_stamp_describe_flags(UINT32_MAX, text, sizeof text);
    int words = 1;
    for (const char *at = text; (at = strchr(at, ';')); at++)
        words++;
    assert_int_equal(words, 7); /* each flag has its words */
    nsky_stamp_describe_flags(UINT32_MAX, text, 10);
    assert_int_equal(strlen(text), 9);
    nsky_stamp_describe_flags(UINT32_MAX, text, 1);
    assert_string_equal(text, "");
}

static nsky_status make_and_copy(void *context, nsky_error *err)
{
    (void)context;
    nsky_stamp *stamp, *copy = NULL;
    nsky_status status = nsky_stamp_new(&stamp, 4, 4, 1, err);

    if (status == NSKY_OK)
        status = nsky_stamp_copy(&copy, stamp, err);
    nsky_stamp_free(copy);
    nsky_stamp_free(stamp);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(exhaust_memory(make_and_copy, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_is_missing_everywhere),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_flags_in_words),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
