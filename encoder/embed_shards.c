/* embed_shards.c - one survey by several processes, each with a card of its own: a shard's rows go
 * into a folder beside the generation's, named by the vectors' key and the rows; a run without
 * shards takes over what it finds there. Thread rule: any thread; a folder has one writer. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "encoder/embed_private.h"

#define COPY_ROWS 4096u
#define KEY_BYTES 80

/* "embed-0123456789abcdef-from-10-to-20" */
static void part_key(const nsky_embedding *e, uint64_t first, uint64_t end, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%s-%" PRIu64 "-%" PRIu64, e->key, first, end);
}

void nsky_shard_range(const nsky_embed_options *options, uint64_t base, uint64_t rows,
                      uint64_t *first, uint64_t *end)
{
    uint64_t count = rows - base, each = count / options->shards, more = count % options->shards;
    uint64_t shard = options->shard;

    *first = base + shard * each + (shard < more ? shard : more);
    *end = *first + each + (shard < more);
}

nsky_status nsky_shard_embed(nsky_embedding *e, uint64_t first, uint64_t end,
                             nsky_embed_report *report, nsky_error *err)
{
    char key[KEY_BYTES];
    nsky_status status;

    if (first == end)
        return NSKY_OK;
    part_key(e, first, end, key);
    e->first_row = first;
    e->rows = end;
    if ((status = nsky_generation_begin_part(&e->work, e->store, key, err)) != NSKY_OK ||
        (status = nsky_blocks_open(&e->blocks, e->work->path, e->dim, e->type, err)) != NSKY_OK)
        return status;
    if (e->blocks->rows > end - first)
        return nsky_fail(err, NSKY_EMISMATCH, "%s holds more rows than its name says; remove it",
                         e->work->path);
    return nsky_embed_rows(e, report, err);
}

/* The rows of a folder's key, if it is a shard's of these vectors. */
static bool parse_key(const nsky_embedding *e, const char *key, uint64_t *first, uint64_t *end)
{
    const char *rows = key + strlen(e->key) + 1;
    char again[KEY_BYTES], *rest;

    if (strncmp(key, e->key, strlen(e->key)) != 0 || rows[-1] != '-')
        return false;
    *first = strtoull(rows, &rest, 10);
    if (*rest != '-')
        return false;
    *end = strtoull(rest + 1, &rest, 10);
    part_key(e, *first, *end, again); /* written in no other way */
    return strcmp(key, again) == 0 && *first < *end && *end <= e->rows;
}

/* Rows of one shard, from where blocks stand on; `at` rows of it are there already. */
static nsky_status copy_rows(nsky_embedding *e, const nsky_blocks *part, uint64_t at,
                             nsky_error *err)
{
    nsky_map map;
    nsky_status status = nsky_map_open(&map, part->vectors_path, err);

    if (status != NSKY_OK)
        return status;
    const nsky_vectors made = {map.data, part->rows, e->dim, e->type};
    if (map.bytes < part->rows * nsky_vector_bytes(e->type, e->dim))
        status = nsky_fail(err, NSKY_EDATA, "%s: cut short meanwhile", part->vectors_path);
    while (at < part->rows && status == NSKY_OK) {
        const uint64_t left = part->rows - at, count = left < COPY_ROWS ? left : COPY_ROWS;
        const nsky_vectors run = nsky_vectors_run(&made, at, count);
        status = nsky_blocks_append(e->blocks, &run, err);
        at += count;
    }
    nsky_map_close(&map);
    return status;
}

static nsky_status take_part(nsky_embedding *e, uint64_t first, uint64_t end, nsky_error *err)
{
    char key[KEY_BYTES];
    nsky_generation_work *work;
    nsky_blocks *part = NULL;
    nsky_status status;

    part_key(e, first, end, key);
    if ((status = nsky_generation_begin_part(&work, e->store, key, err)) != NSKY_OK)
        return status;
    status = nsky_blocks_open(&part, work->path, e->dim, e->type, err);
    if (status == NSKY_OK && part->rows > end - first)
        status = nsky_fail(err, NSKY_EMISMATCH, "%s holds more rows than its name says; remove it",
                           work->path);
    if (status == NSKY_OK && first + part->rows > e->blocks->rows)
        status = copy_rows(e, part, e->blocks->rows - first, err);
    nsky_blocks_close(part);
    nsky_generation_pause(work);
    return status;
}

nsky_status nsky_shards_take(nsky_embedding *e, uint64_t *next, nsky_error *err)
{
    assert(e && e->blocks && next && err);
    char **keys = NULL;
    size_t count = 0;
    bool more = true;
    nsky_status status = nsky_generation_work_keys(&keys, &count, e->store, e->key, err);

    while (more && status == NSKY_OK) { /* each that begins at or before the end, and brings more */
        uint64_t first, end, before = e->blocks->rows;
        *next = e->rows;
        for (size_t i = 0; i < count && status == NSKY_OK; i++) {
            if (!parse_key(e, keys[i], &first, &end) || end <= e->blocks->rows)
                continue;
            if (first <= e->blocks->rows)
                status = take_part(e, first, end, err);
            else if (first < *next)
                *next = first;
        }
        more = e->blocks->rows > before;
    }
    nsky_free(keys);
    return status;
}

void nsky_shards_remove(const nsky_embedding *e)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    char **keys = NULL;
    size_t count = 0;
    uint64_t first, end;

    if (nsky_generation_work_keys(&keys, &count, e->store, e->key, &ignored) == NSKY_OK)
        for (size_t i = 0; i < count; i++)
            if (parse_key(e, keys[i], &first, &end))
                nsky_generation_discard_part(e->store, keys[i]);
    nsky_free(keys);
}
