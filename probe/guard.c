/* guard.c - see guard.h. */
#include "probe/guard.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"

#define MODEL_SUFFIX ".safetensors"

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length > tail && strcmp(text + length - tail, end) == 0;
}

/* Also its text, which the caller frees, where text is given. */
static nsky_status read_guard(nsky_probe **out, char **text, size_t *bytes, const char *path,
                              nsky_error *err)
{
    void *data = NULL;
    nsky_status status = nsky_file_read(&data, bytes, path, NSKY_GUARD_BYTES_MAX, err);

    *out = NULL;
    if (status == NSKY_OK)
        status = nsky_probe_parse(out, data, *bytes, path, err);
    if (status == NSKY_OK && ((*out)->kind != NSKY_PROBE_BINARY || !(*out)->calibration)) {
        status = nsky_fail(err, NSKY_EDATA,
                           "%s: no guard: it must have two classes and a calibration", path);
        nsky_probe_free(*out);
        *out = NULL;
    }
    if (text && status == NSKY_OK)
        *text = data;
    else
        nsky_free(data);
    return status;
}

/* A guard that cannot be used is said once and done without. */
static nsky_status pass_over(nsky_status status, const nsky_error *why, nsky_error *err)
{
    if (status == NSKY_ENOMEM) {
        *err = *why;
        return status;
    }
    if (status != NSKY_OK)
        nsky_log_warn("going on without a guard against artefacts: %s", why->text);
    return NSKY_OK;
}

static char *path_in_store(const char *store, const char *sha256, nsky_error *err)
{
    return nsky_format(err, "%s/models/%.16s" NSKY_GUARD_SUFFIX, store, sha256);
}

nsky_status nsky_guard_open(nsky_probe **out, const char *store, const nsky_search *search,
                            nsky_error *err)
{
    assert(out && store && search && err);
    const nsky_json *manifest = nsky_search_manifest(search);
    const char *sha256 = nsky_json_get_string(nsky_json_get(manifest, "model"), "sha256");
    nsky_error why = NSKY_ERROR_INIT;
    size_t bytes;

    *out = NULL;
    if (!sha256)
        return NSKY_OK;
    char *path = path_in_store(store, sha256, err);
    if (!path)
        return err->status;
    nsky_status status = NSKY_OK;
    if (nsky_file_exists(path)) {
        status = read_guard(out, NULL, &bytes, path, &why);
        if (status == NSKY_OK && (status = nsky_probe_check(*out, manifest, &why)) != NSKY_OK) {
            nsky_probe_free(*out);
            *out = NULL;
        }
    }
    nsky_free(path);
    return pass_over(status, &why, err);
}

double nsky_guard_probability(const nsky_probe *guard, const float *vector)
{
    double score = guard ? (double)guard->bias[0] : 0;

    if (!guard)
        return NAN;
    for (uint32_t d = 0; d < guard->dim; d++)
        score += (double)guard->weights[d] * (double)vector[d];
    return nsky_probe_probability(guard, 0, score);
}

nsky_status nsky_guard_rows(double *out, const nsky_probe *guard, const nsky_search *search,
                            const uint64_t *rows, uint32_t count, nsky_error *err)
{
    assert(out && search && (rows || count == 0) && err);
    float *vector = guard ? nsky_alloc(guard->dim, sizeof *vector, err) : NULL;
    nsky_status status = guard && !vector ? err->status : NSKY_OK;

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        out[i] = NAN;
        if (guard && rows[i] < nsky_search_rows(search) &&
            (status = nsky_search_vector(search, rows[i], vector, err)) == NSKY_OK)
            out[i] = nsky_guard_probability(guard, vector);
    }
    nsky_free(vector);
    return status;
}

/* What was checked is what is written: the same bytes. */
static nsky_status copy_guard(const char *from, const char *to, const char *sha256, nsky_error *err)
{
    nsky_probe *guard = NULL;
    nsky_error why = NSKY_ERROR_INIT;
    char *text = NULL;
    size_t bytes;
    nsky_status status = read_guard(&guard, &text, &bytes, from, &why);

    if (status == NSKY_OK && strcmp(guard->model_sha256, sha256) != 0)
        status = nsky_fail(&why, NSKY_EMISMATCH,
                           "%s: is for the vectors of model %s (%.12s), this is %.12s", from,
                           guard->model_name, guard->model_sha256, sha256);
    if (status == NSKY_OK)
        status = nsky_file_write(to, text, bytes, err);
    else
        status = pass_over(status, &why, err);
    nsky_probe_free(guard);
    nsky_free(text);
    return status;
}

nsky_status nsky_guard_keep(const char *store, const char *model_path, const char *model_sha256,
                            nsky_error *err)
{
    assert(store && model_path && model_sha256 && err);
    if (!ends_with(model_path, MODEL_SUFFIX))
        return NSKY_OK;
    int stem = (int)(strlen(model_path) - strlen(MODEL_SUFFIX));
    char *from = nsky_format(err, "%.*s" NSKY_GUARD_SUFFIX, stem, model_path);
    char *to = from ? path_in_store(store, model_sha256, err) : NULL;
    nsky_status status = to ? NSKY_OK : err->status;

    if (status == NSKY_OK && nsky_file_exists(from))
        status = copy_guard(from, to, model_sha256, err);
    nsky_free(to);
    nsky_free(from);
    return status;
}

static nsky_status verify_one(const char *path, const char *name, nsky_error *err)
{
    nsky_probe *guard;
    size_t bytes;
    nsky_status status = read_guard(&guard, NULL, &bytes, path, err);

    if (status == NSKY_OK && (strlen(name) != 16 + strlen(NSKY_GUARD_SUFFIX) ||
                              strncmp(guard->model_sha256, name, 16) != 0))
        status = nsky_fail(err, NSKY_EMISMATCH,
                           "%s: is for the vectors of another model, %s (%.16s); remove it", path,
                           guard->model_name, guard->model_sha256);
    nsky_probe_free(guard);
    return status;
}

nsky_status nsky_guard_verify(const char *store, void (*problem)(const char *text, void *payload),
                              void *payload, uint64_t *problems, nsky_error *err)
{
    assert(store && problem && problems && err);
    char *folder = nsky_format(err, "%s/models", store);
    char **names = NULL;
    size_t count = 0;
    nsky_status status = folder ? NSKY_OK : err->status;

    if (status == NSKY_OK && nsky_directory_exists(folder))
        status = nsky_directory_list(&names, &count, folder, err);
    for (size_t i = 0; i < count && status == NSKY_OK; i++) {
        nsky_error why = NSKY_ERROR_INIT;
        char *path = ends_with(names[i], NSKY_GUARD_SUFFIX)
                         ? nsky_format(err, "%s/%s", folder, names[i])
                         : NULL;
        if (path && verify_one(path, names[i], &why) != NSKY_OK) {
            problem(why.text, payload);
            (*problems)++;
        }
        nsky_free(path);
    }
    nsky_free(names);
    nsky_free(folder);
    return status;
}
