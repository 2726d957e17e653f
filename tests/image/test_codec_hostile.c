/* test_codec_hostile.c - damaged files, foreign ones, and claims that are too large. */
#include "codec_support.h"

static void test_print_colours_are_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;
    unsigned char *bytes;
    size_t count = make_jpeg(&bytes, TJPF_CMYK, TJSAMP_444, 0);

    assert_fails(nsky_picture_decode(&picture, bytes, count, "poster.jpg", &err), NSKY_EDATA, err,
                 "poster.jpg: a JPEG in print colours (CMYK); save it as RGB");
    assert_null(picture);
    tjFree(bytes);
}

/* Cut at every length, and every byte spoiled: an answer in words, or a picture; never a crash. */
static void spoil(const uint8_t *bytes, size_t count, const char *what)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;

    for (size_t cut = 0; cut < count; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1); /* so that a sanitizer sees a read past the end */
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        if (nsky_picture_decode(&picture, exact, cut, what, &err) == NSKY_OK) {
            assert_true(count - cut <= 12); /* only what follows the pixels may be missing */
            nsky_picture_free(picture);
        } else {
            assert_true(err.status == NSKY_EDATA);
            assert_non_null(strstr(err.text, what));
        }
        free(exact);
    }
    uint8_t *copy = malloc(count);
    assert_non_null(copy);
    for (size_t at = 0; at < count; at++) {
        memcpy(copy, bytes, count);
        copy[at] ^= (uint8_t)(1 + at % 255);
        if (nsky_picture_decode(&picture, copy, count, what, &err) == NSKY_OK)
            nsky_picture_free(picture);
        else
            assert_true(err.status == NSKY_EDATA || err.status == NSKY_ELIMIT);
    }
    free(copy);
}

static void test_damaged(void **state)
{
    (void)state;
    static sink s;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture = scene(20, 16);
    void *bytes;
    size_t count;

    make_png(&s, PNG_COLOR_TYPE_RGB_ALPHA, 8, 1);
    spoil(s.bytes, s.count, "spoiled.png");
    assert_ok(nsky_picture_to_jpeg(picture, 50, &bytes, &count, &err), err);
    spoil(bytes, count, "spoiled.jpg");
    nsky_free(bytes);
    nsky_picture_free(picture);
}

static void test_neither(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;

    assert_fails(nsky_picture_decode(&picture, "GIF89a", 6, "a.gif", &err), NSKY_EDATA, err,
                 "a.gif: neither JPEG nor PNG");
    assert_null(picture);
    assert_fails(nsky_picture_decode(&picture, NULL, 0, "nothing", &err), NSKY_EDATA, err,
                 "neither");
    assert_fails(nsky_picture_decode(&picture, "\xff\xd8\xff", 3, "stub.jpg", &err), NSKY_EDATA,
                 err, "stub.jpg: ");
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A few bytes that claim a very large picture are refused before anything is allocated. */
static void test_large_claims(void **state)
{
    (void)state;
    static const uint32_t sides[][2] = {
        {8193, 10}, {10, 8193}, {8192, 8192}, {100000, 100000}, {2000000000, 2000000000}};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;
    static sink s;
    unsigned char *jpeg;
    size_t count = make_jpeg(&jpeg, TJPF_RGB, TJSAMP_444, 0);

    for (int i = 0; i < 5; i++) {
        make_png(&s, PNG_COLOR_TYPE_RGB, 8, 0);
        put_u32(s.bytes + 16, sides[i][0]);
        put_u32(s.bytes + 20, sides[i][1]);
        put_u32(s.bytes + 29, nsky_crc32(0, s.bytes + 12, 17));
        nsky_memory_fail_at(0);
        nsky_status status = nsky_picture_decode(&picture, s.bytes, s.count, "bomb.png", &err);
        assert_true(status == NSKY_ELIMIT);
        assert_true(nsky_memory_count() == 0);
        assert_non_null(strstr(err.text, "bomb.png"));
    }
    for (size_t i = 0; i + 9 < count; i++) { /* SOF0 of the JPEG: height, width */
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0) {
            jpeg[i + 5] = jpeg[i + 7] = 0xff;
            break;
        }
    }
    nsky_memory_fail_at(0);
    assert_fails(nsky_picture_decode(&picture, jpeg, count, "bomb.jpg", &err), NSKY_ELIMIT, err,
                 "bomb.jpg");
    assert_true(nsky_memory_count() == 0);
    tjFree(jpeg);
}

typedef struct encoded {
    nsky_picture *picture;
    void *bytes;
    size_t count;
} encoded;

static nsky_status encode_png(void *context, nsky_error *err)
{
    encoded *e = context;
    nsky_status status = nsky_picture_to_png(e->picture, &e->bytes, &e->count, err);
    nsky_free(e->bytes);
    return status;
}

static nsky_status encode_jpeg(void *context, nsky_error *err)
{
    encoded *e = context;
    nsky_status status = nsky_picture_to_jpeg(e->picture, 80, &e->bytes, &e->count, err);
    nsky_free(e->bytes);
    return status;
}

static nsky_status decode(void *context, nsky_error *err)
{
    encoded *e = context;
    nsky_picture *picture;
    nsky_status status = nsky_picture_decode(&picture, e->bytes, e->count, "memory", err);
    nsky_picture_free(picture);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    encoded e = {.picture = scene(100, 90)};

    assert_true(exhaust_memory(encode_png, &e) >= 1);
    assert_true(exhaust_memory(encode_jpeg, &e) == 2);
    assert_ok(nsky_picture_to_png(e.picture, &e.bytes, &e.count, &err), err);
    assert_true(exhaust_memory(decode, &e) == 2);
    nsky_free(e.bytes);
    assert_ok(nsky_picture_to_jpeg(e.picture, 80, &e.bytes, &e.count, &err), err);
    assert_true(exhaust_memory(decode, &e) == 2);
    nsky_free(e.bytes);
    nsky_picture_free(e.picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_colours_are_refused),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_neither),
        cmocka_unit_test(test_large_claims),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
