/* test_cuda_train_kernels.c - the card's kernels of training but for batch norms, compiled for the
 * host, against plain sums in double: residual sums, pooling backwards, products, orders.
 * Thread rule: one thread. */
#include "tests/encoder/train_rows.h"

/* --- residual sums --- */

static void test_sums_of_rows(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 8; k++) {
        bool exact = k & 1, relu = k & 2, more = k & 4;
        const uint32_t channels = 11;
        const size_t count = 37;
        nsky_rows a = rows_random(count, channels, exact, 0, 1);
        nsky_rows b = rows_random(count, channels, exact, 0, 1);
        nsky_rows y = rows_new(count, channels, exact), none = {.at = NULL};
        nsky_rows dy = rows_random(count, channels, exact, 0, 1);
        nsky_rows da = rows_random(count, channels, exact, 0, 1), before = copy_of(&da);
        nsky_rows db = rows_new(count, channels, exact);
        float *bias = floats_random(channels, 0, 1);
        const nsky_sum_args sum = {.a = a, .b = b, .y = y, .relu = relu};
        const nsky_sum_back_args back = {
            .y = relu ? y : none, .dy = dy, .da = da, .db = db, .more_da = more};
        RUN(sum, sum);
        RUN(sum_back, back);
        for (size_t row = 0; row < count; row++)
            for (uint32_t c = 0; c < channels; c++) {
                double want = at(&a, row, c) + at(&b, row, c);
                double g = relu && want <= 0 ? 0 : at(&dy, row, c);
                check(&y, row, c, relu && want < 0 ? 0 : want, 0);
                check(&da, row, c, g + (more ? at(&before, row, c) : 0), 0);
                check(&db, row, c, g, 0);
            }
        check_padding(&y);
        check_padding(&db);
        const nsky_sum_args shift = {.a = a, .y = a, .bias = bias}; /* in place */
        nsky_rows old = copy_of(&a);
        RUN(sum, shift);
        for (size_t row = 0; row < count; row++)
            for (uint32_t c = 0; c < channels; c++)
                check(&a, row, c, at(&old, row, c) + bias[c], 0);
        check_padding(&a);
        void *blocks[] = {a.at, b.at, y.at, dy.at, da.at, before.at, db.at, old.at, bias};
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
            free(blocks[i]);
    }
}

/* --- pooling --- */

/* The first of equals gets it all: values of a few kinds only, so that there are equals. */
static void maxpool(uint32_t images, uint32_t channels, uint32_t h, uint32_t w, bool more)
{
    uint32_t oh = (h - 1) / 2 + 1, ow = (w - 1) / 2 + 1;
    nsky_rows x = rows_new((size_t)images * h * w, channels, false);
    nsky_rows dy = rows_random((size_t)images * oh * ow, channels, false, 0, 1);
    nsky_rows dx = rows_random(x.count, channels, false, 0, 1), before = copy_of(&dx);
    double *want = calloc(x.count * channels, sizeof *want);

    for (size_t row = 0; row < x.count; row++)
        for (uint32_t c = 0; c < x.room; c++)
            put(&x, row, c, c < channels ? (float)nsky_rng_below(&rng, 4) - 2 : 0);
    for (size_t n = 0; n < images; n++)
        for (uint32_t oy = 0; oy < oh; oy++)
            for (uint32_t ox = 0; ox < ow; ox++)
                for (uint32_t c = 0; c < channels; c++) {
                    size_t best = SIZE_MAX;
                    for (int64_t y = 2 * (int64_t)oy - 1; y <= 2 * (int64_t)oy + 1; y++)
                        for (int64_t u = 2 * (int64_t)ox - 1; u <= 2 * (int64_t)ox + 1; u++) {
                            if (y < 0 || u < 0 || y >= h || u >= w)
                                continue;
                            size_t row = (n * h + (size_t)y) * w + (size_t)u;
                            if (best == SIZE_MAX || at(&x, row, c) > at(&x, best, c))
                                best = row;
                        }
                    want[best * channels + c] += at(&dy, (n * oh + oy) * ow + ox, c);
                }
    const nsky_maxpool_back_args args = {.x = x.at,
                                         .dy = dy.at,
                                         .dx = dx.at,
                                         .images = images,
                                         .eights = x.room / 8,
                                         .in_height = h,
                                         .in_width = w,
                                         .out_height = oh,
                                         .out_width = ow,
                                         .more = more};
    RUN(maxpool_back, args);
    for (size_t row = 0; row < x.count; row++)
        for (uint32_t c = 0; c < channels; c++)
            check(&dx, row, c, want[row * channels + c] + (more ? at(&before, row, c) : 0), 0);
    free(x.at);
    free(dy.at);
    free(dx.at);
    free(before.at);
    free(want);
}

static void test_maxpool(void **state)
{
    (void)state;
    maxpool(2, 8, 12, 12, false);
    maxpool(3, 5, 7, 9, true);
    maxpool(1, 16, 1, 1, false);
    maxpool(2, 3, 2, 5, true);
    maxpool(1, 70, 48, 48, false);
}

static void test_avgpool(void **state)
{
    (void)state;
    for (uint32_t more = 0; more < 2; more++) {
        nsky_rows dx = rows_random((size_t)6 * 9, 21, false, 0, 1), before = copy_of(&dx);
        float *dy = floats_random((size_t)6 * 21, 0, 1);
        const nsky_avgpool_back_args args = {.dy = dy, .dx = dx, .pixels = 9, .more = more};
        RUN(avgpool_back, args);
        for (size_t row = 0; row < dx.count; row++)
            for (uint32_t c = 0; c < 21; c++)
                check(&dx, row, c, dy[row / 9 * 21 + c] / 9.0 + (more ? at(&before, row, c) : 0),
                      0);
        check_padding(&dx);
        free(dx.at);
        free(before.at);
        free(dy);
    }
}

/* --- products --- */

static void product(uint32_t m, uint32_t n, uint32_t k, bool a_turned, bool b_turned,
                    uint32_t splits, bool bias)
{
    float *a = floats_random((size_t)m * k, 0, 1), *b = floats_random((size_t)n * k, 0, 1);
    float *parts = floats_random((size_t)splits * m * n, NAN, 0), *shift = floats_random(n, 0, 1);
    float *out = floats_random((size_t)m * n, 2, 0);
    const nsky_matrix_args args = {.a = a,
                                   .b = b,
                                   .bias = bias ? shift : NULL,
                                   .out = parts,
                                   .m = m,
                                   .n = n,
                                   .k = k,
                                   .splits = splits,
                                   .a_row = a_turned ? 1 : k,
                                   .a_column = a_turned ? m : 1,
                                   .b_row = b_turned ? 1 : n,
                                   .b_column = b_turned ? k : 1};
    const nsky_fold_args fold = {
        .in = parts, .out = out, .count = (size_t)m * n, .parts = splits, .more = bias};

    RUN(matrix, args);
    RUN(fold, fold);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double want = bias ? 2.0 + shift[j] : 0, size = 3;
            for (size_t l = 0; l < k; l++) {
                double term = (double)a[a_turned ? l * m + i : i * k + l] *
                              b[b_turned ? j * k + l : l * n + j];
                want += term;
                size += fabs(term);
            }
            near(out[i * n + j], want, size, "product");
        }
    free(a);
    free(b);
    free(parts);
    free(shift);
    free(out);
}

static void test_products(void **state)
{
    (void)state;
    product(1, 1, 1, false, false, 1, true);
    product(64, 64, 16, false, true, 1, false);
    product(65, 130, 37, false, false, 1, true);
    product(8, 100, 129, true, false, 1, false);
    product(33, 7, 1000, false, false, 9, false);
    product(3, 5, 5, true, true, 4, false); /* the last parts have nothing */
    product(128, 16, 2000, true, false, 16, false);
}

/* --- orders --- */

static void test_orders(void **state)
{
    (void)state;
    const uint32_t images = 3, channels = 11, pixels = 20;
    size_t count = (size_t)images * channels * pixels;
    float *in = floats_random(count, 0, 1), *out = floats_random(count, NAN, 0);

    for (int exact = 0; exact < 2; exact++) {
        nsky_rows r = rows_new((size_t)images * pixels, channels, exact);
        const nsky_order_args order = {.in = in, .out = r, .pixels = pixels};
        const nsky_unorder_args unorder = {.in = r, .out = out, .pixels = pixels};
        RUN(order, order);
        RUN(unorder, unorder);
        check_padding(&r);
        for (size_t n = 0; n < images; n++)
            for (uint32_t c = 0; c < channels; c++)
                for (size_t p = 0; p < pixels; p++) {
                    size_t i = (n * channels + c) * pixels + p;
                    check(&r, n * pixels + p, c, in[i], 0);
                    assert_true(out[i] == (float)at(&r, n * pixels + p, c));
                }
        free(r.at);
    }
    free(in);
    free(out);
}

static void test_weights(void **state)
{
    (void)state;
    const uint32_t outs = 13, ins = 3, taps = 9;
    float *in = floats_random((size_t)outs * ins * taps, 0, 1);
    float *back = floats_random((size_t)outs * ins * taps, NAN, 0);
    nsky_rows ordered = rows_new((size_t)16 * taps, ins, false);
    const nsky_weight_args weight = {
        .in = in, .out = ordered.at, .out_channels = outs, .in_channels = ins, .taps = taps};
    const nsky_unweight_args unweight = {
        .in = ordered.at, .out = back, .out_channels = outs, .in_channels = ins, .taps = taps};

    RUN(weight, weight);
    RUN(unweight, unweight);
    check_padding(&ordered);
    for (size_t o = 0; o < 16; o++)
        for (uint32_t c = 0; c < ins; c++)
            for (size_t t = 0; t < taps; t++) {
                double value = at(&ordered, o * taps + t, c);
                if (o >= outs)
                    assert_true(value == 0);
                else
                    check(&ordered, o * taps + t, c, in[(o * ins + c) * taps + t], 0);
                if (o < outs)
                    assert_true(back[(o * ins + c) * taps + t] == (float)value);
            }
    free(in);
    free(back);
    free(ordered.at);
}

static void test_fills(void **state)
{
    (void)state;
    float out[5] = {1, 1, 1, 1, 1};
    const nsky_fill_args args = {.out = out, .count = 4, .value = -2};
    const nsky_fill_args none = {.out = NULL, .count = 0};

    RUN(fill, args);
    RUN(fill, none);
    assert_true(out[0] == -2 && out[3] == -2 && out[4] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_of_rows), cmocka_unit_test(test_maxpool),
        cmocka_unit_test(test_avgpool),      cmocka_unit_test(test_products),
        cmocka_unit_test(test_orders),       cmocka_unit_test(test_weights),
        cmocka_unit_test(test_fills),
    };
    return cmocka_run_group_tests(tests, setup, close_device);
}
