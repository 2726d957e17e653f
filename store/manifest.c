/* manifest.c - see manifest.h. Thread rule: a manifest belongs to one thread. */
#include "store/manifest.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/hash.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53: doubles count no further */

static bool whole(double number, double low, double high)
{
    return number >= low && number <= high && number == floor(number);
}

bool nsky_is_sha256(const char *text)
{
    return text && strlen(text) == NSKY_SHA256_HEX_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == NSKY_SHA256_HEX_BYTES - 1;
}

bool nsky_manifest_name_ok(const char *name)
{
    assert(name);
    return *name != '\0' && *name != '.' && !strchr(name, '/') && strlen(name) < 256 &&
           strcmp(name, NSKY_MANIFEST) != 0;
}

uint64_t nsky_manifest_bytes(const nsky_json *file)
{
    return (uint64_t)nsky_json_get_number(file, "bytes", 0);
}

nsky_status nsky_manifest_read(nsky_manifest *out, const nsky_json *root, const char *path,
                               nsky_error *err)
{
    assert(out && path && err);
    double rows = nsky_json_get_number(root, "rows", -1);
    double dim = nsky_json_get_number(root, "dim", -1);
    double blank_rows = nsky_json_get_number(root, "blank_rows", 0);
    const nsky_json *type = nsky_json_get(root, "vector_type");

    *out = (nsky_manifest){0};
    if (!whole(rows, 0, 0x1p40))
        return nsky_fail(err, NSKY_EDATA, "%s: \"rows\" is missing or no count", path);
    if (!whole(dim, 1, NSKY_DIM_MAX))
        return nsky_fail(err, NSKY_EDATA, "%s: \"dim\" is missing or not between 1 and %d", path,
                         NSKY_DIM_MAX);
    if (!whole(blank_rows, 0, rows))
        return nsky_fail(err, NSKY_EDATA, "%s: \"blank_rows\" is no count of its rows", path);
    if (type && (nsky_json_kind(type) != NSKY_JSON_STRING ||
                 !nsky_vector_type_parse(&out->type, nsky_json_string(type))))
        return nsky_fail(err, NSKY_EMISMATCH,
                         "%s: \"vector_type\" is neither float16 nor int8; a newer nearsky may "
                         "know it",
                         path);
    out->model_sha256 = nsky_json_get_string(nsky_json_get(root, "model"), "sha256");
    if (!nsky_is_sha256(out->model_sha256))
        return nsky_fail(err, NSKY_EDATA, "%s: \"model\" lacks the sha256 of the weights", path);
    out->rows = (uint64_t)rows;
    out->blank_rows = (uint64_t)blank_rows;
    out->dim = (uint32_t)dim;
    return NSKY_OK;
}

static nsky_status check_files(const nsky_manifest *manifest, const nsky_json *files,
                               const char *path, nsky_error *err)
{
    const char *file_name = nsky_vector_file_name(manifest->type);
    const nsky_json *vectors = nsky_json_get(files, file_name);

    for (const nsky_json *file = nsky_json_first(files); file; file = nsky_json_next(file)) {
        const char *name = nsky_json_key(file);
        if (!nsky_manifest_name_ok(name) ||
            !whole(nsky_json_get_number(file, "bytes", -1), 0, WHOLE_MAX) ||
            !nsky_is_sha256(nsky_json_get_string(file, "sha256")))
            return nsky_fail(err, NSKY_EDATA, "%s: the entry of file \"%.200s\" makes no sense",
                             path, name);
    }
    if (!vectors || nsky_manifest_bytes(vectors) !=
                        manifest->rows * nsky_vector_bytes(manifest->type, manifest->dim))
        return nsky_fail(err, NSKY_EDATA, "%s: the size of %s does not match rows and dim", path,
                         file_name);
    return NSKY_OK;
}

nsky_status nsky_manifest_check(nsky_manifest *out, const nsky_json *root, uint32_t number,
                                const char *path, nsky_error *err)
{
    double format = nsky_json_get_number(root, "format", -1);
    const nsky_json *files = nsky_json_get(root, "files");
    nsky_status status;

    if (format > NSKY_MANIFEST_FORMAT)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "%s: made by a newer nearsky (format %.0f, this one knows %d); update "
                         "nearsky",
                         path, format, NSKY_MANIFEST_FORMAT);
    if (format != NSKY_MANIFEST_FORMAT || !files || nsky_json_kind(files) != NSKY_JSON_OBJECT)
        return nsky_fail(err, NSKY_EDATA, "%s: not the manifest of a generation", path);
    if (nsky_json_get_number(root, "number", 0) != number)
        return nsky_fail(err, NSKY_EMISMATCH, "%s: belongs to generation %.0f", path,
                         nsky_json_get_number(root, "number", 0));
    if ((status = nsky_manifest_read(out, root, path, err)) != NSKY_OK)
        return status;
    return check_files(out, files, path, err);
}
