/* test_malformed.c - a folder of files nobody should have sent: each is refused with a reason, and
 * the sound one among them is read. */
#include "support.h"

#include <zlib.h>

/* Raw cards, so that headers can say what no writer would. */
typedef struct raw {
    char *bytes;
    size_t used;
} raw;

static void put_card(raw *r, const char *format, ...) NSKY_PRINTF(2, 3);
static void put_card(raw *r, const char *format, ...)
{
    char card[128];
    va_list args;

    va_start(args, format);
    vsnprintf(card, sizeof card, format, args);
    va_end(args);
    r->bytes = realloc(r->bytes, r->used + 80);
    memset(r->bytes + r->used, ' ', 80);
    memcpy(r->bytes + r->used, card, strlen(card));
    r->used += 80;
}

static void put_block(raw *r, char fill, size_t bytes)
{
    size_t end = (r->used + bytes + 2879) / 2880 * 2880;

    r->bytes = realloc(r->bytes, end);
    memset(r->bytes + r->used, fill, end - r->used);
    r->used = end;
}

static void write_raw(raw *r, const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_file_write(in_directory(name), r->bytes, r->used, &err), err);
    free(r->bytes);
    *r = (raw){0};
}

/* A 3-D header with its axes and its bytes a pixel as told; data of `fill`. */
static void write_cube(const char *name, int bitpix, uint64_t x, uint64_t y, uint64_t z,
                       size_t data_bytes, char fill)
{
    raw r = {0};

    put_card(&r, "SIMPLE  =                    T");
    put_card(&r, "BITPIX  = %20d", bitpix);
    put_card(&r, "NAXIS   =                    3");
    put_card(&r, "NAXIS1  = %20" PRIu64, x);
    put_card(&r, "NAXIS2  = %20" PRIu64, y);
    put_card(&r, "NAXIS3  = %20" PRIu64, z);
    put_card(&r, "BANDS   = 'grz     '");
    put_card(&r, "END");
    put_block(&r, ' ', 0);
    if (data_bytes > 0)
        put_block(&r, fill, data_bytes);
    write_raw(&r, name);
}

static void write_headers(void)
{
    raw r = {0};

    put_card(&r, "SIMPLE  =                    T");
    put_card(&r, "BITPIX  =                  -32");
    r.used = 100;
    write_raw(&r, "cut_header.fits");
    put_card(&r, "SIMPLE  =                    T");
    put_card(&r, "BITPIX  =                    8");
    put_card(&r, "NAXIS   =                    0");
    put_card(&r, "END");
    put_block(&r, ' ', 0);
    write_raw(&r, "naxis0.fits");
    put_card(&r, "SIMPLE  =                    T");
    put_block(&r, 'x', 0);
    write_raw(&r, "no_end.fits");
}

/* Many megabytes of zeros in a few kilobytes. */
static void write_bomb(const char *name)
{
    static char zeros[1 << 20];
    raw r = {0};
    gzFile gz = gzopen(in_directory(name), "wb9");

    put_card(&r, "SIMPLE  =                    T");
    put_card(&r, "BITPIX  =                  -32");
    put_card(&r, "NAXIS   =                    0");
    put_card(&r, "END");
    put_block(&r, ' ', 0);
    gzwrite(gz, r.bytes, (unsigned)r.used);
    for (int i = 0; i < 64; i++)
        gzwrite(gz, zeros, sizeof zeros);
    gzclose(gz);
    free(r.bytes);
}

static void write_text(const char *name, const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_file_write(in_directory(name), text, strlen(text), &err), err);
}

static const struct {
    const char *name, *word;
} refused[] = {{"bitpix7.fits", "BITPIX"},       {"cut_data.fits", "truncated"},
               {"cut_header.fits", "truncated"}, {"empty.fits", "empty"},
               {"huge.fits", "more than"},       {"huge_side.fits", "more than"},
               {"jpeg.jpg", "neither"},          {"naxis0.fits", "no image"},
               {"nan.fits", "band g is empty"},  {"no_end.fits", "truncated"},
               {"overflow.fits", "more than"},   {"release.h5", "HDF5"},
               {"text.fits", "neither"},         {"zero.fits", "band g is empty"},
               {"bomb.fits.gz", "no image"}};

static int write_corpus(void **state)
{
    if (make_test_directory(state) != 0)
        return -1;
    write_cube("bitpix7.fits", 7, 16, 16, 3, 16 * 16 * 3 * 4, 1);
    write_cube("cut_data.fits", -32, 64, 64, 3, 64 * 64, 1);
    write_cube("huge.fits", -32, 1000000000, 1000000000, 3, 2880, 1);
    write_cube("huge_side.fits", -32, 1000000000, 8, 3, 2880, 1);
    write_cube("overflow.fits", -64, 1ull << 62, 1ull << 62, 1ull << 62, 2880, 1);
    write_cube("nan.fits", -32, 16, 16, 3, 16 * 16 * 3 * 4, '\xff');
    write_cube("zero.fits", -32, 16, 16, 3, 16 * 16 * 3 * 4, '\0');
    write_headers();
    write_bomb("bomb.fits.gz");
    write_text("empty.fits", "");
    write_text("jpeg.jpg", "\xff\xd8 this is none");
    write_text("release.h5", "\x89HDF\r\n\x1a\n");
    write_text("text.fits", "name,ra,dec\n");
    /* CFITSIO would see a filter, a template, a URL, an output file. */
    make_image(in_directory("trick.fits[1:2,3:4].fits"),
               &(image_spec){.width = 16, .height = 16, .bands = "grz"});
    make_image(in_directory("a(out.fits).fits"),
               &(image_spec){.width = 16, .height = 16, .bands = "grz"});
    make_image(in_directory("!b +1 \xff.fits"),
               &(image_spec){.width = 16, .height = 16, .bands = "grz"});
    make_image(in_directory("sound.fits"),
               &(image_spec){.width = 16, .height = 16, .bands = "grz"});
    return 0;
}

static void test_corpus(void **state)
{
    (void)state;
    char store[300];
    size_t count = sizeof refused / sizeof *refused;

    snprintf(store, sizeof store, "%s/store", test_directory);
    nsky_ingest_report report = ingest(store, test_directory, NULL);
    for (size_t i = 0; i < count; i++)
        assert_refused(store, in_directory(refused[i].name), refused[i].word);
    assert_int_equal(report.refused, count);
    assert_int_equal(report.added, 4);
    assert_int_equal(object_named(store, "sound").row, 2);
    assert_string_equal(object_named(store, "trick.fits[1:2,3:4]").name, "trick.fits[1:2,3:4]");
    assert_false(nsky_file_exists(in_directory("out.fits")));
    /* Again: refused ones are looked at again, the others are not. */
    report = ingest(store, test_directory, NULL);
    assert_int_equal(report.refused, count);
    assert_int_equal(report.files, count);
    assert_int_equal(report.unchanged, 4);
    assert_int_equal(report.added + report.already, 0);
}

/* Any byte of a good file changed, the file cut anywhere: an answer, never a crash. */
static void test_damage(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_decoded decoded;
    uint32_t seed = 7;
    size_t bytes;
    void *data;

    assert_ok(nsky_file_read(&data, &bytes, in_directory("sound.fits"), 1 << 24, &err), err);
    for (int run = 0; run < 3000; run++) {
        uint8_t *copy = malloc(bytes);
        memcpy(copy, data, bytes);
        for (int change = 0; change <= run % 3; change++) {
            seed = seed * 1664525u + 1013904223u;
            copy[(seed >> 8) % 960] = " 0123456789-'=TFE"[(seed >> 4) % 17];
        }
        if (nsky_decode_memory(&decoded, copy, bytes, "damaged", &err) == NSKY_OK)
            nsky_decoded_clear(&decoded);
        free(copy);
    }
    nsky_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus),
                                       cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests(tests, write_corpus, remove_test_directory);
}
