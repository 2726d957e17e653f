/* test_tiles.c - our tile decoder against CFITSIO's, bit for bit, and against damaged files. */
#include <fitsio.h>

#include "support.h"

enum { WIDTH = 61, HEIGHT = 23, PLANES = 2, COUNT = WIDTH * HEIGHT * PLANES };

typedef struct recipe {
    const char *name;
    int method, bitpix, dither; /* dither 0: NO_DITHER */
    float quantize;             /* of floats; 0: lossless */
    long tile[3];
    bool blanks;
} recipe;

static const recipe recipes[] = {
    {"rice rows, dither 2", RICE_1, -32, SUBTRACTIVE_DITHER_2, 16, {WIDTH, 1, 1}, false},
    {"rice rows, dither 1", RICE_1, -32, SUBTRACTIVE_DITHER_1, 4, {WIDTH, 1, 1}, false},
    {"rice rows, no dither", RICE_1, -32, NO_DITHER, 4, {WIDTH, 1, 1}, false},
    {"rice rows, blanks", RICE_1, -32, SUBTRACTIVE_DITHER_2, 16, {WIDTH, 1, 1}, true},
    {"rice boxes", RICE_1, -32, SUBTRACTIVE_DITHER_2, 16, {16, 7, 1}, true},
    {"rice of two planes", RICE_1, -32, SUBTRACTIVE_DITHER_1, 16, {20, 10, 2}, false},
    {"rice whole", RICE_1, -32, SUBTRACTIVE_DITHER_2, 16, {WIDTH, HEIGHT, 1}, true},
    {"gzip quantised", GZIP_1, -32, SUBTRACTIVE_DITHER_2, 16, {WIDTH, 1, 1}, true},
    {"gzip 2 quantised", GZIP_2, -32, SUBTRACTIVE_DITHER_1, 16, {WIDTH, 4, 1}, false},
    {"gzip lossless", GZIP_1, -32, NO_DITHER, 0, {WIDTH, 1, 1}, true},
    {"gzip 2 lossless", GZIP_2, -32, NO_DITHER, 0, {WIDTH, 5, 1}, false},
    {"gzip 2 lossless double", GZIP_2, -64, NO_DITHER, 0, {WIDTH, 1, 1}, false},
    {"rice double", RICE_1, -64, SUBTRACTIVE_DITHER_2, 16, {WIDTH, 1, 1}, false},
    {"rice bytes", RICE_1, 8, NO_DITHER, 0, {WIDTH, 1, 1}, false},
    {"rice shorts", RICE_1, 16, NO_DITHER, 0, {WIDTH, 3, 1}, false},
    {"rice ints", RICE_1, 32, NO_DITHER, 0, {13, 3, 1}, false},
    {"gzip bytes", GZIP_1, 8, NO_DITHER, 0, {WIDTH, 1, 1}, false},
    {"gzip 2 shorts", GZIP_2, 16, NO_DITHER, 0, {WIDTH, 1, 1}, false},
    {"gzip 2 ints", GZIP_2, 32, NO_DITHER, 0, {WIDTH, 1, 1}, false},
};

static float noise_at(int i)
{
    uint32_t h = (uint32_t)i * 2654435761u;
    return (float)(h >> 16) / 65536.0f - 0.5f;
}

/* Sky noise, a star, rows that are constant, rows that are zero. */
static float pixel(const recipe *r, int i)
{
    int x = i % WIDTH, y = i / WIDTH % HEIGHT;
    float value = noise_at(i) + 400.0f / (float)(1 + (x - 20) * (x - 20) + (y - 9) * (y - 9));

    if (r->blanks && (i % 53 == 7 || y == 4))
        return NAN;
    if (y == 6)
        value = 0.25f;
    if (y == 7 || i % 31 == 5)
        value = 0;
    if (r->bitpix == 8)
        return roundf(fminf(8 * value + 10, 255));
    return r->bitpix > 0 ? roundf(8 * value + 3) : value;
}

static void no_error(int status, const char *what)
{
    char text[FLEN_STATUS];
    if (status) {
        fits_get_errstatus(status, text);
        fail_msg("%s: CFITSIO: %s", what, text);
    }
}

/* By CFITSIO, in memory it allocates with realloc. */
static corpus_file compress_it(const recipe *r)
{
    corpus_file file = {0};
    void *buffer = malloc(2880);
    size_t room = 2880;
    float pixels[COUNT], missing = -1e30f;
    long size[] = {WIDTH, HEIGHT, PLANES}, first[] = {1, 1, 1}, tile[3];
    LONGLONG end = 0;
    fitsfile *out;
    int status = 0;

    memcpy(tile, r->tile, sizeof tile);
    fits_create_memfile(&out, &buffer, &room, 2880, realloc, &status);
    fits_set_compression_type(out, r->method, &status);
    fits_set_tile_dim(out, 3, tile, &status);
    fits_set_quantize_level(out, r->quantize, &status);
    if (r->dither)
        fits_set_quantize_dither(out, r->dither, &status);
    fits_set_dither_seed(out, 9998, &status); /* wraps around the end of the table */
    fits_create_img(out, r->bitpix, 3, size, &status);
    for (int i = 0; i < COUNT; i++) {
        pixels[i] = pixel(r, i);
        if (isnan(pixels[i]))
            pixels[i] = missing;
    }
    if (r->bitpix > 0) {
        union { /* compressing, CFITSIO converts nothing */
            uint8_t bytes[COUNT];
            short shorts[COUNT];
            int ints[COUNT];
        } whole;
        for (int i = 0; i < COUNT; i++) {
            if (r->bitpix == 8)
                whole.bytes[i] = (uint8_t)pixels[i];
            else if (r->bitpix == 16)
                whole.shorts[i] = (short)pixels[i];
            else
                whole.ints[i] = (int)pixels[i];
        }
        int type = r->bitpix == 8 ? TBYTE : r->bitpix == 16 ? TSHORT : TINT;
        fits_write_pix(out, type, first, COUNT, &whole, &status);
    } else if (r->bitpix == -64) {
        double wide[COUNT];
        for (int i = 0; i < COUNT; i++)
            wide[i] = pixels[i];
        fits_write_pix(out, TDOUBLE, first, COUNT, wide, &status);
    } else {
        fits_write_pixnull(out, TFLOAT, first, COUNT, pixels, &missing, &status);
    }
    fits_flush_file(out, &status);
    fits_get_hduaddrll(out, NULL, NULL, &end, &status);
    fits_close_file(out, &status);
    no_error(status, r->name);
    file.data = buffer;
    file.bytes = (size_t)end;
    file.room = room;
    return file;
}

static void read_by_cfitsio(corpus_file *file, float *pixels)
{
    fitsfile *in;
    long first[] = {1, 1, 1}, last[] = {WIDTH, HEIGHT, PLANES}, step[] = {1, 1, 1};
    float missing = NAN;
    int status = 0, any;
    void *data = file->data;
    size_t bytes = file->bytes;

    fits_open_memfile(&in, "x", READONLY, &data, &bytes, 0, NULL, &status);
    fits_movabs_hdu(in, 2, NULL, &status);
    fits_read_subset(in, TFLOAT, first, last, step, &missing, pixels, &any, &status);
    fits_close_file(in, &status);
    no_error(status, "reading");
}

static bool same(float a, float b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0 || (a == 0 && b == 0);
}

static void check_recipe(const recipe *r)
{
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = compress_it(r);
    float expected[COUNT], got[WIDTH * HEIGHT];
    nsky_fits *fits;
    nsky_fits_hdu hdu;

    read_by_cfitsio(&file, expected);
    assert_ok(nsky_fits_open_memory(&fits, file.data, file.bytes, r->name, &err), err);
    assert_int_equal(nsky_fits_hdu_count(fits), 2);
    assert_ok(nsky_fits_select(fits, 1, &hdu, &err), err);
    assert_int_equal(hdu.kind, NSKY_FITS_IMAGE);
    assert_int_equal(hdu.bitpix, r->bitpix);
    assert_int_equal(hdu.axes, 3);
    assert_string_equal(hdu.name, "");
    assert_int_equal(hdu.rows, 0);
    for (uint64_t z = 0; z < PLANES; z++) {
        static const uint64_t boxes[][4] = {
            {0, 0, WIDTH, HEIGHT}, {5, 3, 40, 17}, {60, 22, 1, 1}, {15, 6, 2, 2}};
        for (size_t b = 0; b < sizeof boxes / sizeof *boxes; b++) {
            const uint64_t *o = boxes[b];
            assert_ok(nsky_fits_read_box(fits, z, o[0], o[1], o[2], o[3], got, &err), err);
            for (uint64_t y = 0; y < o[3]; y++)
                for (uint64_t x = 0; x < o[2]; x++) {
                    float a = got[y * o[2] + x];
                    float e = expected[(z * HEIGHT + o[1] + y) * WIDTH + o[0] + x];
                    if (!same(a, e))
                        fail_msg("%s: %.9g instead of %.9g at %d, %d, %d", r->name, (double)a,
                                 (double)e, (int)(o[0] + x), (int)(o[1] + y), (int)z);
                }
        }
    }
    nsky_fits_close(fits);
    corpus_free(&file);
}

static void test_against_cfitsio(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        check_recipe(&recipes[i]);
}

/* Every byte of the table and its heap spoiled in turn: no crash, and errors are described. */
static void test_damage(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i += 3) {
        corpus_file file = compress_it(&recipes[i]);
        int refused = 0;
        size_t header = file.bytes; /* of HDU 1: starts at 2880, ends before the table */
        for (size_t at = 2880; at < file.bytes && header == file.bytes; at += 80)
            if (memcmp(file.data + at, "END     ", 8) == 0)
                header = (at / 2880 + 1) * 2880;
        size_t stride = 1 + (file.bytes - header) / 150;
        for (size_t at = header; at < file.bytes; at += stride) {
            nsky_fits *fits;
            nsky_fits_hdu hdu;
            float got[WIDTH * HEIGHT];
            uint8_t old = file.data[at];
            file.data[at] = (uint8_t)(at % 2 ? ~old : old + 0x55);
            err = (nsky_error)NSKY_ERROR_INIT;
            assert_ok(nsky_fits_open_memory(&fits, file.data, file.bytes, "damaged", &err), err);
            assert_ok(nsky_fits_select(fits, 1, &hdu, &err), err);
            if (nsky_fits_read_box(fits, 0, 0, 0, WIDTH, HEIGHT, got, &err) != NSKY_OK) {
                assert_int_equal(err.status, NSKY_EDATA);
                assert_non_null(strstr(err.text, "damaged: tile"));
                refused++;
            }
            nsky_fits_close(fits);
            file.data[at] = old;
        }
        assert_true(refused > 0);
        corpus_free(&file);
    }
}

/* One keyword of a sound file replaced. */
static void check_replaced(const char *card, const char *by, const char *words)
{
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = compress_it(&recipes[0]);
    char *at = NULL;
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    float got;

    for (size_t i = 2880; i < file.bytes && !at; i += 80)
        if (memcmp(file.data + i, card, strlen(card)) == 0)
            at = (char *)file.data + i;
    assert_non_null(at);
    memset(at, ' ', 80);
    memcpy(at, by, strlen(by));
    nsky_status status = nsky_fits_open_memory(&fits, file.data, file.bytes, "changed", &err);
    if (status == NSKY_OK && (status = nsky_fits_select(fits, 1, &hdu, &err)) == NSKY_OK)
        status = nsky_fits_read_box(fits, 0, 0, 0, 1, 1, &got, &err);
    if (status != NSKY_EDATA || !strstr(err.text, words))
        fail_msg("%s: %s", by, status == NSKY_OK ? "read" : err.text);
    nsky_fits_close(fits);
    corpus_free(&file);
}

static void test_recipes_we_do_not_read(void **state)
{
    (void)state;
    check_replaced("ZCMPTYPE", "ZCMPTYPE= 'HCOMPRESS_1'", "HCOMPRESS_1; run funpack");
    check_replaced("ZCMPTYPE", "ZCMPTYPE= 'PLIO_1'", "PLIO_1; run funpack");
    check_replaced("ZCMPTYPE", "ZCMPTYPE= 'NEW_1'", "changed");
    check_replaced("ZVAL1", "ZVAL1   = 0", "Rice parameters");
    check_replaced("ZVAL2", "ZVAL2   = 3", "Rice parameters");
    check_replaced("ZQUANTIZ", "ZQUANTIZ= 'NONE'", "do not go together");
    check_replaced("TTYPE1", "TTYPE1  = 'SOMETHING_ELSE'", "changed");
    check_replaced("TFORM2", "TFORM2  = '1K'", "proper columns");
    check_replaced("ZDITHER0", "THEAP   = 99999999", "damaged");
}

static nsky_status read_all(void *context, nsky_error *err)
{
    const corpus_file *file = context;
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    float got[WIDTH * HEIGHT];
    nsky_status status = nsky_fits_open_memory(&fits, file->data, file->bytes, "memory", err);

    if (status == NSKY_OK && (status = nsky_fits_select(fits, 1, &hdu, err)) == NSKY_OK)
        status = nsky_fits_read_box(fits, 1, 0, 0, WIDTH, HEIGHT, got, err);
    nsky_fits_close(fits);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    corpus_file file = compress_it(&recipes[0]);

    assert_true(exhaust_memory(read_all, &file) >= 6);
    corpus_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_cfitsio),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_recipes_we_do_not_read),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
