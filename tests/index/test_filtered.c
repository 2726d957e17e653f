/* test_filtered.c - a store that lives: filters of every share against brute force, on a flat
 * index, inverted lists of FAISS and our own; rows that come after the index; rows deleted and
 * shown again; the index built anew. */
#include "store_support.h"

#include <sys/stat.h>

#include "index/build.h"
#include "index/search_private.h"

enum { ROWS = 12000, FIRST = 11000, DIM = 32, CLUSTERS = 60, K = 10, QUERIES = 12 };

static char store[sizeof test_directory + 8];
static float vectors[ROWS][DIM]; /* as stored: rounded to float16 */
static float mag[ROWS];
static double ra[ROWS], dec[ROWS];
static bool deleted[ROWS];
static uint64_t rows_now = FIRST;

/* Clusters, and what filters look at goes with them: matches are not spread evenly. */
static void make_rows(void)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t cluster = (uint32_t)((row * 2654435761u) >> 8) % CLUSTERS;
        nsky_rng centre = nsky_rng_at(5, 0, cluster), own = nsky_rng_at(5, 1, row);
        double square = 0;
        for (uint32_t d = 0; d < DIM; d++) {
            vectors[row][d] = (float)(nsky_rng_normal(&centre) + 0.6 * nsky_rng_normal(&own));
            square += (double)vectors[row][d] * (double)vectors[row][d];
        }
        for (uint32_t d = 0; d < DIM; d++)
            vectors[row][d] = nsky_half_to_float(
                nsky_half_from_float((float)((double)vectors[row][d] / sqrt(square))));
        mag[row] = (float)(15 + 0.05 * cluster + nsky_rng_range(&own, 0, 3));
        ra[row] = nsky_rng_range(&own, 0, 360);
        dec[row] = asin(nsky_rng_range(&own, -1, 1)) * 180 / M_PI;
    }
}

static void add_rows(uint32_t first, uint32_t end)
{
    nsky_survey *survey = open_to_write(store);
    for (uint32_t row = first; row < end; row++) {
        nsky_object object = object_of_row(row);
        object.id = row + 1;
        object.ra_deg = ra[row];
        object.dec_deg = dec[row];
        object.mag_r = mag[row];
        snprintf(object.type, sizeof object.type, "%s", row % 3 ? "DEV" : "PSF");
        add_object(survey, &object, row);
    }
    commit_and_close(survey);
}

/* As nsky_embed_survey does. */
static void publish_vectors(uint64_t rows)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *live = NULL;
    static uint16_t half[ROWS * DIM];
    nsky_json *manifest = NULL;
    uint32_t number = 0;
    nsky_half_from_floats(half, &vectors[0][0], rows * DIM);
    if (rows > FIRST)
        assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    nsky_generation_work *work = begin_generation(store, half, rows, DIM, &manifest);
    assert_ok(nsky_index_adopt(work, live, rows, manifest, &err), err);
    assert_ok(nsky_generation_publish(work, manifest, &number, &err), err);
    nsky_generation_close(live);
    rows_now = rows;
}

static int set_up(void **state)
{
    if (make_test_directory(state) != 0)
        return -1;
    snprintf(store, sizeof store, "%s/store", test_directory);
    make_rows();
    add_rows(0, FIRST);
    publish_vectors(FIRST);
    return 0;
}

static nsky_search *open_search(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = NULL;
    assert_ok(nsky_search_open(&search, store, 0, &err), err);
    assert_int_equal(nsky_search_rows(search), rows_now);
    return search;
}

static double cosine(const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0;
    for (int d = 0; d < DIM; d++) {
        dot += (double)a[d] * (double)b[d];
        aa += (double)a[d] * (double)a[d];
        bb += (double)b[d] * (double)b[d];
    }
    return dot / sqrt(aa * bb);
}

/* Hits that belong to the K best by brute force; fails where a hit may not be one or any is
 * missing that exists. */
static uint32_t good_hits(const nsky_answer *answer, uint32_t self, const bool *passes)
{
    static double cosines[ROWS]; /* -2: may not be a hit */
    uint64_t matching = 0;
    uint32_t good = 0;
    for (uint32_t row = 0; row < rows_now; row++) {
        bool may = passes[row] && !deleted[row] && row != self;
        cosines[row] = may ? cosine(vectors[self], vectors[row]) : -2;
        matching += may;
    }
    assert_int_equal(answer->matching, matching);
    assert_int_equal(answer->count, matching < K ? matching : K);
    for (uint32_t i = 0; i < answer->count; i++) {
        uint32_t row = (uint32_t)answer->hits[i].row, better = 0;
        assert_true(row < rows_now && cosines[row] > -2);
        assert_true(fabs(cosines[row] - (double)answer->hits[i].similarity) < 1e-6);
        for (uint32_t other = 0; other < rows_now; other++)
            better += cosines[other] > cosines[row] + 1e-7;
        good += better < K;
    }
    return good;
}

/* Random filters of a share of the rows, by bitmap; returns recall. */
static double ask_share(nsky_search *search, double share, nsky_effort effort, const char *method)
{
    static bool passes[ROWS];
    static nsky_answer answer;
    uint8_t bitmap[ROWS / 8 + 1];
    uint32_t good = 0, expected = 0;
    nsky_error err = NSKY_ERROR_INIT;
    for (uint32_t q = 0; q < QUERIES; q++) {
        nsky_rng rng = nsky_rng_at(9, (uint64_t)(share * 1e6), q);
        const uint64_t self = nsky_rng_below(&rng, (uint32_t)rows_now);
        memset(bitmap, 0, sizeof bitmap);
        for (uint32_t row = 0; row < rows_now; row++) {
            passes[row] = nsky_rng_uniform(&rng) < share || row == 17 * q;
            bitmap[row >> 3] |= (uint8_t)(passes[row] << (row & 7));
        }
        nsky_query query = {.positive = vectors[self],
                            .positive_count = 1,
                            .k = K,
                            .exclude = &self,
                            .exclude_count = 1,
                            .effort = effort};
        nsky_filter_init(&query.filter);
        query.filter.bitmap = bitmap;
        assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
        if (method && strcmp(answer.method, method) != 0 &&
            !strstr(answer.why, "fewer than were asked for"))
            fail_msg("share %g: %s (%s), not %s", share, answer.method, answer.why, method);
        assert_true(answer.why[0] != '\0');
        good += good_hits(&answer, (uint32_t)self, passes);
        expected += answer.count;
    }
    return expected ? (double)good / expected : 1;
}

static const double shares[] = {0.5, 0.1, 0.01, 0.001, 0.00001};

/* Few: everything exact. Else by the index as far as it goes. */
static void check_index(double least)
{
    nsky_search *search = open_search();
    const uint64_t few = search->few;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        search->few = few; /* a small store: always few */
        assert_true(ask_share(search, shares[i], NSKY_EFFORT_BALANCED, "filtered exact scan") == 1);
        assert_true(ask_share(search, shares[i], NSKY_EFFORT_EXACT, "filtered exact scan") == 1);
        search->few = 0;
        double recall = ask_share(search, shares[i], NSKY_EFFORT_BALANCED, NULL);
        double fast = ask_share(search, shares[i], NSKY_EFFORT_FAST, NULL);
        if (recall < least || fast < least - 0.3)
            fail_msg("share %g: recall %.3f, fast %.3f", shares[i], recall, fast);
    }
    search->few = 0;
    assert_true(ask_share(search, 0.5, NSKY_EFFORT_BALANCED, "filtered index + re-ranking") >=
                least);
    nsky_search_close(search);
}

static void build_index(const char *factory, uint32_t lists, const char *kind)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_index_options options = {.recall_target = 0.95, .factory = factory, .lists = lists};
    nsky_index_report report;
    assert_ok(nsky_index_build(store, &options, &report, &err), err);
    if (!strstr(report.kind, kind))
        fail_msg("%s, not %s", report.kind, kind);
}

static void filters_on_a_flat_index(void **state)
{
    (void)state;
    build_index(NULL, 0, "Flat");
    check_index(1);
}

static void filters_on_lists_of_faiss(void **state)
{
    (void)state;
    build_index("IVF32,PQ16x4fs", 0, "IVF");
    check_index(0.85);
}

static void filters_on_our_lists(void **state)
{
    (void)state;
    build_index(NULL, 32, "Lists32");
    check_index(0.9);
}

static void values_of_the_catalogue(void **state)
{
    (void)state;
    static bool passes[ROWS];
    static nsky_answer answer;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = open_search();
    search->few = 0;
    for (uint32_t q = 0; q < QUERIES; q++) {
        nsky_rng rng = nsky_rng_at(10, 0, q);
        nsky_query query = {.positive = vectors[q], .positive_count = 1, .k = K};
        nsky_sky centre = {nsky_rng_range(&rng, 0, 360), nsky_rng_range(&rng, -90, 90)};
        nsky_filter_init(&query.filter);
        query.filter.mag_max[1] = 15.5 + 0.4 * q;
        query.filter.types = 1u << NSKY_TYPE_DEV;
        if (q % 2) {
            query.filter.cone_ra_deg = centre.ra_deg;
            query.filter.cone_dec_deg = centre.dec_deg;
            query.filter.cone_radius_deg = 10 * q;
        }
        const uint64_t self = q;
        query.exclude = &self;
        query.exclude_count = 1;
        for (uint32_t row = 0; row < rows_now; row++)
            passes[row] = mag[row] <= (float)(15.5 + 0.4 * q) && row % 3 != 0 &&
                          (q % 2 == 0 || nsky_sky_separation_deg(
                                             centre, (nsky_sky){ra[row], dec[row]}) <= 10 * q);
        for (int again = 0; again < 2; again++) { /* by what was kept of the first time */
            assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
            assert_true(good_hits(&answer, q, passes) + 2 >= answer.count);
        }
    }
    nsky_search_close(search);
}

/* What a query leaves out, the next one with its filter finds. */
static void exclusions_are_a_query_s_own(void **state)
{
    (void)state;
    static nsky_answer all, less, again;
    const uint64_t few[] = {0, UINT64_MAX}; /* by the index, and compared one by one */
    nsky_error err = NSKY_ERROR_INIT;
    nsky_search *search = open_search();
    for (size_t way = 0; way < 2; way++) {
        nsky_query query = {.positive = vectors[3], .positive_count = 1, .k = K};
        nsky_filter_init(&query.filter);
        query.filter.mag_max[1] = 19;
        search->few = few[way];
        assert_ok(nsky_search_run(search, &query, 1, &all, &err), err);
        const uint64_t rows[] = {all.hits[0].row, all.hits[2].row, all.hits[0].row, UINT64_MAX};
        query.exclude = rows;
        query.exclude_count = 4;
        assert_ok(nsky_search_run(search, &query, 1, &less, &err), err);
        assert_int_equal(less.matching, all.matching - 2);
        for (uint32_t i = 0; i < less.count; i++)
            assert_true(less.hits[i].row != rows[0] && less.hits[i].row != rows[1]);
        query.exclude_count = 0;
        assert_ok(nsky_search_run(search, &query, 1, &again, &err), err);
        assert_int_equal(again.matching, all.matching);
        assert_memory_equal(again.hits, all.hits, all.count * sizeof *all.hits);
    }
    nsky_search_close(search);
}

/* --- rows that come later, rows that go --- */

static uint64_t inode_of_live(const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *live = NULL;
    struct stat info;
    assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    char *path = nsky_format(&err, "%s/%s", live->path, name);
    assert_int_equal(stat(path, &info), 0);
    nsky_free(path);
    nsky_generation_close(live);
    return info.st_ino;
}

static void tell(const char *text, void *payload)
{
    (void)payload;
    print_error("%s\n", text);
}

static void assert_sound(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t problems = 0;
    assert_ok(nsky_survey_verify(store, tell, NULL, &problems, &err), err);
    assert_int_equal(problems, 0);
}

static void new_rows_are_found_without_a_rebuild(void **state)
{
    (void)state;
    const uint64_t codes = inode_of_live("codes.bin");
    add_rows(FIRST, ROWS);
    publish_vectors(ROWS);
    assert_int_equal(inode_of_live("codes.bin"), codes);
    nsky_search *search = open_search();
    nsky_error err = NSKY_ERROR_INIT;
    static nsky_answer answer;
    assert_int_equal(nsky_search_indexed(search), FIRST);
    for (uint32_t row = FIRST; row < ROWS; row += 37) {
        nsky_query query = {.positive = vectors[row], .positive_count = 1, .k = K};
        nsky_filter_init(&query.filter);
        assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
        assert_string_equal(answer.method, "index + re-ranking");
        assert_int_equal(answer.hits[0].row, row);
        const uint64_t self = row;
        query.exclude = &self;
        query.exclude_count = 1;
        assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
        assert_int_equal(answer.matching, ROWS - 1);
        assert_int_equal(answer.count, K);
        for (uint32_t i = 0; i < K; i++)
            assert_true(answer.hits[i].row != row);
    }
    nsky_search_close(search);
    check_index(0.9);
    assert_sound();
}

static void mark_deleted(uint32_t step, bool undo)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = NULL;
    uint32_t generation;
    bool changed;
    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, &err), err);
    for (uint32_t row = 5; row < ROWS; row += step) {
        assert_ok(nsky_survey_delete(survey, row, !undo, &changed, &err), err);
        assert_true(changed);
        assert_ok(nsky_survey_delete(survey, row, !undo, &changed, &err), err);
        assert_false(changed);
        deleted[row] = !undo;
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
    assert_ok(nsky_index_hide(store, &generation, &err), err);
    assert_true(generation > 0);
}

static void deleted_rows_are_in_no_answer(void **state)
{
    (void)state;
    const uint64_t before = inode_of_live("vectors.f16"), columns = inode_of_live("columns.bin");
    nsky_error err = NSKY_ERROR_INIT;
    static float scores[ROWS];
    static nsky_answer answer;
    uint8_t *allowed;
    uint64_t matching;
    mark_deleted(7, false);
    assert_int_equal(inode_of_live("vectors.f16"), before);
    assert_int_equal(inode_of_live("columns.bin"), columns);
    nsky_search *search = open_search();
    assert_int_equal(nsky_search_deleted(search), (ROWS - 5 + 6) / 7);
    const nsky_linear probe = {vectors[3], 0};
    assert_ok(nsky_search_scores(search, &probe, 1, scores, NULL, NULL, &err), err);
    nsky_filter none;
    nsky_filter_init(&none);
    assert_ok(nsky_search_allowed(search, &none, &allowed, &matching, &err), err);
    assert_int_equal(matching, ROWS - nsky_search_deleted(search));
    for (uint32_t row = 0; row < ROWS; row++) {
        assert_true(isnan(scores[row]) == deleted[row]);
        assert_true((allowed[row >> 3] >> (row & 7) & 1) == !deleted[row]);
        assert_true(nsky_search_is_deleted(search, row) == deleted[row]);
    }
    nsky_free(allowed);
    nsky_hit hits[K];
    nsky_score_query top = {.probe = probe, .k = K, .hits = hits, .filter = none};
    assert_ok(nsky_search_top_scores(search, &top, 1, &err), err);
    assert_int_equal(top.matching, ROWS - nsky_search_deleted(search));
    for (uint32_t i = 0; i < K; i++)
        assert_false(deleted[hits[i].row]);
    for (uint32_t row = 5; row < ROWS; row += 7 * 31) /* their neighbours, by every way */
        for (int effort = NSKY_EFFORT_BALANCED; effort <= NSKY_EFFORT_EXACT; effort++) {
            nsky_query query = {
                .positive = vectors[row], .positive_count = 1, .k = 50, .effort = effort};
            nsky_filter_init(&query.filter);
            assert_ok(nsky_search_run(search, &query, 1, &answer, &err), err);
            assert_int_equal(answer.count, 50);
            for (uint32_t i = 0; i < answer.count; i++)
                assert_false(deleted[answer.hits[i].row]);
        }
    nsky_search_close(search);
    check_index(0.9);
    assert_sound();
}

static void the_catalogue_hides_them_too(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = NULL;
    nsky_object object;
    nsky_cone_hit hit[2];
    uint32_t count;
    uint64_t row;
    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_READ, &err), err);
    assert_int_equal(nsky_survey_by_id(survey, 6, &object, &err), NSKY_ENOTFOUND);
    assert_non_null(strstr(err.text, "--undo"));
    assert_int_equal(nsky_survey_by_name(survey, "row5", &object, &err), NSKY_ENOTFOUND);
    assert_ok(nsky_survey_row_of_id(survey, 6, &row, &err), err);
    assert_int_equal(row, 5);
    assert_ok(nsky_survey_by_row(survey, 5, &object, &err), err);
    assert_ok(nsky_survey_cone(survey, (nsky_sky){ra[5], dec[5]}, 5, 2, hit, &count, &err), err);
    assert_int_equal(count, 0);
    assert_ok(nsky_survey_cone(survey, (nsky_sky){ra[6], dec[6]}, 5, 2, hit, &count, &err), err);
    assert_int_equal(count, 1);
    nsky_survey_close(survey);
}

static void shown_again_and_taken_in(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    struct stat info;
    nsky_generation *live = NULL;
    mark_deleted(7, true);
    assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    assert_null(live->deleted);
    char *path = nsky_format(&err, "%s/deleted.bin", live->path);
    assert_int_equal(stat(path, &info), -1);
    nsky_free(path);
    nsky_generation_close(live);
    build_index(NULL, 32, "Lists32");
    nsky_search *search = open_search();
    assert_int_equal(nsky_search_indexed(search), ROWS);
    nsky_search_close(search);
    check_index(0.9);
    assert_sound();
}

static void a_damaged_list_of_deletions_is_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *live = NULL;
    void *content;
    size_t bytes;
    mark_deleted(1000, false);
    assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    char *path = nsky_format(&err, "%s/deleted.bin", live->path);
    nsky_generation_close(live);
    assert_ok(nsky_file_read(&content, &bytes, path, 1u << 20, &err), err);
    for (size_t at = 0; at < bytes; at += 5) {
        unsigned char *damaged = content;
        damaged[at] ^= 0x10;
        assert_ok(nsky_file_write(path, content, bytes, &err), err);
        assert_int_not_equal(nsky_generation_open(&live, store, 0, &err), NSKY_OK);
        assert_non_null(strstr(err.text, "deleted.bin"));
        damaged[at] ^= 0x10;
    }
    assert_ok(nsky_file_write(path, content, bytes, &err), err);
    assert_ok(nsky_generation_open(&live, store, 0, &err), err);
    nsky_generation_close(live);
    nsky_free(content);
    nsky_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_on_a_flat_index),
        cmocka_unit_test(filters_on_lists_of_faiss),
        cmocka_unit_test(filters_on_our_lists),
        cmocka_unit_test(values_of_the_catalogue),
        cmocka_unit_test(exclusions_are_a_query_s_own),
        cmocka_unit_test(new_rows_are_found_without_a_rebuild),
        cmocka_unit_test(deleted_rows_are_in_no_answer),
        cmocka_unit_test(the_catalogue_hides_them_too),
        cmocka_unit_test(shown_again_and_taken_in),
        cmocka_unit_test(a_damaged_list_of_deletions_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, remove_test_directory);
}
