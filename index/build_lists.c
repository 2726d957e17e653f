/* build_lists.c - build_private.h: the lists of a large generation, and how hard to look in them.
 */
#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "index/build_private.h"
#include "index/lists_build.h"
#include "index/parallel.h"
#include "index/usable.h"

/* What tells these vectors from others: their hash, that the manifest has. */
static const char *name_of(const nsky_generation *from)
{
    const nsky_json *files = nsky_json_get(from->manifest, "files");
    const char *hash = nsky_json_get_string(
        nsky_json_get(files, nsky_vector_file_name(from->vectors.type)), "sha256");
    return hash ? hash : "";
}

static nsky_lists_job job_of(const nsky_build *b, const nsky_index_plan *plan,
                             const nsky_lists *kept)
{
    return (nsky_lists_job){
        .folder = b->work ? b->work->path : b->from->path,
        .vectors = b->from->vectors,
        .kept = kept,
        .coded = plan->coded,
        .bits = plan->bits,
        .lists = plan->lists,
        .sample_rows = plan->train_rows,
        .vectors_name = name_of(b->from),
        .segment_rows = b->options->segment_rows ? b->options->segment_rows : plan->segment_rows,
        .merge_bytes = plan->merge_bytes,
        .threads = nsky_parallel_threads(b->options->threads, UINT64_MAX),
        .stop = b->options->stop,
    };
}

/* From here on as if there had been no index. */
static void keep_nothing(nsky_build *b)
{
    b->keep = (nsky_keep){0};
    b->plan = b->anew;
}

static nsky_status make(nsky_build *b, const nsky_lists *kept, nsky_error *err)
{
    nsky_lists lists = {0};
    const nsky_lists_job job = job_of(b, &b->plan, kept);
    nsky_shares_key(&job, b->shares_key);
    nsky_status status = nsky_shares_take(b->store, &job, &b->taken_rows, err);
    if (status == NSKY_OK)
        status = nsky_lists_build(&job, err);
    if (status == NSKY_OK)
        status = nsky_lists_open(&lists, job.folder, job.vectors.rows, job.vectors.dim, err);
    if (status == NSKY_OK)
        status = nsky_lists_tune(&b->tuned, &lists, &b->scan, b->recall_target, job.threads,
                                 job.stop, err);
    b->recall = b->tuned.rows[0];
    nsky_lists_close(&lists);
    return status;
}

/* Training was begun before: kept tables had fallen short, or were not wanted. */
static bool is_training(const nsky_build *b)
{
    const nsky_lists_job job = job_of(b, &b->anew, NULL);
    return nsky_lists_begun(&job);
}

/* On the tables of the live index, unless these cannot be had or no longer serve. */
static nsky_status grow(nsky_build *b, nsky_error *err)
{
    nsky_lists kept;
    nsky_status status = nsky_keep_open(&kept, &b->keep, b->from, true, err);
    if (status == NSKY_OK) {
        status = make(b, &kept, err);
        b->kept_rows = kept.rows;
        nsky_lists_close(&kept);
    }
    if (nsky_index_is_unusable(status)) {
        nsky_log_warn("%s: the live index cannot be kept, training anew: %s", b->store, err->text);
        *err = (nsky_error)NSKY_ERROR_INIT;
        keep_nothing(b);
        return NSKY_OK;
    }
    if (status == NSKY_OK && nsky_keep_falls_short(&b->keep, b->recall_target,
                                                   b->tuned.efforts[0].nprobe, b->recall.at_10)) {
        nsky_log_warn(
            "%s: tables trained on %" PRIu64 " rows find %.4f of the 10 nearest in %" PRIu32
            " lists, and found %.4f in %" PRIu32 ": training anew on all %" PRIu64 " rows",
            b->store, b->keep.trained_rows, b->recall.at_10, b->tuned.efforts[0].nprobe,
            b->keep.recall_at_10, b->keep.nprobe, b->from->rows);
        keep_nothing(b);
    }
    return status;
}

nsky_status nsky_build_lists(nsky_build *b, nsky_error *err)
{
    nsky_status status = NSKY_OK;
    if (b->keep.wanted && is_training(b))
        keep_nothing(b);
    if (b->keep.wanted && ((status = grow(b, err)) != NSKY_OK || b->keep.wanted))
        return status;
    b->kept_rows = 0;
    if ((status = make(b, NULL, err)) == NSKY_OK)
        b->keep = (nsky_keep){.rows = b->from->rows,
                              .trained_rows = b->from->rows,
                              .recall_target = b->recall_target,
                              .recall_at_10 = b->recall.at_10,
                              .nprobe = b->tuned.efforts[0].nprobe};
    return status;
}

nsky_status nsky_build_share(nsky_build *b, nsky_index_report *report, nsky_error *err)
{
    nsky_lists kept = {0};
    nsky_status status = NSKY_OK;
    if (b->plan.lists == 0)
        return nsky_fail(err, NSKY_EINVAL,
                         "%s: only an index of lists is made in shares, and this one is %s; run "
                         "`nearsky index` without --shard",
                         b->store, b->plan.kind);
    if (b->keep.wanted)
        status = nsky_keep_open(&kept, &b->keep, b->from, false, err);
    if (status == NSKY_OK) {
        const nsky_lists_job job = job_of(b, &b->plan, b->keep.wanted ? &kept : NULL);
        report->shard = true;
        nsky_share_range(&job, b->options->shard, b->options->shards, &report->first, &report->end);
        status = nsky_share_make(b->store, &job, b->options->shard, b->options->shards, err);
    }
    nsky_lists_close(&kept);
    return status;
}

void nsky_build_lists_describe(const nsky_build *b, nsky_json *index)
{
    nsky_json_put_integer(index, "lists", b->plan.lists);
    nsky_json_put_integer(index, "coded", b->plan.coded);
    nsky_json_put_integer(index, "bits", b->plan.bits);
    nsky_json_put_integer(index, "memory_bytes", (int64_t)b->plan.memory_bytes);
    nsky_json_put(index, "trained", nsky_keep_describe(&b->keep, b->from->vectors.type));
    nsky_json_put(index, "efforts", nsky_efforts_describe(&b->tuned));
}
