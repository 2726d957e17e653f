/* probe_json.c - POST /probes: what to learn from, as JSON; see api.h. Unknown keys are refused by
 * name. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "server/api.h"

static nsky_status read_name(nsky_probe_job *job, const nsky_json *root, nsky_error *err)
{
    const char *name = nsky_json_get_string(root, "name");

    if (!name || !nsky_community_name_ok(name))
        return nsky_fail(err, NSKY_EINVAL,
                         "name must be 1 to %d of a-z, 0-9, - and _, a letter or digit first",
                         NSKY_COMMUNITY_NAME_BYTES - 1);
    snprintf(job->name, sizeof job->name, "%s", name);
    return NSKY_OK;
}

/* Ids, as strings, or objects {id}. */
static nsky_status read_ids(const nsky_json *list, const char *name, uint64_t *out, uint32_t *count,
                            nsky_error *err)
{
    *count = 0;
    for (const nsky_json *v = list ? nsky_json_first(list) : NULL; v; v = nsky_json_next(v)) {
        const char *text = nsky_json_kind(v) == NSKY_JSON_OBJECT && nsky_json_count(v) == 1
                               ? nsky_json_get_string(v, "id")
                               : nsky_json_string(v);
        errno = 0;
        uint64_t id = text ? strtoull(text, NULL, 10) : 0;
        if (!text || !*text || text[strspn(text, "0123456789")] || errno)
            return nsky_fail(
                err, NSKY_EINVAL,
                "%s[%u] is not an id as a string of digits (numbers lose digits beyond "
                "2^53)",
                name, *count);
        out[(*count)++] = id;
    }
    return NSKY_OK;
}

static nsky_status check_list(const nsky_json *list, const char *name, nsky_error *err)
{
    if (list && nsky_json_kind(list) != NSKY_JSON_ARRAY)
        return nsky_fail(err, NSKY_EINVAL, "%s must be a list of ids", name);
    if (list && nsky_json_count(list) > NSKY_PROBE_EXAMPLES_MAX)
        return nsky_fail(err, NSKY_EINVAL, "%s has %zu examples; %d are the most", name,
                         nsky_json_count(list), NSKY_PROBE_EXAMPLES_MAX);
    return NSKY_OK;
}

static nsky_status read_examples(nsky_probe_job *job, const nsky_json *root, nsky_error *err)
{
    const nsky_json *positive = nsky_json_get(root, "positive");
    const nsky_json *negative = nsky_json_get(root, "negative");
    nsky_status status;

    if ((status = check_list(positive, "positive", err)) != NSKY_OK ||
        (status = check_list(negative, "negative", err)) != NSKY_OK)
        return status;
    job->ids = nsky_alloc((positive ? nsky_json_count(positive) : 0) +
                              (negative ? nsky_json_count(negative) : 0),
                          sizeof *job->ids, err);
    if (!job->ids)
        return err->status;
    status = read_ids(positive, "positive", job->ids, &job->positive_count, err);
    if (status == NSKY_OK && job->positive_count == 0)
        status = nsky_fail(err, NSKY_EINVAL, "positive must have at least one example");
    if (status == NSKY_OK)
        status = read_ids(negative, "negative", job->ids + job->positive_count,
                          &job->negative_count, err);
    return status;
}

static nsky_status read_member(nsky_probe_job *job, const nsky_json *v, nsky_error *err)
{
    const char *key = nsky_json_key(v);
    double number = nsky_json_number(v, NAN);

    if (strcmp(key, "name") == 0 || strcmp(key, "positive") == 0 || strcmp(key, "negative") == 0)
        return NSKY_OK; /* read by themselves */
    if (strcmp(key, "replace") == 0) {
        job->replace = nsky_json_bool(v, false);
        return nsky_json_kind(v) == NSKY_JSON_BOOL
                   ? NSKY_OK
                   : nsky_fail(err, NSKY_EINVAL, "replace must be true or false");
    }
    if (strcmp(key, "background") == 0) {
        if (!(number >= 0 && number <= NSKY_PROBE_BACKGROUND_MAX && number == floor(number)))
            return nsky_fail(err, NSKY_EINVAL, "background must be a whole number from 0 to %d",
                             NSKY_PROBE_BACKGROUND_MAX);
        job->background = (uint32_t)number;
        return NSKY_OK;
    }
    if (strcmp(key, "prevalence") == 0) {
        if (!(number > 0 && number < 1))
            return nsky_fail(err, NSKY_EINVAL, "prevalence must be a number between 0 and 1");
        job->prevalence = number;
        return NSKY_OK;
    }
    return nsky_fail(err, NSKY_EINVAL,
                     "unknown key \"%.64s\"; there are name, positive, negative, background, "
                     "prevalence and replace",
                     key);
}

bool nsky_probe_job_from_json(nsky_request *request, nsky_probe_job *job)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *root = NULL;
    nsky_status status = nsky_json_parse(&root, request->body.data ? request->body.data : "",
                                         request->body.bytes, "the body", &err);

    nsky_body_free(request);
    if (status == NSKY_EDATA || status == NSKY_ELIMIT)
        err.status = NSKY_EINVAL; /* of the request's making: 400 */
    if (status == NSKY_OK && nsky_json_kind(root) != NSKY_JSON_OBJECT)
        status = nsky_fail(&err, NSKY_EINVAL, "the body must be a JSON object");
    for (const nsky_json *v = status == NSKY_OK ? nsky_json_first(root) : NULL;
         v && status == NSKY_OK; v = nsky_json_next(v))
        status = read_member(job, v, &err);
    if (status == NSKY_OK && (status = read_name(job, root, &err)) == NSKY_OK)
        status = read_examples(job, root, &err);
    nsky_json_free(root);
    if (status != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    return status == NSKY_OK;
}
