/* usable.c - see usable.h. */
#include "index/usable.h"

#include <assert.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "index/search_private.h"

nsky_status nsky_index_check_file(const nsky_generation *generation, const char *name,
                                  nsky_error *err)
{
    const nsky_json *file = nsky_json_get(nsky_json_get(generation->manifest, "files"), name);
    const char *told = nsky_json_get_string(file, "sha256");
    char found[NSKY_SHA256_HEX_BYTES], *path = nsky_format(err, "%s/%s", generation->path, name);
    if (!path)
        return err->status;
    nsky_status status = nsky_sha256_file(path, found, err);
    if (status == NSKY_OK && (!told || strcmp(told, found) != 0))
        status = nsky_fail(err, NSKY_EDATA, "%s: damaged", path);
    nsky_free(path);
    return status;
}

nsky_status nsky_index_check(nsky_generation *generation, bool whole, nsky_error *err)
{
    static const char *const names[] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE,
                                        NSKY_KNN_FILE,   NSKY_FAISS_FILE, NSKY_COLUMNS_FILE};
    assert(generation && err);
    const nsky_json *files = nsky_json_get(generation->manifest, "files");
    nsky_search search = {.generation = generation};
    nsky_status status = nsky_search_open_index(&search, err);
    nsky_search_close_index(&search);
    for (size_t f = 0; whole && f < sizeof names / sizeof *names && status == NSKY_OK; f++)
        if (nsky_json_get(files, names[f]))
            status = nsky_index_check_file(generation, names[f], err);
    return status;
}
