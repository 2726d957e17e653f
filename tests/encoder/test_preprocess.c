/* test_preprocess.c - what the network sees: known values, views, and the settings as text. */
#include <math.h>

#include "encoder/preprocess.h"
#include "image/stretch.h"
#include "tests/common/support.h"

#define SIDE 8u

static nsky_preprocess plain(void)
{
    nsky_preprocess how = nsky_preprocess_default;

    how.size = SIDE;
    return how;
}

/* Band b has flux 0.1 (b + 1), plus what makes a pixel tell where it is. */
static nsky_stamp *make_stamp(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp;

    assert_ok(nsky_stamp_new(&stamp, SIDE, SIDE, (float)NSKY_SCALE_ARCSEC_PX, &err), err);
    for (uint32_t b = 0; b < 3; b++)
        for (uint32_t i = 0; i < SIDE * SIDE; i++)
            nsky_stamp_band(stamp, b)[i] = 0.1f * (float)(b + 1) + 0.001f * (float)i;
    return stamp;
}

static void viewer_is_the_viewers(void **state)
{
    nsky_preprocess how = plain();
    nsky_stamp *stamp = make_stamp();
    nsky_error err = NSKY_ERROR_INIT;
    float out[3 * SIDE * SIDE], expected[3 * SIDE * SIDE];

    (void)state;
    nsky_stretch_apply(&nsky_stretch_viewer, stamp->pixels, SIDE * SIDE, expected);
    assert_ok(nsky_preprocess_run(&how, stamp, out, &err), err);
    assert_memory_equal(out, expected, sizeof out);

    how.channel[0] = 2, how.channel[2] = 0; /* red first, as ImageNet has it */
    for (uint32_t c = 0; c < 3; c++) {
        how.mean[c] = 0.5f;
        how.deviation[c] = 0.25f * (float)(c + 1);
    }
    assert_ok(nsky_preprocess_run(&how, stamp, out, &err), err);
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t i = 0; i < SIDE * SIDE; i++)
            assert_true(out[c * SIDE * SIDE + i] ==
                        (expected[(2 - c) * SIDE * SIDE + i] - 0.5f) / how.deviation[c]);
    nsky_stamp_free(stamp);
}

static void stein_is_steins(void **state)
{
    static const double scale[3] = {6.0, 3.4, 2.2};
    nsky_preprocess how = plain();
    nsky_stamp *stamp = make_stamp();
    nsky_error err = NSKY_ERROR_INIT;
    float out[3 * SIDE * SIDE];

    (void)state;
    how.stretch = NSKY_STRETCH_STEIN;
    assert_ok(nsky_preprocess_run(&how, stamp, out, &err), err);
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        double intensity = 0;
        for (uint32_t b = 0; b < 3; b++)
            intensity += (nsky_stamp_band(stamp, b)[i] * scale[b] + 0.03) / 3;
        double f = asinh(20 * intensity) / sqrt(20);
        for (uint32_t b = 0; b < 3; b++) {
            double x = nsky_stamp_band(stamp, b)[i];
            double expected = fmin(fmax(x * (scale[b] + 0.03 * f / intensity), 0), 1);
            assert_true(fabs(out[b * SIDE * SIDE + i] - expected) < 1e-6);
        }
    }
    nsky_stamp_free(stamp);
}

static void missing_is_sky(void **state)
{
    nsky_stretch_kind kinds[] = {NSKY_STRETCH_VIEWER, NSKY_STRETCH_STEIN};
    nsky_preprocess how = plain();
    nsky_error err = NSKY_ERROR_INIT;
    float with_nan[3 * SIDE * SIDE], with_zero[3 * SIDE * SIDE];

    (void)state;
    for (uint32_t k = 0; k < 2; k++) {
        nsky_stamp *stamp = make_stamp();
        how.stretch = kinds[k];
        nsky_stamp_band(stamp, 1)[9] = NAN;
        assert_ok(nsky_preprocess_run(&how, stamp, with_nan, &err), err);
        nsky_stamp_band(stamp, 1)[9] = 0;
        assert_ok(nsky_preprocess_run(&how, stamp, with_zero, &err), err);
        assert_memory_equal(with_nan, with_zero, sizeof with_nan);
        nsky_stamp_band(stamp, 2)[9] = -1e30f; /* far from any galaxy, and still finite */
        nsky_stamp_band(stamp, 0)[9] = 1e30f;
        assert_ok(nsky_preprocess_run(&how, stamp, with_nan, &err), err);
        for (uint32_t i = 0; i < 3 * SIDE * SIDE; i++)
            assert_true(isfinite(with_nan[i]));
        nsky_stamp_band(stamp, 2)[9] = INFINITY;
        assert_fails(nsky_preprocess_run(&how, stamp, with_nan, &err), NSKY_EDATA, err, "infinite");
        nsky_stamp_free(stamp);
    }
}

static void views_are_the_eight_symmetries(void **state)
{
    enum { N = 3 };
    float in[3 * N * N], views[8][3 * N * N], twice[3 * N * N];
    static const float turned[N * N] = {2, 5, 8, 1, 4, 7, 0, 3, 6};
    static const float turned_flipped[N * N] = {8, 5, 2, 7, 4, 1, 6, 3, 0};

    (void)state;
    for (uint32_t i = 0; i < 3 * N * N; i++)
        in[i] = (float)i;
    for (uint32_t v = 0; v < 8; v++)
        nsky_preprocess_view(in, N, v, views[v]);
    assert_memory_equal(views[0], in, sizeof in);
    assert_memory_equal(views[1], turned, sizeof turned); /* a quarter turn */
    assert_memory_equal(views[5], turned_flipped, sizeof turned_flipped);
    for (uint32_t a = 0; a < 8; a++)
        for (uint32_t b = 0; b < a; b++)
            assert_memory_not_equal(views[a], views[b], sizeof in);
    for (uint32_t v = 0; v < 4; v++) { /* turns add up */
        nsky_preprocess_view(views[v], N, 1, twice);
        assert_memory_equal(twice, views[(v + 1) % 4], sizeof in);
    }
    for (uint32_t v = 4; v < 8; v++) { /* flips undo themselves */
        nsky_preprocess_view(views[v], N, v, twice);
        assert_memory_equal(twice, in, sizeof in);
    }
}

static const nsky_preprocess unusual = {
    .size = 152,
    .scale_arcsec_px = 0.396f,
    .stretch = NSKY_STRETCH_STEIN,
    .channel = {2, 1, 1},
    .mean = {0.485f, -1, 1e-5f},
    .deviation = {0.1f, 2, 0.3333333f},
    .views = 8,
};

static void settings_survive_as_text(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *object = nsky_preprocess_describe(&unusual), *parsed;
    char *text = nsky_json_print(object, false, &err);
    nsky_preprocess back;

    (void)state;
    assert_non_null(text);
    assert_non_null(strstr(text, "0.396,"));
    memset(&back, 0, sizeof back);
    assert_ok(nsky_json_parse(&parsed, text, strlen(text), "x", &err), err);
    assert_ok(nsky_preprocess_parse(&back, parsed, "x", &err), err);
    assert_memory_equal(&back, &unusual, sizeof back);
    nsky_json_free(parsed);
    nsky_json_free(object);
    nsky_free(text);
}

/* Each key, absent and absurd. */
static void settings_are_checked(void **state)
{
    static const struct {
        const char *key, *values[4];
    } wrong[] = {
        {"size", {"7", "513", "96.5", "\"96\""}},
        {"scale_arcsec_px", {"0", "-1", "1000", "null"}},
        {"stretch", {"\"other\"", "1", "null", "[]"}},
        {"channel", {"[0,1]", "[0,1,3]", "[0,1,1.5]", "[0,1,2,2]"}},
        {"mean", {"[0,0]", "[0,0,1e9]", "[0,0,\"0\"]", "{\"a\":0,\"b\":0,\"c\":0}"}},
        {"deviation", {"[1,1,0]", "[1,1,-1]", "[1,1,1e9]", "1"}},
        {"views", {"0", "2", "9", "\"8\""}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (int k = 0; k < 4; k++) {
            nsky_error err = NSKY_ERROR_INIT;
            nsky_json *object = nsky_preprocess_describe(&unusual), *value;
            nsky_preprocess back;
            assert_ok(
                nsky_json_parse(&value, wrong[i].values[k], strlen(wrong[i].values[k]), "x", &err),
                err);
            nsky_json_put(object, wrong[i].key, value);
            assert_fails(nsky_preprocess_parse(&back, object, "x", &err), NSKY_EDATA, err,
                         wrong[i].key);
            nsky_json_free(object);
        }
}

static void hash_tells_settings_apart(void **state)
{
    nsky_preprocess how[9];
    char hashes[9][NSKY_SHA256_HEX_BYTES];
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    for (int i = 0; i < 9; i++)
        how[i] = nsky_preprocess_default;
    how[1].size++;
    how[2].scale_arcsec_px = 0.263f;
    how[3].stretch = NSKY_STRETCH_STEIN;
    how[4].channel[2] = 0;
    how[5].mean[1] = 1e-7f;
    how[6].deviation[1] = nextafterf(1, 2);
    how[7].views = 8;
    how[8].mean[2] = 1e-7f;
    for (int i = 0; i < 9; i++) {
        assert_ok(nsky_preprocess_hash(&how[i], hashes[i], &err), err);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(hashes[i], hashes[k]);
    }
}

static nsky_status hash_once(void *context, nsky_error *err)
{
    char hash[NSKY_SHA256_HEX_BYTES];

    return nsky_preprocess_hash(context, hash, err);
}

static void says_when_memory_ends(void **state)
{
    nsky_preprocess how = unusual;

    (void)state;
    assert_true(exhaust_memory(hash_once, &how) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(viewer_is_the_viewers),
        cmocka_unit_test(stein_is_steins),
        cmocka_unit_test(missing_is_sky),
        cmocka_unit_test(views_are_the_eight_symmetries),
        cmocka_unit_test(settings_survive_as_text),
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test(hash_tells_settings_apart),
        cmocka_unit_test(says_when_memory_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
