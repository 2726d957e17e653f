/* query_json.c - POST /search: examples, counter-examples and filters as JSON; see api.h. Every
 * unknown key is refused by name: a misspelt filter must not be a filter that is silently off. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "server/api.h"

typedef struct reader {
    nsky_request *request;
    nsky_survey *survey;
    nsky_job *job;
    nsky_error *err;
    bool exact;
} reader;

static nsky_status bad(nsky_error *err, const char *where, const char *what)
{
    return nsky_fail(err, NSKY_EINVAL, "%s %s", where, what);
}

static nsky_status read_vector(reader *r, const nsky_json *list, const char *where, float *out)
{
    uint32_t dim = r->request->view->dim, i = 0;
    double squares = 0;

    if (nsky_json_kind(list) != NSKY_JSON_ARRAY || nsky_json_count(list) != dim)
        return nsky_fail(r->err, NSKY_EINVAL, "%s.vector must be a list of %u numbers", where, dim);
    for (const nsky_json *v = nsky_json_first(list); v; v = nsky_json_next(v), i++) {
        double number = nsky_json_number(v, NAN);
        if (!(fabs(number) < 1e15))
            return nsky_fail(r->err, NSKY_EINVAL, "%s.vector[%u] is no number, or too large", where,
                             i);
        out[i] = (float)number;
        squares += (double)out[i] * (double)out[i];
    }
    if (!(squares > 1e-30))
        return bad(r->err, where, "has a vector of zeros, which points nowhere");
    for (i = 0; i < dim; i++)
        out[i] = (float)((double)out[i] / sqrt(squares));
    return NSKY_OK;
}

static nsky_status find_id(reader *r, const nsky_json *value, const char *where, nsky_object *out)
{
    const char *text = nsky_json_string(value);

    errno = 0;
    uint64_t id = text ? strtoull(text, NULL, 10) : 0;
    if (!text || !*text || text[strspn(text, "0123456789")] || errno)
        return bad(r->err, where,
                   "has an id that is not a string of digits (numbers lose digits beyond 2^53)");
    nsky_status status = nsky_survey_by_id(r->survey, id, out, r->err);
    if (status == NSKY_ENOTFOUND)
        return nsky_fail(r->err, NSKY_ENOTFOUND, "%s: this survey has no object with the id %s",
                         where, text);
    return status;
}

static nsky_status find_name(reader *r, const nsky_json *value, const char *where, nsky_object *out)
{
    const char *name = nsky_json_string(value);

    if (!name)
        return bad(r->err, where, "has a name that is no text");
    nsky_status status = nsky_survey_by_name(r->survey, name, out, r->err);
    if (status == NSKY_ENOTFOUND)
        return nsky_fail(r->err, NSKY_ENOTFOUND, "%s: this survey has no object named \"%.95s\"",
                         where, name);
    return status;
}

static nsky_status find_position(reader *r, const nsky_json *example, const char *where,
                                 nsky_object *out)
{
    nsky_sky position = {nsky_json_get_number(example, "ra", NAN),
                         nsky_json_get_number(example, "dec", NAN)};

    if (nsky_json_count(example) != 2 || !nsky_sky_valid(position))
        return bad(r->err, where, "needs ra in [0, 360) and dec in [-90, 90], in degrees");
    return nsky_object_at(r->survey, position, NSKY_MATCH_ARCSEC, out, r->err);
}

/* One of {id}, {name}, {ra, dec}, {vector}. */
static nsky_status read_example(reader *r, const nsky_json *example, const char *where, float *out)
{
    const nsky_json *value;
    nsky_object object = {0};
    nsky_status status;

    if (nsky_json_kind(example) != NSKY_JSON_OBJECT)
        return bad(r->err, where,
                   "must be {\"id\"}, {\"name\"}, {\"ra\", \"dec\"} or {\"vector\"}");
    if (nsky_json_count(example) == 1 && (value = nsky_json_get(example, "vector")))
        return read_vector(r, value, where, out);
    if (nsky_json_count(example) == 1 && (value = nsky_json_get(example, "id")))
        status = find_id(r, value, where, &object);
    else if (nsky_json_count(example) == 1 && (value = nsky_json_get(example, "name")))
        status = find_name(r, value, where, &object);
    else if (nsky_json_get(example, "ra"))
        status = find_position(r, example, where, &object);
    else
        return bad(r->err, where,
                   "must be {\"id\"}, {\"name\"}, {\"ra\", \"dec\"} or {\"vector\"}");
    if (status != NSKY_OK)
        return status;
    r->job->exclude[r->job->exclude_count++] = object.row;
    r->job->query_row = object.row;
    status = nsky_search_vector(r->request->view->search, object.row, out, r->err);
    if (status == NSKY_ENOTFOUND)
        return nsky_fail(r->err, NSKY_ENOTFOUND,
                         "%s: object %" PRIu64 " has no vector in generation %u yet; run "
                         "`nearsky embed`",
                         where, object.id, r->request->view->generation);
    return status;
}

static nsky_status read_examples(reader *r, const nsky_json *list, const char *name, float *out,
                                 uint32_t *count)
{
    char where[32];

    *count = 0;
    if (list && nsky_json_kind(list) != NSKY_JSON_ARRAY)
        return bad(r->err, name, "must be a list of examples");
    if (nsky_json_count(list) > NSKY_SEARCH_EXAMPLES_MAX)
        return nsky_fail(r->err, NSKY_EINVAL, "%s has %zu examples; %d are the most", name,
                         nsky_json_count(list), NSKY_SEARCH_EXAMPLES_MAX);
    for (const nsky_json *v = list ? nsky_json_first(list) : NULL; v; v = nsky_json_next(v)) {
        snprintf(where, sizeof where, "%s[%u]", name, *count);
        nsky_status status =
            read_example(r, v, where, out + (size_t)*count * r->request->view->dim);
        if (status != NSKY_OK)
            return status;
        ++*count;
    }
    return NSKY_OK;
}

static nsky_status read_flag(const nsky_json *value, const char *name, bool *out, nsky_error *err)
{
    if (nsky_json_kind(value) != NSKY_JSON_BOOL)
        return bad(err, name, "must be true or false");
    *out = nsky_json_bool(value, false);
    return NSKY_OK;
}

static nsky_status read_number(const nsky_json *value, const char *name, double low, double high,
                               double *out, nsky_error *err)
{
    *out = nsky_json_number(value, NAN);
    if (!(*out >= low && *out <= high))
        return nsky_fail(err, NSKY_EINVAL, "%s must be a number from %g to %g", name, low, high);
    return NSKY_OK;
}

static nsky_status read_member(reader *r, const nsky_json *v)
{
    const char *key = nsky_json_key(v);
    nsky_status status = NSKY_OK;
    double number;

    if (strcmp(key, "positive") == 0 || strcmp(key, "negative") == 0)
        return NSKY_OK; /* read afterwards, in this order */
    if (strcmp(key, "filter") == 0)
        return nsky_filter_from_json(r->job, v, r->survey, r->err);
    if (strcmp(key, "exact") == 0)
        return read_flag(v, "exact", &r->exact, r->err);
    if (strcmp(key, "effort") == 0)
        return nsky_json_kind(v) == NSKY_JSON_STRING
                   ? NSKY_OK /* read afterwards, with exact */
                   : bad(r->err, "effort", "must be fast, balanced or exact");
    if (strcmp(key, "group_arcsec") == 0)
        return read_number(v, "group_arcsec", 0, NSKY_GROUP_ARCSEC_MAX, &r->job->group_arcsec,
                           r->err);
    if (strcmp(key, "k") != 0)
        return nsky_fail(r->err, NSKY_EINVAL,
                         "unknown key \"%.64s\"; there are positive, negative, k, filter, effort, "
                         "exact and group_arcsec",
                         key);
    status = read_number(v, "k", 1, NSKY_SEARCH_K_MAX, &number, r->err);
    if (status == NSKY_OK && number != floor(number))
        return bad(r->err, "k", "must be a whole number");
    if (status == NSKY_OK)
        r->job->k = (uint32_t)number;
    return status;
}

static nsky_status read_query(reader *r, const nsky_json *root)
{
    nsky_job *job = r->job;
    size_t dim = r->request->view->dim;
    nsky_status status = NSKY_OK;

    if (nsky_json_kind(root) != NSKY_JSON_OBJECT)
        return bad(r->err, "the body", "must be a JSON object");
    for (const nsky_json *v = nsky_json_first(root); v && status == NSKY_OK; v = nsky_json_next(v))
        status = read_member(r, v);
    if (status == NSKY_OK)
        status = nsky_job_set_effort(job, nsky_json_get_string(root, "effort"), r->exact, r->err);
    if (status != NSKY_OK)
        return status;
    job->vectors =
        nsky_alloc((size_t)2 * NSKY_SEARCH_EXAMPLES_MAX * dim, sizeof *job->vectors, r->err);
    if (!job->vectors)
        return r->err->status;
    status = read_examples(r, nsky_json_get(root, "positive"), "positive", job->vectors,
                           &job->positive_count);
    if (status != NSKY_OK)
        return status;
    if (job->positive_count == 0)
        return bad(r->err, "positive", "must have at least one example");
    uint64_t query_row = job->query_row;
    status = read_examples(r, nsky_json_get(root, "negative"), "negative",
                           job->vectors + job->positive_count * dim, &job->negative_count);
    job->query_row = job->positive_count == 1 ? query_row : UINT64_MAX;
    return status;
}

bool nsky_job_from_json(nsky_request *request, nsky_survey *survey, nsky_job *job)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *root = NULL;
    reader r = {request, survey, job, &err, false};

    if (!nsky_request_format(request, &job->format))
        return false;
    nsky_status status = nsky_json_parse(&root, request->body.data ? request->body.data : "",
                                         request->body.bytes, "the body", &err);
    nsky_body_free(request);
    if (status == NSKY_EDATA || status == NSKY_ELIMIT)
        err.status = NSKY_EINVAL; /* of the request's making: 400 */
    if (status == NSKY_OK)
        status = read_query(&r, root);
    nsky_json_free(root);
    if (status != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    return status == NSKY_OK;
}
