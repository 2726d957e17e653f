/* test_cuda_norm_kernels.c - the card's batch norms, compiled for the host, against plain sums in
 * double over the same numbers: shapes that fill no block, padded channels, one row, a mean far
 * from zero. Thread rule: one thread. */
#include "tests/encoder/train_rows.h"

#include "encoder/train/graph.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_sums_of_columns),
    };
    return cmocka_run_group_tests(tests, setup, close_device);
}
