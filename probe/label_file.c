/* label_file.c - labels.h: from a file to rows of a survey, everything wrong named by its line.
 * Thread rule: one thread. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "probe/label_table.h"
#include "probe/labels.h"

enum { ID, NAME, RA, DEC, LABEL, COLUMNS };

#define PROBLEMS_NAMED 3

/* What is wrong with the rows: the first few in words, all counted. */
typedef struct problems {
    char text[768];
    size_t used;
    uint64_t count;
    bool missing; /* among them objects that the survey has not */
} problems;

typedef struct reading {
    const char *path;
    nsky_label_table *table;
    nsky_survey *survey;
    const nsky_label_options *options;
    nsky_labels *labels;
    problems wrong;
    uint32_t name_capacity;
} reading;

static void complain(reading *r, uint64_t line, const char *format, ...) NSKY_PRINTF(3, 4);
static void complain(reading *r, uint64_t line, const char *format, ...)
{
    problems *p = &r->wrong;
    va_list arguments;

    if (p->count++ >= PROBLEMS_NAMED)
        return;
    int length =
        snprintf(p->text + p->used, sizeof p->text - p->used, "%s%s %llu: ", p->used ? "; " : "",
                 nsky_label_table_unit(r->table), (unsigned long long)line);
    p->used += (size_t)length;
    va_start(arguments, format);
    length = vsnprintf(p->text + p->used, sizeof p->text - p->used, format, arguments);
    va_end(arguments);
    p->used += (size_t)length;
    if (p->used >= sizeof p->text)
        p->used = sizeof p->text - 1;
}

static nsky_status report(const reading *r, nsky_error *err)
{
    const problems *p = &r->wrong;

    if (p->count == 0)
        return NSKY_OK;
    const char *remedy = p->missing ? " (--allow-missing passes such objects over)" : "";
    if (p->count <= PROBLEMS_NAMED)
        return nsky_fail(err, NSKY_EDATA, "%s: %s%s", r->path, p->text, remedy);
    return nsky_fail(err, NSKY_EDATA, "%s: %s; and %llu more like these%s", r->path, p->text,
                     (unsigned long long)(p->count - PROBLEMS_NAMED), remedy);
}

static bool parse_id(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == '\0' && errno == 0;
}

/* The object of the current row. *found false: none (noted where that is a mistake). */
static nsky_status find_by_key(reading *r, nsky_object *out, bool *found, nsky_error *err)
{
    const uint64_t line = nsky_label_table_line(r->table);
    const bool by_id = nsky_label_table_has(r->table, ID);
    const char *key = nsky_label_table_field(r->table, by_id ? ID : NAME);
    uint64_t id = 0;
    nsky_status status;

    *found = false;
    if (by_id && !parse_id(key, &id)) {
        complain(r, line, *key ? "\"%.40s\" is no object id" : "there is no id%s", key);
        return NSKY_OK;
    }
    if (by_id)
        status = nsky_survey_by_id(r->survey, id, out, err);
    else
        status = nsky_survey_by_name(r->survey, key, out, err);
    *found = status == NSKY_OK;
    if (status != NSKY_ENOTFOUND)
        return status;
    if (r->options->allow_missing) {
        r->labels->unmatched++;
    } else {
        complain(r, line, by_id ? "no object has id %.60s" : "no object is named \"%.60s\"", key);
        r->wrong.missing = true;
    }
    return NSKY_OK;
}

static nsky_status find_by_position(reading *r, nsky_object *out, bool *found, nsky_error *err)
{
    const char *ra = nsky_label_table_field(r->table, RA);
    const char *dec = nsky_label_table_field(r->table, DEC);
    char both[200];
    nsky_error why = NSKY_ERROR_INIT;
    nsky_sky position;
    nsky_cone_hit hit;
    uint32_t count = 0;
    double radius =
        r->options->radius_arcsec > 0 ? r->options->radius_arcsec : NSKY_LABEL_RADIUS_ARCSEC;

    *found = false;
    snprintf(both, sizeof both, "%.90s %.90s", ra, dec);
    if (!*ra || !*dec || nsky_sky_parse(&position, both, &why) != NSKY_OK) {
        complain(r, nsky_label_table_line(r->table), "\"%.60s\" is no position", both);
        return NSKY_OK;
    }
    nsky_status status = nsky_survey_cone(r->survey, position, radius, 1, &hit, &count, err);
    if (status == NSKY_OK && count > 0) {
        *out = hit.object;
        *found = true;
    } else if (status == NSKY_OK) {
        r->labels->unmatched++;
    }
    return status;
}

/* The number of a class, added where it is new. */
static nsky_status class_of(reading *r, const char *text, uint32_t *out, nsky_error *err)
{
    nsky_labels *labels = r->labels;

    if (r->options->positive) {
        *out = strcmp(text, r->options->positive) == 0;
        return NSKY_OK;
    }
    for (uint32_t c = 0; c < labels->classes; c++)
        if (strcmp(labels->names[c], text) == 0) {
            *out = c;
            return NSKY_OK;
        }
    if (labels->classes == NSKY_CLASSES_MAX)
        return nsky_fail(err, NSKY_ELIMIT,
                         "%s: more than %d different labels; for numbers give --regress", r->path,
                         NSKY_CLASSES_MAX);
    snprintf(labels->names[labels->classes], NSKY_CLASS_BYTES, "%s", text);
    *out = labels->classes++;
    return NSKY_OK;
}

static bool is_nan(const char *text)
{
    return strcasecmp(text, "nan") == 0 || strcasecmp(text, "null") == 0 ||
           strcasecmp(text, "none") == 0;
}

/* *use false: the row has no label, or a wrong one (noted). */
static nsky_status read_label(reading *r, nsky_label *label, bool *use, nsky_error *err)
{
    const char *text = nsky_label_table_field(r->table, LABEL);
    char *end;

    *use = false;
    if (*text == '\0') {
        r->labels->unlabelled++;
        return NSKY_OK;
    }
    if (is_nan(text)) {
        complain(r, label->line, "the label is %.20s; leave it empty where it is not known", text);
        return NSKY_OK;
    }
    if (r->options->numbers) {
        label->value = strtod(text, &end);
        if (*end != '\0' || !isfinite(label->value))
            complain(r, label->line, "\"%.40s\" is no finite number", text);
        *use = *end == '\0' && isfinite(label->value);
        return NSKY_OK;
    }
    if (strlen(text) >= NSKY_CLASS_BYTES) {
        complain(r, label->line, "a label of more than %d letters", NSKY_CLASS_BYTES - 1);
        return NSKY_OK;
    }
    *use = true;
    return class_of(r, text, &label->class, err);
}

static nsky_status read_rows(reading *r, nsky_error *err)
{
    const bool by_key = nsky_label_table_has(r->table, ID) || nsky_label_table_has(r->table, NAME);
    bool more = true;
    nsky_status status;

    while ((status = nsky_label_table_next(r->table, &more, err)) == NSKY_OK && more) {
        nsky_label label = {.line = nsky_label_table_line(r->table)};
        nsky_object object;
        bool found = false, use = false;
        if ((status = read_label(r, &label, &use, err)) != NSKY_OK)
            break;
        if (!use)
            continue;
        status = by_key ? find_by_key(r, &object, &found, err)
                        : find_by_position(r, &object, &found, err);
        if (status != NSKY_OK)
            break;
        if (!found)
            continue;
        label.row = object.row;
        label.id = object.id;
        if ((status = nsky_labels_add(r->labels, &label, err)) != NSKY_OK)
            break;
    }
    return status;
}

/* One label an object: the same twice is counted, two different ones are a mistake. */
static void settle_repeats(reading *r)
{
    nsky_labels *labels = r->labels;
    uint32_t kept = 0;

    nsky_labels_sort(labels);
    for (uint32_t i = 0; i < labels->count; i++) {
        const nsky_label *last = kept ? &labels->items[kept - 1] : NULL;
        const nsky_label *next = &labels->items[i];
        if (!last || last->row != next->row) {
            labels->items[kept++] = *next;
            continue;
        }
        if (last->class != next->class || last->value != next->value)
            complain(r, next->line, "object %llu has another label in %s %llu",
                     (unsigned long long)next->id, nsky_label_table_unit(r->table),
                     (unsigned long long)last->line);
        labels->repeated++;
    }
    labels->count = kept;
}

static nsky_status check_classes(const reading *r, nsky_error *err)
{
    const nsky_labels *labels = r->labels;
    uint32_t positives = 0;

    if (labels->count == 0)
        return nsky_fail(err, NSKY_EINVAL,
                         "%s: no label of an object of this survey (%u without a label, %u of no "
                         "object)",
                         r->path, labels->unlabelled, labels->unmatched);
    for (uint32_t i = 0; i < labels->count; i++)
        positives += labels->items[i].class == 1;
    if (r->options->positive && positives == 0)
        return nsky_fail(err, NSKY_EINVAL, "%s: no label says \"%s\"", r->path,
                         r->options->positive);
    return NSKY_OK;
}

/* Of two classes the one that says no is class 0. */
static nsky_status settle_two(const reading *r, nsky_error *err)
{
    static const char *const no[] = {NSKY_NEGATIVE, "0",          "no",      "false",    "none",
                                     "negative",    "background", "nonlens", "not_lens", "nolens"};
    nsky_labels *labels = r->labels;
    bool says_no[2] = {false, false};

    if (labels->classes != 2)
        return NSKY_OK;
    for (int c = 0; c < 2; c++)
        for (size_t i = 0; i < sizeof no / sizeof *no; i++)
            says_no[c] = says_no[c] || strcasecmp(labels->names[c], no[i]) == 0;
    if (says_no[0] == says_no[1])
        return nsky_fail(err, NSKY_EINVAL,
                         "%s: two classes, \"%s\" and \"%s\": say which one is looked for "
                         "(--positive)",
                         r->path, labels->names[0], labels->names[1]);
    if (says_no[0])
        return NSKY_OK;
    char swap[NSKY_CLASS_BYTES];
    memcpy(swap, labels->names[0], sizeof swap);
    memcpy(labels->names[0], labels->names[1], sizeof swap);
    memcpy(labels->names[1], swap, sizeof swap);
    for (uint32_t i = 0; i < labels->count; i++)
        labels->items[i].class = 1 - labels->items[i].class;
    return NSKY_OK;
}

static nsky_status check_columns(const reading *r, nsky_error *err)
{
    char names[400];
    bool who = nsky_label_table_has(r->table, ID) || nsky_label_table_has(r->table, NAME) ||
               (nsky_label_table_has(r->table, RA) && nsky_label_table_has(r->table, DEC));

    nsky_label_table_names(r->table, names, sizeof names);
    if (!nsky_label_table_has(r->table, LABEL))
        return nsky_fail(err, NSKY_EDATA, "%s: no column \"%s\" among %s", r->path,
                         r->options->column ? r->options->column : "label", names);
    if (!who)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: no column tells whose labels these are; there should be id, name, or "
                         "ra and dec, not %s",
                         r->path, names);
    return NSKY_OK;
}

static nsky_status start(reading *r, nsky_error *err)
{
    const nsky_label_options *options = r->options;

    r->labels = nsky_alloc_zero(1, sizeof *r->labels, err);
    if (!r->labels)
        return err->status;
    r->labels->names = nsky_alloc_zero(NSKY_CLASSES_MAX, sizeof *r->labels->names, err);
    if (!r->labels->names)
        return err->status;
    if (options->positive) {
        if (strlen(options->positive) >= NSKY_CLASS_BYTES)
            return nsky_fail(err, NSKY_EINVAL, "a class of more than %d letters",
                             NSKY_CLASS_BYTES - 1);
        r->labels->classes = 2;
        snprintf(r->labels->names[0], NSKY_CLASS_BYTES, "%s", NSKY_NEGATIVE);
        snprintf(r->labels->names[1], NSKY_CLASS_BYTES, "%s", options->positive);
    } else if (options->numbers) {
        r->labels->classes = 1;
    }
    return NSKY_OK;
}

nsky_status nsky_labels_read(nsky_labels **out, const char *path, nsky_survey *survey,
                             const nsky_label_options *options, nsky_error *err)
{
    assert(out && path && survey && options && err);
    reading *r = nsky_alloc_zero(1, sizeof *r, err);
    const char *columns[COLUMNS] = {"id", "name", "ra", "dec",
                                    options->column ? options->column : "label"};
    nsky_status status;

    *out = NULL;
    if (!r)
        return err->status;
    *r = (reading){.path = path, .survey = survey, .options = options};
    if ((status = start(r, err)) == NSKY_OK &&
        (status = nsky_label_table_open(&r->table, path, columns, COLUMNS, err)) == NSKY_OK &&
        (status = check_columns(r, err)) == NSKY_OK && (status = read_rows(r, err)) == NSKY_OK) {
        settle_repeats(r);
        if ((status = report(r, err)) == NSKY_OK)
            status = check_classes(r, err);
        if (status == NSKY_OK && !options->positive && !options->numbers)
            status = nsky_labels_order_classes(r->labels, err);
        if (status == NSKY_OK && !options->positive && !options->numbers)
            status = settle_two(r, err);
    }
    if (status == NSKY_OK)
        *out = r->labels;
    else
        nsky_labels_free(r->labels);
    nsky_label_table_close(r->table);
    nsky_free(r);
    return status;
}
