/* plot.c - the log, line by line. Thread rule: as plot.h. */
#include "encoder/train/plot.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/json.h"
#include "common/memory.h"
#include "encoder/train/plot_curve.h"

#define STEP_MAX 9007199254740992.0 /* 2^53: beyond, doubles skip numbers */
#define VALUE_MAX 1e30

typedef struct curves {
    nsky_curve loss, accuracy, rate;
    double epoch, seconds, pairs_per_s; /* of the record with the largest step; NaN: not said */
    double step;
    nsky_plot_report report;
} curves;

static void merge(nsky_curve *c)
{
    for (uint32_t i = 0; i < NSKY_CURVE_BINS; i++) {
        if (i >= NSKY_CURVE_BINS / 2) {
            memset(&c->bin[i], 0, sizeof c->bin[i]);
            continue;
        }
        uint32_t a = 2 * i, b = a + 1;
        c->bin[i] = c->bin[c->bin[a].count ? a : b];
        if (c->bin[a].count && c->bin[b].count) {
            c->bin[i].steps += c->bin[b].steps;
            c->bin[i].values += c->bin[b].values;
            c->bin[i].count += c->bin[b].count;
            c->bin[i].low = fmin(c->bin[i].low, c->bin[b].low);
            c->bin[i].high = fmax(c->bin[i].high, c->bin[b].high);
        }
    }
    c->width *= 2;
}

void nsky_curve_add(nsky_curve *c, uint64_t step, double value)
{
    assert(c && isfinite(value));
    bool first = c->width == 0;

    if (first)
        c->width = 1;
    while (step / c->width >= NSKY_CURVE_BINS)
        merge(c);
    uint64_t i = step / c->width;
    c->bin[i].low = c->bin[i].count ? fmin(c->bin[i].low, value) : value;
    c->bin[i].high = c->bin[i].count ? fmax(c->bin[i].high, value) : value;
    c->bin[i].steps += (double)step;
    c->bin[i].values += value;
    c->bin[i].count++;
    if (first || (double)step >= c->last_step) {
        c->last_step = (double)step;
        c->last = value;
    }
}

static void add(nsky_curve *c, uint64_t step, double value)
{
    if (fabs(value) <= VALUE_MAX) /* NaN is not */
        nsky_curve_add(c, step, fabs(value) < 1 / VALUE_MAX ? 0 : value);
}

static bool take_record(curves *c, const nsky_json *record)
{
    double step = nsky_json_get_number(record, "step", -1);

    if (nsky_json_kind(record) != NSKY_JSON_OBJECT || !(step >= 0 && step <= STEP_MAX))
        return false;
    add(&c->loss, (uint64_t)step, nsky_json_get_number(record, "loss", NAN));
    add(&c->rate, (uint64_t)step, nsky_json_get_number(record, "lr", NAN));
    const nsky_json *probe = nsky_json_get(record, "probe");
    if (probe)
        add(&c->accuracy, (uint64_t)step, nsky_json_get_number(probe, "knn_accuracy", NAN));
    if (step >= c->step) {
        c->step = step;
        c->epoch = nsky_json_get_number(record, "epoch", c->epoch);
        c->seconds = nsky_json_get_number(record, "seconds", c->seconds);
        c->pairs_per_s = nsky_json_get_number(record, "pairs_per_s", c->pairs_per_s);
    }
    return true;
}

static void take_line(curves *c, const char *line, size_t bytes)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_json *record = NULL;

    if (bytes == 0)
        return;
    if (nsky_json_parse(&record, line, bytes, "log", &ignored) == NSKY_OK && take_record(c, record))
        c->report.records++;
    else
        c->report.skipped++;
    nsky_json_free(record);
}

/* Lines of at most NSKY_PLOT_LINE_MAX bytes; the rest of a longer one is passed over. */
static void take_lines(curves *c, FILE *log, char *line)
{
    size_t bytes = 0;
    bool too_long = false;

    for (int byte = fgetc(log);; byte = fgetc(log)) {
        if (byte != EOF && byte != '\n') {
            too_long = too_long || bytes == NSKY_PLOT_LINE_MAX;
            if (!too_long)
                line[bytes++] = (char)byte;
            continue;
        }
        if (too_long)
            c->report.skipped++;
        else
            take_line(c, line, bytes);
        if (byte == EOF)
            return;
        bytes = 0;
        too_long = false;
    }
}

static nsky_status read_log(curves *c, const char *path, nsky_error *err)
{
    char *line = nsky_alloc(NSKY_PLOT_LINE_MAX, 1, err);
    nsky_status status = NSKY_OK;

    if (!line)
        return err->status;
    FILE *log = fopen(path, "rb");
    if (!log) {
        status = nsky_fail(err, errno == ENOENT ? NSKY_ENOTFOUND : NSKY_EIO, "%s: %s", path,
                           strerror(errno));
    } else {
        take_lines(c, log, line);
        if (ferror(log))
            status = nsky_fail(err, NSKY_EIO, "%s: reading failed: %s", path, strerror(errno));
        fclose(log);
    }
    nsky_free(line);
    if (status == NSKY_OK && c->report.records == 0)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: not one line is a record of a training ({\"step\": ...})", path);
    return status;
}

static void duration(double seconds, char *out, size_t bytes)
{
    if (seconds < 120)
        snprintf(out, bytes, "%.0f s", seconds);
    else if (seconds < 7200)
        snprintf(out, bytes, "%.0f min", seconds / 60);
    else
        snprintf(out, bytes, "%.1f h", seconds / 3600);
}

static void say(char *out, size_t bytes, const char *format, double number, double most)
{
    size_t used = strlen(out);

    if (number >= 0 && number <= most)
        snprintf(out + used, bytes - used, format, number);
}

static void describe(const curves *c, char *out, size_t bytes)
{
    char time[32];

    snprintf(out, bytes, "%.0f steps", c->step);
    say(out, bytes, "  ·  epoch %.0f", c->epoch, 1e9);
    if (c->seconds >= 0 && c->seconds < 1e10) {
        duration(c->seconds, time, sizeof time);
        snprintf(out + strlen(out), bytes - strlen(out), "  ·  %s", time);
    }
    say(out, bytes, "  ·  %.3g pairs/s", c->pairs_per_s, 1e12);
}

static nsky_status draw(const curves *c, const char *title, const char *path, nsky_error *err)
{
    const nsky_panel all[] = {
        {"Loss", "loss", "%.4g", &c->loss, 1, 260, 24},
        {"kNN accuracy, %", "accuracy", "%.1f %%", &c->accuracy, 100, 150, 0},
        {"Learning rate", "rate", "%.3g", &c->rate, 1, 110, 1},
    };
    nsky_panel panels[sizeof all / sizeof *all];
    nsky_file_writer writer;
    char subtitle[192];
    uint32_t count = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].curve->width > 0)
            panels[count++] = all[i];
    describe(c, subtitle, sizeof subtitle);
    nsky_status status = nsky_file_begin(&writer, path, err);
    if (status != NSKY_OK)
        return status;
    nsky_plot_svg(writer.stream, title, subtitle, panels, count);
    return nsky_file_commit(&writer, err);
}

nsky_status nsky_train_plot(const char *log_path, const char *svg_path, const char *title,
                            nsky_plot_report *report, nsky_error *err)
{
    assert(log_path && svg_path && err);
    curves *c = nsky_alloc_zero(1, sizeof *c, err);

    if (!c)
        return err->status;
    c->epoch = c->seconds = c->pairs_per_s = NAN;
    nsky_status status = read_log(c, log_path, err);
    if (status == NSKY_OK)
        status = draw(c, title ? title : nsky_path_base(log_path), svg_path, err);
    if (report)
        *report = c->report;
    nsky_free(c);
    return status;
}
