/* lists_train.c - lists_build.h: everything in lists.bin but the offsets, from a sample. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/half.h"
#include "common/memory.h"
#include "common/progress.h"
#include "index/lists_build.h"
#include "index/parallel.h"
#include "store/xxh64.h"

#define SPACE_ROWS 100000 /* sampled for the directions */
#define CODER_ROWS 65536  /* sampled for the codes' ranges */
#define SAMPLE_RUN 16     /* neighbouring rows taken together: whole pages are read */
#define SEED 20211021
#define PLAN_VERSION 3 /* another number here: unfinished work of older builds is not taken up */

uint64_t nsky_lists_plan_hash(const nsky_lists_job *job)
{
    nsky_lists_header kept = {0}; /* the tables of a job that trains come of the numbers below */
    if (job->kept)
        memcpy(&kept, job->kept->files[0].data, sizeof kept);
    const uint64_t numbers[] = {PLAN_VERSION,
                                job->vectors.rows,
                                job->vectors.dim,
                                job->coded,
                                job->bits,
                                job->kept ? kept.lists : job->lists,
                                job->kept ? kept.rows : job->sample_rows,
                                kept.id,
                                SEED};
    return nsky_xxh64(numbers, sizeof numbers,
                      nsky_xxh64(job->vectors_name, strlen(job->vectors_name), 0));
}

static nsky_status new_image(nsky_trained *t, const nsky_lists_job *job, uint32_t lists,
                             uint32_t groups, nsky_error *err)
{
    uint64_t at[NSKY_TABLES + 1];
    memcpy(t->header.magic, nsky_lists_magic[0], sizeof t->header.magic);
    t->header.plan = nsky_lists_plan_hash(job);
    t->header.rows = job->vectors.rows;
    t->header.dim = job->vectors.dim;
    t->header.coded = job->coded;
    t->header.bits = job->bits;
    t->header.lists = lists;
    t->header.groups = groups;
    nsky_lists_layout(&t->header, at);
    t->bytes = at[NSKY_TABLES];
    t->image = nsky_alloc_zero(t->bytes, 1, err);
    return t->image ? NSKY_OK : err->status;
}

static void *table_at(const nsky_trained *t, uint64_t offset)
{
    return t->image + offset;
}

/* Points the parts into the image. */
static void set_parts(nsky_trained *t)
{
    const nsky_lists_header *h = &t->header;
    uint64_t at[NSKY_TABLES + 1];
    nsky_lists_layout(h, at);
    t->space = (nsky_space){.dim = h->dim,
                            .padded = nsky_scan_padded(h->dim),
                            .coded = h->coded,
                            .mean = table_at(t, at[NSKY_TABLE_MEAN]),
                            .rotation = table_at(t, at[NSKY_TABLE_ROTATION])};
    t->lists.coder = (nsky_coder){.coded = h->coded, .bits = h->bits};
    memcpy(t->lists.coder.low, t->image + at[NSKY_TABLE_LOW], h->coded * sizeof(float));
    memcpy(t->lists.coder.step, t->image + at[NSKY_TABLE_STEP], h->coded * sizeof(float));
}

/* Whoever wrote the file: nothing that points outside. */
static bool is_sound(const nsky_trained *t)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    const nsky_clusters *c = &t->clusters;
    for (uint32_t g = 0; g < c->groups; g++)
        if (c->group_lists[g] > c->group_lists[g + 1])
            return false;
    return c->group_lists[0] == 0 && c->group_lists[c->groups] == c->lists &&
           nsky_coder_check(&t->lists.coder, &ignored) == NSKY_OK;
}

nsky_status nsky_trained_unfold(nsky_trained *t, nsky_error *err)
{
    set_parts(t);
    const nsky_lists_header *h = &t->header;
    uint64_t at[NSKY_TABLES + 1];
    nsky_lists_layout(h, at);
    nsky_status status = nsky_clusters_new(&t->clusters, h->coded, h->groups, h->lists, err);
    if (status != NSKY_OK)
        return status;
    nsky_clusters *c = &t->clusters;
    memcpy(c->group_centres, t->image + at[NSKY_TABLE_GROUP_CENTRES],
           (size_t)c->groups * c->coded * sizeof(float));
    memcpy(c->group_lists, t->image + at[NSKY_TABLE_GROUP_LISTS],
           ((size_t)c->groups + 1) * sizeof(uint32_t));
    memcpy(c->centroids, t->image + at[NSKY_TABLE_CENTROIDS],
           (size_t)c->lists * c->coded * sizeof(float));
    if (!is_sound(t))
        return NSKY_ENOTFOUND;
    nsky_clusters_measure(c);
    return NSKY_OK;
}

/* --- the sample --- */

typedef struct sampling {
    const nsky_lists_job *job;
    const nsky_space *space;
    uint64_t rows;  /* of the sample */
    float *y;       /* [rows, coded]; blank ones are marked by NaN in front */
    float *scratch; /* [threads, NSKY_SEGMENT_BATCH, padded] */
    nsky_progress *progress;
} sampling;

/* Runs of rows, evenly spread: catalogues are ordered by brightness or by sky, and all must be
 * seen. */
static uint64_t sampled_row(const sampling *s, uint64_t i)
{
    const uint64_t runs = (s->rows + SAMPLE_RUN - 1) / SAMPLE_RUN;
    const uint64_t run = i / SAMPLE_RUN, spare = s->job->vectors.rows - s->rows;
    return i + (runs > 1 ? spare / (runs - 1) * run + spare % (runs - 1) * run / (runs - 1) : 0);
}

static void sample_task(uint64_t task, uint32_t thread, void *payload)
{
    sampling *s = payload;
    const nsky_lists_job *job = s->job;
    const uint32_t padded = s->space->padded;
    const uint64_t first = task * NSKY_SEGMENT_BATCH;
    const uint32_t n =
        s->rows - first < NSKY_SEGMENT_BATCH ? (uint32_t)(s->rows - first) : NSKY_SEGMENT_BATCH;
    float *x = s->scratch + (size_t)thread * NSKY_SEGMENT_BATCH * padded;
    bool blank[NSKY_SEGMENT_BATCH];
    memset(x, 0, (size_t)n * padded * sizeof *x);
    for (uint32_t i = 0; i < n; i++) {
        float *row = x + (size_t)i * padded;
        nsky_vectors_read(&job->vectors, sampled_row(s, first + i), row);
        blank[i] = true;
        for (uint32_t d = 0; d < job->vectors.dim && blank[i]; d++)
            blank[i] = row[d] == 0.0f;
    }
    nsky_space_turn(s->space, x, n, s->y + first * job->coded, NULL);
    for (uint32_t i = 0; i < n; i++)
        if (blank[i])
            s->y[(first + i) * job->coded] = NAN;
    nsky_progress_add(s->progress, n);
}

/* Rows with a vector, turned; *count of them. Not finite ones are left out too: the segments find
 * and name them. */
static nsky_status take_sample(float **y, uint64_t *count, const nsky_lists_job *job,
                               const nsky_space *space, nsky_error *err)
{
    sampling s = {
        job,  space, job->sample_rows < job->vectors.rows ? job->sample_rows : job->vectors.rows,
        NULL, NULL,  NULL};
    const uint64_t tasks = (s.rows + NSKY_SEGMENT_BATCH - 1) / NSKY_SEGMENT_BATCH;
    const uint32_t threads = nsky_parallel_threads(job->threads, tasks);
    s.y = nsky_alloc(s.rows * job->coded, sizeof *s.y, err);
    s.scratch =
        nsky_alloc((size_t)threads * NSKY_SEGMENT_BATCH * space->padded, sizeof *s.scratch, err);
    if (!s.y || !s.scratch) {
        nsky_free(s.scratch);
        nsky_free(s.y);
        return err->status;
    }
    s.progress = nsky_progress_start("index", "sampled vectors", s.rows);
    nsky_parallel(tasks, threads, sample_task, &s);
    nsky_progress_end(s.progress);
    nsky_free(s.scratch);
    *count = 0;
    for (uint64_t i = 0; i < s.rows; i++) {
        const float *row = s.y + i * job->coded;
        bool good = true;
        for (uint32_t d = 0; d < job->coded && good; d++)
            good = isfinite(row[d]);
        if (good)
            memmove(s.y + (*count)++ * job->coded, row, job->coded * sizeof *row);
    }
    *y = s.y;
    return NSKY_OK;
}

/* --- the steps of training --- */

/* Ranges of the residuals' codes, from the sample's first rows in an order that sees all of it. */
static nsky_status fit_coder(nsky_coder *coder, const nsky_trained *t, const float *y,
                             uint64_t count, nsky_error *err)
{
    const uint32_t coded = t->header.coded;
    const uint32_t rows = count < CODER_ROWS ? (uint32_t)count : CODER_ROWS;
    nsky_status status = NSKY_OK;
    float *residuals = nsky_alloc((size_t)rows * coded, sizeof *residuals, err);
    uint32_t *list = nsky_alloc(rows, sizeof *list, err);
    if (!residuals || !list)
        status = err->status;
    for (uint32_t i = 0; status == NSKY_OK && i < rows; i++)
        memcpy(residuals + (size_t)i * coded, y + i * count / rows * coded,
               coded * sizeof *residuals);
    for (uint32_t first = 0; status == NSKY_OK && first < rows; first += NSKY_ASSIGN_ROWS) {
        uint32_t n = rows - first < NSKY_ASSIGN_ROWS ? rows - first : NSKY_ASSIGN_ROWS;
        status = nsky_clusters_assign(&t->clusters, residuals + (size_t)first * coded, n,
                                      nsky_clusters_breadth(&t->clusters), list + first, err);
    }
    for (uint32_t i = 0; status == NSKY_OK && i < rows; i++)
        for (uint32_t d = 0; d < coded; d++)
            residuals[(size_t)i * coded + d] -= t->clusters.centroids[(size_t)list[i] * coded + d];
    if (status == NSKY_OK)
        status = nsky_coder_fit(coder, t->header.bits, coded, residuals, rows, err);
    nsky_free(list);
    nsky_free(residuals);
    return status;
}

static nsky_status fill_image(nsky_trained *t, const nsky_space *space, const nsky_coder *coder,
                              nsky_error *err)
{
    const nsky_clusters *c = &t->clusters;
    const uint32_t coded = t->header.coded;
    nsky_coder own;
    uint64_t at[NSKY_TABLES + 1];
    nsky_status status = nsky_coder_fit(&own, 8, coded, c->centroids, c->lists, err);
    if (status != NSKY_OK)
        return status;
    nsky_lists_layout(&t->header, at);
    memcpy(t->image + at[NSKY_TABLE_LOW], coder->low, coded * sizeof(float));
    memcpy(t->image + at[NSKY_TABLE_STEP], coder->step, coded * sizeof(float));
    memcpy(t->image + at[NSKY_TABLE_CENTROID_LOW], own.low, coded * sizeof(float));
    memcpy(t->image + at[NSKY_TABLE_CENTROID_STEP], own.step, coded * sizeof(float));
    memcpy(t->image + at[NSKY_TABLE_MEAN], space->mean, space->padded * sizeof(float));
    memcpy(t->image + at[NSKY_TABLE_ROTATION], space->rotation,
           (size_t)coded * space->padded * sizeof(float));
    memcpy(t->image + at[NSKY_TABLE_GROUP_CENTRES], c->group_centres,
           (size_t)c->groups * coded * sizeof(float));
    memcpy(t->image + at[NSKY_TABLE_GROUP_LISTS], c->group_lists,
           ((size_t)c->groups + 1) * sizeof(uint32_t));
    memcpy(t->image + at[NSKY_TABLE_CENTROIDS], c->centroids,
           (size_t)c->lists * coded * sizeof(float));
    nsky_coder_encode(&own, c->centroids, c->lists, t->image + at[NSKY_TABLE_CENTROID_CODES], NULL);
    return NSKY_OK;
}

static nsky_status write_trained(nsky_trained *t, const nsky_lists_job *job, nsky_error *err)
{
    char *path = nsky_format(err, "%s/" NSKY_TRAINED_FILE, job->tables ? job->tables : job->folder);
    if (!path)
        return err->status;
    t->header.id = nsky_xxh64(t->image + NSKY_LISTS_HEADER, t->bytes - NSKY_LISTS_HEADER, 0);
    nsky_lists_header_seal(&t->header);
    memcpy(t->image, &t->header, sizeof t->header);
    nsky_status status = nsky_file_write(path, t->image, t->bytes, err);
    nsky_free(path);
    return status;
}

nsky_status nsky_lists_train(nsky_trained *out, const nsky_lists_job *job, nsky_error *err)
{
    assert(out && job && err);
    nsky_space space = {0};
    nsky_coder *coder = nsky_alloc(1, sizeof *coder, err);
    float *y = NULL;
    uint64_t count = 0;
    nsky_status status = coder ? NSKY_OK : err->status;
    memset(out, 0, sizeof *out);
    if (status != NSKY_OK ||
        (status = nsky_space_fit(&space, &job->vectors, job->coded, nsky_code_head(job->coded),
                                 SPACE_ROWS, SEED, err)) != NSKY_OK ||
        (status = take_sample(&y, &count, job, &space, err)) != NSKY_OK)
        goto done;
    nsky_cluster_options options = {job->lists, SEED, job->threads, job->stop};
    if (count < options.lists) /* most rows have no vector */
        options.lists = count > 0 ? (uint32_t)count : 1;
    if (count == 0)
        status = nsky_fail(err, NSKY_EDATA, "no row of the sample has a vector; embed the store");
    else
        status = nsky_clusters_train(&out->clusters, y, count, job->coded, &options, err);
    if (status == NSKY_OK &&
        (status = new_image(out, job, out->clusters.lists, out->clusters.groups, err)) == NSKY_OK &&
        (status = fit_coder(coder, out, y, count, err)) == NSKY_OK &&
        (status = fill_image(out, &space, coder, err)) == NSKY_OK &&
        (status = write_trained(out, job, err)) == NSKY_OK)
        set_parts(out);
done:
    nsky_free(y);
    nsky_space_free(&space);
    nsky_free(coder);
    if (status != NSKY_OK)
        nsky_trained_free(out);
    return status;
}

nsky_status nsky_trained_read(nsky_trained *out, const nsky_lists_job *job, nsky_error *err)
{
    assert(out && job && err);
    char *path = nsky_format(err, "%s/" NSKY_TRAINED_FILE, job->tables ? job->tables : job->folder);
    size_t bytes = 0;
    void *image = NULL;
    uint64_t at[NSKY_TABLES + 1];
    memset(out, 0, sizeof *out);
    if (!path)
        return err->status;
    nsky_status status = nsky_file_exists(path)
                             ? nsky_file_read(&image, &bytes, path, SIZE_MAX / 2, err)
                             : NSKY_ENOTFOUND;
    if (status == NSKY_OK && bytes >= NSKY_LISTS_HEADER) {
        out->image = image;
        memcpy(&out->header, image, sizeof out->header);
        if (nsky_lists_header_check(&out->header, nsky_lists_magic[0], path, err) == NSKY_OK)
            nsky_lists_layout(&out->header, at);
        else
            at[NSKY_TABLES] = 0;
        out->bytes = bytes;
        if (bytes != at[NSKY_TABLES] || out->header.plan != nsky_lists_plan_hash(job) ||
            out->header.dim != job->vectors.dim || out->header.coded != job->coded ||
            nsky_xxh64(out->image + NSKY_LISTS_HEADER, bytes - NSKY_LISTS_HEADER, 0) !=
                out->header.id)
            status = NSKY_ENOTFOUND; /* of another job, or damaged: trained anew */
    } else if (status == NSKY_OK) {
        nsky_free(image);
        status = NSKY_ENOTFOUND;
    }
    if (status == NSKY_OK)
        status = nsky_trained_unfold(out, err);
    nsky_free(path);
    if (status != NSKY_OK)
        nsky_trained_free(out);
    return status;
}

void nsky_trained_free(nsky_trained *trained)
{
    nsky_clusters_free(&trained->clusters);
    nsky_free(trained->image);
    memset(trained, 0, sizeof *trained);
}
