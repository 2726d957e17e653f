/* layout.c - see layout.h. Thread rule: the maker holds the writer's lock. */
#include "store/layout.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/version.h"
#include "image/stamp.h"

#define SURVEY_JSON_BYTES_MAX ((size_t)1 << 20)

/* What making a store that was interrupted may have left; `lock` is made first. */
static bool may_be_ours(const char *name)
{
    static const char *const names[] = {"lock",        "catalogue.db-wal",     "catalogue.db",
                                        "stamps",      "catalogue.db-shm",     "models",
                                        "generations", "catalogue.db-journal", NULL};

    for (int i = 0; names[i]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "survey.json.tmp.", 16) == 0;
}

static nsky_status check_contents(const char *store, nsky_error *err)
{
    char **names = NULL;
    size_t count;
    bool claimed = false;
    nsky_status status = nsky_directory_list(&names, &count, store, err);

    if (status != NSKY_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        claimed = claimed || strcmp(names[i], "lock") == 0;
    for (size_t i = 0; i < count && status == NSKY_OK; i++)
        if (!claimed || !may_be_ours(names[i]))
            status = nsky_fail(err, NSKY_EEXIST,
                               "%s: holds other things (%s) and no survey.json; name an empty or "
                               "new folder for the store",
                               store, names[i]);
    nsky_free(names);
    return status;
}

static nsky_status format_path(char **out, const char *store, const char *name, nsky_error *err)
{
    *out = nsky_format(err, "%s/%s", store, name);
    return *out ? NSKY_OK : err->status;
}

bool nsky_layout_is_store(const char *store)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/survey.json", store);

    return length > 0 && (size_t)length < sizeof path && nsky_file_exists(path);
}

nsky_status nsky_layout_claim(const char *store, nsky_error *err)
{
    assert(store && err);
    nsky_status status = nsky_make_directories(store, err);

    if (status != NSKY_OK || nsky_layout_is_store(store))
        return status;
    return check_contents(store, err);
}

nsky_status nsky_layout_make(const char *store, nsky_error *err)
{
    static const char *const names[] = {"stamps", "generations", "models", ".."};
    nsky_status status = NSKY_OK;
    char *path;

    for (size_t i = 0; i < 4 && status == NSKY_OK; i++) {
        if ((status = format_path(&path, store, names[i], err)) != NSKY_OK)
            return status;
        /* the folder above is synced instead, for it holds the store's own name */
        status = i < 3 ? nsky_make_directories(path, err) : nsky_fsync_directory(path, err);
        nsky_free(path);
    }
    return status == NSKY_OK ? nsky_fsync_directory(store, err) : status;
}

nsky_status nsky_layout_finish(const char *store, nsky_error *err)
{
    nsky_json *root = nsky_json_object();
    char created_by[64], *path;
    nsky_status status = format_path(&path, store, "survey.json", err);

    snprintf(created_by, sizeof created_by, "nearsky %s (%s)", nsky_version(), nsky_commit());
    nsky_json_put_string(root, "kind", "nearsky survey store");
    nsky_json_put_integer(root, "format", NSKY_STORE_FORMAT);
    nsky_json_put_string(root, "created_by", created_by);
    nsky_json_put_string(root, "bands", "grz");
    nsky_json_put_fixed(root, "scale_arcsec_px", NSKY_SCALE_ARCSEC_PX, 3);
    nsky_json_put_integer(root, "stamp_side", NSKY_STAMP_SIDE);
    if (status == NSKY_OK)
        status = nsky_json_write_file(root, path, err);
    nsky_free(path);
    nsky_json_free(root);
    return status;
}

static nsky_status check_manifest(const nsky_json *root, const char *path, nsky_error *err)
{
    const char *kind = nsky_json_get_string(root, "kind");
    double format = nsky_json_get_number(root, "format", -1);

    if (!kind || strcmp(kind, "nearsky survey store") != 0 || format < 1 ||
        format != (double)(int64_t)format)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: does not describe a nearsky store; restore it from a copy", path);
    if (format > NSKY_STORE_FORMAT)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "%s: made by a newer nearsky (format %.0f, this one knows %d); update "
                         "nearsky",
                         path, format, NSKY_STORE_FORMAT);
    return NSKY_OK;
}

nsky_status nsky_layout_check(const char *store, nsky_error *err)
{
    assert(store && err);
    nsky_json *root = NULL;
    char *path;
    nsky_status status;

    if (!nsky_layout_is_store(store))
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "%s: no survey store here; `nearsky ingest %s PATH...` makes one", store,
                         store);
    if ((status = format_path(&path, store, "survey.json", err)) != NSKY_OK)
        return status;
    if ((status = nsky_json_read_file(&root, path, SURVEY_JSON_BYTES_MAX, err)) == NSKY_OK)
        status = check_manifest(root, path, err);
    nsky_json_free(root);
    nsky_free(path);
    return status;
}
