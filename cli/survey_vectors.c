/* survey_vectors.c - see survey_vectors.h. */
#include "cli/survey_vectors.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "common/progress.h"
#include "encoder/embed_blocks.h"
#include "encoder/model.h"
#include "index/parallel.h"
#include "sim/embeddings.h"
#include "store/generation.h"

#define TASK_ROWS 512u
#define BLOCK_ROWS 16384u
#define SHRED_OWN \
    0.15f /* how much of a shred's vector is its own: a cosine of 0.99 to its galaxy's */

typedef struct making {
    const nsky_survey_vectors *job;
    const nsky_sim_embeddings *embeddings;
    nsky_model *model;
    nsky_generation_work *work;
    nsky_blocks *blocks;
    float *vectors; /* [TASK_ROWS + 1, dim] a thread */
    char *stored;   /* [BLOCK_ROWS, dim] of the type */
    uint64_t first; /* of the block */
    uint32_t rows;  /* of the block */
} making;

/* x [dim] of a shred: mostly the galaxy's, to unit length. */
static void make_shred(float *x, const float *galaxy, uint32_t dim)
{
    double square = 0;

    for (uint32_t i = 0; i < dim; i++) {
        x[i] = galaxy[i] + SHRED_OWN * x[i];
        square += (double)x[i] * (double)x[i];
    }
    for (uint32_t i = 0; i < dim; i++)
        x[i] = (float)((double)x[i] / sqrt(square));
}

/* Rows of a block, and the row before them, which may be the galaxy of which the first is a shred.
 */
static void make_task(uint64_t task, uint32_t thread, void *payload)
{
    making *m = payload;
    const nsky_survey_vectors *job = m->job;
    const uint32_t dim = job->dim, start = (uint32_t)task * TASK_ROWS;
    const uint32_t count = m->rows - start < TASK_ROWS ? m->rows - start : TASK_ROWS;
    const uint64_t first = m->first + start;
    const uint32_t before = first > 0;
    float *all = m->vectors + (size_t)thread * (TASK_ROWS + 1) * dim;
    float *x = all + (size_t)before * dim;

    nsky_sim_embeddings_fill(m->embeddings, first - before, count + before, all);
    for (uint32_t i = 0; i < count; i++)
        if (nsky_sim_sky_is_shred(job->sky, first + i))
            make_shred(x + (size_t)i * dim, x + (size_t)i * dim - dim, dim);
    for (uint32_t i = 0; i < count; i++)
        if (nsky_sim_sky_is_blank(job->sky, first + i))
            memset(x + (size_t)i * dim, 0, dim * sizeof *x);
    for (uint32_t i = 0; i < count; i++)
        nsky_vector_encode(job->type, x + (size_t)i * dim, dim,
                           m->stored + (start + i) * nsky_vector_bytes(job->type, dim));
}

/* The one place that writes vectors. */
static nsky_status put_vectors(making *m, nsky_error *err)
{
    const nsky_vectors made = {m->stored, m->rows, m->job->dim, m->job->type};
    return nsky_blocks_append(m->blocks, &made, err);
}

static nsky_status make_rows(making *m, nsky_error *err)
{
    const nsky_survey_vectors *job = m->job;
    const uint32_t threads = nsky_parallel_threads(0, BLOCK_ROWS / TASK_ROWS);
    nsky_status status = NSKY_OK;

    if (m->blocks->rows > job->rows)
        return nsky_fail(err, NSKY_EMISMATCH, "%s holds more rows than the survey; remove it",
                         m->work->path);
    if (!(m->stored = nsky_alloc(BLOCK_ROWS, nsky_vector_bytes(job->type, job->dim), err)) ||
        !(m->vectors =
              nsky_alloc((size_t)threads * (TASK_ROWS + 1) * job->dim, sizeof *m->vectors, err)))
        return err->status;
    nsky_progress *progress = nsky_progress_start("make", "vectors", job->rows - m->blocks->rows);
    while (status == NSKY_OK && (m->first = m->blocks->rows) < job->rows) {
        const uint64_t left = job->rows - m->first;
        m->rows = left < BLOCK_ROWS ? (uint32_t)left : BLOCK_ROWS;
        nsky_parallel((m->rows + TASK_ROWS - 1) / TASK_ROWS, threads, make_task, m);
        status = put_vectors(m, err);
        nsky_progress_add(progress, m->rows);
        if (status == NSKY_OK && job->stop && atomic_load(job->stop))
            status = nsky_fail(err, NSKY_ECANCELLED,
                               "stopped after the vectors of %" PRIu64 " of %" PRIu64
                               " rows; the same command carries on from there",
                               m->blocks->rows, job->rows);
    }
    nsky_progress_end(progress);
    return status;
}

static nsky_status make_manifest(const making *m, nsky_json **out, nsky_error *err)
{
    const nsky_model_info *info = nsky_model_info_of(m->model);
    char preprocess[NSKY_SHA256_HEX_BYTES];
    nsky_json *model, *made_up;
    nsky_status status = nsky_preprocess_hash(&info->preprocess, preprocess, err);

    *out = NULL;
    if (status != NSKY_OK || (status = nsky_model_describe(m->model, &model, err)) != NSKY_OK)
        return status;
    *out = nsky_json_object();
    made_up = nsky_json_object();
    nsky_json_put_number(*out, "rows", (double)m->job->rows);
    nsky_json_put_integer(*out, "dim", m->job->dim);
    nsky_json_put_string(*out, "vector_type", nsky_vector_type_name(m->job->type));
    nsky_json_put(*out, "model", model);
    nsky_json_put_string(*out, "backend", "made-up"); /* no network has seen anything */
    nsky_json_put_string(*out, "precision", "fp32");
    nsky_json_put_integer(*out, "input_size", info->preprocess.size);
    nsky_json_put_string(*out, "preprocess_sha256", preprocess);
    nsky_json_put_number(*out, "blank_rows", (double)m->blocks->blank_rows);
    nsky_json_put_number(made_up, "seed", (double)m->job->seed);
    nsky_json_put(*out, "made_up", made_up);
    return NSKY_OK;
}

/* Whether the live generation is the one to be made. */
static nsky_status find_made(const nsky_survey_vectors *job, bool *made, uint32_t *number,
                             nsky_error *err)
{
    nsky_generation *live = NULL;
    nsky_status status = nsky_generation_open(&live, job->store, 0, err);

    *made = false;
    if (status == NSKY_ENOTFOUND) {
        *err = (nsky_error)NSKY_ERROR_INIT;
        return NSKY_OK;
    }
    if (status != NSKY_OK)
        return status;
    const nsky_json *made_up = nsky_json_get(live->manifest, "made_up");
    *made = nsky_json_get_number(made_up, "seed", -1) == (double)job->seed &&
            live->rows == job->rows && live->dim == job->dim && live->vectors.type == job->type;
    *number = live->number;
    nsky_generation_close(live);
    return NSKY_OK;
}

static nsky_status fill_and_publish(making *m, uint32_t *generation, uint64_t *made,
                                    nsky_error *err)
{
    const nsky_survey_vectors *job = m->job;
    nsky_json *manifest = NULL;
    char key[64];
    nsky_status status;

    snprintf(key, sizeof key, "made-up-%" PRIu64 "-%" PRIu64 "-%u-%s", job->seed, job->rows,
             job->dim, nsky_vector_type_name(job->type));
    if ((status = nsky_generation_begin(&m->work, job->store, key, err)) != NSKY_OK ||
        (status = nsky_model_keep(m->model, job->store, m->work->path, err)) != NSKY_OK ||
        (status = nsky_blocks_open(&m->blocks, m->work->path, job->dim, job->type, err)) != NSKY_OK)
        return status;
    *made = job->rows - m->blocks->rows;
    if ((status = make_rows(m, err)) != NSKY_OK ||
        (status = make_manifest(m, &manifest, err)) != NSKY_OK)
        return status;
    nsky_generation_work *work = m->work;
    m->work = NULL; /* publish frees it */
    return nsky_generation_publish(work, manifest, generation, err);
}

nsky_status nsky_survey_vectors_make(const nsky_survey_vectors *job, uint32_t *generation,
                                     uint64_t *made, nsky_error *err)
{
    assert(job && generation && made && err);
    making m = {.job = job};
    nsky_sim_embeddings *embeddings = NULL;
    bool there;
    nsky_status status = find_made(job, &there, generation, err);

    *made = 0;
    if (status != NSKY_OK || there)
        return status;
    if ((status = nsky_model_load(&m.model, job->model, err)) == NSKY_OK &&
        nsky_model_info_of(m.model)->dim != job->dim)
        status = nsky_fail(err, NSKY_EINVAL, "%s makes vectors of %u numbers, not %u", job->model,
                           nsky_model_info_of(m.model)->dim, job->dim);
    if (status == NSKY_OK)
        status = nsky_sim_embeddings_new(&embeddings, job->dim, job->seed, err);
    m.embeddings = embeddings;
    if (status == NSKY_OK)
        status = fill_and_publish(&m, generation, made, err);
    nsky_blocks_close(m.blocks);
    nsky_generation_pause(m.work);
    nsky_sim_embeddings_free(embeddings);
    nsky_model_close(m.model);
    nsky_free(m.vectors);
    nsky_free(m.stored);
    return status;
}
