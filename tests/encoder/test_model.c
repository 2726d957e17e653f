/* test_model.c - weights files: what opens, what is refused and how it is said. */
#include <math.h>

#include "common/file.h"
#include "common/half.h"
#include "tests/common/support.h"
#include "tests/encoder/golden_model.h"

/* A ResNet-18 taken apart, for tests to change one thing and put it together again. */
static nsky_model *sound;
static char names[GOLDEN_TENSORS_MAX + 1][64];
static nsky_safetensor_source sources[GOLDEN_TENSORS_MAX + 1];
static uint32_t count;
static float *values;

static void take_apart(void)
{
    assert_int_equal(golden_sources(sound, sources, names, &count, values), NSKY_OK);
}

static nsky_safetensor_source *source(const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(sources[i].name, name) == 0)
            return &sources[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static nsky_status put_together(nsky_model **out, const nsky_json *metadata, nsky_error *err)
{
    size_t bytes;
    void *image;
    nsky_status status = nsky_safetensors_build(&image, &bytes, sources, count, metadata, err);

    return status == NSKY_OK ? nsky_model_adopt(out, image, bytes, "some/net.v1.safetensors", err)
                             : status;
}

static void expect_refusal(const char *word)
{
    nsky_model *model;
    nsky_error err;

    assert_fails(put_together(&model, NULL, &err), NSKY_EDATA, err, word);
    assert_null(model);
    take_apart();
}

static void refuses_other_tensors(void **state)
{
    float bad = NAN;

    (void)state;
    take_apart();
    source("layer3.1.bn2.bias")->name = "layer3.1.bn2.bias_";
    expect_refusal("layer3.1.bn2.bias");
    source("layer2.0.downsample.0.weight")->shape[2] = 0;
    expect_refusal("layer2.0.downsample.0.weight");
    source("conv1.weight")->name = "conv1.kernel";
    expect_refusal("conv1.weight");
    source("bn1.weight")->shape[0] = 63;
    expect_refusal("bn1.weight");

    sources[count++] = (nsky_safetensor_source){"layer4.2.conv1.weight", &bad, 1, {1}, false};
    expect_refusal("layer4.2.conv1.weight"); /* a deeper network's */
    sources[count++] = (nsky_safetensor_source){"layer1.0.conv3.weight", &bad, 1, {1}, false};
    expect_refusal("layer1.0.downsample.0"); /* now it should be a ResNet-50 */
    sources[count++] = (nsky_safetensor_source){"fc.weight", &bad, 1, {1}, false};
    nsky_model *model;
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(put_together(&model, NULL, &err), err); /* heads are no business of ours */
    nsky_model_close(model);
    take_apart();
}

static void refuses_bad_numbers(void **state)
{
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    float vector[64];

    (void)state;
    take_apart();
    for (int i = 0; i < 3; i++) {
        for (int o = 0; o < 64; o++)
            vector[o] = 1;
        vector[40] = wrong[i];
        source("bn1.running_mean")->data = vector;
        expect_refusal("bn1.running_mean");
    }
    vector[40] = -1e-6f;
    source("bn1.running_var")->data = vector;
    expect_refusal("variance");
}

static void checks_claims(void **state)
{
    static const struct {
        const char *key, *value, *word;
    } wrong[] = {
        {"nsky.arch", "resnet34", "resnet34"},         {"nsky.stem", "small", "small"},
        {"nsky.preprocess", "{", "expected"},          {"nsky.preprocess", "[]", "size"},
        {"nsky.preprocess", "{\"size\":96}", "views"},
    };

    (void)state;
    take_apart();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        nsky_json *metadata = nsky_json_object();
        nsky_model *model;
        nsky_error err;
        nsky_json_put_string(metadata, wrong[i].key, wrong[i].value);
        assert_fails(put_together(&model, metadata, &err), NSKY_EDATA, err, wrong[i].word);
        nsky_json_free(metadata);
    }
}

static void published_files_get_imagenets_input(void **state)
{
    nsky_json *metadata = nsky_json_object(), *text;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *model;

    (void)state;
    take_apart();
    nsky_json_put_string(metadata, "format", "pt");
    assert_ok(put_together(&model, metadata, &err), err);
    const nsky_model_info *info = nsky_model_info_of(model);
    assert_string_equal(info->name, "net.v1");
    assert_int_equal(info->preprocess.channel[0], 2); /* red first */
    assert_true(info->preprocess.mean[0] == 0.485f);
    assert_false(info->random_weights);
    assert_ok(nsky_model_describe(model, &text, &err), err);
    assert_non_null(nsky_json_get_string(text, "note"));
    assert_string_equal(nsky_json_get_string(nsky_json_get(text, "metadata"), "format"), "pt");
    nsky_json_free(text);
    nsky_json_free(metadata);
    nsky_model_close(model);
}

static void random_is_the_same_each_time(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *a, *b, *c;
    nsky_json *text;

    (void)state;
    assert_ok(nsky_model_load(&a, "random", &err), err);
    assert_ok(nsky_model_load(&b, "random:resnet18:1", &err), err);
    assert_ok(nsky_model_load(&c, "random:18:2", &err), err);
    const nsky_model_info *info = nsky_model_info_of(a);
    assert_string_equal(info->sha256, nsky_model_info_of(b)->sha256);
    assert_string_not_equal(info->sha256, nsky_model_info_of(c)->sha256);
    assert_true(info->random_weights);
    assert_int_equal(info->preprocess.views, 8);
    assert_int_equal(info->dim, 512);
    assert_ok(nsky_model_describe(a, &text, &err), err);
    assert_true(nsky_json_get_bool(text, "random_weights", false));
    assert_string_equal(nsky_json_get_string(text, "arch"), "resnet18");
    assert_string_equal(nsky_json_get_string(text, "stem"), "imagenet");
    assert_string_equal(nsky_json_get_string(text, "sha256"), info->sha256);
    assert_non_null(nsky_json_get(text, "preprocess"));
    nsky_json_free(text);
    nsky_model_close(a);
    nsky_model_close(b);
    nsky_model_close(c);
}

static void random_names_are_checked(void **state)
{
    static const char *const wrong[] = {"random:",
                                        "random:resnet19",
                                        "random:resnet18:",
                                        "random:resnet18:x",
                                        "random:resnet18:1x",
                                        "random:resnet18:-1",
                                        "random:18:99999999999999999999",
                                        "random::1"};
    nsky_model *model;
    nsky_error err;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(nsky_model_load(&model, wrong[i], &err), NSKY_EINVAL, err, wrong[i]);
    assert_fails(nsky_model_load(&model, "randomly", &err), NSKY_ENOTFOUND, err, "randomly");
}

static void files_come_back_as_they_were(void **state)
{
    const char *path = in_directory("m.safetensors"), *again = in_directory("n.safetensors");
    char hash[NSKY_SHA256_HEX_BYTES];
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *model;

    (void)state;
    assert_ok(nsky_model_write(sound, path, &err), err);
    assert_ok(nsky_sha256_file(path, hash, &err), err);
    assert_string_equal(hash, nsky_model_info_of(sound)->sha256);
    assert_ok(nsky_model_open(&model, path, &err), err);
    assert_string_equal(nsky_model_info_of(model)->name, nsky_model_info_of(sound)->name);
    assert_ok(nsky_model_write(model, again, &err), err);
    nsky_model_close(model);
    assert_ok(nsky_sha256_file(again, hash, &err), err);
    assert_string_equal(hash, nsky_model_info_of(sound)->sha256);

    assert_int_equal(truncate(again, 100000), 0);
    assert_fails(nsky_model_open(&model, again, &err), NSKY_EDATA, err, "n.safetensors");
    assert_fails(nsky_model_open(&model, in_directory("none"), &err), NSKY_ENOTFOUND, err, "none");
}

/* Rewrites the sound file with its tensors in another type, behind one odd byte. */
static void *retyped(nsky_dtype dtype, size_t *bytes)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *header = nsky_json_object();
    size_t item = dtype == NSKY_DTYPE_F32 ? 4 : 2, at = 1;
    static const char odd[] = "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}";
    nsky_json *entry;

    assert_ok(nsky_json_parse(&entry, odd, strlen(odd), "x", &err), err);
    nsky_json_put(header, "odd", entry);
    for (uint32_t i = 0; i < sound->weight_count; i++) {
        const nsky_weight *w = &sound->weights[i];
        size_t n = 1;
        nsky_json *shape = nsky_json_array(), *offsets = nsky_json_array();
        for (uint32_t d = 0; d < w->dims; d++) {
            n *= w->shape[d];
            nsky_json_append_number(shape, w->shape[d]);
        }
        entry = nsky_json_object();
        nsky_json_put_string(entry, "dtype",
                             dtype == NSKY_DTYPE_F32   ? "F32"
                             : dtype == NSKY_DTYPE_F16 ? "F16"
                                                       : "BF16");
        nsky_json_put(entry, "shape", shape);
        nsky_json_append_number(offsets, (double)at);
        nsky_json_append_number(offsets, (double)(at += n * item));
        nsky_json_put(entry, "data_offsets", offsets);
        nsky_json_put(header, w->name, entry);
    }
    char *text = nsky_json_print(header, false, &err);
    assert_non_null(text);
    uint64_t length = strlen(text);
    unsigned char *image = nsky_alloc(8 + length + at, 1, &err), *to = image + 8 + length + 1;
    memcpy(image, &length, 8);
    memcpy(image + 8, text, length);
    to[-1] = 0;
    for (uint32_t i = 0; i < sound->weight_count; i++) {
        const nsky_weight *w = &sound->weights[i];
        size_t n = 1;
        for (uint32_t d = 0; d < w->dims; d++)
            n *= w->shape[d];
        for (size_t k = 0; k < n; k++, to += item) {
            uint16_t half = dtype == NSKY_DTYPE_F16 ? nsky_half_from_float(w->data[k])
                                                    : nsky_bfloat16_from_float(w->data[k]);
            memcpy(to, dtype == NSKY_DTYPE_F32 ? (const void *)&w->data[k] : (void *)&half, item);
        }
    }
    *bytes = 8 + length + at;
    nsky_json_free(header);
    nsky_free(text);
    return image;
}

static void halves_become_floats(void **state)
{
    static const nsky_dtype dtypes[] = {NSKY_DTYPE_F32, NSKY_DTYPE_F16, NSKY_DTYPE_BF16};
    static const double tolerance[] = {0, 1.0 / 2048, 1.0 / 256};

    (void)state;
    for (int i = 0; i < 3; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_model *model;
        size_t bytes;
        void *image = retyped(dtypes[i], &bytes);
        assert_ok(nsky_model_adopt(&model, image, bytes, "x", &err), err);
        const nsky_weight *a = nsky_model_weight(sound, "layer4.1.conv2.weight");
        const nsky_weight *b = nsky_model_weight(model, "layer4.1.conv2.weight");
        for (size_t k = 0; k < 512 * 512 * 9; k += 97)
            assert_true(fabs((double)a->data[k] - (double)b->data[k]) <=
                        tolerance[i] * fabs(a->data[k]) + 1e-7 * (i > 0));
        nsky_model_close(model);
    }
}

/* The steps in between grow: opening makes thousands of allocations. */
static void says_when_memory_ends(void **state)
{
    const char *path = in_directory("m.safetensors");
    nsky_error err = NSKY_ERROR_INIT;
    nsky_model *model;

    (void)state;
    assert_ok(nsky_model_write(sound, path, &err), err);
    for (uint64_t n = 1;; n += 1 + n / 6) {
        nsky_memory_fail_at(n);
        nsky_status status = nsky_model_open(&model, path, &err);
        bool failed = nsky_memory_count() >= n;
        nsky_memory_fail_at(0);
        if (!failed) {
            assert_int_equal(status, NSKY_OK);
            nsky_model_close(model);
            break;
        }
        assert_int_equal(status, NSKY_ENOMEM);
        assert_null(model);
    }
    for (uint64_t n = 1; n < 3000; n += 1 + n / 3) {
        nsky_memory_fail_at(n);
        nsky_status status = nsky_model_random(&model, NSKY_RESNET18, NSKY_STEM_SMALL, 1, &err);
        bool failed = nsky_memory_count() >= n;
        nsky_memory_fail_at(0);
        assert_int_equal(status, failed ? NSKY_ENOMEM : NSKY_OK);
        nsky_model_close(model);
        if (!failed)
            break;
    }
}

static int set_up(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;

    values = nsky_alloc(GOLDEN_VALUES_MAX, sizeof *values, &err);
    return !values || make_test_directory(state) != 0 ||
           nsky_model_random(&sound, NSKY_RESNET18, NSKY_STEM_IMAGENET, 3, &err) != NSKY_OK;
}

static int tear_down(void **state)
{
    nsky_model_close(sound);
    nsky_free(values);
    return remove_test_directory(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_other_tensors),
        cmocka_unit_test(refuses_bad_numbers),
        cmocka_unit_test(checks_claims),
        cmocka_unit_test(published_files_get_imagenets_input),
        cmocka_unit_test(random_is_the_same_each_time),
        cmocka_unit_test(random_names_are_checked),
        cmocka_unit_test(files_come_back_as_they_were),
        cmocka_unit_test(halves_become_floats),
        cmocka_unit_test(says_when_memory_ends),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
