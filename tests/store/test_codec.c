/* test_codec.c - stamps as records: what is kept, what is refused. */
#include "support.h"

#include <float.h>

#include "common/hash.h"
#include "store/bytes.h"
#include "store/codec.h"
#include "store/xxh64.h"

static const nsky_record_info some_info = {5, 6, 7, 0, false};

static void assert_kept(const nsky_stamp *stamp, bool lossless, bool expect_float)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_record_info info;
    const uint8_t *record;
    nsky_codec codec;
    nsky_stamp *out;
    uint32_t bytes, crc;

    nsky_codec_init(&codec);
    assert_ok(nsky_record_encode(&codec, stamp, lossless, &some_info, &record, &bytes, &crc, &err),
              err);
    assert_ok(nsky_record_decode(&codec, record, bytes, &info, &out, &err), err);
    assert_int_equal(info.row, 5);
    assert_int_equal(info.id, 6);
    assert_int_equal(info.pixel_hash, 7);
    assert_int_equal(info.crc, crc);
    assert_int_equal(info.lossless, expect_float);
    for (size_t i = 0; i < (size_t)3 * stamp->width * stamp->height; i++) {
        float a = stamp->pixels[i], b = out->pixels[i];
        bool kept = expect_float ? a == b : a == b || fabsf(a - b) <= fabsf(a) * 0x1p-11f;
        if (!kept && !(isnan(a) && isnan(b)))
            fail_msg("pixel %zu: %g became %g", i, (double)a, (double)b);
    }
    nsky_stamp_free(out);
    nsky_codec_free(&codec);
}

static void test_values(void **state)
{
    static const float odd[] = {0.0f,     -0.0f,   NAN,      1e-30f,   1e30f,    -1e-7f,
                                FLT_MIN,  -1.0f,   65504.0f, 1e-45f,   INFINITY, -INFINITY,
                                -FLT_MAX, FLT_MAX, 3e-5f,    -1.5e-39f};
    (void)state;
    nsky_stamp *stamp = make_stamp(1, 16);

    assert_kept(stamp, false, false);
    assert_kept(stamp, true, true);
    for (int scale = -40; scale <= 30; scale += 10) { /* faint and bright alike fit float16 */
        for (int i = 0; i < 3 * 16 * 16; i++)
            stamp->pixels[i] = ldexpf(1 + (float)i / 768, scale);
        assert_kept(stamp, false, false);
    }
    for (int i = 0; i < 3 * 16 * 16; i++)
        stamp->pixels[i] = (float)i - 300; /* then a few that do not */
    for (int i = 0; i < 16; i++)
        stamp->pixels[100 + i] = isfinite(odd[i]) && fabsf(odd[i]) > 1e6f ? 1e6f : odd[i];
    assert_kept(stamp, false, false);
    stamp->pixels[100] = FLT_MAX; /* the rest is nothing beside it */
    assert_kept(stamp, false, true);
    for (int i = 0; i < 3 * 16 * 16; i++)
        stamp->pixels[i] = odd[i % 16]; /* mostly such that do not */
    assert_kept(stamp, false, true);
    for (int i = 0; i < 3 * 16 * 16; i++)
        stamp->pixels[i] = NAN;
    assert_kept(stamp, false, false);
    memset(stamp->pixels, 0, 3 * 16 * 16 * sizeof(float));
    assert_kept(stamp, false, false);
    for (int i = 0; i < 3 * 16 * 16; i++)
        stamp->pixels[i] = 1e-45f; /* subnormal floats */
    assert_kept(stamp, false, false);
    nsky_stamp_free(stamp);
}

static void test_sizes(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    static const uint32_t sizes[][2] = {{1, 1}, {2, 1}, {1, 512}, {512, 512}, {33, 7}};

    for (size_t i = 0; i < 5; i++) {
        nsky_stamp *stamp;
        nsky_rng rng = nsky_rng_at(3, 0, (uint32_t)i);
        assert_ok(nsky_stamp_new(&stamp, sizes[i][0], sizes[i][1], 0.1f, &err), err);
        nsky_rng_fill_normal(&rng, stamp->pixels, (uint64_t)3 * sizes[i][0] * sizes[i][1]);
        memcpy(stamp->bands, "gri", 4);
        assert_kept(stamp, false, false);
        assert_kept(stamp, true, true);
        nsky_stamp_free(stamp);
    }
}

static void test_hash(void **state)
{
    (void)state;
    assert_true(nsky_xxh64("", 0, 0) == 0xEF46DB3751D8E999u);
    assert_true(nsky_xxh64("abc", 3, 0) == 0x44BC2CF5AD770999u);
    assert_true(nsky_xxh64("Nobody inspects the spammish repetition", 39, 0) ==
                0xFBCEA83C8A378BF1u);
    nsky_stamp *stamp = make_stamp(1, 8);
    uint64_t hash = nsky_stamp_hash(stamp);
    stamp->flags = 3;
    assert_true(nsky_stamp_hash(stamp) == hash);
    stamp->pixels[5] += 1e-3f;
    assert_true(nsky_stamp_hash(stamp) != hash);
    stamp->pixels[5] -= 1e-3f;
    memcpy(stamp->bands, "gri", 4);
    assert_true(nsky_stamp_hash(stamp) != hash);
    nsky_stamp_free(stamp);
}

/* Makes the checksums right again, as someone who means harm would. */
static void sign(uint8_t *record, uint32_t bytes)
{
    nsky_put_u32(record + 44, nsky_crc32(0, record + 64, bytes - 64));
    nsky_put_u32(record + 60, nsky_crc32(0, record, 60));
}

static nsky_status decode(nsky_codec *codec, const uint8_t *record, uint32_t bytes, nsky_error *err)
{
    nsky_record_info info;
    nsky_stamp *out;
    uint8_t *copy = malloc(bytes ? bytes : 1); /* so that a sanitizer sees every byte too far */

    memcpy(copy, record, bytes);
    nsky_status status = nsky_record_decode(codec, copy, bytes, &info, &out, err);
    assert_true((status == NSKY_OK) == (out != NULL));
    nsky_stamp_free(out);
    free(copy);
    return status;
}

static void test_hostile_headers(void **state)
{
    (void)state;
    static const struct {
        uint32_t at, bytes, value;
        const char *word;
    } lies[] = {
        {0, 4, 0, "begins"},           {4, 2, 9, "compressed"},
        {6, 2, 0x7FFF, "scaling"},     {8, 2, 0, "size"},
        {10, 2, 600, "size"},          {8, 2, 17, "another size"},
        {8, 2, 4, "another size"},     {12, 4, 0x7FC00000, "scale"},
        {12, 4, 0xBF800000, "scale"},  {16, 4, 0, "bands"},
        {16, 4, 0x61616161, "bands"},  {40, 4, 0, "length"},
        {40, 4, 0xFFFFFFFF, "length"}, {56, 4, 0xFFFFFFFF, "scaling"},
        {56, 4, 5, "another size"},
    };
    nsky_error err;
    const uint8_t *encoded;
    uint8_t record[8192];
    uint32_t bytes, crc;
    nsky_codec codec;
    nsky_stamp *stamp = make_stamp(1, 16);

    nsky_codec_init(&codec);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        err = (nsky_error)NSKY_ERROR_INIT;
        assert_ok(
            nsky_record_encode(&codec, stamp, false, &some_info, &encoded, &bytes, &crc, &err),
            err);
        assert_true(bytes <= sizeof record);
        memcpy(record, encoded, bytes);
        if (lies[i].bytes == 2)
            nsky_put_u16(record + lies[i].at, (uint16_t)lies[i].value);
        else
            nsky_put_u32(record + lies[i].at, lies[i].value);
        assert_fails(decode(&codec, record, bytes, &err), NSKY_EDATA, err, i ? "header" : "begins");
        sign(record, bytes);
        assert_fails(decode(&codec, record, bytes, &err), NSKY_EDATA, err, lies[i].word);
    }
    nsky_stamp_free(stamp);
    nsky_codec_free(&codec);
}

/* An exception may not point outside the image. */
static void test_hostile_exception(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const uint8_t *encoded;
    uint8_t record[8192];
    uint32_t bytes, crc;
    nsky_codec codec;
    nsky_stamp *stamp = make_stamp(1, 4);

    nsky_codec_init(&codec);
    for (int i = 0; i < 48; i++)
        stamp->pixels[i] = 1;
    stamp->pixels[47] = 1e-30f;
    assert_ok(nsky_record_encode(&codec, stamp, false, &some_info, &encoded, &bytes, &crc, &err),
              err);
    memcpy(record, encoded, bytes);
    assert_int_equal(nsky_get_u32(record + 56), 1);
    bool found = false; /* the index lies open in the frame's literals */
    for (uint32_t i = 64; i + 4 <= bytes && !found; i++) {
        if (nsky_get_u32(record + i) != 47)
            continue;
        nsky_put_u32(record + i, 48);
        found = true;
    }
    assert_true(found);
    sign(record, bytes);
    assert_fails(decode(&codec, record, bytes, &err), NSKY_EDATA, err, "outside");
    nsky_stamp_free(stamp);
    nsky_codec_free(&codec);
}

/* Any damage, signed or not: refused or decoded, never a crash. */
static void test_random_damage(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const uint8_t *encoded;
    uint8_t record[16384], damaged[16384];
    uint32_t bytes, crc;
    nsky_codec codec;
    nsky_stamp *stamp = make_stamp(2, 20);
    nsky_rng rng = nsky_rng_at(11, 0, 0);

    nsky_codec_init(&codec);
    assert_ok(nsky_record_encode(&codec, stamp, true, &some_info, &encoded, &bytes, &crc, &err),
              err);
    assert_true(bytes <= sizeof record);
    memcpy(record, encoded, bytes);
    for (int round = 0; round < 4000; round++) {
        uint32_t length = round % 5 ? bytes : nsky_rng_below(&rng, bytes);
        memcpy(damaged, record, bytes);
        for (uint32_t i = 0; i <= nsky_rng_below(&rng, 4); i++)
            damaged[nsky_rng_below(&rng, bytes)] ^= (uint8_t)(1 + nsky_rng_below(&rng, 255));
        assert_int_equal(decode(&codec, damaged, length, &err), NSKY_EDATA);
        if (length < 64)
            continue;
        nsky_put_u32(damaged + 40, length - 64);
        sign(damaged, length);
        nsky_status status = decode(&codec, damaged, length, &err);
        assert_true(status == NSKY_OK || status == NSKY_EDATA);
    }
    nsky_stamp_free(stamp);
    nsky_codec_free(&codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_hostile_exception),
        cmocka_unit_test(test_random_damage),
    };
    return cmocka_run_group_tests_name("store.codec", tests, NULL, NULL);
}
