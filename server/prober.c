/* prober.c - see probe_job.h: what the prober's thread does. */
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "probe/suggest.h"
#include "probe/train.h"
#include "server/probe_job.h"
#include "server/service.h"

#define SEED 1

void nsky_probe_job_free(nsky_probe_job *job)
{
    if (!job)
        return;
    nsky_shared_probe_release(job->probe);
    nsky_free(job->examples);
    nsky_free(job->names);
    nsky_free(job->rows);
    nsky_free(job->scores);
    nsky_free(job);
}

/* Clicks are few, so rows of the survey stand in for all that nobody clicked; never more than half
 * of it. */
static uint32_t background_of(const nsky_probe_job *job, const nsky_view *view)
{
    uint64_t half = view->rows / 2;
    uint32_t wanted =
        job->background == UINT32_MAX ? NSKY_PROBE_BACKGROUND_DEFAULT : job->background;

    return wanted < half ? wanted : (uint32_t)half;
}

static nsky_status train(nsky_request *request, nsky_survey *survey, nsky_error *err)
{
    nsky_probe_job *job = request->job->probe;
    nsky_probes *probes = request->service->probes;
    nsky_labels *labels = NULL;
    nsky_probe *probe = NULL;
    const nsky_train_options options = {
        .name = job->name,
        .target = job->column[0] ? job->column : "examples",
        .regression = !job->names,
        .seed = SEED,
        .background = job->classes == 2 ? background_of(job, request->view) : 0,
        .prevalence = job->prevalence};
    nsky_status status = nsky_probes_may_save(probes, job->name, job->replace, err);

    if (status == NSKY_OK && job->column[0])
        status = nsky_labels_of_column(&labels, survey, job->column, NSKY_PROBE_LABELS_MAX, err);
    else if (status == NSKY_OK)
        status = nsky_labels_of_examples(&labels, survey, job->names, job->classes, job->examples,
                                         job->example_count, err);
    if (status == NSKY_OK)
        status = nsky_probe_train(&probe, request->view->search, survey, labels, &options, err);
    if (status == NSKY_OK)
        status = nsky_probes_save(probes, job->name, probe, job->replace, &job->probe, err);
    nsky_labels_free(labels);
    return status;
}

static nsky_status make_room(nsky_probe_job *job, nsky_error *err)
{
    job->rows = nsky_alloc(job->top, sizeof *job->rows, err);
    job->scores = nsky_alloc(job->top, sizeof *job->scores, err);
    return job->rows && job->scores ? NSKY_OK : err->status;
}

static nsky_status rank(nsky_request *request, nsky_error *err)
{
    nsky_probe_job *job = request->job->probe;
    const nsky_probe *probe = job->probe->probe;
    const nsky_search *search = request->view->search;
    const uint32_t output = job->options.outputs[0];
    nsky_hit *hits = nsky_alloc(job->top, sizeof *hits, err);
    nsky_status status = hits ? make_room(job, err) : err->status;
    nsky_score_query query = {
        .probe = {probe->weights + (size_t)output * probe->dim, probe->bias[output]},
        .k = job->top,
        .filter = request->job->filter,
        .hits = hits};

    if (status == NSKY_OK)
        status = nsky_probe_check(probe, nsky_search_manifest(search), err);
    if (status == NSKY_OK)
        status = nsky_search_top_scores(search, &query, 1, err);
    if (status == NSKY_OK) {
        job->count = query.count;
        memcpy(job->method, query.method, sizeof job->method);
        request->job->matching = query.matching;
        request->job->scanned = request->view->rows;
        for (uint32_t i = 0; i < query.count; i++) {
            job->rows[i] = (uint32_t)hits[i].row;
            job->scores[i] = hits[i].similarity;
        }
    }
    nsky_free(hits);
    return status;
}

static nsky_status suggest(nsky_request *request, nsky_survey *survey, nsky_error *err)
{
    nsky_probe_job *job = request->job->probe;
    nsky_status status = make_room(job, err);

    if (status == NSKY_OK)
        status =
            nsky_suggest(job->probe->probe, job->options.outputs[0], request->view->search, survey,
                         &request->job->filter, job->top, job->rows, job->scores, &job->count, err);
    request->job->matching = request->job->scanned = request->view->rows;
    return status;
}

/* From the probe's own labels; its file names them by id. */
static nsky_status estimate(nsky_request *request, nsky_survey *survey, nsky_error *err)
{
    nsky_probe_job *job = request->job->probe;
    const nsky_probe *probe = job->probe->probe;
    const bool numbers = probe->kind == NSKY_PROBE_REGRESSION;
    nsky_labels *labels = NULL;
    nsky_example *examples = nsky_alloc(probe->label_count, sizeof *examples, err);
    nsky_status status = examples ? NSKY_OK : err->status;
    char(*names)[NSKY_CLASS_BYTES] = numbers ? NULL : probe->names;

    for (uint32_t i = 0; i < probe->label_count && status == NSKY_OK; i++)
        examples[i] = (nsky_example){.id = probe->labels[i].id,
                                     .class = probe->labels[i].class,
                                     .value = probe->labels[i].value};
    if (status == NSKY_OK)
        status = nsky_labels_of_examples(&labels, survey, names, probe->classes, examples,
                                         probe->label_count, err);
    if (status == NSKY_OK)
        status = nsky_neighbour_estimates(&job->estimate, request->view->search, labels, numbers,
                                          &job->row, 1, job->k, NULL, err);
    request->job->scanned = request->job->matching = labels ? labels->count : 0;
    nsky_labels_free(labels);
    nsky_free(examples);
    return status;
}

void nsky_probe_work_run(nsky_request *request)
{
    nsky_probe_job *job = request->job->probe;
    nsky_error *err = &request->job->err;
    nsky_survey *survey = NULL;
    nsky_status status = nsky_view_borrow(request->view, &survey, err);

    if (status == NSKY_OK) {
        status = job->work == NSKY_WORK_TRAIN      ? train(request, survey, err)
                 : job->work == NSKY_WORK_RANK     ? rank(request, err)
                 : job->work == NSKY_WORK_ESTIMATE ? estimate(request, survey, err)
                                                   : suggest(request, survey, err);
        nsky_view_give_back(request->view, survey);
    }
    job->expected[0] = job->expected[1] = job->expected[2] = NAN;
    if (status == NSKY_OK && job->work == NSKY_WORK_RANK && job->probe->probe->calibration)
        nsky_expected_positives(&job->probe->probe->calibration[job->options.outputs[0]],
                                job->scores, job->count, job->expected);
    err->status = status;
}
