/* work.c - a generation's work folder: taken up, put down, thrown away, filled from an older one.
 * Thread rule: belongs to one thread. */
#include "store/work.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/memory.h"
#include "store/copy.h"
#include "store/current.h"
#include "store/layout.h"
#include "store/manifest.h"

#define KEY_BYTES_MAX 64
#define HIDDEN ".work-" /* before the key, in a folder's name */

static nsky_status check_key(const char *key, nsky_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    size_t length = strlen(key);

    if (length > 0 && length <= KEY_BYTES_MAX && strspn(key, allowed) == length)
        return NSKY_OK;
    return nsky_fail(err, NSKY_EINVAL,
                     "\"%.80s\": a work folder's key has 1 to %d letters, digits and '-'", key,
                     KEY_BYTES_MAX);
}

char *nsky_generation_work_path(const char *store, const char *key, nsky_error *err)
{
    assert(store && key && err);
    return nsky_format(err, "%s/generations/" HIDDEN "%s", store, key);
}

nsky_status nsky_generation_work_keys(char ***keys, size_t *count, const char *store,
                                      const char *start, nsky_error *err)
{
    assert(keys && count && store && start && err);
    char *folder = nsky_format(err, "%s/generations", store);
    size_t all = 0;

    *keys = NULL;
    *count = 0;
    nsky_status status = folder ? nsky_directory_list(keys, &all, folder, err) : err->status;
    for (size_t i = 0; i < all && status == NSKY_OK; i++) {
        char *key = (*keys)[i] + strlen(HIDDEN);
        if (strncmp((*keys)[i], HIDDEN, strlen(HIDDEN)) == 0 &&
            strncmp(key, start, strlen(start)) == 0)
            (*keys)[(*count)++] = key;
    }
    nsky_free(folder);
    return status;
}

static nsky_status begin(nsky_work *work, const char *store, const char *key, bool part,
                         nsky_error *err)
{
    nsky_status status;

    if (!(work->face.store = nsky_strdup(store, err)))
        return err->status;
    for (size_t end = strlen(store); end > 1 && work->face.store[end - 1] == '/'; end--)
        work->face.store[end - 1] = '\0';
    if ((status = nsky_layout_check(work->face.store, err)) != NSKY_OK ||
        (!part && (status = nsky_lock_take(&work->lock, work->face.store, err)) != NSKY_OK) ||
        (!part && (status = nsky_current_settle(work->face.store, err)) != NSKY_OK))
        return status;
    if (!(work->face.path = nsky_generation_work_path(work->face.store, key, err)))
        return err->status;
    if ((status = nsky_make_directories(work->face.path, err)) != NSKY_OK)
        return status;
    return part ? nsky_lock_take(&work->lock, work->face.path, err) : NSKY_OK;
}

static nsky_status begin_work(nsky_generation_work **out, const char *store, const char *key,
                              bool part, nsky_error *err)
{
    assert(out && store && key && err);
    nsky_status status;

    *out = NULL;
    if ((status = check_key(key, err)) != NSKY_OK)
        return status;
    nsky_work *work = nsky_alloc_zero(1, sizeof *work, err);
    if (!work)
        return err->status;
    if ((status = begin(work, store, key, part, err)) != NSKY_OK) {
        nsky_generation_pause(&work->face);
        return status;
    }
    *out = &work->face;
    return NSKY_OK;
}

nsky_status nsky_generation_begin(nsky_generation_work **out, const char *store, const char *key,
                                  nsky_error *err)
{
    return begin_work(out, store, key, false, err);
}

nsky_status nsky_generation_begin_part(nsky_generation_work **out, const char *store,
                                       const char *key, nsky_error *err)
{
    return begin_work(out, store, key, true, err);
}

void nsky_generation_pause(nsky_generation_work *work)
{
    nsky_work *whole = (nsky_work *)work;

    if (!whole)
        return;
    nsky_lock_release(&whole->lock);
    nsky_free(whole->face.path);
    nsky_free(whole->face.store);
    nsky_free(whole);
}

void nsky_generation_abandon(nsky_generation_work *work)
{
    nsky_error ignored = NSKY_ERROR_INIT;

    if (work && nsky_remove_tree(work->path, &ignored) != NSKY_OK) {
        /* what is left lies in a hidden folder and does no harm */
    }
    nsky_generation_pause(work);
}

void nsky_generation_discard_part(const char *store, const char *key)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_generation_work *work;

    if (nsky_generation_begin_part(&work, store, key, &ignored) == NSKY_OK)
        nsky_generation_abandon(work);
}

/* What cannot be noted is read again when it is published. */
static void note_shared(nsky_work *work, const nsky_generation *from, const char *name,
                        const char *target)
{
    const nsky_json *file = nsky_json_get(nsky_json_get(from->manifest, "files"), name);
    const char *sha256 = nsky_json_get_string(file, "sha256");
    struct stat info;

    if (!sha256 || !nsky_is_sha256(sha256) || strlen(name) >= sizeof work->shared->name ||
        work->shared_count == NSKY_SHARED_MAX || stat(target, &info) != 0 ||
        (uint64_t)info.st_size != nsky_manifest_bytes(file))
        return;
    nsky_shared *shared = &work->shared[work->shared_count++];
    *shared = (nsky_shared){.device = info.st_dev, .inode = info.st_ino, .bytes = info.st_size};
    memcpy(shared->name, name, strlen(name) + 1);
    memcpy(shared->sha256, sha256, sizeof shared->sha256);
}

nsky_status nsky_generation_link(const nsky_generation_work *work, const nsky_generation *from,
                                 const char *name, nsky_error *err)
{
    assert(work && from && name && err);
    char *source = NULL, *target = NULL;
    bool linked;
    nsky_status status = NSKY_OK;

    if (!nsky_manifest_name_ok(name))
        return nsky_fail(err, NSKY_EINVAL, "\"%.200s\" is not the name of a generation's file",
                         name);
    if (!(source = nsky_format(err, "%s/%s", from->path, name)) ||
        !(target = nsky_format(err, "%s/%s", work->path, name))) {
        status = err->status;
    } else if (!nsky_file_exists(source)) {
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file", source);
    } else if ((status = nsky_link_file(target, source, &linked, err)) == NSKY_OK && linked) {
        note_shared((nsky_work *)work, from, name, target);
    }
    nsky_free(source);
    nsky_free(target);
    return status;
}
