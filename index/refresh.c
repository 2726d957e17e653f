/* refresh.c - build.h: filter columns written anew, everything else shared. */
#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "index/build.h"
#include "index/columns.h"
#include "index/faiss_index.h"
#include "index/lists.h"
#include "store/generation.h"

/* Of whichever kind it is. */
static const char *const index_files[] = {NSKY_FAISS_FILE, NSKY_LISTS_FILE, NSKY_CODES_FILE,
                                          NSKY_SLOTS_FILE};

static nsky_status fill_work(const nsky_generation_work *work, const nsky_generation *from,
                             const char *store, nsky_error *err)
{
    char *columns = nsky_format(err, "%s/" NSKY_COLUMNS_FILE, work->path);
    nsky_status status = columns ? NSKY_OK : err->status;

    if (status == NSKY_OK)
        status = nsky_generation_link(work, from, "vectors.f16", err);
    for (size_t i = 0; i < sizeof index_files / sizeof *index_files && status == NSKY_OK; i++)
        if (nsky_json_get(nsky_json_get(from->manifest, "files"), index_files[i]))
            status = nsky_generation_link(work, from, index_files[i], err);
    if (status == NSKY_OK)
        status = nsky_columns_write(store, from->rows, columns, err);
    nsky_free(columns);
    return status;
}

static nsky_status copy_manifest(const nsky_generation *from, nsky_json **out, nsky_error *err)
{
    char *text = nsky_json_print(from->manifest, false, err);

    if (!text)
        return err->status;
    nsky_status status = nsky_json_parse(out, text, strlen(text), "manifest", err);
    nsky_free(text);
    return status;
}

nsky_status nsky_index_refresh(const char *store, uint32_t *generation, nsky_error *err)
{
    assert(store && generation && err);
    nsky_generation *from = NULL;
    nsky_generation_work *work = NULL;
    nsky_json *manifest = NULL;
    nsky_status status = nsky_generation_open(&from, store, 0, err);

    *generation = 0;
    if (status == NSKY_ENOTFOUND)
        return NSKY_OK; /* nothing embedded yet */
    if (status != NSKY_OK)
        return status;
    if (nsky_json_get(from->manifest, "index")) {
        status = nsky_generation_begin(&work, store, "columns", err);
        if (status == NSKY_OK && ((status = fill_work(work, from, store, err)) != NSKY_OK ||
                                  (status = copy_manifest(from, &manifest, err)) != NSKY_OK))
            nsky_generation_abandon(work);
        else if (status == NSKY_OK)
            status = nsky_generation_publish(work, manifest, generation, err);
    }
    nsky_generation_close(from);
    return status;
}
