/* model.c - weights kept beside the vectors they made. Thread rule: any thread. */
#include "store/model.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/memory.h"
#include "store/copy.h"
#include "store/generation.h"
#include "store/manifest.h"

char *nsky_model_path(const char *store, const char *sha256, nsky_error *err)
{
    return nsky_format(err, "%s/models/%.16s.safetensors", store, sha256);
}

/* Whether a file is there with this hash; a damaged one is to be replaced. */
static nsky_status holds(const char *path, const char *sha256, bool *same, nsky_error *err)
{
    char hash[NSKY_SHA256_HEX_BYTES];

    *same = false;
    if (!nsky_file_exists(path))
        return NSKY_OK;
    nsky_status status = nsky_sha256_file(path, hash, err);
    *same = status == NSKY_OK && strcmp(hash, sha256) == 0;
    return status;
}

static nsky_status make_folder(const char *store, nsky_error *err)
{
    char *path = nsky_format(err, "%s/models", store);

    if (!path)
        return err->status;
    nsky_status status = nsky_make_directories(path, err);
    nsky_free(path);
    return status;
}

nsky_status nsky_store_put_model(const char *store, const char *model_path, const char *sha256,
                                 nsky_error *err)
{
    assert(store && model_path && sha256 && err);
    nsky_status status;
    bool same;

    if (!nsky_is_sha256(sha256))
        return nsky_fail(err, NSKY_EINVAL, "\"%.80s\" is no SHA-256", sha256);
    char *path = nsky_model_path(store, sha256, err);
    if (!path)
        return err->status;
    if ((status = holds(path, sha256, &same, err)) != NSKY_OK || same)
        goto done;
    if (!nsky_file_exists(model_path))
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file", model_path);
    else if ((status = holds(model_path, sha256, &same, err)) == NSKY_OK && !same)
        status = nsky_fail(err, NSKY_EMISMATCH,
                           "%s: changed since it was loaded (its SHA-256 is not %.16s...); run "
                           "again",
                           model_path, sha256);
    if (status == NSKY_OK && (status = make_folder(store, err)) == NSKY_OK)
        status = nsky_copy_file(path, model_path, err);
done:
    nsky_free(path);
    return status;
}
