/* test_encoder.c - batches, padding, views and what goes wrong, on a back end made for it and on
 * the real ones. */
#include <math.h>

#include "common/rng.h"
#include "encoder/encoder_private.h"
#include "encoder/registry.h"
#include "tests/common/support.h"

#define SIDE 16u
#define PLANE (SIDE * SIDE)
#define IMAGE (3 * PLANE)
#define FAKE_BATCH 4u

static nsky_model *model; /* ResNet-18, 8 views */

/* --- a back end whose features are simple to foretell: the first 512 pixels --- */
static uint32_t fake_runs, fake_fails_at;
static bool fake_gives_nan;

static bool fake_available(nsky_precision precision)
{
    return precision == NSKY_FP32;
}

static void fake_describe(char *out, size_t bytes)
{
    snprintf(out, bytes, "fake");
}

static nsky_status fake_open(void **state, const nsky_graph *graph, nsky_precision precision,
                             uint32_t *batch, nsky_error *err)
{
    (void)graph, (void)precision, (void)err;
    assert_int_equal(*batch, 0);
    *batch = FAKE_BATCH;
    *state = &fake_runs;
    fake_runs = 0;
    return NSKY_OK;
}

static nsky_status fake_run(void *state, const float *images, float *out, nsky_error *err)
{
    (void)state;
    if (++fake_runs == fake_fails_at)
        return nsky_fail(err, NSKY_EDEVICE, "the fake went away");
    for (uint32_t n = 0; n < FAKE_BATCH; n++)
        for (uint32_t i = 0; i < 512; i++)
            out[n * 512 + i] = fake_gives_nan ? NAN : images[n * IMAGE + i];
    return NSKY_OK;
}

static nsky_status fake_value(void *state, uint32_t value, float *out, nsky_error *err)
{
    (void)state, (void)value, (void)out;
    return nsky_fail(err, NSKY_ENOTFOUND, "no values");
}

static void fake_close(void *state)
{
    assert_ptr_equal(state, &fake_runs);
}

static const nsky_backend_ops fake = {"fake",   fake_available, fake_describe, fake_open,
                                      fake_run, fake_value,     fake_close,    NULL};

static nsky_encoder *open_fake(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_encoder *enc;

    fake_fails_at = 0;
    fake_gives_nan = false;
    assert_ok(nsky_encoder_open_on(&enc, model, &fake, NSKY_FP32, SIDE, &err), err);
    return enc;
}

static void fill_images(float *images, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) { /* each image its own stream: the same in any company */
        nsky_rng rng = nsky_rng_at(17, 0, i);
        nsky_rng_fill_normal(&rng, images + (size_t)i * IMAGE, IMAGE);
    }
}

static void any_number_of_images(void **state)
{
    static float images[9 * IMAGE], out[9 * 512];
    nsky_encoder *enc = open_fake();
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    fill_images(images, 9);
    for (uint32_t n = 0; n <= 9; n++) {
        nsky_tensor tensor = {images, n, 3, SIDE, SIDE};
        fake_runs = 0;
        memset(out, 0xFF, sizeof out);
        assert_ok(nsky_encoder_embed(enc, &tensor, out, &err), err);
        assert_int_equal(fake_runs, (n + FAKE_BATCH - 1) / FAKE_BATCH);
        for (uint32_t k = 0; k < n; k++) {
            double square = 0;
            for (uint32_t i = 0; i < 512; i++)
                square += (double)images[k * IMAGE + i] * images[k * IMAGE + i];
            for (uint32_t i = 0; i < 512; i++)
                assert_true(fabs(out[k * 512 + i] - images[k * IMAGE + i] / sqrt(square)) < 1e-7);
        }
        if (n < 9)
            assert_true(isnan(out[n * 512])); /* not a float further */
    }
    nsky_encoder_close(enc);
}

static void refuses_bad_input(void **state)
{
    static float images[2 * IMAGE], out[2 * 512];
    nsky_tensor tensor = {images, 2, 3, SIDE, SIDE}, wrong = tensor;
    nsky_encoder *enc = open_fake();
    nsky_error err;

    (void)state;
    fill_images(images, 2);
    wrong.width = SIDE + 1;
    assert_fails(nsky_encoder_embed(enc, &wrong, out, &err), NSKY_EINVAL, err, "3x16x17");
    wrong = tensor;
    wrong.channels = 1;
    assert_fails(nsky_encoder_embed(enc, &wrong, out, &err), NSKY_EINVAL, err, "1x16x16");
    images[2 * IMAGE - 1] = INFINITY;
    assert_fails(nsky_encoder_embed(enc, &tensor, out, &err), NSKY_EDATA, err, "image 1");
    memset(images, 0, sizeof images);
    assert_fails(nsky_encoder_embed(enc, &tensor, out, &err), NSKY_EDATA, err, "zero");
    fill_images(images, 2);
    fake_gives_nan = true;
    assert_fails(nsky_encoder_embed(enc, &tensor, out, &err), NSKY_EDATA, err, "not finite");
    fake_gives_nan = false;
    fake_fails_at = fake_runs + 1;
    assert_fails(nsky_encoder_embed(enc, &tensor, out, &err), NSKY_EDEVICE, err, "went away");
    nsky_encoder_close(enc);
}

/* A stamp whose pixels all differ. */
static nsky_stamp *make_stamp(uint32_t number)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_rng rng = nsky_rng_at(23, 0, number);
    nsky_stamp *stamp;

    assert_ok(nsky_stamp_new(&stamp, SIDE, SIDE, (float)NSKY_SCALE_ARCSEC_PX, &err), err);
    for (uint32_t i = 0; i < IMAGE; i++)
        stamp->pixels[i] = (float)nsky_rng_range(&rng, 0, 0.2);
    return stamp;
}

/* The mean over views by hand, whatever way views fall into batches. */
static void averages_views(void **state)
{
    nsky_encoder *enc = open_fake();
    nsky_error err = NSKY_ERROR_INIT;
    nsky_preprocess how = nsky_model_info_of(model)->preprocess;
    static float image[IMAGE], view[IMAGE], out[3 * 512];
    nsky_stamp *stamps[3];

    (void)state;
    how.size = SIDE;
    assert_int_equal(how.views, 8);
    for (uint32_t k = 0; k < 3; k++)
        stamps[k] = make_stamp(k);
    assert_ok(nsky_encoder_embed_stamps(enc, (const nsky_stamp *const *)stamps, 3, out, &err), err);
    assert_int_equal(fake_runs, 3 * 8 / FAKE_BATCH);
    for (uint32_t k = 0; k < 3; k++) {
        double sum[512] = {0}, square = 0;
        assert_ok(nsky_preprocess_run(&how, stamps[k], image, &err), err);
        for (uint32_t v = 0; v < 8; v++) {
            nsky_preprocess_view(image, SIDE, v, view);
            for (uint32_t i = 0; i < 512; i++)
                sum[i] += view[i];
        }
        for (uint32_t i = 0; i < 512; i++)
            square += sum[i] * sum[i];
        for (uint32_t i = 0; i < 512; i++)
            assert_true(fabs(out[k * 512 + i] - sum[i] / sqrt(square)) < 1e-6);
        nsky_stamp_free(stamps[k]);
    }
    nsky_encoder_close(enc);
}

/* --- the real ones --- */
static const struct {
    const char *device;
    nsky_precision precision;
} devices[] = {{"ref", NSKY_FP32}, {"cpu", NSKY_FP32}, {"cpu", NSKY_BF16}};

#define DEVICES (sizeof devices / sizeof *devices)

/* NULL where this machine has no such device. */
static nsky_encoder *open_device(size_t i)
{
    nsky_encoder_options options = {devices[i].device, devices[i].precision, SIDE};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_encoder *enc;
    nsky_status status = nsky_encoder_open(&enc, model, &options, &err);

    if (status == NSKY_EDEVICE && i != 0) {
        printf("no %s %s here\n", devices[i].device, nsky_precision_name(devices[i].precision));
        return NULL;
    }
    assert_ok(status, err);
    assert_string_equal(nsky_encoder_backend(enc), devices[i].device);
    assert_int_equal(nsky_encoder_precision(enc), devices[i].precision);
    return enc;
}

static void company_changes_no_bit(void **state)
{
    enum { N = 19 };
    static float images[N * IMAGE], all[N * 512], one[512];

    (void)state;
    fill_images(images, N);
    for (size_t d = 0; d < DEVICES; d++) {
        nsky_encoder *enc = open_device(d);
        nsky_error err = NSKY_ERROR_INIT;
        if (!enc)
            continue;
        nsky_tensor tensor = {images, N, 3, SIDE, SIDE};
        assert_ok(nsky_encoder_embed(enc, &tensor, all, &err), err);
        for (uint32_t k = 0; k < N; k += 3) {
            tensor = (nsky_tensor){images + (size_t)k * IMAGE, 1, 3, SIDE, SIDE};
            assert_ok(nsky_encoder_embed(enc, &tensor, one, &err), err);
            assert_memory_equal(one, all + (size_t)k * 512, sizeof one);
            double square = 0;
            for (uint32_t i = 0; i < 512; i++)
                square += (double)one[i] * one[i];
            assert_true(fabs(square - 1) < 1e-6);
        }
        nsky_encoder_close(enc);
    }
}

static void turned_stamps_are_the_same(void **state)
{
    nsky_stamp *stamp = make_stamp(5), *turned = make_stamp(6);
    static float a[512], b[512], other[512];

    (void)state;
    for (size_t d = 0; d < DEVICES; d++) {
        nsky_encoder *enc = open_device(d);
        nsky_error err = NSKY_ERROR_INIT;
        if (!enc)
            continue;
        assert_ok(nsky_encoder_embed_stamps(enc, (const nsky_stamp *[]){stamp}, 1, a, &err), err);
        assert_ok(nsky_encoder_embed_stamps(enc, (const nsky_stamp *[]){turned}, 1, other, &err),
                  err);
        assert_memory_not_equal(a, other, sizeof a);
        for (uint32_t v = 1; v < 8; v++) {
            nsky_preprocess_view(stamp->pixels, SIDE, v, turned->pixels);
            assert_ok(nsky_encoder_embed_stamps(enc, (const nsky_stamp *[]){turned}, 1, b, &err),
                      err);
            for (uint32_t i = 0; i < 512; i++) /* the views come in another order: sums round */
                assert_true(fabsf(a[i] - b[i]) < 1e-6f);
        }
        nsky_stamp_free(turned);
        turned = make_stamp(6);
        nsky_encoder_close(enc);
    }
    nsky_stamp_free(stamp);
    nsky_stamp_free(turned);
}

static void names_the_devices(void **state)
{
    nsky_encoder_options options = nsky_encoder_defaults();
    nsky_encoder *enc;
    nsky_error err;
    char all[256], cut[8];

    (void)state;
    assert_string_equal(options.device, "auto");
    nsky_encoder_devices(all, sizeof all);
    assert_non_null(strstr(all, "ref (plain C: fp32)"));
    nsky_encoder_devices(cut, sizeof cut);
    assert_int_equal(strlen(cut), sizeof cut - 1);
    options.device = "tpu";
    assert_fails(nsky_encoder_open(&enc, model, &options, &err), NSKY_EDEVICE, err, all);
    options = (nsky_encoder_options){"ref", NSKY_BF16, SIDE}; /* always fp32, and says so */
    err = (nsky_error)NSKY_ERROR_INIT;
    assert_ok(nsky_encoder_open(&enc, model, &options, &err), err);
    assert_int_equal(nsky_encoder_precision(enc), NSKY_FP32);
    nsky_encoder_close(enc);
    options.size = 7;
    assert_fails(nsky_encoder_open(&enc, model, &options, &err), NSKY_EINVAL, err, "7 pixels");
    options.size = 513;
    assert_fails(nsky_encoder_open(&enc, model, &options, &err), NSKY_EINVAL, err, "513 pixels");
}

static nsky_status open_and_close(void *context, nsky_error *err)
{
    nsky_encoder *enc;
    nsky_status status = nsky_encoder_open(&enc, model, context, err);

    nsky_encoder_close(enc);
    return status;
}

static void says_when_memory_ends(void **state)
{
    nsky_encoder_options options = {"ref", NSKY_FP32, SIDE};

    (void)state;
    assert_true(exhaust_memory(open_and_close, &options) > 40);
}

static int set_up(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    return nsky_model_load(&model, "random:resnet18:9", &err) != NSKY_OK;
}

static int tear_down(void **state)
{
    (void)state;
    nsky_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_images),
        cmocka_unit_test(refuses_bad_input),
        cmocka_unit_test(averages_views),
        cmocka_unit_test(company_changes_no_bit),
        cmocka_unit_test(turned_stamps_are_the_same),
        cmocka_unit_test(names_the_devices),
        cmocka_unit_test(says_when_memory_ends),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
