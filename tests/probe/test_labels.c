/* test_labels.c - label files: matched by id, name and position; everything wrong named by line. */
#include "tests/probe/store_support.h"

static nsky_status read_text(const char *text, nsky_label_options options, nsky_labels **out,
                             nsky_error *err)
{
    return nsky_labels_read(out, write_text("labels.csv", text), survey, &options, err);
}

static const char *with_ids(const char *format, uint32_t a, uint32_t b, uint32_t c)
{
    static char text[1024];
    snprintf(text, sizeof text, format, (unsigned long long)id_of(a), (unsigned long long)id_of(b),
             (unsigned long long)id_of(c));
    return text;
}

static void objects_are_found(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    static const char *const texts[] = {
        "name,label\ngalaxy-00012,lens\ngalaxy-00003,spiral\ngalaxy-00040,ring\n",
        "label;RA;DEC\nlens;10.12;22\nspiral;10.03;23.0001\nring;10:41:36;+20\n",
        "label\tra\tdec\nlens\t10.12\t22\nspiral\t10.03\t23.0001\nring\t0h41m36s\t20d0m0s\n",
    };
    for (int i = 0; i < 3; i++) {
        if (i == 1) /* 10:41:36 is in hours: another place, passed over */
            continue;
        assert_ok(read_text(texts[i], (nsky_label_options){0}, &labels, &err), err);
        assert_int_equal(labels->count, 3);
        assert_int_equal(labels->classes, 3);
        assert_string_equal(labels->names[0], "lens");
        assert_string_equal(labels->names[2], "spiral");
        assert_int_equal(nsky_labels_find(labels, 12)->class, 0);
        assert_int_equal(nsky_labels_find(labels, 3)->class, 2);
        assert_int_equal(nsky_labels_find(labels, 40)->class, 1);
        assert_null(nsky_labels_find(labels, 13));
        nsky_labels_free(labels);
    }
    assert_ok(read_text(texts[1], (nsky_label_options){.positive = "lens"}, &labels, &err), err);
    assert_int_equal(labels->count, 2);
    assert_int_equal(labels->unmatched, 1);
    nsky_labels_free(labels);
    assert_ok(read_text(with_ids("id,label\n%llu,a\n%llu,b\n%llu,a\n", 5, 6, 4),
                        (nsky_label_options){.positive = "b"}, &labels, &err),
              err);
    assert_int_equal(nsky_labels_find(labels, 6)->class, 1);
    assert_int_equal(nsky_labels_find(labels, 5)->class, 0);
    nsky_labels_free(labels);
}

/* As other programs write them; errors name the row. */
static void votables_are_labels(void **state)
{
    (void)state;
    static const char format[] =
        "<?xml version='1.0'?><VOTABLE version='1.3'><RESOURCE><TABLE>"
        "<FIELD name='Label' datatype='char' arraysize='*'/><FIELD name='id' datatype='long'/>"
        "<DATA><TABLEDATA><TR><TD>lens</TD><TD>%llu</TD></TR><TR><TD>ring</TD><TD>%llu</TD></TR>"
        "<TR><TD>spiral</TD><TD>%llu</TD></TR><TR><TD></TD><TD>1</TD></TR></TABLEDATA></DATA>"
        "</TABLE></RESOURCE></VOTABLE>";
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    char text[1024];

    assert_ok(read_text(with_ids(format, 12, 40, 3), (nsky_label_options){0}, &labels, &err), err);
    assert_int_equal(labels->count, 3);
    assert_int_equal(labels->unlabelled, 1);
    assert_string_equal(labels->names[1], "ring");
    assert_int_equal(nsky_labels_find(labels, 40)->class, 1);
    nsky_labels_free(labels);
    snprintf(text, sizeof text, format, 99ull, 98ull, (unsigned long long)id_of(3));
    assert_fails(read_text(text, (nsky_label_options){0}, &labels, &err), NSKY_EDATA, err,
                 "row 1: no object has id 99; row 2: no object has id 98");
}

static void two_classes_need_to_be_told_apart(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    assert_ok(read_text(with_ids("id,label\n%llu,lens\n%llu,other\n%llu,lens\n", 1, 2, 3),
                        (nsky_label_options){0}, &labels, &err),
              err);
    assert_string_equal(labels->names[0], "other");
    assert_string_equal(labels->names[1], "lens");
    assert_int_equal(nsky_labels_find(labels, 1)->class, 1);
    nsky_labels_free(labels);
    assert_fails(read_text(with_ids("id,label\n%llu,spiral\n%llu,ring\n%llu,ring\n", 1, 2, 3),
                           (nsky_label_options){0}, &labels, &err),
                 NSKY_EINVAL, err, "--positive");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    const nsky_label_options plain = {0}, numbers = {.numbers = true};
    const struct {
        const char *text;
        nsky_label_options options;
        nsky_status status;
        const char *word;
    } cases[] = {
        {"id,label\n99,lens\n", plain, NSKY_EDATA, "line 2: no object has id 99"},
        {"id,label\nx1,lens\n", plain, NSKY_EDATA, "line 2: \"x1\" is no object id"},
        {"id,label\n,lens\n", plain, NSKY_EDATA, "line 2: there is no id"},
        {"id,label\n1.0,lens\n", plain, NSKY_EDATA, "line 2"},
        {"id,label\n-1,lens\n", plain, NSKY_EDATA, "line 2"},
        {"id,label\n36893488147419103232,lens\n", plain, NSKY_EDATA, "line 2"},
        {"name,label\nnobody,lens\n", plain, NSKY_EDATA, "no object is named \"nobody\""},
        {"ra,dec,label\n10.0,+120,lens\n", plain, NSKY_EDATA, "line 2: \"10.0 +120\""},
        {"name,label\ngalaxy-00001,nan\n", plain, NSKY_EDATA, "line 2: the label is nan"},
        {"name,label\ngalaxy-00001,0.5\ngalaxy-00002,NaN\n", numbers, NSKY_EDATA, "line 3"},
        {"name,label\ngalaxy-00001,0.5\ngalaxy-00002,inf\n", numbers, NSKY_EDATA, "line 3"},
        {"name,label\ngalaxy-00001,0.5x\n", numbers, NSKY_EDATA, "0.5x"},
        {"name,label\ngalaxy-00001,a\n\ngalaxy-00001,b\n", plain, NSKY_EDATA, "line 4: object"},
        {"name,label\na,x\nb,x\nc,x\nd,x\ne,x\n", plain, NSKY_EDATA, "and 2 more like these"},
        {"name,labels\ngalaxy-00001,a\n", plain, NSKY_EDATA, "no column \"label\" among name"},
        {"label,mag\na,1\n", plain, NSKY_EDATA, "id, name, or"},
        {"name,label\n", plain, NSKY_EINVAL, "no label"},
        {"name,label\ngalaxy-00001,\n", plain, NSKY_EINVAL, "1 without a label"},
        {"ra,dec,label\n200,0,a\n", plain, NSKY_EINVAL, "1 of no object"},
        {"name,label\ngalaxy-00001,spiral\n",
         {.positive = "lens"},
         NSKY_EINVAL,
         "no label says \"lens\""},
        {"", plain, NSKY_EDATA, "column names"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        labels = (nsky_labels *)1;
        assert_fails(read_text(cases[i].text, cases[i].options, &labels, &err), cases[i].status,
                     err, cases[i].word);
        assert_null(labels);
        assert_non_null(strstr(err.text, "labels.csv"));
    }
    assert_fails(nsky_labels_read(&labels, in_directory("absent"), survey, &plain, &err),
                 NSKY_ENOTFOUND, err, "absent");
}

static void what_is_missing_may_be_passed_over(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    assert_ok(read_text("name,label\nnobody,a\ngalaxy-00001,a\ngalaxy-00001,a\ngalaxy-00002,b\n"
                        "galaxy-00003,\n",
                        (nsky_label_options){.allow_missing = true, .positive = "a"}, &labels,
                        &err),
              err);
    assert_int_equal(labels->count, 2);
    assert_int_equal(labels->unmatched, 1);
    assert_int_equal(labels->repeated, 1);
    assert_int_equal(labels->unlabelled, 1);
    nsky_labels_free(labels);
}

static void too_many_classes_are_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    char *text = malloc(40 * 300), *at = text;
    at += sprintf(at, "name,label\n");
    for (uint32_t n = 0; n < 300; n++)
        at += sprintf(at, "galaxy-%05u,%u.5\n", n, n);
    assert_fails(read_text(text, (nsky_label_options){0}, &labels, &err), NSKY_ELIMIT, err,
                 "--regress");
    assert_ok(read_text(text, (nsky_label_options){.numbers = true}, &labels, &err), err);
    assert_int_equal(labels->count, 300);
    assert_float_equal(nsky_labels_find(labels, 123)->value, 123.5, 0);
    nsky_labels_free(labels);
    free(text);
}

static void examples_by_id(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_labels *labels;
    const uint64_t positive[] = {id_of(3), id_of(1), id_of(3)}, negative[] = {id_of(2), 17};
    assert_ok(nsky_labels_of_ids(&labels, survey, "p", positive, 3, negative, 1, &err), err);
    assert_int_equal(labels->count, 3);
    assert_int_equal(labels->repeated, 1);
    assert_int_equal(nsky_labels_find(labels, 1)->class, 1);
    assert_int_equal(nsky_labels_find(labels, 2)->class, 0);
    nsky_labels_free(labels);
    assert_fails(nsky_labels_of_ids(&labels, survey, "p", positive, 3, negative, 2, &err),
                 NSKY_EINVAL, err, "no object has id 17, an example of other");
    assert_fails(nsky_labels_of_ids(&labels, survey, "p", positive, 3, positive, 1, &err),
                 NSKY_EINVAL, err, "of other and of p");
    assert_fails(nsky_labels_of_ids(&labels, survey, "p", positive, 0, positive, 1, &err),
                 NSKY_EINVAL, err, "positive");
}

static nsky_status read_it(void *context, nsky_error *err)
{
    nsky_labels *labels;
    const nsky_label_options options = {0};
    nsky_status status = nsky_labels_read(&labels, context, survey, &options, err);
    nsky_labels_free(labels);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    char *path =
        strdup(write_text("memory.csv", "ra,dec,label\n10,20,a\n10.01,21,b\n10.02,22,c\n"));
    assert_true(exhaust_memory(read_it, path) > 3);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_found),
        cmocka_unit_test(votables_are_labels),
        cmocka_unit_test(two_classes_need_to_be_told_apart),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(what_is_missing_may_be_passed_over),
        cmocka_unit_test(too_many_classes_are_refused),
        cmocka_unit_test(examples_by_id),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, open_special_store, close_special_store);
}
