/* labels.c - the file is read once into a sorted list of keys; then the stores are walked through,
 * each object looked up in it. Thread rule: see labels.h. */
#include "encoder/train/labels.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "ingest/csv.h"

#define ENTRIES_MAX ((size_t)100 << 20)

/* Offsets into texts. */
typedef struct entry {
    size_t key, label;
    uint64_t line;
} entry;

typedef struct table {
    const char *path;
    char *texts;
    size_t bytes, capacity;
    entry *entries;
    size_t count, room;
    bool ids;
} table;

static nsky_status add_text(table *t, const char *text, size_t *at, nsky_error *err)
{
    size_t bytes = strlen(text) + 1;

    if (t->capacity - t->bytes < bytes) {
        size_t capacity = 2 * t->capacity + bytes + 4096;
        char *grown = nsky_realloc(t->texts, capacity, 1, err);
        if (!grown)
            return NSKY_ENOMEM;
        t->texts = grown;
        t->capacity = capacity;
    }
    memcpy(t->texts + t->bytes, text, bytes);
    *at = t->bytes;
    t->bytes += bytes;
    return NSKY_OK;
}

static nsky_status add_entry(table *t, const char *key, const char *label, uint64_t line,
                             nsky_error *err)
{
    entry e = {.line = line};
    nsky_status status;

    if (t->count >= ENTRIES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: more than %zu labels", t->path, ENTRIES_MAX);
    if (t->count == t->room) {
        size_t room = 2 * t->room + 256;
        entry *grown = nsky_realloc(t->entries, room, sizeof *grown, err);
        if (!grown)
            return NSKY_ENOMEM;
        t->entries = grown;
        t->room = room;
    }
    if ((status = add_text(t, key, &e.key, err)) != NSKY_OK ||
        (status = add_text(t, label, &e.label, err)) != NSKY_OK)
        return status;
    t->entries[t->count++] = e;
    return NSKY_OK;
}

static uint32_t find_column(const nsky_csv *csv, const char *name)
{
    for (uint32_t i = 0; i < nsky_csv_columns(csv); i++)
        if (strcmp(nsky_csv_column(csv, i), name) == 0)
            return i;
    return UINT32_MAX;
}

static nsky_status read_table(table *t, const char *column, bool empties, nsky_error *err)
{
    nsky_csv *csv = NULL;
    nsky_status status = nsky_csv_open(&csv, t->path, err);
    uint32_t key, label;
    bool more = true;

    if (status != NSKY_OK)
        return status;
    key = find_column(csv, "id");
    t->ids = key != UINT32_MAX;
    if (!t->ids)
        key = find_column(csv, "name");
    label = find_column(csv, column);
    if (key == UINT32_MAX || label == UINT32_MAX)
        status = nsky_fail(err, NSKY_EINVAL, "%s: there is no column \"%s\"", t->path,
                           label == UINT32_MAX ? column : "id or name");
    while (status == NSKY_OK && (status = nsky_csv_next(csv, &more, err)) == NSKY_OK && more)
        if ((empties || *nsky_csv_field(csv, label)) && *nsky_csv_field(csv, key))
            status = add_entry(t, nsky_csv_field(csv, key), nsky_csv_field(csv, label),
                               nsky_csv_line(csv), err);
    nsky_csv_close(csv);
    return status;
}

static int by_key(const void *a, const void *b, void *texts)
{
    const entry *x = a, *y = b;
    int order = strcmp((const char *)texts + x->key, (const char *)texts + y->key);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static nsky_status sort_table(table *t, nsky_error *err)
{
    assert(t->entries || t->count == 0);
    if (t->count == 0)
        return NSKY_OK;
    qsort_r(t->entries, t->count, sizeof *t->entries, by_key, t->texts);
    for (size_t i = 1; i < t->count; i++) {
        const entry *a = &t->entries[i - 1], *b = &t->entries[i];
        if (strcmp(t->texts + a->key, t->texts + b->key) == 0 &&
            strcmp(t->texts + a->label, t->texts + b->label) != 0)
            return nsky_fail(err, NSKY_EDATA,
                             "%s: lines %" PRIu64 " and %" PRIu64 " label \"%s\" differently",
                             t->path, a->line, b->line, t->texts + b->key);
    }
    return NSKY_OK;
}

static const entry *find_entry(const table *t, const char *key)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(t->texts + t->entries[middle].key, key);
        if (order == 0)
            return &t->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static nsky_status match(nsky_train_labels *out, const table *t, nsky_loader *loader,
                         nsky_error *err)
{
    uint64_t rows = nsky_loader_rows(loader);
    nsky_object object;
    nsky_status status;

    if (!(out->labels = nsky_alloc(rows, sizeof *out->labels, err)))
        return NSKY_ENOMEM;
    for (uint64_t row = 0; row < rows; row++) {
        char id[24];
        if ((status = nsky_loader_object(loader, row, &object, err)) != NSKY_OK)
            return status;
        snprintf(id, sizeof id, "%" PRIu64, object.id);
        const entry *e = find_entry(t, t->ids ? id : object.name);
        if (e)
            out->labels[out->count++] = (nsky_label){row, t->texts + e->label};
    }
    if (out->count == 0)
        return nsky_fail(err, NSKY_EINVAL, "%s: none of its %zu objects is in the stores", t->path,
                         t->count);
    out->unmatched = t->count > out->count ? t->count - out->count : 0;
    return NSKY_OK;
}

nsky_status nsky_train_labels_open(nsky_train_labels *out, const char *path, const char *column,
                                   bool empties, nsky_loader *loader, nsky_error *err)
{
    assert(out && path && column && loader && err);
    table t = {.path = path};
    nsky_status status;

    memset(out, 0, sizeof *out);
    if ((status = read_table(&t, column, empties, err)) == NSKY_OK &&
        (status = sort_table(&t, err)) == NSKY_OK)
        status = match(out, &t, loader, err);
    out->texts = t.texts;
    nsky_free(t.entries);
    if (status != NSKY_OK)
        nsky_train_labels_close(out);
    return status;
}

void nsky_train_labels_close(nsky_train_labels *labels)
{
    assert(labels);
    nsky_free(labels->labels);
    nsky_free(labels->texts);
    memset(labels, 0, sizeof *labels);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static uint32_t unique(const char **sorted, uint64_t count)
{
    uint32_t kept = 0;

    for (uint64_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(sorted[kept - 1], sorted[i]) != 0)
            sorted[kept++] = sorted[i];
    return kept;
}

nsky_status nsky_train_labels_classes(const nsky_train_labels *labels, uint32_t **classes,
                                      const char ***names, uint32_t *class_count, nsky_error *err)
{
    assert(labels && labels->count > 0 && classes && names && class_count && err);
    *classes = nsky_alloc(labels->count, sizeof **classes, err);
    *names = nsky_alloc(labels->count, sizeof **names, err);
    if (!*classes || !*names)
        goto failed;
    for (uint64_t i = 0; i < labels->count; i++)
        (*names)[i] = labels->labels[i].text;
    qsort(*names, labels->count, sizeof **names, by_text);
    *class_count = unique(*names, labels->count);
    if (*class_count > NSKY_LABELS_CLASSES_MAX) {
        nsky_fail(err, NSKY_ELIMIT, "%u different labels; up to %u are classes", *class_count,
                  NSKY_LABELS_CLASSES_MAX);
        goto failed;
    }
    for (uint64_t i = 0; i < labels->count; i++) {
        const char **at =
            bsearch(&labels->labels[i].text, *names, *class_count, sizeof **names, by_text);
        (*classes)[i] = (uint32_t)(at - *names);
    }
    return NSKY_OK;
failed:
    nsky_free(*classes);
    nsky_free(*names);
    *classes = NULL;
    *names = NULL;
    return err->status;
}
