/* describe.c - what is in a store, as JSON. Quick at any size: nothing is scanned.
 * Thread rule: a handle belongs to one thread at a time. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "store/current.h"
#include "store/layout.h"
#include "store/manifest.h"
#include "store/survey_private.h"

#define KINDS_MAX 50
#define REFUSED_MAX 20

/* Over all kinds of stamps. */
typedef struct stamp_totals {
    int64_t bytes, kinds;
    double scale_min, scale_max;
} stamp_totals;

static nsky_json *kind_from_sql(sqlite3_stmt *statement)
{
    nsky_json *kind = nsky_json_object();
    char bands[8], words[256];

    nsky_json_put_string(kind, "bands",
                         nsky_sql_text(bands, sizeof bands, statement, 0) ? bands : "?");
    nsky_json_put_fixed(kind, "scale_arcsec_px", sqlite3_column_double(statement, 1), 4);
    nsky_json_put_integer(kind, "width", sqlite3_column_int(statement, 2));
    nsky_json_put_integer(kind, "height", sqlite3_column_int(statement, 3));
    nsky_stamp_describe_flags((uint32_t)sqlite3_column_int64(statement, 4), words, sizeof words);
    nsky_json_put_string(kind, "notes", words);
    nsky_json_put_integer(kind, "rows", sqlite3_column_int64(statement, 5));
    nsky_json_put_integer(kind, "bytes", sqlite3_column_int64(statement, 6));
    return kind;
}

static nsky_status put_kinds(nsky_survey *survey, nsky_json *root, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_KINDS, err);
    stamp_totals totals = {0, 0, INFINITY, -INFINITY};
    nsky_json *bands = nsky_json_object(), *kinds = nsky_json_array(), *scale = nsky_json_object();
    nsky_status status = statement ? NSKY_OK : err->status;
    bool row;

    while (status == NSKY_OK &&
           (status = nsky_sql_step(&survey->sql, statement, SQLITE_OK, &row, err)) == NSKY_OK &&
           row) {
        char name[8];
        if (nsky_sql_text(name, sizeof name, statement, 0))
            nsky_json_put_number(bands, name,
                                 nsky_json_get_number(bands, name, 0) +
                                     (double)sqlite3_column_int64(statement, 5));
        totals.bytes += sqlite3_column_int64(statement, 6);
        totals.scale_min = fmin(totals.scale_min, sqlite3_column_double(statement, 1));
        totals.scale_max = fmax(totals.scale_max, sqlite3_column_double(statement, 1));
        if (totals.kinds++ < KINDS_MAX)
            nsky_json_append(kinds, kind_from_sql(statement));
    }
    if (statement)
        sqlite3_reset(statement);
    nsky_json_put_integer(root, "stamp_bytes", totals.bytes);
    nsky_json_put(root, "bands", bands);
    nsky_json_put_fixed(scale, "min", totals.scale_min, 4);
    nsky_json_put_fixed(scale, "max", totals.scale_max, 4);
    nsky_json_put(root, "scale_arcsec_px", scale);
    nsky_json_put(root, "kinds", kinds);
    return status;
}

static nsky_status put_count(nsky_survey *survey, nsky_sql_id id, nsky_json *object,
                             const char *key, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, id, err);
    bool row;
    nsky_status status;

    if (!statement)
        return err->status;
    if ((status = nsky_sql_step(&survey->sql, statement, SQLITE_OK, &row, err)) != NSKY_OK)
        return status;
    nsky_json_put_integer(object, key, row ? sqlite3_column_int64(statement, 0) : 0);
    sqlite3_reset(statement);
    return NSKY_OK;
}

static bool append_refused(const nsky_source *source, void *payload)
{
    nsky_json *list = payload, *entry = nsky_json_object();

    nsky_json_put_string(entry, "path", source->path);
    nsky_json_put_string(entry, "reason", source->reason);
    nsky_json_append(list, entry);
    return nsky_json_count(list) < REFUSED_MAX;
}

static nsky_status put_sources(nsky_survey *survey, nsky_json *root, nsky_error *err)
{
    nsky_json *sources = nsky_json_object(), *refused = nsky_json_array();
    nsky_status status = put_count(survey, SQL_COUNT_SOURCES, sources, "count", err);

    if (status == NSKY_OK)
        status = put_count(survey, SQL_COUNT_REFUSED, sources, "refused", err);
    if (status == NSKY_OK && refused) /* without memory there is nothing to append to */
        status = nsky_survey_each_source(survey, true, append_refused, refused, err);
    nsky_json_put(sources, "first_refused", refused);
    nsky_json_put(root, "sources", sources);
    return status;
}

/* The index room writes its recall under "index". */
static double recall_of(const nsky_json *manifest)
{
    return nsky_json_get_number(nsky_json_get(manifest, "index"), "recall_at_10", NAN);
}

/* What the index room says of its index, as it stands there. Without memory it is left out, and the
 * root knows. */
static nsky_json *index_of(const nsky_json *manifest)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    const nsky_json *index = nsky_json_get(manifest, "index");
    nsky_json *copy = NULL;
    char *text = index ? nsky_json_print(index, false, &ignored) : NULL;

    if (text && nsky_json_parse(&copy, text, strlen(text), "index", &ignored) != NSKY_OK)
        copy = NULL;
    nsky_free(text);
    return copy;
}

static void fill_generation(nsky_json *entry, const nsky_json *manifest,
                            const nsky_manifest *checked)
{
    const nsky_json *files = nsky_json_get(manifest, "files");
    nsky_json *model = nsky_json_object();
    double bytes = 0;

    for (const nsky_json *file = nsky_json_first(files); file; file = nsky_json_next(file))
        bytes += (double)nsky_manifest_bytes(file);
    nsky_json_put_string(model, "name",
                         nsky_json_get_string(nsky_json_get(manifest, "model"), "name"));
    nsky_json_put_string(model, "sha256", checked->model_sha256);
    nsky_json_put(entry, "model", model);
    nsky_json_put_integer(entry, "rows", (int64_t)checked->rows);
    nsky_json_put_integer(entry, "dim", checked->dim);
    nsky_json_put_number(entry, "bytes", bytes);
    nsky_json_put_number(entry, "recall_at_10", recall_of(manifest));
    if (nsky_json_get(manifest, "index"))
        nsky_json_put(entry, "index", index_of(manifest));
    nsky_json_put_string(entry, "created_by", nsky_json_get_string(manifest, "created_by"));
}

/* A generation that cannot be read is listed with the reason. */
static nsky_status put_generation(nsky_json *list, const char *store, uint32_t number, bool live,
                                  double *rows, nsky_error *err)
{
    nsky_json *entry = nsky_json_object(), *manifest = NULL;
    char *path = nsky_format(err, "%s/generations/%04" PRIu32 "/" NSKY_MANIFEST, store, number);
    nsky_manifest checked;
    nsky_status status = path ? NSKY_OK : err->status;

    nsky_json_put_integer(entry, "number", number);
    nsky_json_put_bool(entry, "live", live);
    *rows = 0;
    if (path &&
        (status = nsky_json_read_file(&manifest, path, NSKY_MANIFEST_BYTES_MAX, err)) == NSKY_OK)
        status = nsky_manifest_check(&checked, manifest, number, path, err);
    if (status == NSKY_OK) {
        fill_generation(entry, manifest, &checked);
        *rows = (double)checked.rows;
    } else if (status != NSKY_ENOMEM) {
        nsky_json_put_string(entry, "error", err->text);
        status = NSKY_OK;
    }
    nsky_json_append(list, entry);
    nsky_json_free(manifest);
    nsky_free(path);
    return status;
}

static nsky_status put_generations(nsky_survey *survey, nsky_json *root, uint64_t rows,
                                   nsky_error *err)
{
    nsky_json *list = nsky_json_array();
    uint32_t current = 0, *numbers;
    double embedded = 0, of_this;
    uint64_t *hidden = NULL, deleted = 0;
    size_t count;
    nsky_status status = nsky_current_read(&current, survey->path, err);

    if (status == NSKY_ENOTFOUND || status == NSKY_EDATA) { /* verify says more of the latter */
        current = 0;
        status = NSKY_OK;
    }
    if (status == NSKY_OK)
        status = nsky_generation_numbers(&numbers, &count, survey->path, err);
    if (status != NSKY_OK) {
        nsky_json_free(list);
        return status;
    }
    for (size_t i = 0; i < count && status == NSKY_OK; i++) {
        bool live = numbers[i] == current;
        status = put_generation(list, survey->path, numbers[i], live, &of_this, err);
        if (live)
            embedded = of_this;
    }
    nsky_free(numbers);
    if (status == NSKY_OK)
        status = nsky_survey_deleted_rows(survey, rows, &hidden, &deleted, err);
    nsky_free(hidden);
    nsky_json_put(root, "generations", list);
    nsky_json_put_number(root, "current", current ? current : (double)NAN);
    nsky_json_put_number(root, "rows_not_embedded", fmax(0, (double)rows - embedded));
    nsky_json_put_integer(root, "rows_deleted", (int64_t)deleted);
    return status;
}

nsky_status nsky_survey_describe(nsky_survey *survey, nsky_json **out, nsky_error *err)
{
    assert(survey && out && err);
    nsky_json *root = nsky_json_object();
    uint64_t rows = nsky_survey_rows(survey);
    nsky_status status;
    char *text;

    *out = NULL;
    nsky_json_put_string(root, "path", survey->path);
    nsky_json_put_integer(root, "format", NSKY_STORE_FORMAT);
    nsky_json_put_integer(root, "rows", (int64_t)rows);
    if ((status = put_kinds(survey, root, err)) != NSKY_OK ||
        (status = put_sources(survey, root, err)) != NSKY_OK ||
        (status = put_generations(survey, root, rows, err)) != NSKY_OK)
        goto done;
    if (!root)
        status = nsky_fail(err, NSKY_ENOMEM, "out of memory");
    else if (!(text = nsky_json_print(root, false, err))) /* whether memory ran out on the way */
        status = err->status;
    else
        nsky_free(text);
done:
    if (status != NSKY_OK) {
        nsky_json_free(root);
        return status;
    }
    *out = root;
    return NSKY_OK;
}
