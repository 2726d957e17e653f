/* routes_estimates.c - what the objects most like one tell of it: numbers of the catalogue with
 * their spread, votes on its type; and by the labels of a probe. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "server/api.h"

#define K_DEFAULT 15

/* What one column has among the neighbours, nearest first. */
typedef struct tally {
    double values[NSKY_NEIGHBOURS_MAX];
    char types[NSKY_NEIGHBOURS_MAX][sizeof((nsky_object *)NULL)->type];
    float nearest; /* cosine */
    uint32_t count;
} tally;

static nsky_status count_in(tally *t, const nsky_table_column *column, const nsky_hit *hit,
                            nsky_survey *survey, nsky_error *err)
{
    nsky_object object;
    nsky_cell cell = {0};
    nsky_status status = nsky_survey_by_row(survey, hit->row, &object, err);

    if (status != NSKY_OK)
        return status;
    nsky_object_cells(&cell, column, 1, &object);
    const bool text = column->type == NSKY_CELL_TEXT;
    if (text ? cell.text[0] == '\0' : !isfinite(cell.number))
        return NSKY_OK;
    if (text)
        snprintf(t->types[t->count], sizeof t->types[0], "%s", cell.text);
    else
        t->values[t->count] = cell.number;
    t->nearest = t->count == 0 ? hit->similarity : t->nearest;
    t->count++;
    return NSKY_OK;
}

/* What most have; ties to the more similar. */
static void put_vote(nsky_json *json, const tally *t)
{
    uint32_t best = 0, most = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t votes = 0;
        for (uint32_t k = 0; k < t->count; k++)
            votes += strcmp(t->types[i], t->types[k]) == 0;
        if (votes > most) {
            most = votes;
            best = i;
        }
    }
    nsky_json_put_string(json, "class", t->count ? t->types[best] : NULL);
    nsky_json_put_fixed(json, "share", t->count ? (double)most / t->count : NAN, 4);
}

static void put_spread(nsky_json *json, tally *t, int decimals)
{
    double value = NAN, spread = NAN;

    nsky_median_and_spread(t->values, t->count, &value, &spread);
    nsky_json_put_fixed(json, "value", value, decimals);
    nsky_json_put_fixed(json, "spread", spread, decimals);
}

/* The first k of the hits that have a value in a column. */
static nsky_status put_column(nsky_json *list, const nsky_table_column *column,
                              const nsky_request *request, nsky_survey *survey, nsky_error *err)
{
    const nsky_job *job = request->job;
    tally *t = nsky_alloc_zero(1, sizeof *t, err);
    nsky_status status = t ? NSKY_OK : err->status;

    for (uint32_t i = 0; status == NSKY_OK && i < job->count && t->count < job->neighbours; i++)
        status = count_in(t, column, &job->hits[i], survey, err);
    if (status == NSKY_OK) {
        nsky_json *json = nsky_json_object();
        nsky_json_put_string(json, "column", column->name);
        if (column->type == NSKY_CELL_TEXT)
            put_vote(json, t);
        else
            put_spread(json, t, column->decimals);
        nsky_json_put_integer(json, "neighbours", t->count);
        nsky_json_put_fixed(json, "similarity", t->count ? (double)t->nearest : NAN, 6);
        nsky_json_append(list, json);
    }
    nsky_free(t);
    return status;
}

static nsky_status put_columns(nsky_json *root, const nsky_request *request, nsky_survey *survey,
                               nsky_error *err)
{
    nsky_json *numbers = nsky_json_array(), *votes = nsky_json_array();
    nsky_status status = NSKY_OK;

    for (uint32_t c = 0; c < NSKY_CATALOGUE_COLUMNS && status == NSKY_OK; c++) {
        const nsky_table_column *column = &nsky_catalogue_columns[c];
        if (column->type == NSKY_CELL_FLOAT)
            status = put_column(numbers, column, request, survey, err);
        else if (strcmp(column->name, "type") == 0)
            status = put_column(votes, column, request, survey, err);
    }
    nsky_json_put(root, "estimates", numbers);
    nsky_json_put(root, "votes", votes);
    return status;
}

static void answer_estimates(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;

    if (!survey)
        return;
    nsky_json *root = nsky_json_object();
    nsky_status status = nsky_survey_by_row(survey, request->job->query_row, &object, &err);
    if (status == NSKY_OK) {
        nsky_json_put_id(root, "id", object.id);
        status = put_columns(root, request, survey, &err);
    }
    nsky_json_put_string(root, "method", request->job->method);
    nsky_put_provenance(root, request->view);
    if (status == NSKY_OK) {
        nsky_reply_json(&request->reply, root);
        return;
    }
    nsky_json_free(root);
    nsky_reply_error(&request->reply, &err);
}

static bool read_k(nsky_request *request, uint32_t *k)
{
    nsky_error err = NSKY_ERROR_INIT;

    *k = K_DEFAULT;
    if (nsky_uri_integer(&request->uri, "k", 1, NSKY_NEIGHBOURS_MAX, k, &err) == NSKY_OK)
        return true;
    nsky_reply_error(&request->reply, &err);
    return false;
}

/* The vector of an object into out [dim]; false: the reply is set. */
static bool read_vector(nsky_request *request, const nsky_object *object, float *out)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (nsky_search_vector(request->view->search, object->row, out, &err) == NSKY_OK)
        return true;
    if (err.status == NSKY_ENOTFOUND)
        nsky_reply_problem(&request->reply, 404, "no-vector",
                           "object %" PRIu64 " came after generation %u; run `nearsky embed` "
                           "to give it a vector",
                           object->id, request->view->generation);
    else
        nsky_reply_error(&request->reply, &err);
    return false;
}

void nsky_route_estimates(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;
    uint32_t neighbours;

    if (!survey || !read_k(request, &neighbours) || !nsky_request_object(request, survey, &object))
        return;
    if (nsky_job_new(&request->job, &err) != NSKY_OK ||
        !(request->job->vectors = nsky_alloc(request->view->dim, sizeof(float), &err))) {
        nsky_reply_error(&request->reply, &err);
        return;
    }
    nsky_job *job = request->job;
    if (!read_vector(request, &object, job->vectors))
        return;
    job->positive_count = 1;
    job->exclude[job->exclude_count++] = job->query_row = object.row;
    job->k = NSKY_SEARCH_K_MAX; /* not all of them have a value */
    job->neighbours = neighbours;
    nsky_request_submit(request, answer_estimates);
}

/* --- one object, by a probe and by its labels --- */

static void put_scores(nsky_json *root, const nsky_probe *probe, const float *x)
{
    nsky_json *outputs = nsky_json_array();

    for (uint32_t o = 0; o < probe->outputs; o++) {
        nsky_json *output = nsky_json_object();
        double score = (double)probe->bias[o];
        for (uint32_t d = 0; d < probe->dim; d++)
            score += (double)probe->weights[(size_t)o * probe->dim + d] * (double)x[d];
        if (probe->kind != NSKY_PROBE_REGRESSION)
            nsky_json_put_string(output, "class", probe->names[probe->outputs == 1 ? 1 : o]);
        nsky_json_put_fixed(output, "score", score, 6);
        nsky_json_put_fixed(output, "probability", nsky_probe_probability(probe, o, score), 6);
        nsky_json_append(outputs, output);
    }
    nsky_json_put(root, "outputs", outputs);
    nsky_json_put_fixed(root, "novelty", nsky_probe_novelty(probe, x), 3);
}

static void put_estimate(nsky_json *root, const nsky_probe *probe, const nsky_estimate *e)
{
    nsky_json *json = nsky_json_object();

    if (probe->kind == NSKY_PROBE_REGRESSION) {
        nsky_json_put_fixed(json, "value", e->value, 6);
        nsky_json_put_fixed(json, "spread", e->spread, 6);
    } else {
        nsky_json_put_string(json, "class", e->neighbours ? probe->names[e->class] : NULL);
        nsky_json_put_fixed(json, "share", e->neighbours ? e->share : NAN, 4);
    }
    nsky_json_put_integer(json, "neighbours", e->neighbours);
    nsky_json_put_fixed(json, "similarity", (double)e->similarity, 6);
    nsky_json_put(root, "neighbours", json);
}

static void answer_probe_estimate(nsky_request *request)
{
    const nsky_probe_job *job = request->job->probe;
    nsky_json *root = nsky_json_object();

    nsky_json_put_id(root, "id", job->id);
    nsky_json_put_string(root, "probe", job->probe->name);
    put_scores(root, job->probe->probe, request->job->vectors);
    put_estimate(root, job->probe->probe, &job->estimate);
    nsky_put_provenance(root, request->view);
    nsky_reply_json(&request->reply, root);
}

/* The object of ?id=; false: the reply is set. */
static bool read_object(nsky_request *request, nsky_object *out)
{
    const char *text = nsky_uri_param_of(&request->uri, "id");
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;

    if (!survey)
        return false;
    errno = 0;
    uint64_t id = text ? strtoull(text, NULL, 10) : 0;
    nsky_status status = NSKY_OK;
    if (!text || !*text || text[strspn(text, "0123456789")] || errno != 0)
        status = nsky_fail(&err, NSKY_EINVAL, "id must be an object's, a whole number");
    else if ((status = nsky_survey_by_id(survey, id, out, &err)) == NSKY_ENOTFOUND)
        status =
            nsky_fail(&err, NSKY_ENOTFOUND, "this survey has no object with the id %" PRIu64, id);
    if (status != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    return status == NSKY_OK;
}

void nsky_route_probe_estimate(nsky_request *request)
{
    nsky_probe_job *job = nsky_request_probe_job(request, NSKY_WORK_ESTIMATE);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;

    if (!job || !(job->probe = nsky_request_probe(request)) || !read_k(request, &job->k) ||
        !read_object(request, &object))
        return;
    if (nsky_probe_check(job->probe->probe, nsky_search_manifest(request->view->search), &err) !=
            NSKY_OK ||
        !(request->job->vectors = nsky_alloc(request->view->dim, sizeof(float), &err))) {
        nsky_reply_error(&request->reply, &err);
        return;
    }
    if (!read_vector(request, &object, request->job->vectors))
        return;
    job->id = object.id;
    job->row = object.row;
    nsky_request_submit(request, answer_probe_estimate);
}
