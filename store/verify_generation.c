/* verify_generation.c - one generation: its files whole, its vectors of unit length, its weights
 * there. Thread rule: one thread. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/memory.h"
#include "store/current.h"
#include "store/hidden.h"
#include "store/manifest.h"
#include "store/model.h"
#include "store/verify.h"

#define VECTOR_PROBLEMS_MAX 10
/* Rounding to float16 moves a unit vector by at most 2^-11, and subnormal elements by 2^-25 each.
 */
#define LENGTH_TOLERANCE 1e-3

static nsky_status check_hash(nsky_verify *verify, const char *path, const char *sha256,
                              const char *remedy, nsky_error *err)
{
    char hash[NSKY_SHA256_HEX_BYTES];
    nsky_status status = nsky_sha256_file(path, hash, err);

    if (status != NSKY_OK)
        return nsky_verify_note(verify, status, err);
    if (strcmp(hash, sha256) != 0)
        nsky_verify_say(verify, "%s: its SHA-256 is not that in the manifest; %s", path, remedy);
    return NSKY_OK;
}

/* All but vectors and what was deleted can be made again. */
static const char *remedy_for(const char *name)
{
    return strcmp(name, nsky_vector_file_name(NSKY_VECTOR_FLOAT16)) == 0 ||
                   strcmp(name, nsky_vector_file_name(NSKY_VECTOR_INT8)) == 0 ||
                   strcmp(name, NSKY_HIDDEN) == 0
               ? "restore it from a copy"
               : "restore it from a copy, or run `nearsky index` with --retrain";
}

static nsky_status check_file(nsky_verify *verify, const char *folder, const nsky_json *file,
                              nsky_error *err)
{
    struct stat info;
    nsky_status status = NSKY_OK;
    const char *remedy = remedy_for(nsky_json_key(file));
    char *path = nsky_format(err, "%s/%s", folder, nsky_json_key(file));

    if (!path)
        return err->status;
    if (lstat(path, &info) != 0)
        nsky_verify_say(verify, "%s: %s; %s", path, strerror(errno), remedy);
    else if (!S_ISREG(info.st_mode))
        nsky_verify_say(verify, "%s: not a plain file; %s", path, remedy);
    else if ((uint64_t)info.st_size != nsky_manifest_bytes(file))
        nsky_verify_say(verify, "%s: has %" PRIu64 " bytes where the manifest says %" PRIu64 "; %s",
                        path, (uint64_t)info.st_size, nsky_manifest_bytes(file), remedy);
    else
        status = check_hash(verify, path, nsky_json_get_string(file, "sha256"), remedy, err);
    nsky_free(path);
    return status;
}

/* What nobody listed nobody checks. */
static nsky_status check_unlisted(nsky_verify *verify, const char *folder, const nsky_json *files,
                                  nsky_error *err)
{
    char **names;
    size_t count;
    nsky_status status = nsky_directory_list(&names, &count, folder, err);

    if (status != NSKY_OK)
        return nsky_verify_note(verify, status, err);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], NSKY_MANIFEST) != 0 && !strstr(names[i], ".tmp.") &&
            !nsky_json_get(files, names[i]))
            nsky_verify_say(verify, "%s/%s: not in the manifest; remove it", folder, names[i]);
    nsky_free(names);
    return NSKY_OK;
}

/* Zeros mean "no vector" (the encoder saw nothing); the manifest counts such rows as blank_rows. */
static void check_lengths(nsky_verify *verify, const char *path, const nsky_vectors *vectors,
                          const nsky_manifest *manifest, float *row)
{
    uint32_t found = 0;
    uint64_t blank = 0;

    for (uint64_t i = 0; i < manifest->rows && found < VECTOR_PROBLEMS_MAX; i++) {
        double squares = 0;
        nsky_vectors_read(vectors, i, row);
        for (uint32_t d = 0; d < manifest->dim; d++)
            squares += (double)row[d] * row[d];
        if (fabs(sqrt(squares) - 1) <= LENGTH_TOLERANCE) /* false for NaN */
            continue;
        if (squares == 0 && ++blank <= manifest->blank_rows)
            continue;
        found++;
        nsky_verify_say(verify,
                        "%s: the vector of row %" PRIu64
                        " has length %.4g instead of 1; embed the store anew",
                        path, i, sqrt(squares));
    }
}

static nsky_status check_vectors(nsky_verify *verify, const char *folder,
                                 const nsky_manifest *manifest, nsky_error *err)
{
    char *path = nsky_format(err, "%s/%s", folder, nsky_vector_file_name(manifest->type));
    float *row = nsky_alloc(manifest->dim, sizeof *row, err);
    nsky_map map = {NULL, 0};
    nsky_status status = path && row ? NSKY_OK : NSKY_ENOMEM;

    /* A wrong size was reported already. */
    if (status == NSKY_OK && (status = nsky_map_open(&map, path, err)) == NSKY_OK &&
        map.bytes == manifest->rows * nsky_vector_bytes(manifest->type, manifest->dim)) {
        const nsky_vectors vectors = {map.data, manifest->rows, manifest->dim, manifest->type};
        check_lengths(verify, path, &vectors, manifest, row);
    }
    nsky_map_close(&map);
    nsky_free(row);
    nsky_free(path);
    return status == NSKY_ENOMEM ? status : NSKY_OK;
}

static nsky_status check_model(nsky_verify *verify, const char *sha256, nsky_error *err)
{
    char *path = nsky_model_path(verify->store, sha256, err);

    if (!path)
        return err->status;
    nsky_status status = check_hash(verify, path, sha256, "put the right weights back", err);
    nsky_free(path);
    return status;
}

static nsky_status check_parts(nsky_verify *verify, const char *folder, const nsky_json *root,
                               const nsky_manifest *manifest, nsky_error *err)
{
    const nsky_json *files = nsky_json_get(root, "files");
    nsky_status status = NSKY_OK;

    for (const nsky_json *file = nsky_json_first(files); file && status == NSKY_OK;
         file = nsky_json_next(file))
        status = check_file(verify, folder, file, err);
    if (manifest->rows > verify->rows) /* UINT64_MAX when the catalogue could not be read */
        nsky_verify_say(verify,
                        "%s: vectors of %" PRIu64 " objects, and the catalogue has %" PRIu64
                        "; this generation belongs to another store",
                        folder, manifest->rows, verify->rows);
    if (status != NSKY_OK || (status = check_unlisted(verify, folder, files, err)) != NSKY_OK ||
        (status = check_vectors(verify, folder, manifest, err)) != NSKY_OK)
        return status;
    return check_model(verify, manifest->model_sha256, err);
}

nsky_status nsky_verify_generation(nsky_verify *verify, uint32_t number, nsky_error *err)
{
    assert(verify && err);
    nsky_manifest manifest;
    nsky_json *root = NULL;
    char *folder = nsky_generation_path(verify->store, number, err);
    char *path = folder ? nsky_format(err, "%s/" NSKY_MANIFEST, folder) : NULL;
    nsky_status status = path ? NSKY_OK : NSKY_ENOMEM;

    if (status == NSKY_OK)
        status = nsky_json_read_file(&root, path, NSKY_MANIFEST_BYTES_MAX, err);
    if (status == NSKY_OK)
        status = nsky_manifest_check(&manifest, root, number, path, err);
    if (status == NSKY_OK)
        status = check_parts(verify, folder, root, &manifest, err);
    else
        status = nsky_verify_note(verify, status, err);
    nsky_json_free(root);
    nsky_free(path);
    nsky_free(folder);
    return status;
}
