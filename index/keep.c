/* keep.c - see keep.h. */
#include "index/keep.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/tune.h"
#include "index/usable.h"

#define RECALL_LOSS 0.01
/* Tuning takes steps of a third to a half, and its queries are others when there are more rows: one
 * step more says nothing of the tables, and of few lists two. */
#define LISTS_TIMES 2
#define LISTS_FEW 2

static double whole_number(const nsky_json *object, const char *key, double otherwise)
{
    double value = nsky_json_get_number(object, key, otherwise);
    return value >= 1 && value <= NSKY_NO_ROW && value == floor(value) ? value : 0;
}

/* Indexes of older versions do not say what they were trained on: on all they cover, by the efforts
 * they have. false: there are no lists, or what is said of them makes no sense. */
static bool read_live(nsky_keep *out, const nsky_generation *from)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_lists_effort efforts[2];
    const nsky_json *index = nsky_json_get(from->manifest, "index");
    const nsky_json *trained = nsky_json_get(index, "trained");
    const nsky_json *balanced = nsky_json_get(nsky_json_get(index, "efforts"), "balanced");
    const char *type = nsky_json_get_string(trained, "vector_type");
    if (!balanced || nsky_efforts_read(efforts, index, from->path, &ignored) != NSKY_OK)
        return false;
    const double rows = whole_number(index, "rows", (double)from->rows);
    const double trained_rows = whole_number(trained, "rows", rows);
    if (!(rows >= 1 && rows <= (double)from->rows && trained_rows >= 1 && trained_rows <= rows) ||
        (type && strcmp(type, nsky_vector_type_name(from->vectors.type)) != 0))
        return false;
    const nsky_json *when_new = trained ? trained : balanced;
    out->rows = (uint64_t)rows;
    out->trained_rows = (uint64_t)trained_rows;
    out->nprobe = (uint32_t)whole_number(when_new, "nprobe", 0);
    out->recall_at_10 = nsky_json_get_number(when_new, "recall_at_10", NAN);
    out->recall_target = nsky_json_get_number(trained ? trained : index, "recall_target", NAN);
    return out->nprobe >= 1;
}

static bool same_codes(const nsky_index_plan *plan, const nsky_json *index)
{
    return (double)plan->coded == nsky_json_get_number(index, "coded", 0) &&
           (double)plan->bits == nsky_json_get_number(index, "bits", 0);
}

nsky_status nsky_keep_choose(nsky_keep *out, nsky_index_plan *plan, const nsky_generation *from,
                             const nsky_index_options *options, uint64_t memory_bytes,
                             nsky_error *err)
{
    assert(out && plan && from && options && err);
    const nsky_json *index = nsky_json_get(from->manifest, "index");
    nsky_index_plan then, now;
    *out = (nsky_keep){0};
    if (!read_live(out, from)) {
        *out = (nsky_keep){0};
        return NSKY_OK;
    }
    const uint32_t lists = (uint32_t)whole_number(index, "lists", 0);
    if (options->retrain || plan->lists == 0 || lists == 0 ||
        from->rows - out->trained_rows >= (out->trained_rows + 1) / 2)
        return NSKY_OK;
    nsky_status status = nsky_index_choose(&then, out->trained_rows, from->dim, options->bits,
                                           options->lists, memory_bytes, err);
    if (status != NSKY_OK || then.lists != lists || !same_codes(&then, index))
        return status;
    status =
        nsky_index_choose(&now, from->rows, from->dim, options->bits, lists, memory_bytes, err);
    if (status != NSKY_OK || !same_codes(&now, index))
        return status;
    *plan = now;
    out->wanted = true;
    return NSKY_OK;
}

nsky_status nsky_keep_open(nsky_lists *out, const nsky_keep *keep, const nsky_generation *from,
                           bool whole, nsky_error *err)
{
    static const char *const names[3] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    assert(out && keep && keep->wanted && from && err);
    const nsky_json *index = nsky_json_get(from->manifest, "index");
    nsky_status status = NSKY_OK;
    memset(out, 0, sizeof *out);
    for (int f = 0; f < 3 && whole && status == NSKY_OK; f++)
        status = nsky_index_check_file(from, names[f], err);
    if (status == NSKY_OK)
        status = nsky_lists_open(out, from->path, keep->rows, from->dim, err);
    if (status == NSKY_OK && ((double)out->coded != nsky_json_get_number(index, "coded", 0) ||
                              (double)out->coder.bits != nsky_json_get_number(index, "bits", 0))) {
        nsky_lists_close(out);
        status =
            nsky_fail(err, NSKY_EMISMATCH,
                      "%s/" NSKY_LISTS_FILE ": has other codes than the manifest says", from->path);
    }
    return status;
}

bool nsky_keep_falls_short(const nsky_keep *keep, double target, uint32_t nprobe,
                           double recall_at_10)
{
    return recall_at_10 < fmin(keep->recall_at_10, target) - RECALL_LOSS ||
           (target <= keep->recall_target && nprobe > LISTS_TIMES * keep->nprobe + LISTS_FEW);
}

nsky_json *nsky_keep_describe(const nsky_keep *keep, nsky_vector_type type)
{
    nsky_json *trained = nsky_json_object();
    nsky_json_put_integer(trained, "rows", (int64_t)keep->trained_rows);
    nsky_json_put_string(trained, "vector_type", nsky_vector_type_name(type));
    nsky_json_put_fixed(trained, "recall_target", keep->recall_target, 4);
    nsky_json_put_fixed(trained, "recall_at_10", keep->recall_at_10, 4);
    nsky_json_put_integer(trained, "nprobe", keep->nprobe);
    return trained;
}
