/* test_rank.c - from labels to a probe to the whole survey in order, and what is said of it. */
#include "index/build.h"
#include "probe/neighbours.h"
#include "probe/suggest.h"
#include "tests/probe/store_support.h"

static nsky_ranking *rank(const nsky_probe *probe, uint64_t top, const nsky_filter *filter)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_ranking *ranking;
    nsky_rank_options options = {.probes = {probe}, .count = 1, .top = top};
    nsky_filter_init(&options.filter);
    if (filter)
        options.filter = *filter;
    assert_ok(nsky_rank(&ranking, search, &options, &err), err);
    return ranking;
}

static double exact_score(const nsky_probe *probe, uint64_t row)
{
    nsky_error err = NSKY_ERROR_INIT;
    float x[DIM];
    double sum = (double)probe->bias[0];
    assert_ok(nsky_search_vector(search, row, x, &err), err);
    for (int d = 0; d < DIM; d++)
        sum += (double)probe->weights[d] * (double)x[d];
    return sum;
}

/* Every row with a vector, by float64's order where that is clear; the same whatever is asked for.
 */
static void every_object_is_in_order(void **state)
{
    (void)state;
    nsky_probe *probe = special_probe(400, 0);
    nsky_ranking *all = rank(probe, 0, NULL), *some = rank(probe, 50, NULL);
    uint32_t special = 0;
    assert_int_equal(all->scored, OBJECTS - 2);
    assert_int_equal(all->count, OBJECTS - 2);
    for (uint32_t i = 0; i < all->count; i++) {
        assert_true(all->rows[i] != BLANK && all->rows[i] != BLANK + 1);
        assert_float_equal(all->scores[i], exact_score(probe, all->rows[i]), 1e-4);
        if (i > 0)
            assert_true(all->scores[i - 1] > all->scores[i] ||
                        (all->scores[i - 1] == all->scores[i] && all->rows[i - 1] < all->rows[i]));
        special += i < 100 && is_special(all->rows[i]);
    }
    assert_true(special > 60); /* of 100; one row in five is */
    assert_int_equal(some->count, 50);
    assert_memory_equal(some->rows, all->rows, 50 * sizeof *all->rows);
    assert_memory_equal(some->scores, all->scores, 50 * sizeof *all->scores);
    uint64_t total = 0;
    for (int b = 0; b < NSKY_RANK_BINS; b++)
        total += all->histogram[b];
    assert_int_equal(total, all->matching);
    nsky_ranking_free(all);
    nsky_ranking_free(some);
    nsky_probe_free(probe);
}

/* The server's way to the first few is another: the same answer. */
static void the_first_are_the_first(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_probe *probe = special_probe(400, 0);
    nsky_filter filter;
    nsky_filter_init(&filter);
    filter.mag_max[2] = 18.15;
    nsky_ranking *ranking = rank(probe, 40, &filter);
    nsky_hit hits[40];
    nsky_score_query query = {
        .probe = {probe->weights, probe->bias[0]}, .k = 40, .filter = filter, .hits = hits};
    assert_ok(nsky_search_top_scores(search, &query, 1, &err), err);
    assert_int_equal(query.count, 40);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(hits[i].row, ranking->rows[i]);
        assert_true(hits[i].similarity == ranking->scores[i]);
        assert_true(special_object((uint32_t)hits[i].row).mag_z <= 18.15f);
    }
    nsky_ranking_free(ranking);
    nsky_probe_free(probe);
}

/* 400 labels say a fifth; so do the scores of the rest. Of the rows that were not learned from the
 * probabilities are right to their error, and the number expected covers the number there is. */
static void probabilities_add_up(void **state)
{
    (void)state;
    nsky_probe *probe = special_probe(400, 0);
    nsky_ranking *first = rank(probe, 200, NULL);
    uint32_t special = 0;
    for (uint32_t i = 0; i < 200; i++)
        special += is_special(first->rows[i]);
    assert_true(first->expected_low <= special && special <= first->expected_high);
    assert_float_equal(probe->calibration[0].prevalence, 0.2, 0.03);
    assert_float_equal(first->expected_all, OBJECTS / 5.0, 25);
    nsky_ranking_free(first);
    nsky_probe_free(probe);
}

static void positives_alone_take_negatives_from_the_survey(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    nsky_probe *probe = NULL;
    uint64_t ids[40];
    for (uint32_t i = 0; i < 40; i++)
        ids[i] = id_of(5 * i);
    nsky_train_options options = {.name = "p", .target = "examples", .seed = 3};
    assert_ok(nsky_labels_of_ids(&labels, survey, "special", ids, 40, NULL, 0, &err), err);
    assert_fails(nsky_probe_train(&probe, search, survey, labels, &options, &err), NSKY_EINVAL, err,
                 "--background");
    options.background = 300;
    for (int matched = 0; matched < 2; matched++) {
        nsky_labels_free(labels);
        assert_ok(nsky_labels_of_ids(&labels, survey, "special", ids, 40, NULL, 0, &err), err);
        options.match_background = matched;
        options.background = matched ? 80 : 300;
        assert_ok(nsky_probe_train(&probe, search, survey, labels, &options, &err), err);
        assert_int_equal(probe->label_count, 40 + options.background);
        uint32_t bright = 0;
        for (uint32_t i = 0; i < probe->label_count; i++) {
            nsky_object object;
            assert_ok(nsky_survey_by_id(survey, probe->labels[i].id, &object, &err), err);
            bright += probe->labels[i].class == 0 && object.mag_r < 19.05f;
        }
        /* positives all have r = 19.0, as 1 in 5 of all, most of them special themselves */
        assert_true(matched ? bright == 80 : bright < 120);
        nsky_probe_free(probe);
    }
    options.background = 5000;
    assert_fails(nsky_probe_train(&probe, search, survey, labels, &options, &err), NSKY_EINVAL, err,
                 "not 5000");
    nsky_labels_free(labels);
}

static void numbers_are_estimated(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels = special_labels(0, 500, true);
    const nsky_train_options options = {
        .name = "value", .target = "value", .regression = true, .replicates = 50};
    nsky_probe *probe;
    assert_ok(nsky_probe_train(&probe, search, survey, labels, &options, &err), err);
    assert_int_equal(labels->count, 498); /* two rows are blank */
    double square = 0, spread = 0;
    for (uint32_t n = 500; n < OBJECTS; n++) {
        square += pow(exact_score(probe, n) - value_of(n), 2);
        spread += pow(value_of(n) - 0.5, 2);
    }
    assert_true(square < 0.4 * spread);
    nsky_ranking *ranking = rank(probe, 10, NULL);
    assert_true(isnan(ranking->expected)); /* a number is no probability */
    nsky_ranking_free(ranking);
    nsky_probe_free(probe);

    uint64_t rows[OBJECTS];
    static nsky_estimate estimates[OBJECTS];
    for (uint32_t n = 0; n < OBJECTS; n++)
        rows[n] = n;
    assert_ok(
        nsky_neighbour_estimates(estimates, search, labels, true, rows, OBJECTS, 9, NULL, &err),
        err);
    double off = 0;
    for (uint32_t n = 500; n < OBJECTS; n++) {
        assert_int_equal(estimates[n].neighbours, 9);
        off += fabs(estimates[n].value - value_of(n)) / 400;
        assert_true(estimates[n].spread >= 0 && estimates[n].spread < 0.5);
    }
    assert_true(off < 0.21); /* a guess of one half is off by 0.25 */
    assert_int_equal(estimates[BLANK].neighbours, 0);
    assert_true(isnan(estimates[BLANK].value));
    nsky_labels_free(labels);

    labels = special_labels(0, 500, false);
    uint32_t right = 0;
    assert_ok(
        nsky_neighbour_estimates(estimates, search, labels, false, rows, OBJECTS, 9, NULL, &err),
        err);
    for (uint32_t n = 500; n < OBJECTS; n++)
        right += estimates[n].class == is_special(n);
    assert_true(right > 330);
    assert_fails(
        nsky_neighbour_estimates(estimates, search, labels, false, rows, OBJECTS, 0, NULL, &err),
        NSKY_EINVAL, err, "0 neighbours");
    nsky_labels_free(labels);
}

/* Unsure of, not labelled, each once. */
static void suggestions_help(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_probe *probe = special_probe(300, 0);
    nsky_filter filter;
    uint32_t rows[20], count;
    float scores[20];
    nsky_filter_init(&filter);
    assert_ok(nsky_suggest(probe, 0, search, survey, &filter, 20, rows, scores, &count, &err), err);
    assert_int_equal(count, 20);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(rows[i] >= 300);
        double p = nsky_probe_probability(probe, 0, (double)scores[i]);
        assert_true(p > 0.02 && p < 0.98);
        for (uint32_t k = 0; k < i; k++)
            assert_int_not_equal(rows[i], rows[k]);
    }
    nsky_probe_free(probe);
}

static void the_file_gives_back_the_probe(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_probe *probe = special_probe(400, 50), *back;
    const char *path = in_directory("p.json");
    assert_ok(nsky_probe_write(probe, path, &err), err);
    assert_ok(nsky_probe_read(&back, path, &err), err);
    assert_memory_equal(back->weights, probe->weights, DIM * sizeof(float));
    assert_memory_equal(back->bias, probe->bias, sizeof(float));
    assert_memory_equal(back->mean, probe->mean, DIM * sizeof(float));
    assert_memory_equal(back->spread, probe->spread, DIM * sizeof(float));
    assert_true(back->novelty_unit == probe->novelty_unit);
    assert_memory_equal(back->calibration, probe->calibration, sizeof *probe->calibration);
    assert_int_equal(back->label_count, probe->label_count);
    assert_int_equal(back->background, 50);
    for (int b = 0; b < 2; b++) {
        const nsky_probe *one = b ? back : probe;
        uint32_t drawn = 0;
        for (uint32_t i = 0; i < one->label_count; i++)
            drawn += one->labels[i].drawn && one->labels[i].class == 0;
        assert_int_equal(drawn, 50);
    }
    assert_string_equal(back->names[1], "special");
    assert_ok(nsky_probe_check(back, nsky_search_manifest(search), &err), err);
    back->model_sha256[0] = back->model_sha256[0] == 'a' ? 'b' : 'a';
    assert_fails(nsky_probe_check(back, nsky_search_manifest(search), &err), NSKY_EMISMATCH, err,
                 "train it again");
    nsky_probe_free(back);

    /* The same again is the same file. */
    nsky_probe *again = special_probe(400, 50);
    nsky_json *a = nsky_probe_json(probe, true), *b = nsky_probe_json(again, true);
    char *x = nsky_json_print(a, false, &err), *y = nsky_json_print(b, false, &err);
    assert_string_equal(x, y);
    nsky_free(x);
    nsky_free(y);
    nsky_json_free(a);
    nsky_json_free(b);
    nsky_probe_free(again);
    nsky_probe_free(probe);
}

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    char *out = malloc(strlen(text) + strlen(to) + 1);
    if (!at)
        fail_msg("no %s", from);
    sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_probe *probe = special_probe(60, 0), *back;
    nsky_json *json = nsky_probe_json(probe, true);
    char *text = nsky_json_print(json, false, &err);
    static const struct {
        const char *from, *to;
        nsky_status status;
        const char *word;
    } changes[] = {
        {"\"nearsky-probe\"", "\"other\"", NSKY_EDATA, "not a probe"},
        {"\"version\":1", "\"version\":2", NSKY_EMISMATCH, "update nearsky"},
        {"\"kind\":\"binary\"", "\"kind\":\"classes\"", NSKY_EDATA, "labels"},
        {"\"kind\":\"binary\"", "\"kind\":\"odd\"", NSKY_EDATA, "kind"},
        {"\"dim\":16", "\"dim\":17", NSKY_EDATA, "weights"},
        {"\"dim\":16", "\"dim\":4000000000", NSKY_EDATA, "dim"},
        {"\"dim\":16", "\"dim\":-16", NSKY_EDATA, "dim"},
        {"\"dim\":16", "\"dim\":\"16\"", NSKY_EDATA, "dim"},
        {"\"weights\":[", "\"weights\":[1e300,", NSKY_EDATA, "weights"},
        {"\"weights\":[", "\"weights\":[null,", NSKY_EDATA, "weights"},
        {"\"slope\":", "\"slope\":-", NSKY_EDATA, "calibration"},
        {"\"bias\":", "\"bias\":[],\"b\":", NSKY_EDATA, "bias"},
        {"\"sha256\":\"", "\"sha256\":\"G", NSKY_EDATA, "model"},
        {"\"ids\":[\"", "\"ids\":[\"x", NSKY_EDATA, "ids"},
        {"\"spread\":[", "\"spread\":[0],\"s\":[", NSKY_EDATA, "novelty"},
        {"\"name\":\"special\"", "\"name\":7", NSKY_EDATA, "name"},
        {"\"generation\":", "\"generation\":0.", NSKY_EDATA, "generation"},
    };
    assert_ok(nsky_probe_parse(&back, text, strlen(text), "text", &err), err);
    nsky_probe_free(back);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *bad = replaced(text, changes[i].from, changes[i].to);
        back = (nsky_probe *)1;
        assert_fails(nsky_probe_parse(&back, bad, strlen(bad), "text", &err), changes[i].status,
                     err, changes[i].word);
        assert_null(back);
        free(bad);
    }
    for (size_t cut = 0; cut < strlen(text); cut += 97)
        assert_int_equal(nsky_probe_parse(&back, text, cut, "text", &err), NSKY_EDATA);
    nsky_free(text);
    nsky_json_free(json);
    nsky_probe_free(probe);
}

static void novelty_tells_strangers(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_probe *probe = special_probe(400, 0);
    float x[DIM];
    uint32_t novel = 0;
    for (uint32_t n = 400; n < OBJECTS; n++) {
        assert_ok(nsky_search_vector(search, n, x, &err), err);
        novel += nsky_probe_novelty(probe, x) > 1;
    }
    assert_true(novel < 25); /* one in a hundred of 500 is expected */
    for (int d = 0; d < DIM; d++)
        x[d] = d % 2 ? -0.25f : 0.25f;
    x[1] = -0.9f; /* where no vector is */
    assert_true(nsky_probe_novelty(probe, x) > 1);
    nsky_probe_free(probe);
}

static nsky_status train_it(void *context, nsky_error *err)
{
    (void)context;
    nsky_labels *labels;
    nsky_probe *probe = NULL;
    const uint64_t ids[] = {id_of(0), id_of(5), id_of(10)};
    const nsky_train_options options = {
        .name = "p", .target = "examples", .background = 20, .replicates = 10, .threads = 1};
    nsky_status status = nsky_labels_of_ids(&labels, survey, "p", ids, 3, NULL, 0, err);
    if (status == NSKY_OK)
        status = nsky_probe_train(&probe, search, survey, labels, &options, err);
    nsky_labels_free(labels);
    nsky_probe_free(probe);
    return status;
}

static nsky_status rank_it(void *context, nsky_error *err)
{
    nsky_ranking *ranking;
    nsky_rank_options options = {.probes = {context}, .count = 1, .top = 5};
    nsky_filter_init(&options.filter);
    nsky_status status = nsky_rank(&ranking, search, &options, err);
    nsky_ranking_free(ranking);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    nsky_probe *probe = special_probe(60, 0);
    assert_true(exhaust_memory(rank_it, probe) > 5);
    nsky_probe_free(probe);
    /* JSON that ran out is told where it is printed, so not every failure is this call's. */
    for (uint64_t n = 1; n < 60; n++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_memory_fail_at(n);
        nsky_status status = train_it(NULL, &err);
        nsky_memory_fail_at(0);
        assert_true(status == NSKY_OK || status == NSKY_ENOMEM);
    }
}

/* The same store indexed by lists: the same list, and nearly the same histogram. */
static void codes_change_nothing(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_index_options options = {.recall_target = 0.95, .lists = 8};
    nsky_index_report report;
    nsky_filter filter;
    nsky_search *scanned = search;
    nsky_probe *probe = special_probe(400, 0);
    nsky_filter_init(&filter);
    filter.mag_max[2] = 18.15;
    assert_false(nsky_search_has_codes(search));
    nsky_ranking *expected[2] = {rank(probe, 60, NULL), rank(probe, 60, &filter)};
    assert_ok(nsky_index_build(store_path, &options, &report, &err), err);
    assert_ok(nsky_search_open(&search, store_path, 0, &err), err);
    assert_true(nsky_search_has_codes(search));
    for (int f = 0; f < 2; f++) {
        nsky_ranking *got = rank(probe, 60, f ? &filter : NULL);
        const nsky_ranking *was = expected[f];
        assert_string_equal(was->method, "exact scan");
        assert_string_equal(got->method, f ? "exact scan" : "codes, certified");
        assert_int_equal(got->count, 60);
        assert_int_equal(got->scored, was->scored);
        assert_int_equal(got->matching, was->matching);
        assert_int_equal(got->known_in_matching, was->known_in_matching);
        assert_memory_equal(got->rows, was->rows, 60 * sizeof *got->rows);
        assert_memory_equal(got->scores, was->scores, 60 * sizeof *got->scores);
        assert_true(got->expected == was->expected);
        assert_true(got->score_error > 0 && got->score_error < 0.1f * (was->high - was->low));
        assert_float_equal(got->high, was->high, 6 * got->score_error);
        assert_float_equal(got->expected_all, was->expected_all, 0.03 * was->expected_all + 1);
        nsky_ranking_free(got);
        nsky_ranking_free(expected[f]);
    }
    nsky_search_close(search);
    search = scanned;
    nsky_probe_free(probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_object_is_in_order),
        cmocka_unit_test(the_first_are_the_first),
        cmocka_unit_test(probabilities_add_up),
        cmocka_unit_test(positives_alone_take_negatives_from_the_survey),
        cmocka_unit_test(numbers_are_estimated),
        cmocka_unit_test(suggestions_help),
        cmocka_unit_test(the_file_gives_back_the_probe),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(novelty_tells_strangers),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(codes_change_nothing),
    };
    return cmocka_run_group_tests(tests, open_special_store, close_special_store);
}
