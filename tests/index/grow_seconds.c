/* grow_seconds.c - `grow_seconds ROWS MORE DIM FOLDER`: lists of ROWS make-believe embeddings, then
 * of MORE behind them, once on the tables that are there and once trained anew. Prints seconds, of
 * the clock and of all cores, as JSON; FOLDER is made and keeps the files. Not a test.
 * Thread rule: one thread drives. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/half.h"
#include "common/memory.h"
#include "index/choose.h"
#include "index/lists_build.h"
#include "index/parallel.h"
#include "index/tune.h"
#include "sim/embeddings.h"

#define BLOCK 4096

typedef struct grown {
    uint64_t rows, more;
    uint32_t dim;
    uint16_t *vectors;
    nsky_index_plan plan;
} grown;

static nsky_status make_vectors(grown *g, nsky_error *err)
{
    nsky_sim_embeddings *sim = NULL;
    const uint64_t all = g->rows + g->more;
    nsky_status status = nsky_sim_embeddings_new(&sim, g->dim, 1, err);
    if (status != NSKY_OK)
        return status;
    float *block = nsky_alloc((size_t)BLOCK * g->dim, sizeof *block, err);
    g->vectors = nsky_alloc(all * g->dim, sizeof *g->vectors, err);
    status = block && g->vectors ? NSKY_OK : err->status;
    for (uint64_t first = 0; first < all && status == NSKY_OK; first += BLOCK) {
        const uint64_t count = all - first < BLOCK ? all - first : BLOCK;
        nsky_sim_embeddings_fill(sim, first, count, block);
        for (uint64_t i = 0; i < count * g->dim; i++)
            g->vectors[first * g->dim + i] = nsky_half_from_float(block[i]);
    }
    nsky_free(block);
    nsky_sim_embeddings_free(sim);
    return status;
}

/* Builds, tunes and says what both took; the lists are the caller's to close. */
static nsky_status measure(const grown *g, const char *name, const char *folder, uint64_t rows,
                           const nsky_lists *kept, nsky_lists *lists, nsky_error *err)
{
    nsky_tuned tuned;
    const nsky_vectors vectors = {g->vectors, rows, g->dim, NSKY_VECTOR_FLOAT16};
    const nsky_scan scan = {.vectors = vectors};
    const double clock = nsky_now_s(), cpu = nsky_process_cpu_s();
    char *path = nsky_format(err, "%s/%s", folder, name);
    const nsky_lists_job job = {.folder = path,
                                .vectors = vectors,
                                .kept = kept,
                                .coded = g->plan.coded,
                                .bits = g->plan.bits,
                                .lists = g->plan.lists,
                                .sample_rows = g->plan.train_rows,
                                .vectors_name = "grow_seconds",
                                .segment_rows = g->plan.segment_rows,
                                .merge_bytes = g->plan.merge_bytes,
                                .threads = nsky_parallel_threads(0, UINT64_MAX)};
    nsky_status status = path ? nsky_make_directories(path, err) : err->status;
    if (status == NSKY_OK && (status = nsky_lists_build(&job, err)) == NSKY_OK)
        status = nsky_lists_open(lists, path, rows, g->dim, err);
    const double built_clock = nsky_now_s() - clock, built_cpu = nsky_process_cpu_s() - cpu;
    if (status == NSKY_OK)
        status = nsky_lists_tune(&tuned, lists, &scan, 0.95, job.threads, NULL, err);
    if (status == NSKY_OK)
        printf("{\"name\": \"%s\", \"rows\": %" PRIu64 ", \"lists\": %" PRIu32
               ", \"build_s\": %.2f, \"build_cpu_s\": %.2f, \"with_recall_s\": %.2f, "
               "\"with_recall_cpu_s\": %.2f, \"nprobe\": %" PRIu32 ", \"recall_at_10\": %.4f}\n",
               name, rows, g->plan.lists, built_clock, built_cpu, nsky_now_s() - clock,
               nsky_process_cpu_s() - cpu, tuned.efforts[0].nprobe, tuned.rows[0].at_10);
    nsky_free(path);
    return status;
}

static nsky_status run(grown *g, const char *folder, nsky_error *err)
{
    nsky_lists before = {0}, after = {0}, anew = {0};
    nsky_status status = make_vectors(g, err);
    if (status == NSKY_OK)
        status = nsky_index_choose(&g->plan, g->rows, g->dim, 0, 0, 4ull << 30, err);
    if (status == NSKY_OK && g->plan.lists == 0)
        status = nsky_fail(err, NSKY_EINVAL, "%" PRIu64 " rows have no lists", g->rows);
    if (status == NSKY_OK)
        status = measure(g, "before", folder, g->rows, NULL, &before, err);
    if (status == NSKY_OK)
        status = measure(g, "grown", folder, g->rows + g->more, &before, &after, err);
    if (status == NSKY_OK)
        status = measure(g, "anew", folder, g->rows + g->more, NULL, &anew, err);
    nsky_lists_close(&anew);
    nsky_lists_close(&after);
    nsky_lists_close(&before);
    nsky_free(g->vectors);
    return status;
}

int main(int argc, char **argv)
{
    nsky_error err = NSKY_ERROR_INIT;
    if (argc != 5) {
        fprintf(stderr, "usage: grow_seconds ROWS MORE DIM FOLDER\n");
        return 2;
    }
    grown g = {.rows = strtoull(argv[1], NULL, 10),
               .more = strtoull(argv[2], NULL, 10),
               .dim = (uint32_t)strtoul(argv[3], NULL, 10)};
    if (g.rows < 1 || g.rows > 1000000000 || g.more < 1 || g.more > g.rows) {
        fprintf(stderr, "grow_seconds: 1 to a billion rows, and as many more at most\n");
        return 2;
    }
    if (run(&g, argv[4], &err) == NSKY_OK)
        return 0;
    fprintf(stderr, "grow_seconds: %s\n", err.text);
    return 1;
}
