/* lists_merge.c - lists_build.h: segments to blocks, a range of lists at a time, so that memory is
 * bounded and both reading and writing go straight through the files. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/progress.h"
#include "index/lists_build.h"
#include "index/stop.h"
#include "store/xxh64.h"

typedef struct merge {
    const nsky_lists_job *job;
    nsky_trained *trained;
    nsky_segment_runs segments;
    uint64_t block_bytes;
    uint32_t lists, record_bytes;
    uint64_t *begins;  /* [segments]: byte in its file where the next list's records begin */
    uint32_t *counts;  /* [segments, lists] */
    uint32_t *kept;    /* [lists] rows of the older index, that come first; NULL: none */
    uint32_t *offsets; /* [lists + 1] in blocks */
    nsky_file_writer codes, slots;
    nsky_progress *progress;
} merge;

/* Buffers of one range of lists. */
typedef struct range {
    uint32_t first, end; /* lists */
    uint8_t *blocks;
    uint32_t *row_of;
    uint8_t *slack;
    uint64_t *next; /* [lists of the range]: its next free slot, from the range's first */
    unsigned char *records;
    uint64_t records_max; /* bytes */
} range;

static nsky_status count_all(merge *m, nsky_error *err)
{
    nsky_status status = m->kept ? nsky_kept_counts(m->job, m->kept, err) : NSKY_OK;
    for (uint64_t s = 0; s < m->segments.count && status == NSKY_OK; s++) {
        const nsky_segment_run *run = &m->segments.runs[s];
        status = nsky_segment_counts(m->job, m->trained, run->first, run->rows,
                                     m->counts + s * m->lists, err);
        if (!run->made || status == NSKY_ENOTFOUND)
            status = nsky_fail(err, NSKY_EDATA,
                               "%s: the segment of row %" PRIu64
                               " was changed while the index was built; run `nearsky index` again",
                               m->job->folder, run->first);
        m->begins[s] = sizeof(nsky_segment_header) + m->lists * sizeof(uint32_t);
    }
    m->offsets[0] = 0;
    for (uint32_t l = 0; l < m->lists && status == NSKY_OK; l++) {
        uint64_t rows = m->kept ? m->kept[l] : 0;
        for (uint64_t s = 0; s < m->segments.count; s++)
            rows += m->counts[s * m->lists + l];
        m->offsets[l + 1] = m->offsets[l] + (uint32_t)nsky_code_blocks(rows);
    }
    return status;
}

static nsky_status write_headers(merge *m, nsky_error *err)
{
    uint64_t at[NSKY_TABLES + 1];
    nsky_trained *t = m->trained;
    unsigned char head[NSKY_LISTS_HEADER] = {0};
    nsky_lists_layout(&t->header, at);
    memcpy(t->image + at[NSKY_TABLE_OFFSETS], m->offsets, ((size_t)m->lists + 1) * 4);
    t->header.blocks = m->offsets[m->lists];
    t->header.id = nsky_xxh64(t->image + NSKY_LISTS_HEADER, t->bytes - NSKY_LISTS_HEADER, 0);
    nsky_lists_header_seal(&t->header);
    memcpy(t->image, &t->header, sizeof t->header);
    for (int f = 1; f <= 2; f++) {
        nsky_lists_header header = t->header;
        nsky_file_writer *writer = f == 1 ? &m->codes : &m->slots;
        char *path =
            nsky_format(err, "%s/%s", m->job->folder, f == 1 ? NSKY_CODES_FILE : NSKY_SLOTS_FILE);
        if (!path)
            return err->status;
        nsky_status status = nsky_file_begin(writer, path, err);
        nsky_free(path);
        if (status != NSKY_OK)
            return status;
        memcpy(header.magic, nsky_lists_magic[f], sizeof header.magic);
        nsky_lists_header_seal(&header);
        memcpy(head, &header, sizeof header);
        fwrite(head, sizeof head, 1, writer->stream);
    }
    return NSKY_OK;
}

/* One row's record to its slot: the lanes of a block are 4 bytes apart by rows. */
static void place(const merge *m, range *r, const unsigned char *bytes, uint64_t slot)
{
    nsky_record record;
    const uint32_t lanes = (m->record_bytes - (uint32_t)sizeof record) / 4;
    uint8_t *block = r->blocks + slot / NSKY_CODE_ROWS * m->block_bytes;
    memcpy(&record, bytes, sizeof record);
    r->row_of[slot] = record.row;
    r->slack[2 * slot] = record.slack[0];
    r->slack[2 * slot + 1] = record.slack[1];
    for (uint32_t l = 0; l < lanes; l++)
        memcpy(block + 64 * (size_t)l + 4 * (slot % NSKY_CODE_ROWS),
               bytes + sizeof record + 4 * (size_t)l, 4);
}

static nsky_status read_all(int fd, unsigned char *out, uint64_t bytes, uint64_t from)
{
    while (bytes > 0) {
        ssize_t got = pread(fd, out, bytes, (off_t)from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return NSKY_EIO;
        out += got;
        from += (uint64_t)got;
        bytes -= (uint64_t)got;
    }
    return NSKY_OK;
}

/* A segment's records of the range's lists lie together. */
static nsky_status take_segment(merge *m, range *r, uint64_t s, nsky_error *err)
{
    const uint32_t *counts = m->counts + s * m->lists;
    uint64_t records = 0;
    for (uint32_t l = r->first; l < r->end; l++)
        records += counts[l];
    if (records == 0)
        return NSKY_OK;
    char *path =
        nsky_segment_path(m->job->folder, m->segments.runs[s].first, m->segments.runs[s].rows, err);
    if (!path)
        return err->status;
    const uint64_t bytes = records * m->record_bytes;
    assert(bytes <= r->records_max);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    nsky_status status = NSKY_OK;
    if (fd < 0 || read_all(fd, r->records, bytes, m->begins[s]) != NSKY_OK)
        status = nsky_fail_errno(err, "%s: cannot read", path);
    if (fd >= 0)
        close(fd);
    nsky_free(path);
    m->begins[s] += bytes;
    const unsigned char *next = r->records;
    for (uint32_t l = r->first; l < r->end && status == NSKY_OK; l++)
        for (uint32_t i = 0; i < counts[l]; i++, next += m->record_bytes)
            place(m, r, next, r->next[l - r->first]++);
    return status;
}

/* The older index's blocks of the range's lists, as they are: a list begins with a block, and what
 * its last one has free is zero. */
static void take_kept(const merge *m, range *r)
{
    const nsky_lists *kept = m->job->kept;
    for (uint32_t l = r->first; l < r->end; l++) {
        const uint64_t from = kept->offsets[l], blocks = kept->offsets[l + 1] - from;
        const uint64_t to = m->offsets[l] - m->offsets[r->first];
        const uint64_t slots = m->kept[l], to_slot = to * NSKY_CODE_ROWS;
        memcpy(r->blocks + to * m->block_bytes, kept->codes + from * m->block_bytes,
               blocks * m->block_bytes);
        memcpy(r->row_of + to_slot, kept->row_of + from * NSKY_CODE_ROWS,
               slots * sizeof *r->row_of);
        memcpy(r->slack + 2 * to_slot, kept->slack + 2 * from * NSKY_CODE_ROWS,
               slots * 2 * sizeof *r->slack);
        r->next[l - r->first] += slots;
        nsky_progress_add(m->progress, slots);
    }
}

static nsky_status write_range(merge *m, const range *r, nsky_error *err)
{
    const uint64_t first = m->offsets[r->first], blocks = m->offsets[r->end] - first;
    const uint64_t slots = blocks * NSKY_CODE_ROWS, all = (uint64_t)m->offsets[m->lists];
    const off_t rows_at = (off_t)(NSKY_LISTS_HEADER + first * NSKY_CODE_ROWS * 4);
    const off_t slack_at =
        (off_t)(NSKY_LISTS_HEADER + all * NSKY_CODE_ROWS * 4 + first * NSKY_CODE_ROWS * 2);
    if (fwrite(r->blocks, m->block_bytes, blocks, m->codes.stream) != blocks ||
        fseeko(m->slots.stream, rows_at, SEEK_SET) != 0 ||
        fwrite(r->row_of, 4, slots, m->slots.stream) != slots ||
        fseeko(m->slots.stream, slack_at, SEEK_SET) != 0 ||
        fwrite(r->slack, 2, slots, m->slots.stream) != slots)
        return nsky_fail_errno(err, "%s: cannot write the index", m->job->folder);
    return NSKY_OK;
}

static nsky_status merge_range(merge *m, range *r, nsky_error *err)
{
    const uint64_t blocks = m->offsets[r->end] - m->offsets[r->first];
    nsky_status status = NSKY_OK;
    uint64_t rows = 0;
    memset(r->blocks, 0, blocks * m->block_bytes);
    memset(r->row_of, 0xff, blocks * NSKY_CODE_ROWS * sizeof *r->row_of);
    memset(r->slack, 0, blocks * NSKY_CODE_ROWS * 2 * sizeof *r->slack);
    for (uint32_t l = r->first; l < r->end; l++)
        r->next[l - r->first] = (uint64_t)(m->offsets[l] - m->offsets[r->first]) * NSKY_CODE_ROWS;
    if (m->kept)
        take_kept(m, r);
    for (uint64_t s = 0; s < m->segments.count && status == NSKY_OK; s++) {
        if ((status = nsky_index_check_stop(m->job->stop, err)) != NSKY_OK)
            return status;
        status = take_segment(m, r, s, err);
    }
    for (uint64_t s = 0; s < m->segments.count; s++)
        for (uint32_t l = r->first; l < r->end; l++)
            rows += m->counts[s * m->lists + l];
    nsky_progress_add(m->progress, rows);
    return status == NSKY_OK ? write_range(m, r, err) : status;
}

/* As many lists as fit, at least one. */
static uint32_t range_end(const merge *m, uint32_t first, uint64_t blocks_max)
{
    uint32_t end = first + 1;
    while (end < m->lists && m->offsets[end + 1] - m->offsets[first] <= blocks_max)
        end++;
    return end;
}

static nsky_status merge_all(merge *m, nsky_error *err)
{
    /* A slot's share of blocks, row_of, slack and the records read. */
    const uint64_t per_block =
        m->block_bytes + (uint64_t)NSKY_CODE_ROWS * (NSKY_SLOT_BYTES + m->record_bytes);
    uint64_t blocks_max = m->job->merge_bytes / per_block + 1, largest = 1;
    for (uint32_t first = 0, end; first < m->lists; first = end) {
        end = range_end(m, first, blocks_max);
        uint64_t blocks = m->offsets[end] - m->offsets[first];
        largest = blocks > largest ? blocks : largest;
    }
    range r = {.records_max = largest * NSKY_CODE_ROWS * m->record_bytes};
    r.blocks = nsky_alloc(largest, m->block_bytes, err);
    r.row_of = nsky_alloc(largest * NSKY_CODE_ROWS, sizeof *r.row_of, err);
    r.slack = nsky_alloc(largest * NSKY_CODE_ROWS * 2, sizeof *r.slack, err);
    r.next = nsky_alloc(m->lists, sizeof *r.next, err);
    r.records = nsky_alloc(r.records_max, 1, err);
    nsky_status status =
        r.blocks && r.row_of && r.slack && r.next && r.records ? NSKY_OK : err->status;
    for (r.first = 0; r.first < m->lists && status == NSKY_OK; r.first = r.end) {
        r.end = range_end(m, r.first, blocks_max);
        status = merge_range(m, &r, err);
    }
    nsky_free(r.records);
    nsky_free(r.next);
    nsky_free(r.slack);
    nsky_free(r.row_of);
    nsky_free(r.blocks);
    return status;
}

/* lists.bin last: where it is, the other two are whole. */
static nsky_status finish(merge *m, nsky_error *err)
{
    nsky_status status;
    char *path = nsky_format(err, "%s/" NSKY_LISTS_FILE, m->job->folder);
    if (!path)
        return err->status;
    if ((status = nsky_file_commit(&m->codes, err)) == NSKY_OK &&
        (status = nsky_file_commit(&m->slots, err)) == NSKY_OK)
        status = nsky_file_write(path, m->trained->image, m->trained->bytes, err);
    nsky_free(path);
    return status;
}

static nsky_status open_merge(merge *m, nsky_error *err)
{
    const uint64_t begin = nsky_segments_begin(m->job);
    nsky_status status =
        nsky_segments_find(&m->segments, m->job, m->trained, begin, m->job->vectors.rows, err);
    if (status != NSKY_OK)
        return status;
    m->begins = nsky_alloc(m->segments.count, sizeof *m->begins, err);
    m->counts = nsky_alloc(m->segments.count * m->lists, sizeof *m->counts, err);
    m->offsets = nsky_alloc((size_t)m->lists + 1, sizeof *m->offsets, err);
    if (m->job->kept)
        m->kept = nsky_alloc(m->lists, sizeof *m->kept, err);
    return m->begins && m->counts && m->offsets && (m->kept || !m->job->kept) ? NSKY_OK
                                                                              : err->status;
}

nsky_status nsky_lists_merge(const nsky_lists_job *job, nsky_trained *trained, nsky_error *err)
{
    assert(job && trained && err);
    merge m = {.job = job,
               .trained = trained,
               .block_bytes = nsky_code_block_bytes(&trained->lists.coder),
               .lists = trained->header.lists,
               .record_bytes = nsky_record_bytes(job)};
    nsky_status status = open_merge(&m, err);
    if (status == NSKY_OK && (status = count_all(&m, err)) == NSKY_OK &&
        (status = write_headers(&m, err)) == NSKY_OK) {
        m.progress = nsky_progress_start("index", "codes in order", job->vectors.rows);
        status = merge_all(&m, err);
        nsky_progress_end(m.progress);
    }
    if (status == NSKY_OK)
        status = finish(&m, err);
    nsky_file_abort(&m.slots);
    nsky_file_abort(&m.codes);
    nsky_free(m.kept);
    nsky_free(m.offsets);
    nsky_free(m.counts);
    nsky_free(m.begins);
    nsky_segments_free(&m.segments);
    return status;
}
