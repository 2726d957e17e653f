/* embed_rows.c - blocks go out to the workers and come back in any order; to disk they go in row
 * order, so that what is on disk is always a prefix. Thread rule: one thread. */
#include <assert.h>
#include <inttypes.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/progress.h"
#include "encoder/embed_pool.h"
#include "encoder/embed_private.h"

#define POLL_MS 100u

/* Blocks between being handed out and being on disk: a ring, by block number. */
typedef struct ring {
    nsky_embed_block *blocks;
    uint16_t *vectors;
    uint32_t slots;
    uint64_t put, written; /* block numbers */
    uint64_t next_row;     /* to hand out */
    uint32_t under_way;
    bool stopping;
    double write_s;
    nsky_status status; /* the first thing that went wrong */
} ring;

static nsky_status ring_new(ring *r, const nsky_embedding *e, nsky_error *err)
{
    r->slots = 2 * e->workers + 2;
    r->next_row = e->first_row + e->blocks->rows;
    size_t block_bytes = (size_t)e->block_rows * e->dim * sizeof *r->vectors;
    if (!(r->blocks = nsky_alloc_zero(r->slots, sizeof *r->blocks, err)) ||
        !(r->vectors = nsky_alloc(r->slots, block_bytes, err)))
        return err->status;
    for (uint32_t i = 0; i < r->slots; i++)
        r->blocks[i].vectors = r->vectors + (size_t)i * e->block_rows * e->dim;
    return NSKY_OK;
}

static void hand_out(ring *r, const nsky_embedding *e, nsky_embed_pool *pool)
{
    while (!r->stopping && r->next_row < e->rows && r->put - r->written < r->slots) {
        nsky_embed_block *block = &r->blocks[r->put++ % r->slots];
        uint64_t left = e->rows - r->next_row;
        block->first = r->next_row;
        block->rows = left < e->block_rows ? (uint32_t)left : e->block_rows;
        block->done = false;
        r->next_row += block->rows;
        r->under_way++;
        nsky_embed_pool_put(pool, block);
    }
}

static void stop(ring *r, nsky_embed_pool *pool)
{
    r->stopping = true;
    while (nsky_embed_pool_take_back(pool))
        r->under_way--;
}

static void fail(ring *r, nsky_embed_pool *pool, nsky_status status, const nsky_error *from,
                 nsky_error *err)
{
    if (r->status == NSKY_OK) {
        r->status = status;
        *err = *from;
    }
    stop(r, pool);
}

/* The blocks that follow the last one on disk, as far as they are done and sound. */
static void write_out(ring *r, nsky_embedding *e, nsky_embed_pool *pool, nsky_progress *progress,
                      nsky_error *err)
{
    for (; r->written < r->put; r->written++) {
        nsky_embed_block *block = &r->blocks[r->written % r->slots];
        nsky_error problem = NSKY_ERROR_INIT;
        if (!block->done || block->status != NSKY_OK)
            return;
        assert(block->first == e->first_row + e->blocks->rows);
        double began = nsky_now_s();
        const nsky_vectors made = {block->vectors, block->rows, e->dim, NSKY_VECTOR_FLOAT16};
        nsky_status status = nsky_blocks_append(e->blocks, &made, &problem);
        r->write_s += nsky_now_s() - began;
        if (status != NSKY_OK) {
            fail(r, pool, status, &problem, err);
            return;
        }
        nsky_progress_add(progress, block->rows);
    }
}

static void run(ring *r, nsky_embedding *e, nsky_embed_pool *pool, nsky_progress *progress,
                nsky_error *err)
{
    for (;;) {
        hand_out(r, e, pool);
        if (r->under_way == 0)
            return;
        nsky_embed_block *block = nsky_embed_pool_finished(pool, POLL_MS);
        if (e->stop && atomic_load(e->stop))
            stop(r, pool);
        if (!block)
            continue;
        block->done = true;
        r->under_way--;
        if (block->status != NSKY_OK)
            fail(r, pool, block->status, &block->err, err);
        write_out(r, e, pool, progress, err);
    }
}

/* How busy each stage was, and which the others waited for. */
static void judge_stages(const ring *r, const nsky_embedding *e, const nsky_embed_times *t,
                         nsky_embed_report *report)
{
    static const char *const names[NSKY_EMBED_STAGES] = {"reading", "copying", "computing",
                                                         "writing"};
    double all = report->seconds * e->workers;
    const double busy[NSKY_EMBED_STAGES] = {t->read_s / all, t->copy_s / report->seconds,
                                            t->compute_s / (t->device ? report->seconds : all),
                                            r->write_s / report->seconds};
    size_t most = 0;

    for (size_t i = 0; i < NSKY_EMBED_STAGES; i++) {
        report->busy[i] = busy[i];
        most = busy[i] > busy[most] ? i : most;
    }
    report->limited_by = names[most];
}

nsky_status nsky_embed_rows(nsky_embedding *e, nsky_embed_report *report, nsky_error *err)
{
    assert(e && e->blocks && report && err);
    uint64_t first = e->first_row + e->blocks->rows;
    double started = nsky_now_s();
    nsky_embed_pool *pool = NULL;
    ring r = {0};

    if (first == e->rows)
        return NSKY_OK;
    if ((r.status = ring_new(&r, e, err)) == NSKY_OK &&
        (r.status = nsky_embed_pool_new(&pool, e->store, e->model, &e->encoder, e->workers, r.slots,
                                        err)) == NSKY_OK) {
        nsky_progress *progress = nsky_progress_start("embed", "stamps", e->rows - first);
        run(&r, e, pool, progress, err);
        nsky_progress_end(progress);
    }
    report->seconds = nsky_now_s() - started;
    if (pool && report->seconds > 0) {
        nsky_embed_times times;
        nsky_embed_pool_times(pool, &times);
        judge_stages(&r, e, &times, report);
        report->images_per_s = (double)(e->first_row + e->blocks->rows - first) / report->seconds;
    }
    nsky_embed_pool_free(pool);
    nsky_free(r.blocks);
    nsky_free(r.vectors);
    if (r.status == NSKY_OK && e->first_row + e->blocks->rows < e->rows)
        return nsky_fail(err, NSKY_ECANCELLED,
                         "stopped after %" PRIu64 " of %" PRIu64
                         " rows; the same command carries on from there",
                         e->first_row + e->blocks->rows, e->rows);
    return r.status;
}
