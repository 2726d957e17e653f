/* lists_parts.c - lists_build.h: which segments are there, and which rows have none yet. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "index/lists_build.h"
#include "store/xxh64.h"

#define NAME_BYTES 64

const char nsky_segment_magic[8] = {"NSKYSEG3"};

uint32_t nsky_record_bytes(const nsky_lists_job *job)
{
    return (uint32_t)sizeof(nsky_record) + job->coded * job->bits / 8;
}

uint64_t nsky_segment_checksum(const nsky_segment_header *header, const uint32_t *counts)
{
    return nsky_xxh64(counts, header->lists * sizeof *counts,
                      nsky_xxh64(header, offsetof(nsky_segment_header, checksum), 0));
}

uint64_t nsky_segments_begin(const nsky_lists_job *job)
{
    return job->kept ? job->kept->rows : 0;
}

static void name_of(uint64_t first, uint64_t rows, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "segment-%09" PRIu64 "-%" PRIu64 ".part", first, rows);
}

char *nsky_segment_path(const char *folder, uint64_t first, uint64_t rows, nsky_error *err)
{
    char name[NAME_BYTES];
    name_of(first, rows, name);
    return nsky_format(err, "%s/%s", folder, name);
}

bool nsky_segment_name(const char *name, uint64_t *first, uint64_t *rows)
{
    static const char prefix[] = "segment-";
    char wanted[NAME_BYTES], *rest;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    *first = strtoull(name + sizeof prefix - 1, &rest, 10);
    if (*rest != '-')
        return false;
    *rows = strtoull(rest + 1, NULL, 10);
    name_of(*first, *rows, wanted); /* written in no other way */
    return strcmp(name, wanted) == 0;
}

/* Whole batches from the first row that needs one, or up to the last: then it matters to no bit
 * which segment a row is in. */
static bool is_aligned(const nsky_lists_job *job, uint64_t first, uint64_t rows)
{
    const uint64_t begin = nsky_segments_begin(job), all = job->vectors.rows;
    return first >= begin && first < all && rows > 0 && rows <= all - first &&
           (first - begin) % NSKY_SEGMENT_BATCH == 0 &&
           (rows % NSKY_SEGMENT_BATCH == 0 || first + rows == all);
}

/* Of the job and of one piece; the counts too, [lists], which the caller frees. */
static bool read_head(const nsky_lists_job *job, FILE *stream, uint64_t first, uint64_t rows,
                      nsky_segment_header *h, uint32_t **counts)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    uint64_t sum = 0;
    if (fread(h, sizeof *h, 1, stream) != 1 ||
        memcmp(h->magic, nsky_segment_magic, sizeof h->magic) != 0 ||
        h->plan != nsky_lists_plan_hash(job) || h->first != first || h->rows != rows ||
        h->record_bytes != nsky_record_bytes(job) || h->lists < 1 || h->lists > NSKY_LISTS_MAX ||
        h->stored > rows || !is_aligned(job, first, rows))
        return false;
    if (!(*counts = nsky_alloc(h->lists, sizeof **counts, &ignored)) ||
        fread(*counts, sizeof **counts, h->lists, stream) != h->lists ||
        h->checksum != nsky_segment_checksum(h, *counts))
        return false;
    for (uint32_t l = 0; l < h->lists; l++)
        sum += (*counts)[l];
    return sum == h->stored && fseeko(stream, 0, SEEK_END) == 0 &&
           (uint64_t)ftello(stream) ==
               sizeof *h + h->lists * sizeof **counts + h->stored * h->record_bytes;
}

nsky_status nsky_segment_counts(const nsky_lists_job *job, const nsky_trained *trained,
                                uint64_t first, uint64_t rows, uint32_t *counts, nsky_error *err)
{
    assert(job && trained && counts && err);
    nsky_segment_header header;
    uint32_t *read = NULL;
    nsky_status status = NSKY_ENOTFOUND;
    char *path = nsky_segment_path(job->folder, first, rows, err);
    if (!path)
        return err->status;
    FILE *stream = fopen(path, "rbe");
    if (stream && read_head(job, stream, first, rows, &header, &read) &&
        header.trained == trained->header.id && header.lists == trained->header.lists) {
        memcpy(counts, read, header.lists * sizeof *counts);
        status = NSKY_OK;
    }
    if (stream)
        fclose(stream);
    nsky_free(read);
    nsky_free(path);
    return status;
}

/* The records of an open segment, hashed as they were when it was written. */
static bool records_hold(FILE *stream, const nsky_segment_header *header)
{
    unsigned char record[sizeof(nsky_record) + NSKY_CODED_MAX];
    uint64_t hash = 0;
    if (header->record_bytes > sizeof record ||
        fseeko(stream, (off_t)(sizeof *header + header->lists * sizeof(uint32_t)), SEEK_SET) != 0)
        return false;
    for (uint64_t i = 0; i < header->stored; i++) {
        if (fread(record, header->record_bytes, 1, stream) != 1)
            return false;
        nsky_record head;
        memcpy(&head, record, sizeof head);
        if (head.row < header->first || head.row - header->first >= header->rows)
            return false;
        hash = nsky_xxh64(record, header->record_bytes, hash);
    }
    return hash == header->records;
}

nsky_status nsky_segment_verify(const nsky_lists_job *job, const char *folder, uint64_t first,
                                uint64_t rows, nsky_error *err)
{
    assert(job && folder && err);
    nsky_segment_header header;
    uint32_t *counts = NULL;
    char *path = nsky_segment_path(folder, first, rows, err);
    if (!path)
        return err->status;
    FILE *stream = fopen(path, "rbe");
    const bool good = stream && read_head(job, stream, first, rows, &header, &counts) &&
                      records_hold(stream, &header);
    if (stream)
        fclose(stream);
    nsky_free(counts);
    nsky_free(path);
    return good ? NSKY_OK : NSKY_ENOTFOUND;
}

/* Earlier ones first, then the longer. */
static int compare_runs(const void *a, const void *b)
{
    const nsky_segment_run *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->rows > y->rows ? -1 : x->rows < y->rows;
}

/* The job's segments in its folder, sorted; others go. */
static nsky_status list_runs(nsky_segment_runs *out, const nsky_lists_job *job,
                             const nsky_trained *trained, nsky_error *err)
{
    char **names = NULL;
    size_t count = 0;
    nsky_status status = nsky_directory_list(&names, &count, job->folder, err);
    if (status != NSKY_OK)
        return status;
    uint32_t *counts = nsky_alloc(trained->header.lists, sizeof *counts, err);
    out->runs = nsky_alloc(count + 1, sizeof *out->runs, err);
    status = counts && out->runs ? NSKY_OK : err->status;
    for (size_t i = 0; i < count && status == NSKY_OK; i++) {
        nsky_segment_run run = {.made = true};
        if (!nsky_segment_name(names[i], &run.first, &run.rows))
            continue;
        char *path = nsky_segment_path(job->folder, run.first, run.rows, err);
        if (!path)
            status = err->status;
        else if (nsky_segment_counts(job, trained, run.first, run.rows, counts, err) == NSKY_OK)
            out->runs[out->count++] = run;
        else if (unlink(path) != 0 && errno != ENOENT)
            status = nsky_fail_errno(err, "%s: cannot remove", path);
        nsky_free(path);
    }
    if (status == NSKY_OK)
        qsort(out->runs, out->count, sizeof *out->runs, compare_runs);
    nsky_free(counts);
    nsky_free(names);
    return status;
}

/* Rows [*at, end) without a segment, in pieces. */
static void add_missing(nsky_segment_runs *out, uint64_t *at, uint64_t end, uint64_t most)
{
    while (*at < end) {
        const uint64_t rows = end - *at < most ? end - *at : most;
        out->runs[out->count++] = (nsky_segment_run){*at, rows, false};
        out->missing++;
        *at += rows;
    }
}

nsky_status nsky_segments_find(nsky_segment_runs *out, const nsky_lists_job *job,
                               const nsky_trained *trained, uint64_t first, uint64_t end,
                               nsky_error *err)
{
    assert(out && job && trained && err && end <= job->vectors.rows);
    nsky_segment_runs there = {0};
    uint64_t at = first;
    *out = (nsky_segment_runs){0};
    nsky_status status = list_runs(&there, job, trained, err);
    if (status == NSKY_OK) {
        /* Of each gap the last piece may be short. */
        const uint64_t pieces = (end - first) / job->segment_rows + there.count + 1;
        out->runs = nsky_alloc(there.count + pieces, sizeof *out->runs, err);
        status = out->runs ? NSKY_OK : err->status;
    }
    for (uint64_t i = 0; i < there.count && status == NSKY_OK; i++) {
        const nsky_segment_run *run = &there.runs[i];
        if (run->first < at || run->first + run->rows > end)
            continue; /* of another partition, and not needed */
        add_missing(out, &at, run->first, job->segment_rows);
        out->runs[out->count++] = *run;
        at += run->rows;
    }
    if (status == NSKY_OK)
        add_missing(out, &at, end, job->segment_rows);
    nsky_segments_free(&there);
    return status;
}

void nsky_segments_free(nsky_segment_runs *runs)
{
    nsky_free(runs->runs);
    *runs = (nsky_segment_runs){0};
}
