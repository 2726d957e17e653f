/* rank_fetch.c - see rank_fetch.h. */
#include "index/rank_fetch.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/memory.h"
#include "index/parallel.h"

#define BATCH_ROWS 64             /* of a thread's turn */
#define READ_BYTES_MAX (1u << 17) /* of one read: rows that lie close together share it */
#define GAP_BYTES 8192            /* rather read these than ask twice */

typedef struct work {
    const nsky_fetch *fetch;
    const uint32_t *rows;
    uint64_t count;
    nsky_fetch_use use;
    void *payload;
    uint8_t *buffers; /* [NSKY_FETCH_THREADS, room] */
    size_t room;
    atomic_int failed; /* errno of a read, -1: the file is short */
} work;

/* true on success */
static bool read_all(work *w, uint8_t *out, size_t bytes, uint64_t offset)
{
    while (bytes > 0) {
        ssize_t got = pread(w->fetch->file, out, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            atomic_store(&w->failed, got < 0 ? errno : -1);
            return false;
        }
        out += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return true;
}

static void batch_task(uint64_t task, uint32_t thread, void *payload)
{
    work *w = payload;
    const nsky_fetch *f = w->fetch;
    const size_t row_bytes = nsky_vector_bytes(f->vectors.type, f->vectors.dim);
    const uint64_t end = (task + 1) * BATCH_ROWS < w->count ? (task + 1) * BATCH_ROWS : w->count;
    uint8_t *buffer = w->buffers + thread * w->room;

    for (uint64_t i = task * BATCH_ROWS, next; i < end && !atomic_load(&w->failed); i = next) {
        const uint64_t first = w->rows[i];
        for (next = i + 1; next < end; next++)
            if ((w->rows[next] - w->rows[next - 1]) * row_bytes > GAP_BYTES + row_bytes ||
                (w->rows[next] - first + 1) * row_bytes > w->room)
                break;
        if (f->file >= 0 &&
            !read_all(w, buffer, (w->rows[next - 1] - first + 1) * row_bytes, first * row_bytes))
            return;
        for (uint64_t j = i; j < next; j++)
            w->use(j,
                   f->file >= 0 ? (const void *)(buffer + (w->rows[j] - first) * row_bytes)
                                : nsky_vectors_row(&f->vectors, w->rows[j]),
                   thread, w->payload);
    }
}

nsky_status nsky_fetch_run(const nsky_fetch *fetch, const uint32_t *rows, uint64_t count,
                           nsky_fetch_use use, void *payload, nsky_error *err)
{
    assert(fetch && (rows || count == 0) && use && err);
    const size_t row_bytes = nsky_vector_bytes(fetch->vectors.type, fetch->vectors.dim);
    const uint64_t tasks = (count + BATCH_ROWS - 1) / BATCH_ROWS;
    work w = {.fetch = fetch, .rows = rows, .count = count, .use = use, .payload = payload};

    if (count == 0)
        return NSKY_OK;
    w.room = row_bytes > READ_BYTES_MAX ? row_bytes : READ_BYTES_MAX;
    w.buffers = nsky_alloc_aligned(NSKY_FETCH_THREADS, w.room, err);
    if (!w.buffers)
        return err->status;
    nsky_parallel(tasks, nsky_parallel_threads(NSKY_FETCH_THREADS, tasks), batch_task, &w);
    nsky_free(w.buffers);
    const int failed = atomic_load(&w.failed);
    if (failed < 0)
        return nsky_fail(err, NSKY_EDATA, "%s: shorter than its generation says", fetch->path);
    if (failed > 0) {
        errno = failed;
        return nsky_fail_errno(err, "%s: reading vectors", fetch->path);
    }
    return NSKY_OK;
}
