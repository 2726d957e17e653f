/* test_safetensors.c - the container: each rule broken once, damage at random, and the way back. */
#include "common/rng.h"
#include "encoder/safetensors.h"
#include "tests/common/support.h"

#define IMAGE_MAX 4096u

/* Length, header, zeros. */
static size_t make_image(unsigned char image[IMAGE_MAX], const char *header, size_t data_bytes)
{
    size_t length = strlen(header);

    assert_true(8 + length + data_bytes <= IMAGE_MAX);
    memset(image, 0, 8 + length + data_bytes);
    for (int i = 0; i < 8; i++)
        image[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(image + 8, header, length);
    return 8 + length + data_bytes;
}

static const struct {
    const char *header;
    size_t data_bytes;
    const char *word; /* that the message must hold */
} hostile[] = {
    {"", 0, "no header"},
    {" {}", 0, "no header"},
    {"[]", 0, "no header"},
    {"{", 0, "expected a key"},
    {"{} x", 0, "follows"},
    {"{\"a\":\"\\ud800\"}", 0, "surrogate"},
    {"{\"a\xff\":1}", 0, "UTF-8"},
    {"{\"__metadata__\":1}", 0, "__metadata__"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__ k"},
    {"{\"a\":1}", 0, "tensor a"},
    {"{\"a\":{}}", 0, "tensor a"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", 4, "tensor a"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F31"},
    {"{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "count"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "count"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "count"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9007199254740992],\"data_offsets\":[0,4]}}", 4, "count"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     "dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
     "overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483648,2147483648,0],\"data_offsets\":[0,0]}}", 0,
     "overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "two counts"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "two counts"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "two counts"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{\"x\":0,\"y\":4}}}", 4,
     "two counts"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "outside"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "outside"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "disagree"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "disagree"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "gap"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "gap"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
     12, "overlaps"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, "overlaps"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "no tensor"},
    {"{}", 1, "no tensor"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
     0, "duplicate"},
};

static void refuses_hostile_files(void **state)
{
    unsigned char image[IMAGE_MAX];
    nsky_safetensors file;
    nsky_error err;

    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        size_t bytes = make_image(image, hostile[i].header, hostile[i].data_bytes);
        assert_fails(nsky_safetensors_read(&file, image, bytes, "x", &err), NSKY_EDATA, err,
                     hostile[i].word);
        assert_null(file.header);
    }
}

static void refuses_impossible_lengths(void **state)
{
    unsigned char image[16] = {2, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
    nsky_safetensors file;
    nsky_error err;

    (void)state;
    for (size_t bytes = 0; bytes < 8; bytes++)
        assert_fails(nsky_safetensors_read(&file, image, bytes, "x", &err), NSKY_EDATA, err,
                     "too short");
    assert_fails(nsky_safetensors_read(&file, image, 9, "x", &err), NSKY_EDATA, err, "cut short");
    assert_ok(nsky_safetensors_read(&file, image, 10, "x", &err), err);
    nsky_safetensors_free(&file);
    memset(image, 0xFF, 8);
    assert_fails(nsky_safetensors_read(&file, image, 10, "x", &err), NSKY_EDATA, err, "header of");
}

static const char sound[] = "{\"__metadata__\":{\"k\":\"v\"},"
                            "\"c\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[5,11]},"
                            "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[1,5]},"
                            "\"z\":{\"dtype\":\"I64\",\"shape\":[2,0],\"data_offsets\":[1,1]},"
                            "\"b\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}  ";

static void reads_what_the_format_allows(void **state)
{
    unsigned char image[IMAGE_MAX];
    size_t bytes = make_image(image, sound, 11);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_safetensors file;

    (void)state;
    assert_ok(nsky_safetensors_read(&file, image, bytes, "x", &err), err);
    assert_int_equal(file.count, 4);
    assert_string_equal(nsky_json_get_string(file.metadata, "k"), "v");
    assert_string_equal(file.tensors[0].name, "b"); /* by where their bytes lie */
    assert_string_equal(file.tensors[3].name, "c");
    assert_int_equal(file.tensors[0].dtype, NSKY_DTYPE_OTHER);
    assert_int_equal(file.tensors[3].dtype, NSKY_DTYPE_BF16);
    assert_int_equal(file.tensors[2].dims, 0); /* a scalar is one value */
    assert_int_equal(file.tensors[2].bytes, 4);
    assert_ptr_equal(file.tensors[3].data, image + bytes - 6);
    nsky_safetensors_free(&file);
}

/* A file that opens must account for all its bytes, whatever happened to its header. */
static void survives_damage(void **state)
{
    unsigned char whole[IMAGE_MAX], image[IMAGE_MAX];
    size_t bytes = make_image(whole, sound, 11);
    static const char tokens[] = "{}[]\":,0123456789-.eF \\u";
    nsky_rng rng = nsky_rng_at(5, 0, 0);
    uint32_t opened = 0;

    (void)state;
    for (int round = 0; round < 40000; round++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_safetensors file;
        memcpy(image, whole, bytes);
        for (uint32_t n = 1 + nsky_rng_below(&rng, 3); n > 0; n--) {
            uint32_t at = nsky_rng_below(&rng, (uint32_t)bytes);
            image[at] = nsky_rng_below(&rng, 4) == 0
                            ? (unsigned char)nsky_rng_u32(&rng)
                            : (unsigned char)tokens[nsky_rng_below(&rng, sizeof tokens - 1)];
        }
        size_t kept = nsky_rng_below(&rng, 8) == 0 ? nsky_rng_below(&rng, (uint32_t)bytes) : bytes;
        nsky_status status = nsky_safetensors_read(&file, image, kept, "x", &err);
        if (status == NSKY_OK) {
            uint64_t data = 0;
            for (uint32_t i = 0; i < file.count; i++)
                data += file.tensors[i].bytes;
            uint64_t header = (uint64_t)image[0] | (uint64_t)image[1] << 8;
            assert_int_equal(data, kept - 8 - header);
            opened++;
            nsky_safetensors_free(&file);
        } else {
            assert_true(status == NSKY_EDATA || status == NSKY_ELIMIT);
        }
    }
    assert_true(opened > 100); /* the damage is not all fatal, or it tests little */
}

static const float values[6] = {1, -2, 3.5f, 0, 1e-30f, 7};
static const nsky_safetensor_source sources[] = {
    {"b", values, 2, {2, 3}, false},
    {"a", values + 1, 1, {2}, false},
    {"empty", values, 1, {0}, false},
};

static void writes_what_it_reads(void **state)
{
    const nsky_safetensor_source turned[] = {sources[2], sources[1], sources[0]};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *metadata = nsky_json_object();
    void *image, *again;
    size_t bytes, again_bytes;
    nsky_safetensors file;

    (void)state;
    nsky_json_put_string(metadata, "nsky.name", "\"quoted\" \xc3\xa9");
    assert_ok(nsky_safetensors_build(&image, &bytes, sources, 3, metadata, &err), err);
    assert_ok(nsky_safetensors_build(&again, &again_bytes, turned, 3, metadata, &err), err);
    assert_int_equal(bytes, again_bytes);
    assert_memory_equal(image, again, bytes);
    assert_int_equal(*(unsigned char *)image % 8, 0); /* data is aligned */

    assert_ok(nsky_safetensors_read(&file, image, bytes, "x", &err), err);
    assert_int_equal(file.count, 3);
    assert_string_equal(file.tensors[0].name, "a");
    assert_memory_equal(file.tensors[0].data, values + 1, 8);
    assert_int_equal(file.tensors[1].dims, 2);
    assert_int_equal(file.tensors[1].shape[1], 3);
    assert_memory_equal(file.tensors[1].data, values, 24);
    assert_string_equal(nsky_json_get_string(file.metadata, "nsky.name"), "\"quoted\" \xc3\xa9");
    nsky_safetensors_free(&file);
    nsky_json_free(metadata);
    nsky_free(image);
    nsky_free(again);
}

static nsky_status build_and_read(void *context, nsky_error *err)
{
    nsky_safetensors file;
    void *image;
    size_t bytes;
    nsky_status status = nsky_safetensors_build(&image, &bytes, sources, 3, context, err);

    if (status != NSKY_OK)
        return status;
    if ((status = nsky_safetensors_read(&file, image, bytes, "x", err)) == NSKY_OK)
        nsky_safetensors_free(&file);
    nsky_free(image);
    return status;
}

static void says_when_memory_ends(void **state)
{
    nsky_json *metadata = nsky_json_object();

    (void)state;
    nsky_json_put_string(metadata, "k", "v");
    assert_true(exhaust_memory(build_and_read, metadata) > 20);
    nsky_json_free(metadata);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_hostile_files),
        cmocka_unit_test(refuses_impossible_lengths),
        cmocka_unit_test(reads_what_the_format_allows),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(says_when_memory_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
