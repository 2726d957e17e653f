/* lists_keep.c - lists_build.h: an older index of the first rows, whose tables and codes live on.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/memory.h"
#include "index/lists_build.h"

nsky_status nsky_trained_keep(nsky_trained *out, const nsky_lists_job *job, nsky_error *err)
{
    assert(out && job && job->kept && err);
    const nsky_map *file = &job->kept->files[0];
    memset(out, 0, sizeof *out);
    if (!(out->image = nsky_alloc(file->bytes, 1, err)))
        return err->status;
    out->bytes = file->bytes;
    memcpy(out->image, file->data, file->bytes);
    memcpy(&out->header, out->image, sizeof out->header);
    /* Its id names the tables until the merge gives them new offsets. */
    out->header.plan = nsky_lists_plan_hash(job);
    out->header.rows = job->vectors.rows;
    nsky_status status = nsky_trained_unfold(out, err);
    if (status != NSKY_OK)
        nsky_trained_free(out);
    return status;
}

/* Rows of one list, noted in `seen`; false: not as they were written. */
static bool count_list(const nsky_lists *kept, uint32_t list, uint8_t *seen, uint32_t *count)
{
    const uint64_t begin = (uint64_t)kept->offsets[list] * NSKY_CODE_ROWS;
    const uint64_t end = (uint64_t)kept->offsets[list + 1] * NSKY_CODE_ROWS;
    uint64_t slot = begin;
    for (; slot < end && kept->row_of[slot] != NSKY_NO_ROW; slot++) {
        const uint32_t row = kept->row_of[slot];
        if (row >= kept->rows || (slot > begin && row <= kept->row_of[slot - 1]) ||
            (seen[row >> 3] & 1u << (row & 7)))
            return false;
        seen[row >> 3] |= (uint8_t)(1u << (row & 7));
    }
    *count = (uint32_t)(slot - begin);
    for (; slot < end; slot++)
        if (kept->row_of[slot] != NSKY_NO_ROW)
            return false;
    return nsky_code_blocks(*count) == kept->offsets[list + 1] - kept->offsets[list];
}

nsky_status nsky_kept_counts(const nsky_lists_job *job, uint32_t *counts, nsky_error *err)
{
    assert(job && job->kept && job->kept->rows <= job->vectors.rows && counts && err);
    const nsky_lists *kept = job->kept;
    nsky_status status = NSKY_OK;
    uint8_t *seen = nsky_alloc_zero(kept->rows / 8 + 1, 1, err);
    if (!seen)
        return err->status;
    for (uint32_t l = 0; l < kept->lists && status == NSKY_OK; l++)
        if (!count_list(kept, l, seen, &counts[l]))
            status = nsky_fail(err, NSKY_EDATA,
                               NSKY_SLOTS_FILE " of the live index: list %" PRIu32
                                               " is damaged; run `nearsky index --retrain`",
                               l);
    for (uint64_t row = 0; row < kept->rows && status == NSKY_OK; row++)
        if (!(seen[row >> 3] & 1u << (row & 7)) && !nsky_vectors_is_blank(&job->vectors, row))
            status = nsky_fail(err, NSKY_EDATA,
                               NSKY_SLOTS_FILE " of the live index lacks row %" PRIu64
                                               "; run `nearsky index --retrain`",
                               row);
    nsky_free(seen);
    return status;
}
