/* shares.c - see shares.h. Any thread; a folder has one writer. */
#include "index/shares.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/hash.h"
#include "common/log.h"
#include "common/memory.h"
#include "index/stop.h"
#include "store/copy.h"
#include "store/generation.h"

#define KEY_BYTES 80
#define LISTS "lists-"   /* so begin all keys */
#define VECTORS_BYTES 15 /* "lists-01234567-" of a key */
#define WAIT_NS 200000000L

void nsky_shares_key(const nsky_lists_job *job, char out[NSKY_SHARES_KEY_BYTES])
{
    const uint64_t vectors = nsky_hash64(job->vectors_name, strlen(job->vectors_name));
    snprintf(out, NSKY_SHARES_KEY_BYTES, LISTS "%08" PRIx32 "-%016" PRIx64,
             (uint32_t)(vectors >> 32), nsky_lists_plan_hash(job));
}

void nsky_share_range(const nsky_lists_job *job, uint32_t share, uint32_t shares, uint64_t *first,
                      uint64_t *end)
{
    assert(job && share < shares && first && end);
    const uint64_t begin = nsky_segments_begin(job), rows = job->vectors.rows - begin;
    const uint64_t batches = (rows + NSKY_SEGMENT_BATCH - 1) / NSKY_SEGMENT_BATCH;
    *first = batches * share / shares * NSKY_SEGMENT_BATCH;
    *end = batches * (share + 1) / shares * NSKY_SEGMENT_BATCH;
    *first = begin + (*first < rows ? *first : rows);
    *end = begin + (*end < rows ? *end : rows);
}

/* --- making one --- */

/* Trains, or waits for who does; if that one is killed its lock is free. */
static nsky_status make_tables(const char *store, const nsky_lists_job *job, const char *key,
                               nsky_error *err)
{
    bool told = false;
    for (;;) {
        nsky_trained trained;
        nsky_generation_work *work;
        nsky_error why = NSKY_ERROR_INIT;
        nsky_status status = nsky_trained_read(&trained, job, &why);
        if (status == NSKY_OK) {
            nsky_trained_free(&trained);
            return NSKY_OK;
        }
        if ((status = nsky_index_check_stop(job->stop, err)) != NSKY_OK)
            return status;
        status = nsky_generation_begin_part(&work, store, key, &why);
        if (status == NSKY_OK) {
            status = nsky_lists_ready(job, err);
            nsky_generation_pause(work);
            return status;
        }
        if (status != NSKY_EBUSY) {
            *err = why;
            return status;
        }
        if (!told)
            nsky_log_info("waiting for the tables: %s", why.text);
        told = true;
        nanosleep(&(struct timespec){0, WAIT_NS}, NULL);
    }
}

nsky_status nsky_share_make(const char *store, const nsky_lists_job *job, uint32_t share,
                            uint32_t shares, nsky_error *err)
{
    assert(store && job && share < shares && err);
    char base[NSKY_SHARES_KEY_BYTES], key[KEY_BYTES], tables_key[KEY_BYTES];
    nsky_generation_work *work;
    nsky_lists_job own = *job;
    uint64_t first, end;
    nsky_share_range(job, share, shares, &first, &end);
    if (first == end)
        return NSKY_OK;
    nsky_shares_key(job, base);
    snprintf(key, sizeof key, "%s-share-%" PRIu32 "-of-%" PRIu32, base, share + 1, shares);
    snprintf(tables_key, sizeof tables_key, "%s-tables", base);
    nsky_status status = nsky_generation_begin_part(&work, store, key, err);
    if (status == NSKY_EBUSY) {
        const nsky_error why = *err;
        return nsky_fail(err, status, "share %" PRIu32 " of %" PRIu32 " is being made already: %s",
                         share + 1, shares, why.text);
    }
    if (status != NSKY_OK)
        return status;
    char *tables = nsky_generation_work_path(work->store, tables_key, err);
    own.folder = work->path;
    own.tables = tables;
    status = tables ? NSKY_OK : err->status;
    if (status == NSKY_OK && !job->kept)
        status = make_tables(store, &own, tables_key, err);
    if (status == NSKY_OK)
        status = nsky_lists_share(&own, first, end, err);
    nsky_free(tables);
    nsky_generation_pause(work);
    return status;
}

/* --- taking over --- */

/* One file of a share's folder, if it is good. */
static nsky_status take_file(const nsky_lists_job *job, const char *folder, const char *name,
                             uint64_t *taken, nsky_error *err)
{
    uint64_t first, rows = 0;
    nsky_error why = NSKY_ERROR_INIT;
    nsky_status status = NSKY_ENOTFOUND;
    if (strcmp(name, NSKY_TRAINED_FILE) == 0) {
        nsky_lists_job theirs = *job;
        nsky_trained trained;
        theirs.tables = folder;
        if ((status = nsky_trained_read(&trained, &theirs, &why)) == NSKY_OK)
            nsky_trained_free(&trained);
    } else if (nsky_segment_name(name, &first, &rows)) {
        status = nsky_segment_verify(job, folder, first, rows, &why);
    } else {
        return NSKY_OK;
    }
    if (status == NSKY_ENOTFOUND) {
        nsky_log_warn("%s/%s: damaged, or not of this index; made anew", folder, name);
        return NSKY_OK;
    }
    if (status != NSKY_OK) {
        *err = why;
        return status;
    }
    char *to = nsky_format(err, "%s/%s", job->folder, name);
    char *from = nsky_format(err, "%s/%s", folder, name);
    status = to && from ? nsky_link_file(to, from, NULL, err) : err->status;
    nsky_free(from);
    nsky_free(to);
    if (status == NSKY_OK)
        *taken += rows;
    return status;
}

static nsky_status take_folder(const char *store, const nsky_lists_job *job, const char *key,
                               uint64_t *taken, nsky_error *err)
{
    nsky_generation_work *work;
    char **names = NULL;
    size_t count = 0;
    nsky_status status = nsky_generation_begin_part(&work, store, key, err);
    if (status != NSKY_OK)
        return status;
    status = nsky_directory_list(&names, &count, work->path, err);
    for (size_t i = 0; i < count && status == NSKY_OK; i++)
        if ((status = nsky_index_check_stop(job->stop, err)) == NSKY_OK)
            status = take_file(job, work->path, names[i], taken, err);
    nsky_free(names);
    nsky_generation_pause(work);
    return status;
}

/* Shares of some index, and not the index's own work. */
static bool is_share(const char *key)
{
    return strlen(key) < KEY_BYTES && (strstr(key, "-share-") || strstr(key, "-tables"));
}

static bool begins_with(const char *text, const char *start, size_t length)
{
    return strncmp(text, start, length) == 0;
}

nsky_status nsky_shares_take(const char *store, const nsky_lists_job *job, uint64_t *rows,
                             nsky_error *err)
{
    assert(store && job && rows && err);
    char key[NSKY_SHARES_KEY_BYTES], **keys;
    size_t count;
    bool others = false;
    nsky_shares_key(job, key);
    *rows = 0;
    nsky_status status = nsky_generation_work_keys(&keys, &count, store, LISTS, err);
    for (size_t i = 0; i < count && status == NSKY_OK; i++) {
        if (!is_share(keys[i]) || !begins_with(keys[i], key, VECTORS_BYTES))
            continue;
        if (begins_with(keys[i], key, strlen(key)))
            status = take_folder(store, job, keys[i], rows, err);
        else
            others = true;
    }
    if (others && status == NSKY_OK)
        nsky_log_warn("%s: there are shares of an index with other options (--memory, --lists, "
                      "--bits, --retrain), which are not taken over",
                      store);
    nsky_free(keys);
    return status;
}

void nsky_shares_remove(const char *store, const char *key)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    char **keys;
    size_t count;

    if (nsky_generation_work_keys(&keys, &count, store, LISTS, &ignored) == NSKY_OK)
        for (size_t i = 0; i < count; i++)
            if (is_share(keys[i]) && (begins_with(keys[i], key, strlen(key)) ||
                                      !begins_with(keys[i], key, VECTORS_BYTES)))
                nsky_generation_discard_part(store, keys[i]);
    nsky_free(keys);
}
