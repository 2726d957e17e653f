/* embed_survey.c - what there is to do, what can be taken over, and the generation at the end; the
 * rows themselves are embed_rows.c's. Thread rule: any thread; one writer a store. */
#include "encoder/embed_survey.h"

#include <assert.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/memory.h"
#include "common/version.h"
#include "encoder/embed_private.h"
#include "encoder/registry.h"
#include "store/survey.h"

#define WORKERS_MAX 256u
#define IMAGES_PER_BLOCK 256u
#define IMAGES_PER_DEVICE_BLOCK \
    2048u /* a card is quick: fewer, larger writes that wait for the disk */
#define COPY_ROWS 4096u

static uint32_t core_count(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1 ? 1 : (uint32_t)count;
}

/* The model, and what besides it decides the bits of a vector. */
static nsky_status identify(nsky_embedding *e, const char *model, const nsky_embed_options *options,
                            nsky_error *err)
{
    const nsky_backend_ops *ops;
    nsky_status status;

    e->encoder = options->encoder;
    if ((status = nsky_registry_choose(&ops, e->encoder.device, &e->encoder.precision, err)) !=
            NSKY_OK ||
        (status = nsky_model_load(&e->model, model, err)) != NSKY_OK)
        return status;
    const nsky_model_info *info = nsky_model_info_of(e->model);
    nsky_preprocess how = info->preprocess;
    e->encoder.device = ops->name;
    e->encoder.size = how.size = options->encoder.size > 0 ? options->encoder.size : how.size;
    e->dim = info->dim;
    e->workers = options->workers > 0 ? options->workers : core_count();
    if (e->workers > WORKERS_MAX)
        e->workers = WORKERS_MAX;
    uint32_t images = ops->slots ? IMAGES_PER_DEVICE_BLOCK : IMAGES_PER_BLOCK;
    e->block_rows = options->block_rows > 0 ? options->block_rows : images / how.views;
    return nsky_preprocess_hash(&how, e->preprocess, err);
}

static nsky_status count_rows(nsky_embedding *e, nsky_error *err)
{
    nsky_survey *survey;
    nsky_status status = nsky_survey_open(&survey, e->store, NSKY_SURVEY_READ, err);

    if (status != NSKY_OK)
        return status;
    e->rows = nsky_survey_rows(survey);
    nsky_survey_close(survey);
    if (e->rows == 0)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s has no objects yet: run nearsky ingest",
                         e->store);
    return NSKY_OK;
}

static bool says(const nsky_json *object, const char *key, const char *expected)
{
    const char *text = nsky_json_get_string(object, key);

    return text && strcmp(text, expected) == 0;
}

/* New vectors pass through float16 too on their way to int8: the bits are the same. */
static bool may_shorten(const nsky_embedding *e)
{
    return e->live->vectors.type == NSKY_VECTOR_FLOAT16 && e->type == NSKY_VECTOR_INT8;
}

/* The live generation, kept open when its vectors are what we would compute. */
static nsky_status find_reusable(nsky_embedding *e, const nsky_embed_options *options,
                                 nsky_error *err)
{
    nsky_generation_close(e->live);
    nsky_status status = nsky_generation_open(&e->live, e->store, 0, err);

    if (status == NSKY_ENOTFOUND) {
        *err = (nsky_error)NSKY_ERROR_INIT;
        return NSKY_OK;
    }
    if (status != NSKY_OK)
        return status;
    e->type = options->vectors ? *options->vectors : e->live->vectors.type;
    const nsky_json *manifest = e->live->manifest, *model = nsky_json_get(manifest, "model");
    if (!says(model, "sha256", nsky_model_info_of(e->model)->sha256) ||
        !says(manifest, "preprocess_sha256", e->preprocess) ||
        !says(manifest, "backend", e->encoder.device) ||
        !says(manifest, "precision", nsky_precision_name(e->encoder.precision)) ||
        e->live->dim != e->dim || (e->live->vectors.type != e->type && !may_shorten(e))) {
        nsky_generation_close(e->live);
        e->live = NULL;
    }
    return NSKY_OK;
}

/* Work on the same vectors meets in the same folder. */
static void name_key(nsky_embedding *e)
{
    char text[256];

    snprintf(text, sizeof text, "%s %s %s %s %s", nsky_model_info_of(e->model)->sha256,
             e->preprocess, e->encoder.device, nsky_precision_name(e->encoder.precision),
             nsky_vector_type_name(e->type));
    snprintf(e->key, sizeof e->key, "embed-%016" PRIx64, nsky_hash64(text, strlen(text)));
}

static nsky_status take_over(nsky_embedding *e, nsky_error *err)
{
    uint64_t end = !e->live ? 0 : e->live->rows < e->rows ? e->live->rows : e->rows;
    nsky_status status = NSKY_OK;

    while (e->blocks->rows < end && status == NSKY_OK) {
        const uint64_t left = end - e->blocks->rows;
        const nsky_vectors run = nsky_vectors_run(&e->live->vectors, e->blocks->rows,
                                                  left < COPY_ROWS ? left : COPY_ROWS);
        status = nsky_blocks_append(e->blocks, &run, err);
    }
    return status;
}

static nsky_status make_manifest(const nsky_embedding *e, nsky_json **out, nsky_error *err)
{
    nsky_json *model;
    char now[32];
    time_t seconds = time(NULL);
    struct tm utc;
    nsky_status status = nsky_model_describe(e->model, &model, err);

    if (status != NSKY_OK)
        return status;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    *out = nsky_json_object();
    nsky_json_put_number(*out, "rows", (double)e->rows);
    nsky_json_put_integer(*out, "dim", e->dim);
    nsky_json_put_string(*out, "vector_type", nsky_vector_type_name(e->type));
    nsky_json_put(*out, "model", model);
    nsky_json_put_string(*out, "backend", e->encoder.device);
    nsky_json_put_string(*out, "precision", nsky_precision_name(e->encoder.precision));
    nsky_json_put_integer(*out, "input_size", e->encoder.size);
    nsky_json_put_string(*out, "preprocess_sha256", e->preprocess);
    nsky_json_put_number(*out, "blank_rows", (double)e->blocks->blank_rows);
    nsky_json_put_string(*out, "cpu", nsky_cpu_features());
    nsky_json_put_string(*out, "created_at", now);
    return NSKY_OK;
}

/* What shards have made, and what is missing between them. */
static nsky_status embed_rest(nsky_embedding *e, nsky_embed_report *report, nsky_error *err)
{
    uint64_t all = e->rows, next;
    nsky_status status = NSKY_OK;

    while (e->blocks->rows < all && status == NSKY_OK) {
        e->rows = all;
        if ((status = nsky_shards_take(e, &next, err)) != NSKY_OK)
            break;
        e->rows = next;
        status = nsky_embed_rows(e, report, err);
    }
    e->rows = all;
    return status;
}

/* With the work folder ours: all rows, then the generation. */
static nsky_status fill_and_publish(nsky_embedding *e, const nsky_embed_options *options,
                                    nsky_embed_report *report, nsky_error *err)
{
    nsky_json *manifest = NULL;
    nsky_status status;

    if ((status = nsky_model_keep(e->model, e->store, e->work->path, err)) != NSKY_OK ||
        (status = nsky_blocks_open(&e->blocks, e->work->path, e->dim, e->type, err)) != NSKY_OK ||
        (status = take_over(e, err)) != NSKY_OK)
        return status;
    if (e->blocks->rows > e->rows) /* of another catalogue: the store was replaced under it */
        return nsky_fail(err, NSKY_EMISMATCH, "%s holds more rows than the catalogue; remove it",
                         e->work->path);
    if ((status = embed_rest(e, report, err)) != NSKY_OK ||
        (status = make_manifest(e, &manifest, err)) != NSKY_OK)
        return status;
    if (options->complete &&
        (status = options->complete(e->work, e->live, e->rows, manifest, err)) != NSKY_OK) {
        nsky_json_free(manifest);
        return status;
    }
    nsky_generation_work *work = e->work;
    e->work = NULL; /* publish frees it */
    status = nsky_generation_publish(work, manifest, &report->generation, err);
    if (status == NSKY_OK)
        nsky_shards_remove(e);
    return status;
}

nsky_status nsky_embed_survey(const char *store, const char *model,
                              const nsky_embed_options *options, nsky_embed_report *report,
                              nsky_error *err)
{
    assert(store && model && options && report && err);
    assert(options->shards == 0 || options->shard < options->shards);
    nsky_embedding e = {.store = store, .stop = options->stop};

    if (options->vectors)
        e.type = *options->vectors;
    nsky_status status;

    memset(report, 0, sizeof *report);
    if ((status = identify(&e, model, options, err)) != NSKY_OK ||
        (status = count_rows(&e, err)) != NSKY_OK ||
        (status = find_reusable(&e, options, err)) != NSKY_OK)
        goto done;
    report->up_to_date = e.live && e.live->rows == e.rows && e.live->vectors.type == e.type;
    report->reused = e.live ? e.live->rows : 0;
    report->rows = e.rows;
    if (report->up_to_date) {
        report->generation = e.live->number;
        goto done;
    }
    name_key(&e);
    if (options->shards > 0) {
        nsky_shard_range(options, report->reused, e.rows, &report->first, &report->rows);
        report->shard = true;
        status = nsky_shard_embed(&e, report->first, report->rows, report, err);
        goto done;
    }
    if ((status = nsky_generation_begin(&e.work, store, e.key, err)) != NSKY_OK ||
        (status = count_rows(&e, err)) != NSKY_OK || /* again: now no one else writes */
        (status = find_reusable(&e, options, err)) != NSKY_OK)
        goto done;
    report->rows = e.rows;
    status = fill_and_publish(&e, options, report, err);
done:
    nsky_blocks_close(e.blocks);
    if (e.work)
        nsky_generation_pause(e.work);
    nsky_generation_close(e.live);
    nsky_model_close(e.model);
    return status;
}
