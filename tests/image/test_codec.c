/* test_codec.c - JPEG and PNG of every kind, damaged ones, and claims that are too large. */
#include <png.h>
#include <turbojpeg.h>

#include "image/codec.h"
#include "support.h"

/* A smooth picture with something in it. */
static nsky_picture *scene(uint32_t width, uint32_t height)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;

    assert_ok(nsky_picture_new(&picture, width, height, &err), err);
    for (uint32_t i = 0; i < width * height * 3; i++) {
        float x = (float)(i / 3 % width) - (float)width / 3;
        float y = (float)(i / 3 / width) - (float)height / 2;
        float glow = 200 * expf(-(x * x + y * y) / 60);
        picture->rgb[i] = (uint8_t)(20 + glow * (0.4f + 0.3f * (float)(i % 3)));
    }
    return picture;
}

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

/* --- PNG of other kinds, by libpng --- */

typedef struct sink {
    uint8_t bytes[65536];
    size_t count;
} sink;

static void to_sink(png_structp png, png_bytep data, size_t count)
{
    sink *s = png_get_io_ptr(png);
    assert_true(s->count + count <= sizeof s->bytes);
    memcpy(s->bytes + s->count, data, count);
    s->count += count;
}

/* 9 x 5 pixels; samples are what `sample` says, scaled to the depth. */
static void make_png(sink *s, int colour, int depth, int interlace)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[16];
    uint8_t rows[5][9 * 8], *pointers[5];
    int channels = colour == PNG_COLOR_TYPE_RGB          ? 3
                   : colour == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                   : colour == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                         : 1;
    s->count = 0;
    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 16; i++)
        palette[i] = (png_color){(png_byte)(i * 17), (png_byte)(255 - i * 17), 7};
    for (int y = 0; y < 5; y++) {
        pointers[y] = rows[y];
        for (int i = 0; i < 9 * channels; i++) {
            int level = (y * 9 + i / channels) % 16 >> (depth < 4 ? 4 - depth : 0);
            if (depth == 16)
                rows[y][2 * i] = rows[y][2 * i + 1] = (uint8_t)(level * 17);
            else if (depth == 8)
                rows[y][i] = (uint8_t)(colour == PNG_COLOR_TYPE_PALETTE ? level : level * 17);
            else
                rows[y][i * depth / 8] |= (uint8_t)(level << (8 - depth - i * depth % 8));
        }
    }
    png_set_write_fn(png, s, to_sink, NULL);
    png_set_IHDR(png, info, 9, 5, depth, colour, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, depth < 4 ? 1 << depth : 16);
    png_set_gAMA(png, info, 1.0); /* asks for other brightness: not followed */
    png_write_info(png, info);
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
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

/* --- JPEG of other kinds, by TurboJPEG --- */

static size_t make_jpeg(unsigned char **bytes, int format, int subsampling, int flags)
{
    static uint8_t pixels[64 * 48 * 4];
    unsigned long count = 0;
    tjhandle jpeg = tjInitCompress();

    for (int i = 0; i < 64 * 48 * 4; i++)
        pixels[i] = (uint8_t)(i / 64);
    *bytes = NULL;
    assert_int_equal(
        tjCompress2(jpeg, pixels, 64, 0, 48, format, bytes, &count, subsampling, 80, flags), 0);
    tjDestroy(jpeg);
    return count;
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
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_png_round_trip),
        cmocka_unit_test(test_jpeg_round_trip),
        cmocka_unit_test(test_every_kind_of_png),
        cmocka_unit_test(test_every_kind_of_jpeg),
        cmocka_unit_test(test_print_colours_are_refused),
        cmocka_unit_test(test_real_jpegs),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_neither),
        cmocka_unit_test(test_large_claims),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
