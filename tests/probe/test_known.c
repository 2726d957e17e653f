/* test_known.c - lists of known objects: both ways told, marked once, seen by filters. */
#include "probe/known.h"
#include "tests/probe/store_support.h"

#define LIST                                                               \
    "name,ra,dec,grade\n"                                                  \
    "A,10.12,22.0001,A\n"  /* 0.36 arcsec from object 12 */                \
    "B,10.12,21.99985,B\n" /* 0.54 arcsec from it */                       \
    ",10.4,20,A\n"         /* object 40, no name */                        \
    "far,10.405,20.3,B\n"  /* within half a degree of some, but of none */ \
    "off,200,-40,B\n"      /* off the footprint */

static nsky_known *match(const char *text, double radius_arcsec)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_known *known;
    assert_ok(
        nsky_known_match_list(&known, write_text("list.csv", text), survey, radius_arcsec, &err),
        err);
    return known;
}

static void both_ways_are_told(void **state)
{
    (void)state;
    nsky_known *known = match(LIST, 1.5);
    assert_int_equal(known->count, 5);
    assert_int_equal(known->matched, 3);
    assert_int_equal(known->objects, 2);
    assert_int_equal(known->outside, 1);
    assert_int_equal(known->several_entries, 1);
    assert_int_equal(known->several_objects, 0);
    assert_int_equal(known->matches[0].row, 12);
    assert_int_equal(known->matches[1].row, 12);
    assert_int_equal(known->matches[0].entries, 2);
    assert_float_equal(known->matches[0].separation_arcsec, 0.36, 1e-6);
    assert_int_equal(known->matches[2].row, 40);
    assert_string_equal(known->matches[2].name, "J004136.00+200000.0");
    assert_false(known->matches[3].matched);
    nsky_known_free(known);
    known = match("ra,dec\n10.12,22\n", 3600 * 2.5); /* neighbours are more than a degree away */
    assert_true(known->several_objects == 1 && known->matches[0].objects > 1);
    assert_int_equal(known->matches[0].row, 12);
    nsky_known_free(known);
}

static void marked_objects_are_hidden_by_filters(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_known *known = match(LIST, 1.5);
    nsky_survey *writer = open_survey(NSKY_SURVEY_WRITE);
    nsky_search *fresh;
    nsky_row_facts facts;
    nsky_object object;
    uint32_t changed, generation, before = nsky_search_generation(search);
    assert_ok(nsky_known_mark(known, writer, &changed, &err), err);
    assert_int_equal(changed, 2);
    assert_ok(nsky_survey_by_row(writer, 12, &object, &err), err);
    assert_string_equal(object.known, "A"); /* the nearer of two */
    assert_ok(nsky_known_mark(known, writer, &changed, &err), err);
    assert_int_equal(changed, 0);
    nsky_survey_close(writer);
    assert_ok(nsky_search_facts(search, 12, &facts, &err), err);
    assert_false(facts.known); /* as indexed */

    assert_ok(nsky_index_refresh(store_path, &generation, &err), err);
    assert_int_equal(generation, before + 1);
    assert_ok(nsky_search_open(&fresh, store_path, 0, &err), err);
    assert_ok(nsky_search_facts(fresh, 12, &facts, &err), err);
    assert_true(facts.known);
    uint8_t *allowed;
    uint64_t matching;
    nsky_filter filter;
    nsky_filter_init(&filter);
    filter.hide_known = true;
    assert_ok(nsky_search_allowed(fresh, &filter, &allowed, &matching, &err), err);
    assert_int_equal(matching, OBJECTS - 2);
    nsky_free(allowed);
    nsky_search_close(fresh);
    nsky_known_free(known);
    assert_sound();
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_known *known;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"name,ra\nA,10\n", "no columns ra and dec"},
        {"ra,dec\n10,95\n11,x\n12,0\n", "line 2, 3"},
        {"ra,dec\n", "empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(
            nsky_known_match_list(&known, write_text("bad.csv", cases[i].text), survey, 1, &err),
            NSKY_EDATA, err, cases[i].word);
}

/* The two lists of Stein et al. 2021, where they are: read whole, none of them in this sky. */
static void real_lists_are_read(void **state)
{
    (void)state;
    const char *data = getenv("NEARSKY_TEST_DATA");
    nsky_error err = NSKY_ERROR_INIT;
    static const struct {
        const char *name;
        uint32_t entries;
    } lists[] = {{"stein2021_training_lenses.tsv", 1615}, {"stein2021_new_lenses.tsv", 1192}};
    for (int i = 0; i < 2; i++) {
        char path[1024];
        nsky_known *known;
        snprintf(path, sizeof path, "%s/lens_catalogues/%s", data ? data : "../shared/data",
                 lists[i].name);
        if (!nsky_file_exists(path)) {
            print_message("NEARSKY-SKIP: no %s\n", path);
            skip();
        }
        assert_ok(nsky_known_match_list(&known, path, survey, 1.5, &err), err);
        assert_int_equal(known->count, lists[i].entries);
        nsky_known_free(known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_are_told),
        cmocka_unit_test(marked_objects_are_hidden_by_filters),
        cmocka_unit_test(bad_lists_are_refused),
        cmocka_unit_test(real_lists_are_read),
    };
    return cmocka_run_group_tests(tests, open_special_store, close_special_store);
}
