/* test_rice.c - the Rice decoder on streams made by hand, and on noise. */
#include "fits/rice.h"
#include "support.h"

/* Writes bits, topmost first. */
typedef struct pen {
    uint8_t bytes[4096];
    size_t bits;
} pen;

static void put(pen *p, uint32_t value, int count)
{
    for (int i = count - 1; i >= 0; i--, p->bits++)
        if (value >> i & 1)
            p->bytes[p->bits / 8] |= (uint8_t)(0x80 >> p->bits % 8);
}

static void put_unary(pen *p, uint32_t zeros, uint32_t fs, uint32_t low)
{
    for (uint32_t i = 0; i < zeros; i++)
        put(p, 0, 1);
    put(p, 1, 1);
    put(p, low, (int)fs);
}

static void test_the_three_kinds_of_block(void **state)
{
    (void)state;
    static const uint32_t widths[] = {1, 2, 4};

    for (int w = 0; w < 3; w++) {
        uint32_t bits = 8 * widths[w], out[12] = {0};
        int code_bits = w == 0 ? 3 : w == 1 ? 4 : 5;
        uint32_t raw = w == 0 ? 7 : w == 1 ? 15 : 26;
        pen p = {0};
        put(&p, 100, (int)bits); /* the first pixel, coded again as a difference of 0 */
        put(&p, 0, code_bits);   /* block 1: nothing changes */
        put(&p, 3, code_bits);   /* block 2: two low bits */
        put_unary(&p, 0, 2, 2);  /* folded 2 = +1 */
        put_unary(&p, 2, 2, 1);  /* folded 9 = -5 */
        put_unary(&p, 40, 2, 0); /* folded 160 = +80 */
        put(&p, raw, code_bits); /* block 3: as they are */
        put(&p, 1, (int)bits);   /* folded 1 = -1 */
        put(&p, 0, (int)bits);
        assert_true(nsky_rice_decode(p.bytes, (p.bits + 7) / 8, widths[w], 3, out, 8));
        const uint32_t expected[8] = {100, 100, 100, 101, 96, 176, 175, 175};
        assert_memory_equal(out, expected, sizeof expected);
    }
}

static void test_differences_wrap(void **state)
{
    (void)state;
    pen p = {0};
    uint32_t out[2];

    put(&p, 0xffff, 16);
    put(&p, 15, 4);
    put(&p, 2, 16); /* +1 */
    put(&p, 1, 16); /* -1 */
    assert_true(nsky_rice_decode(p.bytes, (p.bits + 7) / 8, 2, 32, out, 2));
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 0xffff);
}

/* Whatever the bytes, decoding ends, inside the buffers; what is cut short says so. */
static void test_noise(void **state)
{
    (void)state;
    static const uint32_t widths[] = {1, 2, 4};
    uint64_t seed = 12345;

    for (int round = 0; round < 3000; round++) {
        size_t bytes = (size_t)(round % 97);
        uint8_t *noise = malloc(bytes ? bytes : 1); /* exact, so that a sanitizer sees overruns */
        uint32_t *out = malloc(200 * sizeof *out);
        assert_true(noise && out);
        for (size_t i = 0; i < bytes; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            noise[i] = round % 3 == 0 ? 0 : (uint8_t)(seed >> 40 & seed >> 50);
        }
        uint32_t block = 1 + (uint32_t)(seed >> 60);
        bool whole = nsky_rice_decode(noise, bytes, widths[round % 3], block, out, 200);
        if (bytes < 4)
            assert_false(whole);
        free(out);
        free(noise);
    }
    assert_false(nsky_rice_decode((const uint8_t *)"", 0, 4, 32, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_three_kinds_of_block),
        cmocka_unit_test(test_differences_wrap),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
