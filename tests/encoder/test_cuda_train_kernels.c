/* test_cuda_train_kernels.c - the card's kernels of training, compiled for the host, against plain
 * sums in double over the same numbers: shapes that fill no block, padded channels, one row, a
 * mean far from zero. Outputs are NaN before. Thread rule: one thread. */
#include "tests/common/support.h"

#include <math.h>

#include "common/rng.h"
#include "encoder/cuda/device.h"
#include "encoder/cuda/kernel_norm.h"
#include "encoder/train/graph.h"

static nsky_dev *dev;
static void *stream;
static nsky_rng rng;

static int setup(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    (void)state;
    assert_ok(nsky_dev_open(&dev, &err), err);
    stream = nsky_dev_stream(dev, NSKY_STREAM_COMPUTE);
    rng = nsky_rng_at(2026, 11, 30);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nsky_dev_close(dev);
    return 0;
}

#define RUN(name, args)                                                  \
    do {                                                                 \
        nsky_error err_ = NSKY_ERROR_INIT;                               \
        assert_int_equal(nsky_launch_##name(&(args), stream), 0);        \
        assert_ok(nsky_dev_sync(dev, NSKY_STREAM_COMPUTE, &err_), err_); \
    } while (0)

/* --- rows and their numbers --- */

static nsky_rows rows_new(size_t count, uint32_t channels, bool exact)
{
    nsky_rows r = {.count = count,
                   .channels = channels,
                   .room = exact ? channels : (channels + 7) / 8 * 8,
                   .exact = exact};
    size_t bytes = count * r.room * (exact ? 4 : 2);

    r.at = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(r.at);
    memset(r.at, 0xff, bytes);
    return r;
}

static double at(const nsky_rows *r, size_t row, uint32_t c)
{
    size_t i = row * r->room + c;
    return r->exact ? ((const float *)r->at)[i]
                    : nsky_float_of(NSKY_NUMBER_BF16, ((const uint16_t *)r->at)[i]);
}

static void put(const nsky_rows *r, size_t row, uint32_t c, float value)
{
    size_t i = row * r->room + c;
    if (r->exact)
        ((float *)r->at)[i] = value;
    else
        ((uint16_t *)r->at)[i] = nsky_number_of(NSKY_NUMBER_BF16, value);
}

static nsky_rows rows_random(size_t count, uint32_t channels, bool exact, double mean, double sigma)
{
    nsky_rows r = rows_new(count, channels, exact);

    for (size_t row = 0; row < count; row++)
        for (uint32_t c = 0; c < r.room; c++)
            put(&r, row, c, c < channels ? (float)(mean + sigma * nsky_rng_normal(&rng)) : 0);
    return r;
}

static float *floats_random(size_t count, double mean, double sigma)
{
    float *out = malloc((count + 1) * sizeof *out);

    assert_non_null(out);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(mean + sigma * nsky_rng_normal(&rng));
    return out;
}

/* Half a last place of bf16, or what float32 sums lose. */
static void check(const nsky_rows *r, size_t row, uint32_t c, double want, double magnitude)
{
    double allowed = (r->exact ? 2e-5 : 0x1p-8 + 1e-4) * fabs(want) + 2e-5 * magnitude + 1e-30;

    if (!(fabs(at(r, row, c) - want) <= allowed))
        fail_msg("row %zu channel %u of %zu x %u: %g, not %g", row, c, r->count, r->channels,
                 at(r, row, c), want);
}

static void check_padding(const nsky_rows *r)
{
    for (size_t row = 0; row < r->count; row++)
        for (uint32_t c = r->channels; c < r->room; c++)
            assert_true(at(r, row, c) == 0);
}

static void near(double got, double want, double magnitude, const char *what)
{
    if (!(fabs(got - want) <= 3e-6 * fabs(want) + 2e-6 * magnitude + 1e-30))
        fail_msg("%s: %.9g, not %.9g", what, got, want);
}

/* --- batch norms --- */

typedef struct norm_case {
    size_t rows;
    uint32_t channels;
    bool exact, relu, add, more;
    double mean;
} norm_case;

static const norm_case norms[] = {
    {1, 8, false, true, false, false, 0},      {2, 5, true, true, false, true, 1},
    {7, 13, false, false, true, false, 0},     {300, 3, false, true, true, true, -2},
    {2049, 64, false, true, true, false, 0.3}, {513, 264, false, true, false, true, 5},
    {96, 2048, false, true, true, true, 0},    {256, 512, true, true, false, false, 0},
    {31, 300, true, false, true, true, 100},   {140000, 8, false, true, false, false, 3},
};

typedef struct norm_data {
    norm_case how;
    nsky_rows x, add, y, dy, dx, d_add, dx_before, d_add_before;
    float *stats, *inverse, *weight, *bias, *d_weight, *d_bias;
    double *mean, *sigma; /* [channels] in double */
} norm_data;

static nsky_rows copy_of(const nsky_rows *r)
{
    nsky_rows out = rows_new(r->count, r->channels, r->exact);
    memcpy(out.at, r->at, r->count * r->room * (r->exact ? 4 : 2));
    return out;
}

static void forward(norm_data *d)
{
    const norm_case *k = &d->how;
    nsky_chunks chunks = nsky_chunks_of(k->rows, k->channels);
    float *sums = malloc((size_t)chunks.count * 2 * k->channels * sizeof *sums);

    assert_true(chunks.count > 0 && chunks.count <= NSKY_SUM_CHUNKS_MAX);
    assert_true(chunks.count * chunks.rows >= k->rows &&
                (chunks.count - 1) * chunks.rows < k->rows);
    const nsky_norm_sums_args sum = {.x = d->x, .chunks = chunks, .sums = sums};
    const nsky_norm_settle_args settle = {.sums = sums,
                                          .chunks = chunks,
                                          .rows = k->rows,
                                          .channels = k->channels,
                                          .epsilon = NSKY_TRAIN_EPSILON,
                                          .stats = d->stats,
                                          .inverse = d->inverse};
    const nsky_norm_args norm = {.x = d->x,
                                 .add = d->add,
                                 .y = d->y,
                                 .mean = d->stats,
                                 .inverse = d->inverse,
                                 .weight = d->weight,
                                 .bias = d->bias,
                                 .relu = k->relu};
    RUN(norm_sums, sum);
    RUN(norm_settle, settle);
    RUN(norm, norm);
    free(sums);
}

static void check_forward(norm_data *d)
{
    const norm_case *k = &d->how;
    double n = (double)k->rows;

    for (uint32_t c = 0; c < k->channels; c++) {
        double sum = 0, squares = 0;
        for (size_t row = 0; row < k->rows; row++)
            sum += at(&d->x, row, c);
        for (size_t row = 0; row < k->rows; row++)
            squares += pow(at(&d->x, row, c) - sum / n, 2);
        d->mean[c] = sum / n;
        d->sigma[c] = sqrt(squares / n + NSKY_TRAIN_EPSILON);
        near(d->stats[c], sum / n, 1, "mean");
        near(d->stats[k->channels + c], squares / (n > 1 ? n - 1 : 1), 0.3, "variance");
        near(d->inverse[c], 1 / d->sigma[c], 1 / d->sigma[c], "1 / sigma");
        for (size_t row = 0; row < k->rows; row++) {
            double normal = (at(&d->x, row, c) - d->mean[c]) / d->sigma[c];
            double want = normal * d->weight[c] + d->bias[c] + (k->add ? at(&d->add, row, c) : 0);
            check(&d->y, row, c, k->relu && want < 0 ? 0 : want, 10 + fabs(k->mean));
        }
    }
    check_padding(&d->y);
}

static void backward(norm_data *d)
{
    const norm_case *k = &d->how;
    nsky_chunks chunks = nsky_chunks_of(k->rows, k->channels);
    float *sums = malloc((size_t)chunks.count * 2 * k->channels * sizeof *sums);
    const nsky_rows none = {.at = NULL};
    const nsky_back_sums_args sum = {.x = d->x,
                                     .y = k->relu ? d->y : none,
                                     .dy = d->dy,
                                     .mean = d->stats,
                                     .inverse = d->inverse,
                                     .chunks = chunks,
                                     .sums = sums};
    const nsky_back_settle_args settle = {.sums = sums,
                                          .chunks = chunks,
                                          .channels = k->channels,
                                          .d_weight = d->d_weight,
                                          .d_bias = d->d_bias};
    const nsky_norm_back_args back = {.x = d->x,
                                      .y = k->relu ? d->y : none,
                                      .dy = d->dy,
                                      .dx = d->dx,
                                      .d_add = k->add ? d->d_add : none,
                                      .mean = d->stats,
                                      .inverse = d->inverse,
                                      .weight = d->weight,
                                      .d_weight = d->d_weight,
                                      .d_bias = d->d_bias,
                                      .more_dx = k->more,
                                      .more_d_add = k->more};
    RUN(back_sums, sum);
    RUN(back_settle, settle);
    RUN(norm_back, back);
    free(sums);
}

static void check_backward(norm_data *d)
{
    const norm_case *k = &d->how;
    double n = (double)k->rows;

    for (uint32_t c = 0; c < k->channels; c++) {
        double shift = 0, scale = 0, size = 0;
        for (size_t row = 0; row < k->rows; row++) {
            double g = k->relu && at(&d->y, row, c) <= 0 ? 0 : at(&d->dy, row, c);
            double normal = (at(&d->x, row, c) - d->mean[c]) / d->sigma[c];
            shift += g;
            scale += g * normal;
            size += fabs(g) * (1 + fabs(normal));
        }
        near(d->d_bias[c], shift, size, "derivative by the bias");
        near(d->d_weight[c], scale, size * (1 + fabs(k->mean)), "derivative by the weight");
        for (size_t row = 0; row < k->rows; row++) {
            double g = k->relu && at(&d->y, row, c) <= 0 ? 0 : at(&d->dy, row, c);
            double normal = (at(&d->x, row, c) - d->mean[c]) / d->sigma[c];
            double want = d->weight[c] / d->sigma[c] * (g - shift / n - normal * scale / n);
            double there = k->more ? at(&d->dx_before, row, c) : 0;
            check(&d->dx, row, c, want + there,
                  10 * (1 + fabs(k->mean)) * (1 + fabs(d->weight[c]) / d->sigma[c]));
            if (k->add)
                check(&d->d_add, row, c, g + (k->more ? at(&d->d_add_before, row, c) : 0), 0);
        }
    }
    check_padding(&d->dx);
}

static void test_norms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
        const norm_case *k = &norms[i];
        norm_data d = {.how = *k};
        size_t c = k->channels;
        d.x = rows_random(k->rows, k->channels, k->exact, k->mean, 1);
        d.y = rows_new(k->rows, k->channels, k->exact);
        d.dy = rows_random(k->rows, k->channels, k->exact, 0.1, 1);
        d.dx = k->more ? rows_random(k->rows, k->channels, k->exact, 0, 1)
                       : rows_new(k->rows, k->channels, k->exact);
        d.dx_before = copy_of(&d.dx);
        if (k->add) {
            d.add = rows_random(k->rows, k->channels, k->exact, 0, 1);
            d.d_add = k->more ? rows_random(k->rows, k->channels, k->exact, 0, 1)
                              : rows_new(k->rows, k->channels, k->exact);
            d.d_add_before = copy_of(&d.d_add);
        }
        d.stats = floats_random(2 * c, NAN, 0);
        d.inverse = floats_random(c, NAN, 0);
        d.weight = floats_random(c, 1, 0.3);
        d.bias = floats_random(c, 0, 0.3);
        d.d_weight = floats_random(c, NAN, 0);
        d.d_bias = floats_random(c, NAN, 0);
        d.mean = malloc(c * sizeof *d.mean);
        d.sigma = malloc(c * sizeof *d.sigma);
        forward(&d);
        check_forward(&d);
        backward(&d);
        check_backward(&d);
        void *blocks[] = {d.x.at,     d.y.at,     d.dy.at,        d.dx.at,
                          d.add.at,   d.d_add.at, d.dx_before.at, d.d_add_before.at,
                          d.stats,    d.inverse,  d.weight,       d.bias,
                          d.d_weight, d.d_bias,   d.mean,         d.sigma};
        for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++)
            free(blocks[b]);
    }
}

/* Derivatives by the bias of a convolution: sums alone. */
static void test_sums_of_columns(void **state)
{
    (void)state;
    nsky_rows dy = rows_random(1000, 19, false, 0.5, 1);
    nsky_chunks chunks = nsky_chunks_of(1000, 19);
    float sums[NSKY_SUM_CHUNKS_MAX * 2 * 19], bias[19];
    const nsky_back_sums_args sum = {.dy = dy, .chunks = chunks, .sums = sums};
    const nsky_back_settle_args settle = {
        .sums = sums, .chunks = chunks, .channels = 19, .d_bias = bias};

    RUN(back_sums, sum);
    RUN(back_settle, settle);
    for (uint32_t c = 0; c < 19; c++) {
        double want = 0;
        for (size_t row = 0; row < 1000; row++)
            want += at(&dy, row, c);
        near(bias[c], want, 1000, "sum");
    }
    free(dy.at);
}

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
        cmocka_unit_test(test_norms),        cmocka_unit_test(test_sums_of_columns),
        cmocka_unit_test(test_sums_of_rows), cmocka_unit_test(test_maxpool),
        cmocka_unit_test(test_avgpool),      cmocka_unit_test(test_products),
        cmocka_unit_test(test_orders),       cmocka_unit_test(test_weights),
        cmocka_unit_test(test_fills),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
