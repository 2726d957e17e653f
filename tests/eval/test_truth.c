/* test_truth.c - label files, friendly and hostile, matched to a small store; groups; splits. */
#include "tests/eval/support.h"

#include <unistd.h>

#include "common/file.h"
#include "eval/split.h"
#include "store/survey.h"

enum { ROWS = 12 };

static char folder[200], store[220], labels[240];

static int make_store(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = NULL;
    (void)state;

    snprintf(folder, sizeof folder, "%s/nsky-truth-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(labels, sizeof labels, "%s/labels.csv", folder);
    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, &err), err);
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_object object;
        nsky_stamp *stamp = NULL;
        nsky_add_result result;
        nsky_object_init(&object);
        snprintf(object.name, sizeof object.name, "row%u", row);
        object.id = 1000 + row;
        object.ra_deg = 10 + row;
        object.dec_deg = -5;
        object.mag_g = 20.0f + (float)row;
        assert_ok(nsky_stamp_new(&stamp, 2, 2, 0.262f, &err), err);
        for (int i = 0; i < 12; i++)
            stamp->pixels[i] = (float)row;
        assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
        nsky_stamp_free(stamp);
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
    return 0;
}

static int remove_store(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    (void)state;
    return nsky_remove_tree(folder, &err);
}

static nsky_status read_text(nsky_truth **out, const char *text, nsky_error *err)
{
    assert_ok(nsky_file_write(labels, text, strlen(text), err), *err);
    return nsky_truth_read(out, labels, store, ROWS, err);
}

static void a_truth_table_is_read(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = NULL;
    (void)state;

    assert_ok(read_text(&truth,
                        "name,class,label,is_lens,deflector,theta_e,z_spec,mag_r,grade\n"
                        "row7,spiral,other,0,,,0.25,18.5,\n"
                        "row3,lens,lens,1,4,1.5,0.5,,B\n"
                        "row5,bare-deflector,other,0,4,,nan,,\n"
                        "stranger,spiral,other,0,,,,,\n",
                        &err),
              err);
    assert_int_equal(truth->n, 3);
    assert_int_equal(truth->lines, 4);
    assert_int_equal(truth->unmatched, 1);
    assert_int_equal(truth->class_count, 3);
    assert_int_equal(truth->objects[0].row, 3); /* by row, whatever the file's order */
    assert_string_equal(truth->classes[truth->objects[0].class], "lens");
    assert_string_equal(truth->classes[truth->objects[2].class], "spiral");
    assert_int_equal(truth->objects[0].lens, NSKY_IS_LENS);
    assert_int_equal(truth->objects[0].grade, 'B');
    assert_near(truth->objects[0].theta_e_arcsec, 1.5, 0);
    assert_true(truth->objects[1].lookalike && !truth->objects[0].lookalike);
    assert_false(truth->objects[2].lookalike);
    assert_true(isnan(truth->objects[1].z_spec));
    assert_near(truth->objects[2].mag[1], 18.5, 0); /* the table's */
    assert_near(truth->objects[2].mag[0], 27, 0);   /* the catalogue's */
    assert_true(isnan(truth->objects[2].mag[2]));
    assert_int_equal(truth->objects[0].group, truth->objects[1].group); /* one deflector */
    assert_int_not_equal(truth->objects[0].group, truth->objects[2].group);
    assert_int_equal(truth->groups, 2);
    nsky_truth_free(truth);
}

static void objects_are_found_by_id_and_position(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = NULL;
    (void)state;

    assert_ok(read_text(&truth, "id,name,label\n1004,row9,lens\n", &err), err);
    assert_int_equal(truth->objects[0].row, 4); /* the id counts, not the name */
    assert_int_equal(truth->objects[0].lens, NSKY_IS_LENS);
    nsky_truth_free(truth);
    assert_ok(read_text(&truth, "ra,dec,label\n16.0002,-5.0001,ring\n13,-5.01,ring\n", &err), err);
    assert_int_equal(truth->n, 1); /* 36 arcsec off is somebody else */
    assert_int_equal(truth->unmatched, 1);
    assert_int_equal(truth->objects[0].row, 6);
    nsky_truth_free(truth);
}

static void rows_without_vectors_do_not_count(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = NULL;
    (void)state;

    assert_ok(nsky_file_write(labels, "id,label\n1002,a\n1011,b\n", 23, &err), err);
    assert_ok(nsky_truth_read(&truth, labels, store, 5, &err), err);
    assert_int_equal(truth->n, 1);
    assert_int_equal(truth->unmatched, 1);
    nsky_truth_free(truth);
}

static void hostile_tables_are_refused(void **state)
{
    static const struct {
        const char *text;
        nsky_status status;
        const char *says;
    } cases[] = {
        {"", NSKY_EDATA, ""},
        {"class\nlens\n", NSKY_EDATA, "which object"},
        {"ra,class\n10,lens\n", NSKY_EDATA, "which object"},
        {"id\n1001\n", NSKY_EDATA, "nothing to judge by"},
        {"id,class\n5,lens\n", NSKY_ENOTFOUND, "another survey"},
        {"id,class\n", NSKY_ENOTFOUND, "none of its 0"},
        {"id,class\n-1,lens\n", NSKY_EDATA, "line 2"},
        {"id,class\n99999999999999999999,lens\n", NSKY_EDATA, "line 2"},
        {"id,class\n1001x,lens\n", NSKY_EDATA, "1001x"},
        {"id,class\n1001,a\n1001,b\n", NSKY_EDATA, "two lines"},
        {"id,is_lens\n1001,yes\n", NSKY_EDATA, "0 or 1"},
        {"id,z_spec\n1001,0.3q\n", NSKY_EDATA, "a number"},
        {"id,z_spec\n1001,inf\n", NSKY_EDATA, "a number"},
        {"id,z_spec\n1001,1e300\n", NSKY_EDATA, "a number"},
        {"id,z_spec\n1001,-1\n", NSKY_EDATA, "a redshift"},
        {"id,class,deflector\n1001,a,1.5\n", NSKY_EDATA, "whole number"},
        {"id,class,deflector\n1001,a,-3\n", NSKY_EDATA, "whole number"},
        {"ra,dec,class\n400000,95,lens\n", NSKY_EDATA, "no position"},
        {"ra,dec,class\n,,lens\n", NSKY_EDATA, "no position"},
        {"id,class\n1001,"
         "0123456789012345678901234567890123456789012345678901234567890123456789\n",
         NSKY_ELIMIT, "longer than 47"},
        {"id,class\n1001,a,b\n", NSKY_EDATA, ""},
        {"id,class\n1001,\"a\n", NSKY_EDATA, ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_truth *truth = NULL;
        nsky_status status = read_text(&truth, cases[i].text, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("\"%s\" gives %d: %s", cases[i].text, status, err.text);
        assert_null(truth);
    }
}

static void too_many_classes_are_refused(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = NULL;
    char text[4096] = "id,class\n";
    (void)state;

    for (uint32_t i = 0; i < NSKY_TRUTH_CLASSES_MAX + 1; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "1001,c%u\n", i);
    assert_int_equal(read_text(&truth, text, &err), NSKY_ELIMIT);
    assert_non_null(strstr(err.text, "more than 64 classes"));
    assert_null(truth);
}

static void out_of_memory_is_said(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = NULL;
    uint64_t at = 1;
    (void)state;

    assert_ok(read_text(&truth, "id,class,z_spec\n1001,a,0.1\n1002,b,0.2\n", &err), err);
    for (;; at++) { /* until nothing fails any more */
        nsky_truth_free(truth);
        nsky_memory_fail_at(at);
        nsky_status status = nsky_truth_read(&truth, labels, store, ROWS, &err);
        nsky_memory_fail_at(0);
        if (status == NSKY_OK)
            break;
        assert_int_equal(status, NSKY_ENOMEM);
        assert_null(truth);
    }
    assert_true(at > 4);
    nsky_truth_free(truth);
}

static void neighbours_on_the_sky_are_one_group(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = make_truth(5, 1);
    (void)state;

    /* A chain: 0 - 3 by position, 3 - 1 by deflector; across RA 0 too. 2 and 4 alone. */
    const double ra[5] = {359.9999, 100, 200, 0.0001, 359.99}, dec[5] = {10, -10, 10, 10, 10};
    for (uint32_t i = 0; i < 5; i++) {
        truth->objects[i].ra_deg = ra[i];
        truth->objects[i].dec_deg = dec[i];
    }
    truth->objects[1].deflector = truth->objects[3].deflector = 9;
    assert_ok(nsky_truth_group(truth, &err), err);
    assert_int_equal(truth->groups, 3);
    assert_int_equal(truth->objects[0].group, truth->objects[3].group);
    assert_int_equal(truth->objects[0].group, truth->objects[1].group);
    assert_int_not_equal(truth->objects[0].group, truth->objects[2].group);
    assert_int_not_equal(truth->objects[0].group, truth->objects[4].group);
    nsky_truth_free(truth);
}

static int by_number(const void *a, const void *b)
{
    const uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

/* Of NSKY_TEST_HALF: more labels, the same to be judged by. */
static void budgets_are_judged_alike(const nsky_truth *truth, const uint32_t *kind)
{
    nsky_error err = NSKY_ERROR_INIT;
    const uint32_t few[2] = {5, 5}, many[2] = {60, 10000};
    nsky_split one, other;
    assert_ok(nsky_split_draw(&one, truth, kind, 2, few, NSKY_TEST_HALF, 5, 1, &err), err);
    assert_ok(nsky_split_draw(&other, truth, kind, 2, many, NSKY_TEST_HALF, 5, 1, &err), err);
    assert_int_equal(one.train_count, 10);
    assert_true(other.train_count > 200);
    assert_int_equal(one.test_count, other.test_count);
    assert_memory_equal(one.test, other.test, one.test_count * sizeof *one.test);
    for (uint32_t i = 0; i < one.train_count; i++) /* the larger budget has the smaller one's */
        assert_non_null(
            bsearch(&one.train[i], other.train, other.train_count, sizeof *one.train, by_number));
    nsky_split_clear(&one);
    nsky_split_clear(&other);
}

static void splits_tear_no_group_apart(void **state)
{
    enum { MANY = 900, FOLDS = 5 };
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = make_truth(MANY, 1);
    static uint32_t kind[MANY], fold[MANY];
    const uint32_t quota[2] = {40, 10000}; /* half of the second kind is all there is to have */
    nsky_split split;
    (void)state;

    for (uint32_t i = 0; i < MANY; i++) {
        truth->objects[i].deflector = i % 300;
        kind[i] = i % 10 == 0 ? NSKY_SPLIT_LEAVE : i % 2;
    }
    assert_ok(nsky_truth_group(truth, &err), err);
    assert_ok(nsky_split_draw(&split, truth, kind, 2, quota, NSKY_TEST_OTHERS, 5, 0, &err), err);
    uint32_t side[300] = {0}, drawn[2] = {0};
    for (uint32_t i = 0; i < split.train_count; i++) {
        side[truth->objects[split.train[i]].group] = 1;
        drawn[kind[split.train[i]]]++;
    }
    assert_int_equal(drawn[0], 40);
    assert_int_equal(drawn[1], 225);
    for (uint32_t i = 0; i < split.test_count; i++) {
        assert_int_equal(side[truth->objects[split.test[i]].group], 0);
        assert_int_not_equal(kind[split.test[i]], NSKY_SPLIT_LEAVE);
    }
    nsky_split_clear(&split);
    budgets_are_judged_alike(truth, kind);
    assert_ok(nsky_split_folds(fold, truth, FOLDS, 5, &err), err);
    uint32_t size[FOLDS] = {0};
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(fold[i], fold[i % 300]);
        size[fold[i]]++;
    }
    for (uint32_t f = 0; f < FOLDS; f++)
        assert_int_equal(size[f], MANY / FOLDS);
    nsky_truth_free(truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_truth_table_is_read),
        cmocka_unit_test(objects_are_found_by_id_and_position),
        cmocka_unit_test(rows_without_vectors_do_not_count),
        cmocka_unit_test(hostile_tables_are_refused),
        cmocka_unit_test(too_many_classes_are_refused),
        cmocka_unit_test(out_of_memory_is_said),
        cmocka_unit_test(neighbours_on_the_sky_are_one_group),
        cmocka_unit_test(splits_tear_no_group_apart),
    };
    return cmocka_run_group_tests(tests, make_store, remove_store);
}
