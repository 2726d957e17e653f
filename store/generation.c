/* generation.c - reading a generation: its manifest checked, its vectors mapped.
 * Thread rule: a handle belongs to one thread at a time; the vectors may be read by any number. */
#include "store/generation.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "common/memory.h"
#include "store/current.h"
#include "store/hidden.h"
#include "store/manifest.h"
#include "store/model.h"
#include "store/survey.h"

static nsky_status check_sizes(const nsky_generation *generation, nsky_error *err)
{
    const nsky_json *files = nsky_json_get(generation->manifest, "files");
    struct stat info;
    nsky_status status = NSKY_OK;

    for (const nsky_json *file = nsky_json_first(files); file && status == NSKY_OK;
         file = nsky_json_next(file)) {
        char *path = nsky_format(err, "%s/%s", generation->path, nsky_json_key(file));
        if (!path)
            return err->status;
        if (stat(path, &info) != 0)
            status = nsky_fail(err, NSKY_EDATA, "%s: missing; restore it from a copy", path);
        else if ((uint64_t)info.st_size != nsky_manifest_bytes(file))
            status = nsky_fail(err, NSKY_EMISMATCH,
                               "%s: has %" PRIu64 " bytes where the manifest says %" PRIu64
                               "; restore it from a copy",
                               path, (uint64_t)info.st_size, nsky_manifest_bytes(file));
        nsky_free(path);
    }
    return status;
}

static nsky_status read_manifest(nsky_generation *generation, nsky_error *err)
{
    nsky_manifest manifest;
    char *path = nsky_format(err, "%s/" NSKY_MANIFEST, generation->path);

    if (!path)
        return err->status;
    nsky_status status =
        nsky_json_read_file(&generation->manifest, path, NSKY_MANIFEST_BYTES_MAX, err);
    if (status == NSKY_OK)
        status =
            nsky_manifest_check(&manifest, generation->manifest, generation->number, path, err);
    if (status == NSKY_OK) {
        generation->rows = manifest.rows;
        generation->dim = manifest.dim;
        generation->vectors = (nsky_vectors){NULL, manifest.rows, manifest.dim, manifest.type};
    }
    nsky_free(path);
    return status;
}

static nsky_status map_vectors(nsky_generation *generation, nsky_error *err)
{
    nsky_vectors *v = &generation->vectors;
    char *path = nsky_format(err, "%s/%s", generation->path, nsky_vector_file_name(v->type));

    if (!path)
        return err->status;
    nsky_status status = nsky_map_open(&generation->map, path, err);
    v->data = generation->map.data;
    if (status == NSKY_OK && generation->map.bytes != v->rows * nsky_vector_bytes(v->type, v->dim))
        status = nsky_fail(err, NSKY_EMISMATCH, "%s: changed while it was opened", path);
    nsky_free(path);
    return status;
}

static nsky_status read_hidden(nsky_generation *generation, nsky_error *err)
{
    char *path = nsky_format(err, "%s/" NSKY_HIDDEN, generation->path);

    if (!path)
        return err->status;
    nsky_status status = nsky_hidden_read(&generation->deleted, &generation->deleted_count, path,
                                          generation->rows, err);
    nsky_free(path);
    return status;
}

static nsky_status check_catalogue(const nsky_generation *generation, const char *store,
                                   nsky_error *err)
{
    nsky_survey *survey;
    nsky_status status = nsky_survey_open(&survey, store, NSKY_SURVEY_READ, err);

    if (status != NSKY_OK)
        return status;
    uint64_t rows = nsky_survey_rows(survey);
    nsky_survey_close(survey);
    if (rows >= generation->rows)
        return NSKY_OK;
    return nsky_fail(err, NSKY_EMISMATCH,
                     "%s: vectors of %" PRIu64 " objects, and the catalogue has %" PRIu64
                     "; this generation belongs to another store",
                     generation->path, generation->rows, rows);
}

static nsky_status open_parts(nsky_generation *generation, const char *store, nsky_error *err)
{
    nsky_status status;

    if (!(generation->path = nsky_generation_path(store, generation->number, err)))
        return err->status;
    if (!nsky_directory_exists(generation->path))
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "%s: no such generation; `nearsky info %s` lists those there are",
                         generation->path, store);
    if ((status = read_manifest(generation, err)) != NSKY_OK ||
        (status = check_sizes(generation, err)) != NSKY_OK ||
        (status = map_vectors(generation, err)) != NSKY_OK ||
        (status = read_hidden(generation, err)) != NSKY_OK)
        return status;
    return check_catalogue(generation, store, err);
}

nsky_status nsky_generation_open(nsky_generation **out, const char *store, uint32_t number,
                                 nsky_error *err)
{
    assert(out && store && err);
    nsky_status status = NSKY_OK;

    *out = NULL;
    if (number == 0 && (status = nsky_current_read(&number, store, err)) != NSKY_OK)
        return status;
    nsky_generation *generation = nsky_alloc_zero(1, sizeof *generation, err);
    if (!generation)
        return err->status;
    generation->number = number;
    if ((status = open_parts(generation, store, err)) != NSKY_OK) {
        nsky_generation_close(generation);
        return status;
    }
    *out = generation;
    return NSKY_OK;
}

void nsky_generation_close(nsky_generation *generation)
{
    if (!generation)
        return;
    nsky_map_close(&generation->map);
    nsky_json_free(generation->manifest);
    nsky_free(generation->deleted);
    nsky_free(generation->path);
    nsky_free(generation);
}

void nsky_generation_vector(const nsky_generation *generation, uint64_t row, float *out)
{
    assert(generation && out && row < generation->rows);
    nsky_vectors_read(&generation->vectors, row, out);
}

nsky_status nsky_generation_model_path(const nsky_generation *generation, char **out,
                                       nsky_error *err)
{
    assert(generation && out && err);
    const nsky_json *model = nsky_json_get(generation->manifest, "model");
    size_t store = strlen(generation->path) - strlen(strrchr(generation->path, '/'));

    *out = NULL;
    while (generation->path[store - 1] != '/') /* over "generations" too */
        store--;
    char *root = nsky_format(err, "%.*s", (int)store - 1, generation->path);
    if (!root)
        return err->status;
    *out = nsky_model_path(root, nsky_json_get_string(model, "sha256"), err);
    nsky_free(root);
    if (!*out)
        return err->status;
    if (nsky_file_exists(*out))
        return NSKY_OK;
    nsky_status status =
        nsky_fail(err, NSKY_ENOTFOUND, "%s: the weights are missing; copy them there", *out);
    nsky_free(*out);
    *out = NULL;
    return status;
}
