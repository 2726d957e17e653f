/* test_bare.c - rows without a picture, alone and among others: found, kept, counted, verified. */
#include "support.h"

#include <sqlite3.h>

#include "store/survey_private.h"

static void add_bare(nsky_survey *survey, uint32_t first, uint32_t count)
{
    nsky_error err = NSKY_ERROR_INIT;

    for (uint32_t n = first; n < first + count; n++) {
        nsky_object object = make_object(n);
        nsky_add_result result;
        assert_ok(nsky_survey_add_bare(survey, &object, &result, &err), err);
        assert_int_equal(result, NSKY_ADDED);
        assert_int_equal(object.row, n);
    }
}

static void commit_and_close(nsky_survey *survey)
{
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
}

static int64_t ask(const char *text)
{
    sqlite3 *db;
    sqlite3_stmt *statement;

    assert_int_equal(sqlite3_open(in_store("catalogue.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
    sqlite3_step(statement);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

/* Pictures are those of rows 3..4 and from 8 on. */
static bool has_picture(uint64_t row)
{
    return row == 3 || row == 4 || row >= 8;
}

static void assert_rows(uint32_t rows)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_survey(NSKY_SURVEY_READ);

    assert_int_equal(nsky_survey_rows(survey), rows);
    for (uint32_t n = 0; n < rows; n++) {
        nsky_object wanted = make_object(n), found;
        nsky_stamp *in = make_stamp(n, 16), *out;
        nsky_cone_hit hit;
        uint32_t count;
        assert_ok(nsky_survey_by_id(survey, wanted.id, &found, &err), err);
        assert_int_equal(found.row, n);
        assert_string_equal(found.name, wanted.name);
        assert_string_equal(found.source, wanted.source);
        assert_ok(nsky_survey_cone(survey, (nsky_sky){wanted.ra_deg, wanted.dec_deg}, 1, 1, &hit,
                                   &count, &err),
                  err);
        assert_int_equal(count, 1);
        assert_int_equal(hit.object.row, n);
        if (has_picture(n)) {
            assert_ok(nsky_survey_stamp(survey, n, &out, &err), err);
            assert_int_equal(out->width, 16);
            assert_true(fabsf(out->pixels[100] - in->pixels[100]) <= 0.01f);
            nsky_stamp_free(out);
        } else {
            assert_fails(nsky_survey_stamp(survey, n, &out, &err), NSKY_ENOTFOUND, err,
                         "no picture");
            assert_null(out);
        }
        nsky_stamp_free(in);
    }
    nsky_survey_close(survey);
    assert_sound();
}

/* Three without, two with, three without; then one at a time, each in a pack of its own. */
static void make_mixed_store(void)
{
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    add_bare(survey, 0, 3);
    add_objects(survey, 3, 2, 16);
    add_bare(survey, 5, 1);
    commit_and_close(survey);
    survey = open_survey(NSKY_SURVEY_WRITE);
    add_bare(survey, 6, 2);
    commit_and_close(survey);
    for (uint32_t n = 8; n < 11; n++) {
        survey = open_survey(NSKY_SURVEY_WRITE);
        survey->writer.bytes_max = 1;
        add_objects(survey, n, 1, 16);
        commit_and_close(survey);
    }
}

static void test_among_others(void **state)
{
    (void)state;
    make_mixed_store();
    assert_rows(11);
    assert_int_equal(ask("SELECT sum(rows) FROM kinds"), 5);
    assert_int_equal(ask("SELECT count(*) FROM objects WHERE bytes = 0"), 6);
    assert_int_equal(ask("PRAGMA user_version"), 3);
}

static void test_alone(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *about;
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    add_bare(survey, 0, 3);
    commit_and_close(survey);
    assert_rows(3);
    survey = open_survey(NSKY_SURVEY_READ);
    assert_ok(nsky_survey_describe(survey, &about, &err), err);
    assert_int_equal((int)nsky_json_get_number(about, "rows", -1), 3);
    assert_int_equal((int)nsky_json_get_number(about, "stamp_bytes", -1), 0);
    assert_int_equal(nsky_json_count(nsky_json_get(about, "kinds")), 0);
    nsky_json_free(about);
    nsky_survey_close(survey);
    assert_false(nsky_file_exists(in_store("stamps/000000.pack")));
}

static void test_same_and_conflict(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_add_result result;

    make_mixed_store();
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    nsky_object bare = make_object(1), pictured = make_object(4);
    nsky_stamp *stamp = make_stamp(1, 16);
    assert_ok(nsky_survey_add_bare(survey, &bare, &result, &err), err);
    assert_int_equal(result, NSKY_ADD_SAME);
    assert_int_equal(bare.row, 1);
    assert_ok(nsky_survey_add_bare(survey, &pictured, &result, &err), err);
    assert_int_equal(result, NSKY_ADD_CONFLICT);
    assert_int_equal(pictured.row, 4);
    assert_ok(nsky_survey_add(survey, &bare, stamp, false, &result, &err), err);
    assert_int_equal(result, NSKY_ADD_CONFLICT);
    bare.id = 0;
    assert_fails(nsky_survey_add_bare(survey, &bare, &result, &err), NSKY_EINVAL, err, "id 0");
    bare.id = 77;
    bare.dec_deg = 91;
    assert_fails(nsky_survey_add_bare(survey, &bare, &result, &err), NSKY_EINVAL, err, "position");
    nsky_stamp_free(stamp);
    commit_and_close(survey);
    assert_rows(11);
}

/* What was not committed leaves a catalogue of the version it had, and pictures are counted still.
 */
static void test_taken_back(void **state)
{
    (void)state;
    make_store(2, 16);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    add_bare(survey, 2, 50);
    nsky_survey_close(survey);
    assert_int_equal(ask("PRAGMA user_version"), 1);
    survey = open_survey(NSKY_SURVEY_WRITE);
    add_objects(survey, 2, 1, 16);
    commit_and_close(survey);
    assert_int_equal(ask("SELECT sum(rows) FROM kinds"), 3);
    assert_sound();
}

/* Of a catalogue that was there before, with deleted rows in it. */
static void test_of_an_older_one(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    bool changed, deleted;
    nsky_object object = make_object(1);

    make_store(3, 16);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    assert_ok(nsky_survey_delete(survey, 1, true, &changed, &err), err);
    commit_and_close(survey);
    assert_int_equal(ask("PRAGMA user_version"), 2);
    survey = open_survey(NSKY_SURVEY_WRITE);
    add_bare(survey, 3, 2);
    add_objects(survey, 5, 1, 16);
    assert_ok(nsky_survey_delete(survey, 4, true, &changed, &err), err);
    assert_true(changed);
    commit_and_close(survey);
    survey = open_survey(NSKY_SURVEY_READ);
    assert_ok(nsky_survey_is_deleted(survey, 1, &deleted, &err), err);
    assert_true(deleted);
    assert_ok(nsky_survey_is_deleted(survey, 4, &deleted, &err), err);
    assert_true(deleted);
    assert_fails(nsky_survey_by_id(survey, object.id, &object, &err), NSKY_ENOTFOUND, err,
                 "deleted");
    nsky_survey_close(survey);
    assert_int_equal(ask("SELECT sum(rows) FROM kinds"), 4);
    assert_int_equal(ask("PRAGMA user_version"), 3);
    assert_sound();
}

static void test_damage(void **state)
{
    (void)state;
    sqlite3 *db;

    make_mixed_store();
    assert_int_equal(sqlite3_open(in_store("catalogue.db"), &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE objects SET offset = 17 WHERE row = 6", NULL, NULL, NULL),
        SQLITE_OK);
    assert_unsound("row 6 does not lie behind");
    sqlite3_exec(db, "UPDATE objects SET offset = 17, bytes = 5 WHERE row = 6", NULL, NULL, NULL);
    assert_unsound("row 6 makes no sense");
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_among_others, fresh_store),
        cmocka_unit_test_setup(test_alone, fresh_store),
        cmocka_unit_test_setup(test_same_and_conflict, fresh_store),
        cmocka_unit_test_setup(test_taken_back, fresh_store),
        cmocka_unit_test_setup(test_of_an_older_one, fresh_store),
        cmocka_unit_test_setup(test_damage, fresh_store),
    };
    return cmocka_run_group_tests_name("store.bare", tests, make_test_directory,
                                       remove_test_directory);
}
