/* refresh.c - build.h: generations that share with the live one what has not changed: new filter
 * columns, rows deleted, rows added behind those that the index knows. */
#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "index/build.h"
#include "index/columns.h"
#include "index/faiss_index.h"
#include "store/generation.h"
#include "store/hidden.h"

typedef enum keep { KEEP_ALL, KEEP_BUT_COLUMNS, KEEP_INDEX } keep;

/* deleted.bin is the store's own, and written when it publishes. */
static bool is_kept(const char *name, const char *vectors_file, keep what)
{
    if (strcmp(name, NSKY_HIDDEN) == 0)
        return false;
    if (strcmp(name, NSKY_COLUMNS_FILE) == 0)
        return what == KEEP_ALL;
    return what != KEEP_INDEX || strcmp(name, vectors_file) != 0;
}

static nsky_status link_files(const nsky_generation_work *work, const nsky_generation *from,
                              keep what, nsky_error *err)
{
    const nsky_json *files = nsky_json_get(from->manifest, "files");
    nsky_status status = NSKY_OK;

    for (const nsky_json *file = nsky_json_first(files); file && status == NSKY_OK;
         file = nsky_json_next(file))
        if (is_kept(nsky_json_key(file), nsky_vector_file_name(from->vectors.type), what))
            status = nsky_generation_link(work, from, nsky_json_key(file), err);
    return status;
}

static nsky_status write_columns(const nsky_generation_work *work, uint64_t rows, nsky_error *err)
{
    char *path = nsky_format(err, "%s/" NSKY_COLUMNS_FILE, work->path);

    if (!path)
        return err->status;
    nsky_status status = nsky_columns_write(work->store, rows, path, err);
    nsky_free(path);
    return status;
}

static nsky_status copy_json(const nsky_json *from, nsky_json **out, nsky_error *err)
{
    char *text = nsky_json_print(from, false, err);

    *out = NULL;
    if (!text)
        return err->status;
    nsky_status status = nsky_json_parse(out, text, strlen(text), "manifest", err);
    nsky_free(text);
    return status;
}

static nsky_status republish(const char *store, const nsky_generation *from, keep what,
                             uint32_t *generation, nsky_error *err)
{
    nsky_generation_work *work = NULL;
    nsky_json *manifest = NULL;
    nsky_status status = nsky_generation_begin(&work, store, "refresh", err);

    if (status != NSKY_OK)
        return status;
    status = link_files(work, from, what, err);
    if (status == NSKY_OK && what != KEEP_ALL)
        status = write_columns(work, from->rows, err);
    if (status == NSKY_OK)
        status = copy_json(from->manifest, &manifest, err);
    if (status == NSKY_OK)
        return nsky_generation_publish(work, manifest, generation, err);
    nsky_generation_abandon(work);
    return status;
}

/* The live generation anew; columns: with new ones, if it is indexed. */
static nsky_status refresh(const char *store, bool columns, uint32_t *generation, nsky_error *err)
{
    assert(store && generation && err);
    nsky_generation *from = NULL;
    nsky_status status = nsky_generation_open(&from, store, 0, err);

    *generation = 0;
    if (status == NSKY_ENOTFOUND) { /* nothing embedded yet */
        *err = (nsky_error)NSKY_ERROR_INIT;
        return NSKY_OK;
    }
    if (status != NSKY_OK)
        return status;
    if (!columns || nsky_json_get(from->manifest, "index"))
        status = republish(store, from, columns ? KEEP_BUT_COLUMNS : KEEP_ALL, generation, err);
    nsky_generation_close(from);
    return status;
}

nsky_status nsky_index_refresh(const char *store, uint32_t *generation, nsky_error *err)
{
    return refresh(store, true, generation, err);
}

nsky_status nsky_index_hide(const char *store, uint32_t *generation, nsky_error *err)
{
    return refresh(store, false, generation, err);
}

/* Codes know how far they are from the vectors as these were stored. */
static bool same_vectors(const nsky_generation *live, const nsky_json *manifest)
{
    const char *type = nsky_json_get_string(manifest, "vector_type");
    return strcmp(type ? type : nsky_vector_type_name(NSKY_VECTOR_FLOAT16),
                  nsky_vector_type_name(live->vectors.type)) == 0;
}

nsky_status nsky_index_adopt(const nsky_generation_work *work, const nsky_generation *live,
                             uint64_t rows, nsky_json *manifest, nsky_error *err)
{
    assert(work && manifest && err);
    const nsky_json *index = live ? nsky_json_get(live->manifest, "index") : NULL;
    nsky_json *copy = NULL;
    nsky_status status;

    if (!index || live->rows > rows || !same_vectors(live, manifest))
        return NSKY_OK;
    if ((status = link_files(work, live, KEEP_INDEX, err)) != NSKY_OK ||
        (status = write_columns(work, rows, err)) != NSKY_OK ||
        (status = copy_json(index, &copy, err)) != NSKY_OK)
        return status;
    nsky_json_put_number(copy, "rows", nsky_json_get_number(index, "rows", (double)live->rows));
    nsky_json_put(manifest, "index", copy);
    return NSKY_OK;
}
