/* publish.c - a work folder becomes a generation, all at once.
 * Thread rule: belongs to one thread; the work holds the store's lock. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/memory.h"
#include "common/version.h"
#include "store/current.h"
#include "store/hidden.h"
#include "store/manifest.h"
#include "store/model.h"
#include "store/survey.h"
#include "store/work.h"

/* Memory that ran out while a manifest was put together shows when it is printed; its gaps must not
 * be taken for bad data. */
static nsky_status check_whole(const nsky_json *manifest, nsky_error *err)
{
    char *text = manifest ? nsky_json_print(manifest, false, err) : NULL;

    if (!manifest)
        return nsky_fail(err, NSKY_ENOMEM, "out of memory for a manifest");
    if (!text)
        return err->status;
    nsky_free(text);
    return NSKY_OK;
}

/* Read-only from now on, for later generations may share the file by links. */
static nsky_status settle_file(const char *path, struct stat *found, nsky_error *err)
{
    struct stat info;
    nsky_status status = NSKY_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

    if (fd < 0)
        return nsky_fail_errno(err, "%s: cannot open", path);
    if (fstat(fd, &info) != 0)
        status = nsky_fail_errno(err, "%s: cannot stat", path);
    else if (!S_ISREG(info.st_mode))
        status = nsky_fail(err, NSKY_EINVAL, "%s: a generation holds plain files only", path);
    else if (fsync(fd) != 0)
        status = nsky_fail_errno(err, "%s: cannot sync", path);
    else if (fchmod(fd, 0444) != 0 && errno != EPERM && errno != ENOTSUP)
        status = nsky_fail_errno(err, "%s: cannot make read-only", path);
    else
        *found = info;
    close(fd);
    return status;
}

/* A linked file is not read again: at 76M objects that would take minutes for every object that is
 * deleted. What the older manifest says of it holds, or `nearsky verify` says so. */
static nsky_status hash_file(const nsky_work *work, const char *name, const char *path,
                             const struct stat *info, char hash[NSKY_SHA256_HEX_BYTES],
                             nsky_error *err)
{
    for (uint32_t i = 0; i < work->shared_count; i++) {
        const nsky_shared *shared = &work->shared[i];
        if (strcmp(shared->name, name) == 0 && shared->device == info->st_dev &&
            shared->inode == info->st_ino && shared->bytes == info->st_size) {
            memcpy(hash, shared->sha256, NSKY_SHA256_HEX_BYTES);
            return NSKY_OK;
        }
    }
    return nsky_sha256_file(path, hash, err);
}

static nsky_status list_file(const nsky_work *work, nsky_json *files, const char *name,
                             nsky_error *err)
{
    char hash[NSKY_SHA256_HEX_BYTES], *path = nsky_format(err, "%s/%s", work->face.path, name);
    nsky_status status;
    struct stat info = {0};

    if (!path)
        return err->status;
    if (strstr(name, ".tmp.") || strcmp(name, NSKY_MANIFEST) == 0) { /* of an interrupted run */
        status = unlink(path) == 0 ? NSKY_OK : nsky_fail_errno(err, "%s: cannot remove", path);
    } else if (!nsky_manifest_name_ok(name)) {
        status = nsky_fail(err, NSKY_EINVAL, "%s: no name for a generation's file", path);
    } else if ((status = settle_file(path, &info, err)) == NSKY_OK &&
               (status = hash_file(work, name, path, &info, hash, err)) == NSKY_OK) {
        nsky_json *file = nsky_json_object();
        nsky_json_put_integer(file, "bytes", info.st_size);
        nsky_json_put_string(file, "sha256", hash);
        nsky_json_put(files, name, file);
    }
    nsky_free(path);
    return status;
}

/* Syncs and lists what is in the folder. */
static nsky_status list_files(nsky_json *manifest, const nsky_work *work, nsky_error *err)
{
    nsky_json *files = nsky_json_object();
    char **names = NULL;
    size_t count;
    nsky_status status = nsky_directory_list(&names, &count, work->face.path, err);

    for (size_t i = 0; status == NSKY_OK && i < count; i++)
        status = list_file(work, files, names[i], err);
    nsky_json_put(manifest, "files", files);
    nsky_free(names);
    return status;
}

/* The parts that belong together: vectors and catalogue, vectors and weights. */
static nsky_status check_parts(const nsky_generation_work *work, const nsky_manifest *manifest,
                               nsky_error *err)
{
    nsky_survey *survey;
    char *model = nsky_model_path(work->store, manifest->model_sha256, err);
    nsky_status status = NSKY_OK;

    if (!model)
        return err->status;
    if (!nsky_file_exists(model))
        status = nsky_fail(err, NSKY_ENOTFOUND,
                           "%s: the weights are not in the store; put them there first", model);
    nsky_free(model);
    if (status != NSKY_OK ||
        (status = nsky_survey_open(&survey, work->store, NSKY_SURVEY_READ, err)) != NSKY_OK)
        return status;
    uint64_t rows = nsky_survey_rows(survey);
    nsky_survey_close(survey);
    if (rows >= manifest->rows)
        return NSKY_OK;
    return nsky_fail(err, NSKY_EMISMATCH,
                     "%s: vectors of %" PRIu64 " objects, and the catalogue has %" PRIu64,
                     work->path, manifest->rows, rows);
}

/* What is deleted by now, at the place where it is looked for. */
static nsky_status hide_deleted(const nsky_generation_work *work, nsky_json *manifest,
                                uint64_t rows, nsky_error *err)
{
    nsky_survey *survey = NULL;
    uint64_t *deleted = NULL, count = 0;
    char *path = nsky_format(err, "%s/" NSKY_HIDDEN, work->path);
    nsky_status status = path ? NSKY_OK : err->status;

    if (status == NSKY_OK && unlink(path) != 0 && errno != ENOENT)
        status = nsky_fail_errno(err, "%s: cannot replace", path);
    if (status == NSKY_OK)
        status = nsky_survey_open(&survey, work->store, NSKY_SURVEY_READ, err);
    if (status == NSKY_OK)
        status = nsky_survey_deleted_rows(survey, rows, &deleted, &count, err);
    if (status == NSKY_OK && count > 0)
        status = nsky_hidden_write(path, rows, deleted, count, err);
    if (status == NSKY_OK)
        nsky_json_put_integer(manifest, "deleted_rows", (int64_t)count);
    nsky_survey_close(survey);
    nsky_free(deleted);
    nsky_free(path);
    return status;
}

static nsky_status next_number(const char *store, uint32_t *number, nsky_error *err)
{
    uint32_t *numbers;
    size_t count;
    nsky_status status = nsky_generation_numbers(&numbers, &count, store, err);

    if (status != NSKY_OK)
        return status;
    *number = count > 0 ? numbers[count - 1] + 1 : 1;
    nsky_free(numbers);
    if (*number > NSKY_GENERATION_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: no generation number is left", store);
    return NSKY_OK;
}

/* The manifest is complete but for its number; the folder is not yet synced. */
static nsky_status write_manifest(const nsky_generation_work *work, nsky_json *manifest,
                                  uint32_t number, nsky_error *err)
{
    nsky_manifest checked;
    char *path = nsky_format(err, "%s/" NSKY_MANIFEST, work->path);

    if (!path)
        return err->status;
    nsky_json_put_integer(manifest, "number", number);
    nsky_status status = check_whole(manifest, err);
    if (status == NSKY_OK)
        status = nsky_manifest_check(&checked, manifest, number, path, err);
    if (status == NSKY_OK)
        status = nsky_json_write_file(manifest, path, err); /* syncs the folder too */
    nsky_free(path);
    return status;
}

static nsky_status take_number(const nsky_generation_work *work, uint32_t number, nsky_error *err)
{
    char *path = nsky_generation_path(work->store, number, err);
    char *parent = nsky_format(err, "%s/generations", work->store);
    nsky_status status;

    if (!path || !parent)
        status = err->status;
    else if ((status = nsky_current_announce(work->store, number, err)) != NSKY_OK)
        ;
    else if (rename(work->path, path) != 0)
        status = nsky_fail_errno(err, "%s: cannot rename to %s", work->path, path);
    else
        status = nsky_fsync_directory(parent, err);
    nsky_free(path);
    nsky_free(parent);
    return status == NSKY_OK ? nsky_current_settle(work->store, err) : status;
}

static nsky_status publish(const nsky_generation_work *work, nsky_json *manifest, uint32_t *number,
                           nsky_error *err)
{
    char created_by[64];
    nsky_manifest checked;
    nsky_status status;

    snprintf(created_by, sizeof created_by, "nearsky %s (%s)", nsky_version(), nsky_commit());
    nsky_json_put_integer(manifest, "format", NSKY_MANIFEST_FORMAT);
    nsky_json_put_string(manifest, "created_by", created_by);
    if ((status = check_whole(manifest, err)) != NSKY_OK ||
        (status = nsky_manifest_read(&checked, manifest, "the new manifest", err)) != NSKY_OK ||
        (status = check_parts(work, &checked, err)) != NSKY_OK ||
        (status = hide_deleted(work, manifest, checked.rows, err)) != NSKY_OK ||
        (status = list_files(manifest, (const nsky_work *)work, err)) != NSKY_OK ||
        (status = next_number(work->store, number, err)) != NSKY_OK ||
        (status = write_manifest(work, manifest, *number, err)) != NSKY_OK)
        return status;
    return take_number(work, *number, err);
}

nsky_status nsky_generation_publish(nsky_generation_work *work, nsky_json *manifest,
                                    uint32_t *number, nsky_error *err)
{
    assert(work && number && err);

    *number = 0;
    nsky_status status = publish(work, manifest, number, err);
    if (status != NSKY_OK)
        *number = 0;
    nsky_json_free(manifest);
    nsky_generation_pause(work);
    return status;
}
