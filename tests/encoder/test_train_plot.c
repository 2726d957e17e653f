/* test_train_plot.c - pictures of logs: whole, torn, hostile; curves in bounded memory. */
#include "encoder/train/plot.h"
#include "encoder/train/plot_curve.h"
#include "tests/encoder/train_support.h"

static char folder[] = "/tmp/nearsky-plot-XXXXXX", log_path[64], svg_path[64];

static void write_log(const char *text, size_t bytes)
{
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_file_write(log_path, text, bytes, &err), err);
}

/* The picture of a log; free it with nsky_free. */
static char *plot(const char *title, nsky_plot_report *report)
{
    nsky_error err = NSKY_ERROR_INIT;
    size_t bytes;
    void *svg;

    assert_ok(nsky_train_plot(log_path, svg_path, title, report, &err), err);
    assert_ok(nsky_file_read(&svg, &bytes, svg_path, 1 << 20, &err), err);
    return svg;
}

static uint32_t count_of(const char *text, const char *word)
{
    uint32_t count = 0;

    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        count++;
    return count;
}

/* Tags are closed, and what is not a tag holds no markup: enough to know it is one picture. */
static void expect_well_formed(const char *svg)
{
    int depth = 0;

    assert_int_equal(strncmp(svg, "<svg ", 5), 0);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    for (const char *at = strchr(svg, '<'); at; at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        if (at[1] == '/')
            depth--;
        else if (end[-1] != '/')
            depth++;
        assert_true(depth >= 0);
    }
    assert_int_equal(depth, 0);
}

static void draws_what_the_log_says(void **state)
{
    char log[4000] = "";
    nsky_plot_report report;

    (void)state;
    for (int i = 0; i < 20; i++)
        snprintf(log + strlen(log), sizeof log - strlen(log),
                 "{\"step\":%d,\"epoch\":%d,\"loss\":%g,\"lr\":0.03,\"pairs_per_s\":81.5,"
                 "\"seconds\":%d%s}\n",
                 i * 10, i / 10, 6 - 0.1 * i, 600 * i,
                 i % 10 == 9 ? ",\"probe\":{\"knn_accuracy\":0.625}" : "");
    write_log(log, strlen(log));
    char *svg = plot(NULL, &report);
    expect_well_formed(svg);
    assert_int_equal(report.records, 20);
    assert_int_equal(report.skipped, 0);
    assert_non_null(strstr(svg, ">run.jsonl<"));
    assert_non_null(strstr(svg, "190 steps  ·  epoch 1  ·  3.2 h  ·  81.5 pairs/s"));
    assert_non_null(strstr(svg, ">4.1<")); /* the last loss */
    assert_non_null(strstr(svg, ">62.5 %<"));
    assert_non_null(strstr(svg, ">0.03<"));
    assert_int_equal(count_of(svg, "<circle class=\"dot accuracy\""), 2);
    assert_int_equal(count_of(svg, "class=\"line"), 3);
    nsky_free(svg);
}

static void leaves_out_what_is_no_record(void **state)
{
    static const char log[] = "{\"step\":1,\"loss\":2}\n"
                              "\n"
                              "{\"step\":2,\"loss\":null,\"lr\":\"fast\",\"probe\":7}\n"
                              "{\"step\":-1,\"loss\":2}\n"
                              "{\"step\":1e300,\"loss\":2}\n"
                              "{\"loss\":2}\n"
                              "[1,2]\n"
                              "{\"step\":3,\"loss\":1e300}\n"
                              "{\"step\":3,\"loss\":NaN}\n"
                              "{\"step\":4,\"lo" /* killed here, then resumed */
                              "{\"step\":4,\"loss\":1}\n"
                              "\xff\xfe\n"
                              "{\"step\":4,\"loss\":1.5}\n"
                              "{\"step\":5,\"loss\":1.25,\"ep";
    nsky_plot_report report;

    (void)state;
    write_log(log, sizeof log - 1);
    char *svg = plot("a < b & \"c\" \x01\xff\xef\xbf\xbf>", &report);
    expect_well_formed(svg);
    assert_int_equal(report.records, 4);
    assert_int_equal(report.skipped, 8);
    assert_non_null(strstr(svg, "<title>a &lt; b &amp; \"c\" &gt;</title>"));
    assert_int_equal(count_of(svg, "class=\"line"), 1);
    assert_non_null(strstr(svg, ">1.5<"));
    nsky_free(svg);
}

static void survives_hostile_logs(void **state)
{
    static const char *const logs[] = {
        "{\"step\":0,\"loss\":0}",
        "{\"step\":9007199254740992,\"loss\":1e30}\n{\"step\":9007199254740991,\"loss\":-1e30}",
        "{\"step\":0,\"loss\":1e-320}\n{\"step\":9007199254740992,\"loss\":2e-320}",
        "{\"step\":5,\"epoch\":-1e300,\"seconds\":1e300,\"pairs_per_s\":-1}",
        "{\"step\":5,\"lr\":1e-29}\n{\"step\":6,\"lr\":1e30}\n{\"step\":6,\"lr\":-1e30}",
        "{\"step\":1,\"probe\":{\"knn_accuracy\":1e30}}",
        "{\"step\":7,\"loss\":3}\n{\"step\":7,\"loss\":3}\n{\"step\":7,\"loss\":3}",
        "{\"step\":3}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        write_log(logs[i], strlen(logs[i]));
        char *svg = plot(NULL, NULL);
        expect_well_formed(svg);
        nsky_free(svg);
    }
    size_t bytes = 3u * NSKY_PLOT_LINE_MAX; /* one endless line, then a good one */
    char *log = malloc(bytes);
    memset(log, ' ', bytes);
    memcpy(log + bytes - 21, "\n{\"step\":1,\"loss\":2} ", 21);
    nsky_plot_report report;
    write_log(log, bytes);
    nsky_free(plot(NULL, &report));
    assert_int_equal(report.records, 1);
    assert_int_equal(report.skipped, 1);
    free(log);
}

static void says_what_is_wrong(void **state)
{
    nsky_error err;

    (void)state;
    write_log("step loss\n1 2\n", 13);
    assert_fails(nsky_train_plot(log_path, svg_path, NULL, NULL, &err), NSKY_EDATA, err,
                 "not one line");
    write_log("", 0);
    assert_fails(nsky_train_plot(log_path, svg_path, NULL, NULL, &err), NSKY_EDATA, err,
                 "run.jsonl");
    assert_fails(nsky_train_plot("/nowhere/x", svg_path, NULL, NULL, &err), NSKY_ENOTFOUND, err,
                 "/nowhere/x");
    assert_fails(nsky_train_plot(folder, svg_path, NULL, NULL, &err), NSKY_EIO, err, folder);
}

/* A million values in whatever order: every bin's mean, extremes and place. */
static void curves_keep_means_and_extremes(void **state)
{
    nsky_curve *c = calloc(1, sizeof *c);
    double sum = 0;
    uint64_t count = 0;

    (void)state;
    for (uint64_t i = 0; i < 1000000; i++) {
        uint64_t step = i * 7919 % 1000000;
        nsky_curve_add(c, step, 3 * (double)step);
    }
    assert_int_equal(c->width, 1024);
    for (uint32_t i = 0; i < NSKY_CURVE_BINS; i++) {
        if (c->bin[i].count == 0)
            continue;
        assert_true(c->bin[i].low == 3.0 * i * 1024);
        assert_true(c->bin[i].values == 3 * c->bin[i].steps);
        sum += c->bin[i].values;
        count += c->bin[i].count;
    }
    assert_int_equal(count, 1000000);
    assert_true(sum == 3 * 999999.0 * 500000);
    assert_true(c->last == 3 * 999999.0);
    free(c);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(log_path, sizeof log_path, "%s/run.jsonl", folder);
    snprintf(svg_path, sizeof svg_path, "%s/run.svg", folder);
    return 0;
}

static int tear_down(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    assert_ok(nsky_remove_tree(folder, &err), err);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_what_the_log_says),
        cmocka_unit_test(leaves_out_what_is_no_record),
        cmocka_unit_test(survives_hostile_logs),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(curves_keep_means_and_extremes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
