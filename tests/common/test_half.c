/* test_half.c - every float16 and bfloat16 pattern, and floats by the million, against plain
 * arithmetic in double precision; the bulk calls must give the scalar calls' bits. */
#include "support.h"

#include <math.h>

#include "common/half.h"
#include "common/rng.h"

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* By the definition: sign * mantissa * 2^exponent. */
static double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double magnitude = exponent == 31  ? (mantissa ? NAN : INFINITY)
                       : exponent == 0 ? ldexp(mantissa, -24)
                                       : ldexp(1024 + mantissa, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

/* The nearest float16 as a number: scale, round to even, scale back. */
static double nearest_half(double value)
{
    int exponent;
    frexp(value, &exponent);
    int scale = (exponent - 1 < -14 ? -14 : exponent - 1) - 10;
    double rounded = ldexp(nearbyint(ldexp(value, -scale)), scale);
    return fabs(rounded) >= 65536.0 ? copysign(INFINITY, value) : rounded;
}

static void check_from_float(float value)
{
    uint16_t bits = nsky_half_from_float(value);

    assert_int_equal(bits >> 15, signbit(value) != 0);
    if (isnan(value))
        assert_true((bits & 0x7C00) == 0x7C00 && (bits & 0x200)); /* quiet */
    else
        assert_true(half_value(bits) ==
                    (isinf(value) ? (double)value : nearest_half((double)value)));
}

static void test_every_half(void **state)
{
    (void)state;
    static uint16_t in[65536], back[65536];
    static float out[65536];

    for (uint32_t i = 0; i < 65536; i++)
        in[i] = (uint16_t)i;
    nsky_half_to_floats(out, in, 65536);
    nsky_half_from_floats(back, out, 65536);
    for (uint32_t i = 0; i < 65536; i++) {
        float value = nsky_half_to_float((uint16_t)i);
        double expected = half_value((uint16_t)i);
        assert_int_equal(bits_of(value), bits_of(out[i]));
        assert_int_equal(signbit(value) != 0, i >> 15);
        assert_true(isnan(expected) ? isnan(value) : (double)value == expected);
        uint16_t quiet = isnan(expected) ? 0x200 : 0; /* signalling NaNs come back quiet */
        assert_int_equal(back[i], i | quiet);
        assert_int_equal(nsky_half_from_float(value), back[i]);
    }
}

/* Both neighbours of every tie, and the tie. */
static void test_every_tie(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7C00; i++) {
        double tie =
            (half_value((uint16_t)i) + (i == 0x7BFF ? 65536.0 : half_value((uint16_t)(i + 1)))) / 2;
        float at = (float)tie;
        assert_true((double)at == tie); /* a float holds it exactly */
        uint16_t even = (uint16_t)(i + (i & 1));
        assert_int_equal(nsky_half_from_float(at), even);
        assert_int_equal(nsky_half_from_float(nextafterf(at, 0.0f)), i);
        assert_int_equal(nsky_half_from_float(nextafterf(at, INFINITY)), i + 1);
        assert_int_equal(nsky_half_from_float(-at), even | 0x8000);
    }
}

static void test_random_and_special_floats(void **state)
{
    (void)state;
    enum { COUNT = 200003 }; /* no multiple of eight */
    static float in[COUNT];
    static uint16_t out[COUNT];
    nsky_rng rng = nsky_rng_at(1, 0, 0);
    const uint32_t special[] = {0,          0x80000000, 1,          0x80000001, 0x007FFFFF,
                                0x00800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001,
                                0xFF800001, 0x7FC00000, 0x7FFFFFFF, 0xFFFFFFFF, 0x477FEFFF,
                                0x477FF000, 0x33000000, 0x33000001, 0x32FFFFFF, 0x387FFFFF};
    const size_t specials = sizeof special / sizeof *special;

    for (size_t i = 0; i < COUNT; i++) {
        uint32_t bits = nsky_rng_u32(&rng);
        if (i % 2) /* half of them where float16 has numbers */
            bits = (bits & 0x807FFFFF) | (100 + bits % 45) << 23;
        in[i] = float_of(i < specials ? special[i] : bits);
    }
    nsky_half_from_floats(out, in, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        check_from_float(in[i]);
        assert_int_equal(out[i], nsky_half_from_float(in[i]));
    }
}

static void test_bulk_stays_in_bounds(void **state)
{
    (void)state;
    for (size_t count = 0; count < 20; count++) {
        float in[20], back[21];
        uint16_t out[21];
        for (size_t i = 0; i < 20; i++)
            in[i] = (float)i;
        out[count] = 0xBEEF;
        back[count] = 42.0f;
        nsky_half_from_floats(out, in, count);
        nsky_half_to_floats(back, out, count);
        assert_int_equal(out[count], 0xBEEF);
        assert_true(back[count] == 42.0f);
        assert_memory_equal(in, back, count * sizeof *in);
    }
    nsky_half_from_floats(NULL, NULL, 0);
    nsky_half_to_floats(NULL, NULL, 0);
}

static void test_bfloat16(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        float value = nsky_bfloat16_to_float((uint16_t)i);
        assert_int_equal(bits_of(value), i << 16);
        uint16_t expected = (uint16_t)(isnan(value) ? i | 0x40 : i);
        assert_int_equal(nsky_bfloat16_from_float(value), expected);
        if ((i & 0x7F80) == 0x7F80)
            continue;
        uint16_t even = (uint16_t)(i + (i & 1)); /* up to infinity from the largest */
        assert_int_equal(nsky_bfloat16_from_float(float_of(i << 16 | 0x8000)), even);
        assert_int_equal(nsky_bfloat16_from_float(float_of(i << 16 | 0x7FFF)), i);
        assert_int_equal(nsky_bfloat16_from_float(float_of(i << 16 | 0x8001)), i + 1);
    }
    assert_int_equal(nsky_bfloat16_from_float(float_of(0x7F800001)), 0x7FC0); /* not infinity */
    assert_int_equal(nsky_bfloat16_from_float(float_of(0xFFFFFFFF)), 0xFFFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_every_tie),
        cmocka_unit_test(test_random_and_special_floats),
        cmocka_unit_test(test_bulk_stays_in_bounds),
        cmocka_unit_test(test_bfloat16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
