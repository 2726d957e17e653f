/* routes_probes.c - probes made from examples, and the survey ranked by them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "server/api.h"
#include "server/deadline.h"

nsky_probe_job *nsky_request_probe_job(nsky_request *request, nsky_probe_work work)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (nsky_job_new(&request->job, &err) == NSKY_OK)
        request->job->probe = nsky_alloc_zero(1, sizeof *request->job->probe, &err);
    if (!request->job || !request->job->probe) {
        nsky_reply_error(&request->reply, &err);
        return NULL;
    }
    request->job->probe->work = work;
    request->job->probe->background = UINT32_MAX;
    request->job->probe->top = NSKY_PROBE_TOP_DEFAULT;
    return request->job->probe;
}

nsky_shared_probe *nsky_request_probe(nsky_request *request)
{
    nsky_shared_probe *shared = nsky_probes_find(request->service->probes, request->captured);

    if (!shared)
        nsky_reply_problem(&request->reply, 404, NULL,
                           "there is no probe called \"%s\"; " NSKY_API "/probes lists them",
                           request->captured);
    return shared;
}

/* Without weights and ids, which are long. */
static nsky_json *brief(const nsky_shared_probe *shared)
{
    const nsky_probe *probe = shared->probe;
    nsky_json *full = nsky_probe_json(probe, false), *model = nsky_json_object();
    nsky_json *json = nsky_json_object();
    static const char *const copied[] = {"metrics", "labels", "method"};

    nsky_json_put_string(json, "name", shared->name);
    nsky_json_put_string(json, "created_at", shared->created_at);
    nsky_json_put_string(json, "kind", nsky_probe_kind_name(probe->kind));
    nsky_json_put_integer(json, "generation", probe->generation);
    nsky_json_put_string(model, "name", probe->model_name);
    nsky_json_put_string(model, "sha256", probe->model_sha256);
    nsky_json_put(json, "model", model);
    if (probe->calibration) {
        nsky_json_put_number(json, "prevalence", probe->calibration[0].prevalence);
        nsky_json_put_string(json, "prevalence_source", probe->prevalence_source);
    }
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        const nsky_json *part = nsky_json_get(full, copied[i]);
        nsky_error err = NSKY_ERROR_INIT;
        nsky_json *copy = NULL;
        char *text = part ? nsky_json_print(part, false, &err) : NULL;
        if (text && nsky_json_parse(&copy, text, strlen(text), copied[i], &err) == NSKY_OK)
            nsky_json_put(json, copied[i], copy);
        nsky_free(text);
    }
    nsky_json_free(full);
    return json;
}

void nsky_route_probes(nsky_request *request)
{
    nsky_shared_probe *all[NSKY_COMMUNITY_PROBES_MAX];
    uint32_t count = nsky_probes_list(request->service->probes, all);
    nsky_json *root = nsky_json_object(), *list = nsky_json_array();

    for (uint32_t i = 0; i < count; i++) {
        nsky_json_append(list, brief(all[i]));
        nsky_shared_probe_release(all[i]);
    }
    nsky_json_put(root, "probes", list);
    nsky_put_provenance(root, request->view);
    nsky_reply_json(&request->reply, root);
}

/* All of it: the file that the command line reads. */
void nsky_route_probe(nsky_request *request)
{
    nsky_shared_probe *shared = nsky_request_probe(request);

    if (!shared)
        return;
    nsky_reply_json(&request->reply, nsky_probe_json(shared->probe, true));
    nsky_shared_probe_release(shared);
}

static void answer_training(nsky_request *request)
{
    const nsky_probe_job *job = request->job->probe;
    nsky_json *root = brief(job->probe);

    nsky_json_put_fixed(root, "took_ms", (double)(nsky_now_us() - request->started_us) * 1e-3, 3);
    nsky_put_provenance(root, request->view);
    nsky_reply_json(&request->reply, root);
    if (request->reply.status == 200)
        request->reply.status = 201;
}

void nsky_route_probe_train(nsky_request *request)
{
    nsky_probe_job *job = nsky_request_probe_job(request, NSKY_WORK_TRAIN);
    nsky_error err = NSKY_ERROR_INIT;

    if (!job || !nsky_probe_job_from_json(request, job))
        return;
    if (nsky_probes_may_save(request->service->probes, job->name, job->replace, &err) != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    else
        nsky_request_submit(request, answer_training);
}

/* --- rankings and suggestions --- */

static nsky_json *json_of_hits(const nsky_request *request, nsky_survey *survey, nsky_error *err)
{
    const nsky_probe_job *job = request->job->probe;
    const nsky_probe *probe = job->probe->probe;
    float *x = nsky_alloc(probe->dim, sizeof *x, err);
    nsky_json *hits = nsky_json_array();
    nsky_object object;

    for (uint32_t i = 0; x && i < job->count; i++) {
        if (nsky_survey_by_row(survey, job->rows[i], &object, err) != NSKY_OK ||
            nsky_search_vector(request->view->search, job->rows[i], x, err) != NSKY_OK)
            break;
        nsky_json *hit = nsky_json_of_object(&object);
        double score = (double)job->scores[i];
        nsky_json_put_integer(hit, "rank", i + 1);
        nsky_json_put_fixed(hit, "score", score, 6);
        nsky_json_put_fixed(hit, "probability",
                            nsky_probe_probability(probe, job->options.outputs[0], score), 6);
        nsky_json_put_fixed(hit, "novelty", nsky_probe_novelty(probe, x), 3);
        nsky_json_put_fixed(hit, "artefact", nsky_guard_probability(job->options.guard, x), 4);
        nsky_json_append(hits, hit);
    }
    nsky_free(x);
    if (err->status == NSKY_OK)
        return hits;
    nsky_json_free(hits);
    return NULL;
}

static nsky_json *json_of_stats(const nsky_request *request)
{
    const nsky_probe_job *job = request->job->probe;
    nsky_json *stats = nsky_json_object();

    nsky_json_put_integer(stats, "scanned", (int64_t)request->job->scanned);
    nsky_json_put_integer(stats, "matching", (int64_t)request->job->matching);
    nsky_json_put_string(stats, "method", job->method[0] ? job->method : "exact scan");
    if (isfinite(job->expected[0])) {
        nsky_json *expected = nsky_json_object();
        nsky_json_put_fixed(expected, "value", job->expected[0], 3);
        nsky_json_put_fixed(expected, "low", job->expected[1], 3);
        nsky_json_put_fixed(expected, "high", job->expected[2], 3);
        nsky_json_put(stats, "expected_positives", expected);
    }
    nsky_json_put_fixed(stats, "took_ms", (double)(nsky_now_us() - request->started_us) * 1e-3, 3);
    nsky_put_provenance(stats, request->view);
    return stats;
}

static void reply_json(nsky_request *request, nsky_survey *survey)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *hits = json_of_hits(request, survey, &err);

    if (!hits) {
        nsky_reply_error(&request->reply, &err);
        return;
    }
    nsky_json *root = nsky_json_object();
    nsky_json_put(root, "probe", brief(request->job->probe->probe));
    nsky_json_put(root, "hits", hits);
    nsky_json_put(root, "stats", json_of_stats(request));
    nsky_reply_json(&request->reply, root);
}

/* The very table that `nearsky rank` writes. */
static void reply_table(nsky_request *request, nsky_survey *survey)
{
    const nsky_probe_job *job = request->job->probe;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_rank_table *table = nsky_alloc(1, sizeof *table, &err);

    if (!table || nsky_rank_table_init(table, request->view->search, survey, &job->options,
                                       job->rows, job->scores, job->count, &err) != NSKY_OK) {
        nsky_reply_error(&request->reply, &err);
    } else {
        nsky_request_describe(request, table->query, sizeof table->query);
        if (job->method[0])
            table->provenance.method = job->method;
        nsky_reply_table(&request->reply, &table->table, request->job->format);
        nsky_rank_table_clear(table);
    }
    nsky_free(table);
}

static void answer_ranking(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);

    if (!survey)
        return;
    if (request->job->format == NSKY_TABLE_JSON)
        reply_json(request, survey);
    else
        reply_table(request, survey);
}

static void ask_for(nsky_request *request, nsky_probe_work work, const char *count_name,
                    uint32_t count_max)
{
    nsky_probe_job *job = nsky_request_probe_job(request, work);
    nsky_error err = NSKY_ERROR_INIT;

    if (!job || !nsky_job_from_uri(request, request->job) ||
        !(job->probe = nsky_request_probe(request)))
        return;
    const nsky_probe *probe = job->probe->probe;
    const char *class = nsky_uri_param_of(&request->uri, "class");
    nsky_status status = nsky_uri_integer(&request->uri, count_name, 1, count_max, &job->top, &err);
    if (status == NSKY_OK)
        status = nsky_probe_check(probe, nsky_search_manifest(request->view->search), &err);
    if (status == NSKY_OK)
        status = nsky_probe_output(probe, class, &job->options.outputs[0], &err);
    if (status != NSKY_OK) {
        nsky_reply_error(&request->reply, &err);
        return;
    }
    job->options.probes[0] = probe;
    job->options.count = 1;
    job->options.guard = request->view->guard;
    nsky_request_submit(request, answer_ranking);
}

void nsky_route_rank(nsky_request *request)
{
    ask_for(request, NSKY_WORK_RANK, "top", NSKY_PROBE_TOP_MAX);
}

void nsky_route_suggest(nsky_request *request)
{
    ask_for(request, NSKY_WORK_SUGGEST, "n", 1000);
}
