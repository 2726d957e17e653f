/* test_rank.c - ranking everything through the codes against scoring everything. */
#include "tests/common/support.h"

#include <math.h>

#include "common/half.h"
#include "common/rng.h"
#include "index/lists_build.h"
#include "index/rank_lists.h"

#define DIM 72
#define ROWS 24000
#define LISTED (ROWS - 500) /* the rest came after the lists were made */
#define PADDED 80

static nsky_error err = NSKY_ERROR_INIT;

typedef struct survey {
    uint16_t *vectors;
    nsky_scan scan;
    nsky_lists lists;
    nsky_ranker ranker;
    char path[sizeof test_directory + 16];
} survey;

static void put_row(uint16_t *out, const double *x)
{
    double square = 0;
    for (uint32_t d = 0; d < DIM; d++)
        square += x[d] * x[d];
    for (uint32_t d = 0; d < DIM; d++)
        out[d] = nsky_half_from_float((float)(x[d] / sqrt(square)));
}

/* Clusters in few dimensions and noise in all; every 401st row blank, every 97th a copy of one, one
 * of those that came after the lists damaged. */
static void fill(uint16_t *vectors, uint32_t clusters, double noise)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_rng rng = nsky_rng_at(31, clusters, row);
        nsky_rng centre = nsky_rng_at(32, clusters, clusters ? row * 7919u % clusters : row);
        double x[DIM];
        for (uint32_t d = 0; d < DIM; d++)
            x[d] = nsky_rng_normal(&centre) / (1 + d / 8) + noise * nsky_rng_normal(&rng);
        put_row(vectors + (size_t)row * DIM, x);
        if (row % 97 == 96)
            memcpy(vectors + (size_t)row * DIM, vectors + 50 * DIM, DIM * sizeof *vectors);
        if (row % 401 == 400)
            memset(vectors + (size_t)row * DIM, 0, DIM * sizeof *vectors);
        if (row == ROWS - 3)
            vectors[(size_t)row * DIM + 5] = 0x7e00; /* not a number */
    }
}

static survey *shared; /* 50 clusters, 48 dimensions at 4 bits: most tests' */

static survey *open_survey(uint32_t clusters, double noise, uint32_t coded, uint32_t bits)
{
    survey *s = nsky_alloc_zero(1, sizeof *s, &err);
    assert_non_null(s);
    s->vectors = nsky_alloc(ROWS, DIM * sizeof *s->vectors, &err);
    assert_non_null(s->vectors);
    fill(s->vectors, clusters, noise);
    char name[32]; /* two surveys of one name would be taken for one */
    snprintf(name, sizeof name, "%u %g", clusters, noise);
    const nsky_lists_job job = {.folder = test_directory,
                                .vectors = {s->vectors, LISTED, DIM, NSKY_VECTOR_FLOAT16},
                                .coded = coded,
                                .bits = bits,
                                .lists = 61,
                                .sample_rows = 4000,
                                .vectors_name = name,
                                .segment_rows = 4 * NSKY_SEGMENT_BATCH,
                                .merge_bytes = 1 << 22,
                                .threads = 2};
    if (nsky_lists_build(&job, &err) != NSKY_OK ||
        nsky_lists_open(&s->lists, test_directory, LISTED, DIM, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    snprintf(s->path, sizeof s->path, "%s/vectors.f16", test_directory);
    assert_int_equal(nsky_file_write(s->path, s->vectors, (size_t)ROWS * DIM * 2, &err), NSKY_OK);
    s->scan = (nsky_scan){.vectors = {s->vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16}};
    if (nsky_ranker_open(&s->ranker, &s->lists, &s->scan, s->path, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    return s;
}

static void close_survey(survey *s)
{
    nsky_ranker_close(&s->ranker);
    nsky_lists_close(&s->lists);
    nsky_free(s->vectors);
    nsky_free(s);
}

typedef struct probe {
    float weights[PADDED], bias;
    const uint8_t *allowed;
    uint64_t matching;
    uint32_t k;
} probe;

/* What a row scores in float64; NaN for rows that cannot be hits. */
static double exact(const survey *s, const probe *p, uint32_t row)
{
    const uint16_t *x = s->vectors + (size_t)row * DIM;
    double sum = 0;
    bool blank = true;
    if (p->allowed && !(p->allowed[row >> 3] >> (row & 7) & 1))
        return NAN;
    for (uint32_t d = 0; d < DIM; d++) {
        blank = blank && !(x[d] & 0x7fff);
        sum += (double)p->weights[d] * (double)nsky_half_to_float(x[d]);
    }
    return blank ? NAN : sum + (double)p->bias;
}

/* Scores are those of float64 to their rounding, and no row that is left out scores more. */
static void check_exactly(const survey *s, const probe *p, const nsky_topk *topk)
{
    double square = 0, worst = INFINITY;
    uint8_t *listed = nsky_alloc_zero(ROWS, 1, &err);
    for (uint32_t d = 0; d < DIM; d++)
        square += (double)p->weights[d] * (double)p->weights[d];
    /* products in sixteen lanes, the tree and the bias: DIM / 16 + 6 roundings of 2^-24 */
    const double off = (DIM / 16.0 + 7) * 0x1p-24 * (1.01 * sqrt(square) + fabs((double)p->bias));
    for (uint32_t i = 0; i < topk->count; i++) {
        const double score = exact(s, p, (uint32_t)topk->hits[i].row);
        assert_true(fabs(score - (double)topk->hits[i].similarity) <= off);
        worst = fmin(worst, score);
        listed[topk->hits[i].row] = 1;
    }
    for (uint32_t row = 0; row < ROWS; row++)
        assert_false(!listed[row] && topk->count == topk->k && exact(s, p, row) > worst + 2 * off);
    nsky_free(listed);
}

/* The same rows with the same bits as the scan of all vectors; says how each was found. */
static void check(const survey *s, const probe *probes, uint32_t count, nsky_rank_query *queries)
{
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        for (uint32_t q = 0; q < count; q++) {
            queries[q] = (nsky_rank_query){.weights = probes[q].weights,
                                           .bias = probes[q].bias,
                                           .allowed = probes[q].allowed,
                                           .matching = probes[q].matching,
                                           .topk = {NULL, probes[q].k, 0}};
            queries[q].topk.hits = nsky_alloc(probes[q].k, sizeof(nsky_hit), &err);
        }
        if (nsky_ranker_run(&s->ranker, queries, count, threads, &err) != NSKY_OK)
            fail_msg("%s", err.text);
        for (uint32_t q = 0; q < count; q++) {
            nsky_topk expected = {nsky_alloc(probes[q].k, sizeof(nsky_hit), &err), probes[q].k, 0};
            const nsky_linear_scan linear = {.weights = probes[q].weights,
                                             .bias = &probes[q].bias,
                                             .allowed = &probes[q].allowed,
                                             .count = 1,
                                             .rows = ROWS,
                                             .topks = &expected};
            assert_int_equal(nsky_scan_linear(&s->scan, &linear, &err), NSKY_OK);
            assert_int_equal(queries[q].topk.count, expected.count);
            for (uint32_t i = 0; i < expected.count; i++) {
                assert_int_equal(queries[q].topk.hits[i].row, expected.hits[i].row);
                assert_memory_equal(&queries[q].topk.hits[i].similarity,
                                    &expected.hits[i].similarity, sizeof(float));
            }
            if (threads == 1)
                check_exactly(s, &probes[q], &queries[q].topk);
            nsky_free(expected.hits);
            nsky_free(queries[q].topk.hits);
        }
    }
}

static void random_probe(probe *out, uint32_t stream, uint32_t k)
{
    nsky_rng rng = nsky_rng_at(77, stream, 0);
    *out = (probe){.k = k, .bias = (float)nsky_rng_normal(&rng), .matching = ROWS};
    for (uint32_t d = 0; d < DIM; d++)
        out->weights[d] = (float)(3 * nsky_rng_normal(&rng));
}

static void many_probes(const survey *s, bool coded)
{
    probe probes[16];
    nsky_rank_query queries[16];
    uint32_t by_codes = 0, rescored = 0;
    for (uint32_t q = 0; q < 16; q++)
        random_probe(&probes[q], q, 1 + q * q * 4);
    check(s, probes, 16, queries);
    check(s, probes, 1, queries);
    check(s, probes + 3, 3, queries);
    for (uint32_t q = 0; q < 3; q++) {
        by_codes += queries[q].method != NSKY_RANK_SCAN;
        rescored += (uint32_t)queries[q].rescored;
        if (queries[q].method == NSKY_RANK_SIGMAS)
            assert_true(queries[q].sigmas >= 5.99f && queries[q].sigmas_seen <= queries[q].sigmas);
    }
    if (coded) { /* the point of it: most vectors are not read */
        assert_int_equal(by_codes, 3);
        assert_true(rescored < ROWS);
    }
}

static void clustered(void **state)
{
    (void)state;
    many_probes(shared, true);
    survey *s = open_survey(50, 0.05, 80, 8);
    many_probes(s, true);
    close_survey(s);
}

static void without_structure(void **state)
{
    (void)state;
    survey *s = open_survey(0, 0.5, 32, 4); /* much of every vector is outside the codes */
    many_probes(s, false);
    close_survey(s);
}

/* Scores that tie, in thousands: lower rows first, however they were found. */
static void ties(void **state)
{
    (void)state;
    const survey *s = shared;
    probe p = {.k = 700, .matching = ROWS};
    nsky_rank_query query;
    nsky_half_to_floats(p.weights, s->vectors + 50 * DIM, DIM); /* 248 rows are this one */
    check(s, &p, 1, &query);
    p.k = 100;
    check(s, &p, 1, &query);
    memset(p.weights, 0, sizeof p.weights); /* all score alike */
    p.bias = -2;
    p.k = 9;
    check(s, &p, 1, &query);
}

/* A direction that the codes hold nothing of, and one of which some coordinate is huge. */
static void directions(void **state)
{
    (void)state;
    survey *s = open_survey(50, 0.05, 32, 4);
    probe p;
    nsky_rank_query query;
    float turned[32], constant;
    random_probe(&p, 5, 50);
    nsky_lists_direction(&s->lists, p.weights, turned, &constant, NULL);
    for (uint32_t c = 0; c < 32; c++)
        for (uint32_t d = 0; d < DIM; d++)
            p.weights[d] -= turned[c] * s->lists.rotation[(size_t)c * PADDED + d];
    check(s, &p, 1, &query);
    random_probe(&p, 6, 50);
    p.weights[3] = 3e4f;
    check(s, &p, 1, &query);
    p.weights[3] = 2e38f; /* near the end of what a float holds */
    check(s, &p, 1, &query);
    close_survey(s);
}

static void filters(void **state)
{
    (void)state;
    const survey *s = shared;
    const uint32_t steps[] = {1, 2, 3, 17, 5000, ROWS + 1};
    uint8_t *bits = nsky_alloc(ROWS / 8 + 1, 1, &err);
    nsky_rank_query query;
    for (uint32_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        probe p;
        random_probe(&p, 40 + i, 30);
        memset(bits, 0, ROWS / 8 + 1);
        p.allowed = bits;
        p.matching = 0;
        for (uint32_t row = steps[i] - 1; row < ROWS; row += steps[i]) {
            bits[row >> 3] |= (uint8_t)(1u << (row & 7));
            p.matching++;
        }
        check(s, &p, 1, &query);
        p.k = 600;
        check(s, &p, 1, &query);
    }
    nsky_free(bits);
}

/* Bounds that are damaged promise too much: that is seen, and the answer is right all the same. */
static void lying_slacks(void **state)
{
    (void)state;
    survey *s = open_survey(50, 0.05, 48, 4);
    uint8_t *slack = nsky_alloc(s->lists.slots, 2 * sizeof *slack, &err);
    probe p;
    nsky_rank_query query;
    for (uint64_t i = 0; i < 2 * s->lists.slots; i++)
        slack[i] = 0; /* codes of 4 bits are not as good as that */
    s->lists.slack = slack;
    nsky_ranker_close(&s->ranker);
    assert_int_equal(nsky_ranker_open(&s->ranker, &s->lists, &s->scan, s->path, &err), NSKY_OK);
    random_probe(&p, 9, 50);
    check(s, &p, 1, &query);
    assert_int_equal(query.method, NSKY_RANK_SCAN);
    nsky_free(slack);
    close_survey(s);
}

static void all_scores_are_near(void **state)
{
    (void)state;
    const survey *s = shared;
    probe p[2];
    nsky_rank_query queries[2];
    float *scores = nsky_alloc(2 * ROWS, sizeof *scores, &err), errors[2];
    float *exact = nsky_alloc(ROWS, sizeof *exact, &err);
    for (uint32_t q = 0; q < 2; q++) {
        random_probe(&p[q], 60 + q, 1);
        queries[q] = (nsky_rank_query){.weights = p[q].weights, .bias = p[q].bias};
    }
    assert_int_equal(nsky_ranker_scores(&s->ranker, queries, 2, 2, scores, ROWS, errors, &err),
                     NSKY_OK);
    for (uint32_t q = 0; q < 2; q++) {
        const nsky_linear_scan linear = {
            .weights = p[q].weights, .bias = &p[q].bias, .count = 1, .rows = ROWS, .scores = exact};
        assert_int_equal(nsky_scan_linear(&s->scan, &linear, &err), NSKY_OK);
        double square = 0;
        uint32_t rows = 0;
        for (uint32_t row = 0; row < LISTED; row++) {
            const float score = scores[(size_t)q * ROWS + row];
            assert_int_equal(isnan(score) != 0, isnan(exact[row]) != 0);
            if (isnan(score))
                continue;
            square += pow((double)score - (double)exact[row], 2);
            rows++;
        }
        /* a sample of 4,096 knows its deviation to 1.1%: four times that */
        assert_true(fabs(sqrt(square / rows) / (double)errors[q] - 1) < 0.05);
    }
    nsky_free(exact);
    nsky_free(scores);
}

static void short_files_are_named(void **state)
{
    (void)state;
    survey *s = open_survey(50, 0.05, 48, 4);
    probe p;
    nsky_hit hits[10];
    random_probe(&p, 1, 10);
    nsky_rank_query query = {
        .weights = p.weights, .matching = ROWS, .topk = {.hits = hits, .k = 10}};
    assert_int_equal(nsky_file_write(s->path, "short", 5, &err), NSKY_OK);
    nsky_ranker_close(&s->ranker);
    assert_int_equal(nsky_ranker_open(&s->ranker, &s->lists, &s->scan, s->path, &err), NSKY_EDATA);
    assert_non_null(strstr(err.text, s->path));
    (void)query;
    close_survey(s);
}

static void out_of_memory_is_told(void **state)
{
    (void)state;
    const survey *s = shared;
    probe p;
    nsky_hit hits[10];
    random_probe(&p, 1, 10);
    nsky_status status = NSKY_ENOMEM;
    uint64_t n;
    for (n = 1; status == NSKY_ENOMEM && n < 1000; n++) {
        nsky_rank_query query = {
            .weights = p.weights, .matching = ROWS, .topk = {.hits = hits, .k = 10}};
        nsky_memory_fail_at(n);
        status = nsky_ranker_run(&s->ranker, &query, 1, 1, &err);
    }
    nsky_memory_fail_at(0);
    assert_int_equal(status, NSKY_OK);
    assert_true(n > 8);
}

static int set_up(void **state)
{
    if (make_test_directory(state) != 0)
        return -1;
    shared = open_survey(50, 0.05, 48, 4);
    return 0;
}

static int tear_down(void **state)
{
    close_survey(shared);
    return remove_test_directory(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clustered),
        cmocka_unit_test(without_structure),
        cmocka_unit_test(ties),
        cmocka_unit_test(directions),
        cmocka_unit_test(filters),
        cmocka_unit_test(lying_slacks),
        cmocka_unit_test(all_scores_are_near),
        cmocka_unit_test(short_files_are_named),
        cmocka_unit_test(out_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
