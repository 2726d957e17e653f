/* test_codec.c - pictures to JPEG and PNG and back, files of every kind, real ones. */
#include "codec_support.h"

static void test_new(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;

    assert_ok(nsky_picture_new(&picture, 3, 2, &err), err);
    for (int i = 0; i < 18; i++)
        assert_int_equal(picture->rgb[i], 0);
    nsky_picture_free(picture);
    nsky_picture_free(NULL);
    assert_fails(nsky_picture_new(&picture, 0, 2, &err), NSKY_EDATA, err, "without pixels");
    assert_null(picture);
    assert_fails(nsky_picture_new(&picture, 8193, 1, &err), NSKY_ELIMIT, err, "too many");
    assert_fails(nsky_picture_new(&picture, 8192, 8192, &err), NSKY_ELIMIT, err, "too many");
}

static void test_png_round_trip(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    static const uint32_t sizes[][2] = {{1, 1}, {31, 17}, {152, 152}, {8192, 1}};

    for (int i = 0; i < 4; i++) {
        nsky_picture *picture = scene(sizes[i][0], sizes[i][1]), *back;
        void *bytes, *again;
        size_t count, count_again;
        assert_ok(nsky_picture_to_png(picture, &bytes, &count, &err), err);
        assert_true(nsky_picture_is_png(bytes, count) && !nsky_picture_is_jpeg(bytes, count));
        assert_ok(nsky_picture_decode(&back, bytes, count, "round trip", &err), err);
        assert_int_equal(back->width, picture->width);
        assert_int_equal(back->height, picture->height);
        assert_memory_equal(back->rgb, picture->rgb, (size_t)3 * back->width * back->height);
        assert_ok(nsky_picture_to_png(picture, &again, &count_again, &err), err);
        assert_int_equal(count, count_again);
        assert_memory_equal(bytes, again, count);
        nsky_free(again);
        nsky_free(bytes);
        nsky_picture_free(back);
        nsky_picture_free(picture);
    }
}

static void test_jpeg_round_trip(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture = scene(152, 101), *back;
    size_t last = 0;

    for (int quality = 1; quality <= 100; quality += 33) {
        void *bytes, *again;
        size_t count, count_again;
        int worst = 0;
        assert_ok(nsky_picture_to_jpeg(picture, quality, &bytes, &count, &err), err);
        assert_true(nsky_picture_is_jpeg(bytes, count) && !nsky_picture_is_png(bytes, count));
        assert_true(count > last);
        last = count;
        assert_ok(nsky_picture_decode(&back, bytes, count, "round trip", &err), err);
        assert_int_equal(back->width, 152);
        assert_int_equal(back->height, 101);
        for (int i = 0; i < 3 * 152 * 101; i++) {
            int difference = abs(back->rgb[i] - picture->rgb[i]);
            worst = difference > worst ? difference : worst;
        }
        assert_true(worst <= (quality > 90 ? 4 : 120));
        assert_ok(nsky_picture_to_jpeg(picture, quality, &again, &count_again, &err), err);
        assert_int_equal(count, count_again);
        assert_memory_equal(bytes, again, count);
        nsky_free(again);
        nsky_free(bytes);
        nsky_picture_free(back);
    }
    nsky_picture_free(picture);
}

static void test_every_kind_of_png(void **state)
{
    (void)state;
    static const int kinds[][2] = {
        {PNG_COLOR_TYPE_GRAY, 1},        {PNG_COLOR_TYPE_GRAY, 2},
        {PNG_COLOR_TYPE_GRAY, 4},        {PNG_COLOR_TYPE_GRAY, 8},
        {PNG_COLOR_TYPE_GRAY, 16},       {PNG_COLOR_TYPE_RGB, 8},
        {PNG_COLOR_TYPE_RGB, 16},        {PNG_COLOR_TYPE_RGB_ALPHA, 8},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16},  {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_PALETTE, 8},
        {PNG_COLOR_TYPE_PALETTE, 4},     {PNG_COLOR_TYPE_PALETTE, 1},
    };
    nsky_error err = NSKY_ERROR_INIT;
    static sink s;

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (int interlace = 0; interlace < 2; interlace++) {
            nsky_picture *picture;
            int depth = kinds[k][1];
            make_png(&s, kinds[k][0], depth, interlace);
            assert_ok(nsky_picture_decode(&picture, s.bytes, s.count, "kind", &err), err);
            assert_int_equal(picture->width, 9);
            assert_int_equal(picture->height, 5);
            for (int i = 0; i < 45; i++) {
                int level = i % 16 >> (depth < 4 ? 4 - depth : 0);
                int grey = depth < 4 ? level * 255 / ((1 << depth) - 1) : level * 17;
                bool indexed = kinds[k][0] == PNG_COLOR_TYPE_PALETTE;
                const uint8_t *p = picture->rgb + 3 * i;
                assert_int_equal(p[0], indexed ? level * 17 : grey);
                assert_int_equal(p[1], indexed ? 255 - level * 17 : grey);
                assert_int_equal(p[2], indexed ? 7 : grey);
            }
            nsky_picture_free(picture);
        }
    }
}

static void test_every_kind_of_jpeg(void **state)
{
    (void)state;
    static const int kinds[][3] = {{TJPF_RGB, TJSAMP_444, 0},
                                   {TJPF_RGB, TJSAMP_420, 0},
                                   {TJPF_RGB, TJSAMP_411, TJFLAG_PROGRESSIVE},
                                   {TJPF_GRAY, TJSAMP_GRAY, 0},
                                   {TJPF_GRAY, TJSAMP_GRAY, TJFLAG_PROGRESSIVE}};
    nsky_error err = NSKY_ERROR_INIT;

    for (int k = 0; k < 5; k++) {
        nsky_picture *picture;
        unsigned char *bytes;
        size_t count = make_jpeg(&bytes, kinds[k][0], kinds[k][1], kinds[k][2]);
        assert_ok(nsky_picture_decode(&picture, bytes, count, "kind", &err), err);
        assert_int_equal(picture->width, 64);
        assert_int_equal(picture->height, 48);
        for (int i = 0; kinds[k][0] == TJPF_GRAY && i < 64 * 48; i++)
            assert_true(picture->rgb[3 * i] == picture->rgb[3 * i + 1] &&
                        picture->rgb[3 * i] == picture->rgb[3 * i + 2]);
        nsky_picture_free(picture);
        tjFree(bytes);
    }
}

static void test_real_jpegs(void **state)
{
    (void)state;
    /* Pillow 9.4: numpy.asarray(Image.open(file))[y, x] and .sum() */
    static const struct {
        const char *file;
        uint32_t x, y;
        uint8_t rgb[3];
        uint64_t sum;
    } cases[] = {
        {"J001240.06-000210.4.jpg", 128, 128, {206, 202, 203}, 4976474},
        {"J001240.06-000210.4.jpg", 77, 200, {3, 2, 0}, 4976474},
        {"J013736.46+242552.7.jpg", 130, 101, {10, 10, 8}, 3961401},
    };
    nsky_error err = NSKY_ERROR_INIT;
    const char *root = getenv("NEARSKY_TEST_DATA");

    for (int i = 0; i < 3; i++) {
        char path[4096];
        void *bytes;
        size_t count;
        nsky_picture *picture;
        uint64_t sum = 0;
        snprintf(path, sizeof path, "%s/decals_rings/jpg/%s",
                 root && *root ? root : "../shared/data", cases[i].file);
        if (!nsky_file_exists(path)) {
            printf("NEARSKY-SKIP: no test data at %s\n", path);
            skip();
        }
        assert_ok(nsky_file_read(&bytes, &count, path, 1u << 20, &err), err);
        assert_ok(nsky_picture_decode(&picture, bytes, count, path, &err), err);
        for (uint32_t k = 0; k < 3 * picture->width * picture->height; k++)
            sum += picture->rgb[k];
        assert_int_equal(sum, cases[i].sum);
        assert_memory_equal(picture->rgb + 3 * (cases[i].y * picture->width + cases[i].x),
                            cases[i].rgb, 3);
        nsky_picture_free(picture);
        nsky_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_png_round_trip),
        cmocka_unit_test(test_jpeg_round_trip),
        cmocka_unit_test(test_every_kind_of_png),
        cmocka_unit_test(test_every_kind_of_jpeg),
        cmocka_unit_test(test_real_jpegs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
