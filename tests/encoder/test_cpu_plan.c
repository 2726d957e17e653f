/* test_cpu_plan.c - memory of a run, and the windows of convolutions as a matrix. Thread rule: one
 * thread. */
#include "tests/common/support.h"

#include "common/rng.h"
#include "encoder/cpu/gather.h"
#include "encoder/cpu/plan.h"

static void check(const nsky_cpu_span *spans, uint32_t count, size_t total)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(spans[i].offset % NSKY_CPU_ALIGNMENT_BYTES, 0);
        assert_true(spans[i].offset + spans[i].bytes <= total);
        for (uint32_t j = 0; j < i; j++)
            if (nsky_cpu_alive_together(&spans[i], &spans[j]))
                assert_false(nsky_cpu_share_bytes(&spans[i], &spans[j]));
    }
}

static void test_chain_needs_two_buffers(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_cpu_span spans[20];
    size_t total;

    for (uint32_t i = 0; i < 20; i++) /* written by step i, read by the next */
        spans[i] = (nsky_cpu_span){.bytes = 1000, .first = i, .last = i + 1};
    assert_ok(nsky_cpu_plan(spans, 20, &total, &err), err);
    check(spans, 20, total);
    assert_int_equal(total, 2048);
}

static void test_random_spans(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 200; seed++) {
        nsky_rng rng = nsky_rng_at(1, 1, seed);
        nsky_error err = NSKY_ERROR_INIT;
        nsky_cpu_span spans[60];
        uint32_t count = nsky_rng_below(&rng, 61);
        size_t total;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t first = nsky_rng_below(&rng, 40);
            uint32_t last = nsky_rng_below(&rng, 5) ? first + nsky_rng_below(&rng, 5) : UINT32_MAX;
            spans[i] = (nsky_cpu_span){nsky_rng_below(&rng, 3000), 0, first, last};
        }
        assert_ok(nsky_cpu_plan(spans, count, &total, &err), err);
        check(spans, count, total);
    }
}

static void test_too_large(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_cpu_span spans[] = {{SIZE_MAX / 2, 0, 0, 0}, {SIZE_MAX / 2 + 2, 0, 1, 1}};
    nsky_cpu_span one = {SIZE_MAX, 0, 0, 0};
    size_t total;

    assert_fails(nsky_cpu_plan(spans, 2, &total, &err), NSKY_ELIMIT, err, "too large");
    assert_fails(nsky_cpu_plan(&one, 1, &total, &err), NSKY_ELIMIT, err, "too large");
}

/* Pixels of two bytes: their number, so that the matrix says where each came from. */
static void gather_one(uint32_t side, uint32_t kernel, uint32_t stride, uint32_t batch)
{
    uint32_t padding = kernel / 2, out_side = (side + 2 * padding - kernel) / stride + 1;
    nsky_cpu_gather gather = {batch, 2, side, side, out_side, out_side, kernel, stride, padding};
    uint16_t *in = calloc((size_t)batch * side * side, sizeof *in);
    size_t count = (size_t)batch * out_side * out_side * kernel * kernel, at = 0;
    uint16_t *out = malloc((count + 1) * sizeof *out);

    assert_true(in && out);
    memset(out, 0xAB, (count + 1) * sizeof *out);
    for (uint32_t i = 0; i < batch * side * side; i++)
        in[i] = (uint16_t)(i + 1);
    nsky_cpu_gather_run(&gather, (const char *)in, (char *)out);
    for (uint32_t n = 0; n < batch; n++)
        for (uint32_t p = 0; p < out_side * out_side; p++)
            for (uint32_t k = 0; k < kernel * kernel; k++) {
                int32_t y = (int32_t)(p / out_side * stride + k / kernel) - (int32_t)padding;
                int32_t x = (int32_t)(p % out_side * stride + k % kernel) - (int32_t)padding;
                bool inside = y >= 0 && y < (int32_t)side && x >= 0 && x < (int32_t)side;
                uint32_t pixel = (n * side + (uint32_t)y) * side + (uint32_t)x;
                assert_int_equal(out[at++], inside ? in[pixel] : 0);
            }
    assert_int_equal(at, count);
    assert_int_equal(out[count], 0xABAB);
    free(in);
    free(out);
}

static void test_gather(void **state)
{
    (void)state;
    for (uint32_t side = 1; side < 9; side++)
        for (uint32_t kernel = 1; kernel < 8; kernel += 2)
            for (uint32_t stride = 1; stride < 4; stride++)
                gather_one(side, kernel, stride, 1 + side % 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_needs_two_buffers),
        cmocka_unit_test(test_random_spans),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_gather),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
