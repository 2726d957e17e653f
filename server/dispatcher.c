/* dispatcher.c - waiting searches as one batch over one generation. */
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "server/workers.h"

struct nsky_batch {
    nsky_query queries[NSKY_BATCH_QUERIES_MAX];
    nsky_answer answers[NSKY_BATCH_QUERIES_MAX];
};

nsky_status nsky_batch_new(nsky_batch **out, nsky_error *err)
{
    *out = nsky_alloc_zero(1, sizeof **out, err);
    return *out ? NSKY_OK : err->status;
}

void nsky_batch_free(nsky_batch *batch)
{
    nsky_free(batch);
}

static nsky_query query_of(const nsky_job *job, uint32_t dim)
{
    nsky_query query = {
        .positive = job->vectors,
        .positive_count = job->positive_count,
        .negative = job->vectors + (size_t)job->positive_count * dim,
        .negative_count = job->negative_count,
        .k = nsky_job_fetch(job),
        .exclude = job->exclude,
        .exclude_count = job->exclude_count,
        .effort = job->effort,
        .filter = job->filter,
    };
    return query;
}

static void take_answer(nsky_job *job, const nsky_answer *answer)
{
    job->err.status = NSKY_OK;
    job->hits = nsky_alloc(answer->count, sizeof *job->hits, &job->err);
    if (!job->hits)
        return;
    memcpy(job->hits, answer->hits, answer->count * sizeof *job->hits);
    job->count = answer->count;
    job->matching = answer->matching;
    job->scanned = answer->scanned;
    job->method = answer->method;
    memcpy(job->why, answer->why, sizeof job->why);
}

/* "query 0: ...": the client knows of one query only. */
static void drop_number(nsky_error *err)
{
    static const char word[] = "query ";
    const char *number = err->text + strlen(word);

    if (strncmp(err->text, word, strlen(word)) != 0)
        return;
    const char *rest = number + strspn(number, "0123456789");
    if (rest > number && strncmp(rest, ": ", 2) == 0)
        memmove(err->text, rest + 2, strlen(rest + 2) + 1);
}

void nsky_search_jobs(nsky_batch *batch, nsky_request *const *requests, uint32_t count,
                      nsky_metrics *metrics)
{
    nsky_view *view = requests[0]->view;
    nsky_error err = NSKY_ERROR_INIT;

    nsky_metrics_batch(&metrics->batch_queries, count);
    for (uint32_t i = 0; i < count; i++)
        batch->queries[i] = query_of(requests[i]->job, view->dim);
    if (nsky_search_run(view->search, batch->queries, count, batch->answers, &err) == NSKY_OK) {
        for (uint32_t i = 0; i < count; i++)
            take_answer(requests[i]->job, &batch->answers[i]);
        return;
    }
    /* One bad query spoils its batch; alone, each gets its own answer or its own error. */
    for (uint32_t i = 0; i < count; i++) {
        nsky_job *job = requests[i]->job;
        if (nsky_search_run(view->search, &batch->queries[i], 1, batch->answers, &job->err) ==
            NSKY_OK)
            take_answer(job, batch->answers);
        else
            drop_number(&job->err);
    }
}
