/* rank.c - see rank.h. */
#include "probe/rank.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"

#define ROWS_MAX UINT32_MAX
#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)
#define COARSE 65536
#define Z95 1.959963984540054

/* Scores as whole numbers, the highest first. */
static uint32_t key_of(float score)
{
    uint32_t bits;

    score += 0.0f; /* one zero */
    memcpy(&bits, &score, sizeof bits);
    return ~(bits & 0x80000000u ? ~bits : bits | 0x80000000u);
}

typedef struct entry {
    uint32_t key, row;
} entry;

/* By key; stable, so rows of one key stay in order. spare [count]. */
static void radix_sort(entry *entries, entry *spare, uint64_t count)
{
    for (uint32_t shift = 0; shift < 32; shift += DIGIT_BITS) {
        uint64_t starts[DIGITS] = {0}, sum = 0;
        for (uint64_t i = 0; i < count; i++)
            starts[entries[i].key >> shift & (DIGITS - 1)]++;
        for (uint32_t d = 0; d < DIGITS; d++) {
            uint64_t here = starts[d];
            starts[d] = sum;
            sum += here;
        }
        for (uint64_t i = 0; i < count; i++)
            spare[starts[entries[i].key >> shift & (DIGITS - 1)]++] = entries[i];
        entry *swap = entries;
        entries = spare;
        spare = swap;
    }
}
/* 32 bits in digits of 11 are 3 passes: the result is in the spare half. */
#define SORTED_IN_SPARE 1

/* The coarse key below which the first `top` rows lie for certain. */
static uint32_t find_cut(const float *scores, uint64_t rows, uint64_t top, uint64_t *counts)
{
    uint64_t sum = 0;
    uint32_t cut = 0;

    memset(counts, 0, COARSE * sizeof *counts);
    for (uint64_t row = 0; row < rows; row++)
        if (!isnan(scores[row]))
            counts[key_of(scores[row]) >> 16]++;
    while (cut < COARSE && sum < top)
        sum += counts[cut++];
    return cut;
}

/* Rows in order into ranking->rows. */
static nsky_status order_rows(nsky_ranking *r, const float *scores, uint64_t rows, nsky_error *err)
{
    uint64_t top = r->options.top && r->options.top < r->matching ? r->options.top : r->matching;
    uint64_t count = 0, kept = 0;
    uint64_t *counts = nsky_alloc(COARSE, sizeof *counts, err);

    if (!counts)
        return err->status;
    uint32_t cut = find_cut(scores, rows, top, counts);
    for (uint32_t c = 0; c < cut; c++)
        count += counts[c];
    nsky_free(counts);
    entry *entries = nsky_alloc(2 * count, sizeof *entries, err);
    r->rows = nsky_alloc(top, sizeof *r->rows, err);
    if (!entries || !r->rows) {
        nsky_free(entries);
        return err->status;
    }
    for (uint64_t row = 0; row < rows; row++)
        if (!isnan(scores[row]) && key_of(scores[row]) >> 16 < cut)
            entries[kept++] = (entry){key_of(scores[row]), (uint32_t)row};
    assert(kept == count && top <= count);
    radix_sort(entries, entries + count, count);
    const entry *sorted = SORTED_IN_SPARE ? entries + count : entries;
    for (uint64_t i = 0; i < top; i++)
        r->rows[i] = sorted[i].row;
    r->count = top;
    nsky_free(entries);
    return NSKY_OK;
}

static void apply_filter(nsky_ranking *r, float *scores, uint64_t rows, const uint8_t *allowed)
{
    for (uint64_t row = 0; row < rows; row++) {
        r->scored += !isnan(scores[row]);
        if (!(allowed[row >> 3] >> (row & 7) & 1))
            scores[row] = NAN;
        r->matching += !isnan(scores[row]);
    }
}

static void fill_histogram(nsky_ranking *r, const float *scores, uint64_t rows)
{
    r->low = INFINITY;
    r->high = -INFINITY;
    for (uint64_t row = 0; row < rows; row++)
        if (!isnan(scores[row])) {
            r->low = fminf(r->low, scores[row]);
            r->high = fmaxf(r->high, scores[row]);
        }
    if (r->matching == 0)
        r->low = r->high = 0;
    double step = ((double)r->high - (double)r->low) / NSKY_RANK_BINS;
    for (uint64_t row = 0; row < rows; row++)
        if (!isnan(scores[row])) {
            double place = step > 0 ? ((double)scores[row] - (double)r->low) / step : 0;
            r->histogram[place < NSKY_RANK_BINS ? (int)place : NSKY_RANK_BINS - 1]++;
        }
}

void nsky_expected_positives(const nsky_calibration *calibration, const float *scores,
                             uint64_t count, double out[3])
{
    double sum = 0, own = 0, slope = 0, offset = 0;
    const double *c = calibration->covariance;

    for (uint64_t i = 0; i < count; i++) {
        double score = (double)scores[i];
        if (isnan(score))
            continue;
        double p = nsky_calibrated(calibration, score);
        sum += p;
        own += p * (1 - p);
        slope += p * (1 - p) * score;
        offset += p * (1 - p);
    }
    double fit = slope * slope * c[0] + 2 * slope * offset * c[1] + offset * offset * c[2];
    double half = Z95 * sqrt(own + fmax(fit, 0));
    out[0] = sum;
    out[1] = fmax(sum - half, 0);
    out[2] = sum + half > (double)count ? (double)count : sum + half;
}

static void set_expectations(nsky_ranking *r, const float *scores, uint64_t rows)
{
    const nsky_probe *probe = r->options.probes[0];
    double all[3], list[3];

    r->expected = r->expected_low = r->expected_high = r->expected_all = NAN;
    if (!probe->calibration)
        return;
    const nsky_calibration *calibration = &probe->calibration[r->options.outputs[0]];
    nsky_expected_positives(calibration, scores, rows, all);
    nsky_expected_positives(calibration, r->scores, r->count, list);
    r->expected_all = all[0];
    r->expected = list[0];
    r->expected_low = list[1];
    r->expected_high = list[2];
}

static void count_known(nsky_ranking *r, const nsky_search *search, const float *scores,
                        uint64_t rows)
{
    nsky_row_facts facts;
    nsky_error none = NSKY_ERROR_INIT;

    r->known_is_known = rows > 0 && nsky_search_facts(search, 0, &facts, &none) == NSKY_OK;
    if (!r->known_is_known)
        return;
    for (uint64_t row = 0; row < rows; row++)
        if (!isnan(scores[row]) && nsky_search_facts(search, row, &facts, &none) == NSKY_OK)
            r->known_in_matching += facts.known;
    for (uint64_t i = 0; i < r->count; i++)
        if (nsky_search_facts(search, r->rows[i], &facts, &none) == NSKY_OK)
            r->known_in_list += facts.known;
}

static bool by_codes(const nsky_rank_options *o, const nsky_search *search)
{
    return o->top > 0 && o->top <= NSKY_SCORE_TOP_MAX && nsky_search_has_codes(search);
}

static nsky_status check_probes(const nsky_rank_options *o, const nsky_search *search,
                                nsky_linear *probes, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    if (nsky_search_rows(search) > ROWS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "more than %u rows", ROWS_MAX);
    for (uint32_t p = 0; p < o->count && status == NSKY_OK; p++) {
        const nsky_probe *probe = o->probes[p];
        assert(o->outputs[p] < probe->outputs);
        status = nsky_probe_check(probe, nsky_search_manifest(search), err);
        probes[p] = (nsky_linear){probe->weights + (size_t)o->outputs[p] * probe->dim,
                                  probe->bias[o->outputs[p]]};
    }
    return status;
}

/* The list: from all scores, or through the codes. */
static nsky_status take_list(nsky_ranking *r, const nsky_search *search, const nsky_linear *probes,
                             const float *scores, nsky_error *err)
{
    if (!by_codes(&r->options, search)) {
        snprintf(r->method, sizeof r->method, "exact scan");
        return order_rows(r, scores, nsky_search_rows(search), err);
    }
    nsky_score_query query = {
        .probe = probes[0], .k = (uint32_t)r->options.top, .filter = r->options.filter};
    query.hits = nsky_alloc(query.k, sizeof *query.hits, err);
    r->rows = nsky_alloc(query.k, sizeof *r->rows, err);
    nsky_status status = query.hits && r->rows ? NSKY_OK : err->status;
    if (status == NSKY_OK && (status = nsky_search_top_scores(search, &query, 1, err)) == NSKY_OK) {
        memcpy(r->method, query.method, sizeof r->method);
        r->count = query.count;
        for (uint32_t i = 0; i < query.count; i++)
            r->rows[i] = (uint32_t)query.hits[i].row;
    }
    nsky_free(query.hits);
    return status;
}

static nsky_status score_list(nsky_ranking *r, const nsky_search *search, const nsky_linear *probes,
                              const float *scores, nsky_error *err)
{
    const uint64_t rows = nsky_search_rows(search);

    r->scores = nsky_alloc((size_t)r->options.count * r->count, sizeof *r->scores, err);
    if (!r->scores)
        return err->status;
    if (by_codes(&r->options, search))
        return nsky_search_row_scores(search, probes, r->options.count, r->rows, r->count,
                                      r->scores, err);
    for (uint32_t p = 0; p < r->options.count; p++)
        for (uint64_t i = 0; i < r->count; i++)
            r->scores[p * r->count + i] = scores[p * rows + r->rows[i]];
    return NSKY_OK;
}

/* All rows' scores: by the codes of the first probe alone. */
static nsky_status score_all(nsky_ranking *r, const nsky_search *search, const nsky_linear *probes,
                             float **out, nsky_error *err)
{
    const nsky_rank_options *o = &r->options;
    const uint64_t rows = nsky_search_rows(search);
    const bool codes = by_codes(o, search);
    nsky_status status;

    *out = nsky_alloc((size_t)(codes ? 1 : o->count) * rows, sizeof **out, err);
    if (!*out)
        return err->status;
    if (!codes)
        return nsky_search_scores(search, probes, o->count, *out, o->progress, o->stop, err);
    status = nsky_search_coded_scores(search, probes, 1, *out, &r->score_error, err);
    nsky_progress_add(o->progress, rows);
    return status;
}

static nsky_status fill(nsky_ranking *r, const nsky_search *search, const nsky_linear *probes,
                        float *scores, nsky_error *err)
{
    const uint64_t rows = nsky_search_rows(search);
    uint8_t *allowed = NULL;
    uint64_t passing = 0;
    nsky_status status = nsky_search_allowed(search, &r->options.filter, &allowed, &passing, err);

    if (status != NSKY_OK)
        return status;
    apply_filter(r, scores, rows, allowed);
    nsky_free(allowed);
    fill_histogram(r, scores, rows);
    if ((status = take_list(r, search, probes, scores, err)) != NSKY_OK ||
        (status = score_list(r, search, probes, scores, err)) != NSKY_OK)
        return status;
    set_expectations(r, scores, rows);
    count_known(r, search, scores, rows);
    return NSKY_OK;
}

nsky_status nsky_rank(nsky_ranking **out, const nsky_search *search,
                      const nsky_rank_options *options, nsky_error *err)
{
    assert(out && search && options && options->count >= 1 &&
           options->count <= NSKY_RANK_PROBES_MAX && err);
    float *scores = NULL;
    nsky_ranking *r = nsky_alloc_zero(1, sizeof *r, err);

    *out = NULL;
    if (!r)
        return err->status;
    r->options = *options;
    nsky_linear probes[NSKY_RANK_PROBES_MAX];
    nsky_status status = check_probes(options, search, probes, err);
    if (status == NSKY_OK)
        status = score_all(r, search, probes, &scores, err);
    if (status == NSKY_OK)
        status = fill(r, search, probes, scores, err);
    nsky_free(scores);
    if (status == NSKY_OK)
        *out = r;
    else
        nsky_ranking_free(r);
    return status;
}

void nsky_ranking_free(nsky_ranking *ranking)
{
    if (!ranking)
        return;
    nsky_free(ranking->rows);
    nsky_free(ranking->scores);
    nsky_free(ranking);
}

nsky_json *nsky_ranking_summary(const nsky_ranking *r)
{
    const nsky_probe *probe = r->options.probes[0];
    nsky_json *root = nsky_json_object(), *bins = nsky_json_array(),
              *histogram = nsky_json_object();

    nsky_json_put_string(root, "probe", probe->name);
    nsky_json_put_string(root, "method", r->method);
    nsky_json_put_integer(root, "scored", (int64_t)r->scored);
    nsky_json_put_integer(root, "matching", (int64_t)r->matching);
    nsky_json_put_integer(root, "listed", (int64_t)r->count);
    if (probe->calibration) {
        nsky_json *expected = nsky_json_object();
        const nsky_calibration *c = &probe->calibration[r->options.outputs[0]];
        nsky_json_put_number(root, "prevalence", c->prevalence);
        nsky_json_put_string(root, "prevalence_source", probe->prevalence_source);
        nsky_json_put_fixed(expected, "value", r->expected, 3);
        nsky_json_put_fixed(expected, "low", r->expected_low, 3);
        nsky_json_put_fixed(expected, "high", r->expected_high, 3);
        nsky_json_put(root, "expected_positives", expected);
        nsky_json_put_fixed(root, "expected_positives_in_all", r->expected_all, 3);
    }
    if (r->known_is_known) {
        nsky_json_put_integer(root, "known_listed", (int64_t)r->known_in_list);
        nsky_json_put_integer(root, "known_matching", (int64_t)r->known_in_matching);
    }
    nsky_json_put_number(histogram, "score_error", (double)r->score_error);
    nsky_json_put_number(histogram, "low", (double)r->low);
    nsky_json_put_number(histogram, "high", (double)r->high);
    for (int b = 0; b < NSKY_RANK_BINS; b++)
        nsky_json_append_number(bins, (double)r->histogram[b]);
    nsky_json_put(histogram, "counts", bins);
    nsky_json_put(root, "score_histogram", histogram);
    return root;
}
