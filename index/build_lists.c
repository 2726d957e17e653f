/* build_lists.c - build_private.h: the lists of a large generation, and how hard to look in them.
 */
#include <string.h>

#include "common/memory.h"
#include "index/build_private.h"
#include "index/lists_build.h"
#include "index/parallel.h"

/* What tells these vectors from others: their hash, that the manifest has. */
static const char *name_of(const nsky_generation *from)
{
    const nsky_json *files = nsky_json_get(from->manifest, "files");
    const char *hash = nsky_json_get_string(
        nsky_json_get(files, nsky_vector_file_name(from->vectors.type)), "sha256");
    return hash ? hash : "";
}

nsky_status nsky_build_lists(nsky_build *b, nsky_error *err)
{
    nsky_lists lists = {0};
    const nsky_lists_job job = {
        .folder = b->work->path,
        .vectors = b->from->vectors,
        .coded = b->plan.coded,
        .bits = b->plan.bits,
        .lists = b->plan.lists,
        .sample_rows = b->plan.train_rows,
        .vectors_name = name_of(b->from),
        .segment_rows = b->options->segment_rows ? b->options->segment_rows : b->plan.segment_rows,
        .merge_bytes = b->plan.merge_bytes,
        .threads = nsky_parallel_threads(b->options->threads, UINT64_MAX),
        .stop = b->options->stop,
    };
    nsky_status status = nsky_lists_build(&job, err);
    if (status == NSKY_OK)
        status = nsky_lists_open(&lists, job.folder, job.vectors.rows, job.vectors.dim, err);
    if (status == NSKY_OK)
        status = nsky_lists_tune(&b->tuned, &lists, &b->scan, b->recall_target, job.threads,
                                 job.stop, err);
    b->recall = b->tuned.rows[0];
    nsky_lists_close(&lists);
    return status;
}

void nsky_build_lists_describe(const nsky_build *b, nsky_json *index)
{
    nsky_json_put_integer(index, "lists", b->plan.lists);
    nsky_json_put_integer(index, "coded", b->plan.coded);
    nsky_json_put_integer(index, "bits", b->plan.bits);
    nsky_json_put_integer(index, "memory_bytes", (int64_t)b->plan.memory_bytes);
    nsky_json_put(index, "efforts", nsky_efforts_describe(&b->tuned));
}
