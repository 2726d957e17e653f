/* model_keep.c - model.h: a store answers for uploads by itself, so the weights go with it. */
#include <assert.h>

#include "common/file.h"
#include "common/memory.h"
#include "encoder/model.h"
#include "store/generation.h"

static nsky_status copy_model(const nsky_model *model, const char *store, const char *temporary,
                              nsky_error *err)
{
    nsky_error first = NSKY_ERROR_INIT;
    nsky_status status = nsky_model_write(model, temporary, &first);

    if (status == NSKY_OK)
        status = nsky_store_put_model(store, temporary, nsky_model_info_of(model)->sha256, &first);
    nsky_status removed = nsky_remove_tree(temporary, err);
    if (status != NSKY_OK)
        *err = first;
    return status != NSKY_OK ? status : removed;
}

nsky_status nsky_model_keep(const nsky_model *model, const char *store, const char *folder,
                            nsky_error *err)
{
    assert(model && store && folder && err);
    const char *sha256 = nsky_model_info_of(model)->sha256;
    char *kept = nsky_format(err, "%s/models/%.16s.safetensors", store, sha256);
    char *temporary = nsky_format(err, "%s/model.tmp", folder);
    nsky_status status = NSKY_ENOMEM;

    if (kept && temporary)
        status = nsky_file_exists(kept) ? nsky_remove_tree(temporary, err)
                                        : copy_model(model, store, temporary, err);
    nsky_free(kept);
    nsky_free(temporary);
    return status;
}
