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

/* An id as a string, or an object {id}. */
static nsky_status read_id(const nsky_json *v, const char *where, uint32_t at, uint64_t *out,
                           nsky_error *err)
{
    const char *text =
        nsky_json_kind(v) == NSKY_JSON_OBJECT ? nsky_json_get_string(v, "id") : nsky_json_string(v);

    errno = 0;
    *out = text ? strtoull(text, NULL, 10) : 0;
    if (!text || !*text || text[strspn(text, "0123456789")] || errno)
        return nsky_fail(err, NSKY_EINVAL,
                         "%s[%u] is not an id as a string of digits (numbers lose digits beyond "
                         "2^53)",
                         where, at);
    return NSKY_OK;
}

/* Appends a list's ids as examples of a class; NULL: there is none. */
static nsky_status read_class(nsky_probe_job *job, const nsky_json *list, const char *name,
                              uint32_t class, nsky_error *err)
{
    const size_t count = list ? nsky_json_count(list) : 0;
    nsky_status status = NSKY_OK;
    uint32_t at = 0;

    if (list && nsky_json_kind(list) != NSKY_JSON_ARRAY)
        return nsky_fail(err, NSKY_EINVAL, "%s must be a list of ids", name);
    if (count > NSKY_PROBE_EXAMPLES_MAX)
        return nsky_fail(err, NSKY_EINVAL, "%s has %zu examples; %d are the most", name, count,
                         NSKY_PROBE_EXAMPLES_MAX);
    if (job->example_count + count > NSKY_PROBE_LABELS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "more than %d examples", NSKY_PROBE_LABELS_MAX);
    for (const nsky_json *v = list ? nsky_json_first(list) : NULL; v && status == NSKY_OK;
         v = nsky_json_next(v)) {
        nsky_example *example = &job->examples[job->example_count++];
        *example = (nsky_example){.class = class};
        status = read_id(v, name, at++, &example->id, err);
    }
    return status;
}

/* {class: [ids]} */
static nsky_status read_classes(nsky_probe_job *job, const nsky_json *classes, nsky_error *err)
{
    const size_t count = nsky_json_count(classes);
    nsky_status status = NSKY_OK;

    if (nsky_json_kind(classes) != NSKY_JSON_OBJECT || count < 3 || count > NSKY_CLASSES_MAX)
        return nsky_fail(err, NSKY_EINVAL,
                         "labels must be an object of 3 to %d classes, each a list of ids; for two "
                         "classes give positive and negative",
                         NSKY_CLASSES_MAX);
    for (const nsky_json *v = nsky_json_first(classes); v && status == NSKY_OK;
         v = nsky_json_next(v)) {
        const char *name = nsky_json_key(v);
        if (!*name || strlen(name) >= NSKY_CLASS_BYTES)
            return nsky_fail(err, NSKY_EINVAL, "a class must have a name of 1 to %d letters",
                             NSKY_CLASS_BYTES - 1);
        snprintf(job->names[job->classes], NSKY_CLASS_BYTES, "%s", name);
        if (nsky_json_count(v) == 0)
            return nsky_fail(err, NSKY_EINVAL, "labels.%s must have at least one example", name);
        status = read_class(job, v, name, job->classes++, err);
    }
    return status;
}

/* [{id, value}] */
static nsky_status read_values(nsky_probe_job *job, const nsky_json *values, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    if (nsky_json_kind(values) != NSKY_JSON_ARRAY ||
        nsky_json_count(values) > NSKY_PROBE_LABELS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "values must be a list of up to %d {id, value}",
                         NSKY_PROBE_LABELS_MAX);
    for (const nsky_json *v = nsky_json_first(values); v && status == NSKY_OK;
         v = nsky_json_next(v)) {
        nsky_example *example = &job->examples[job->example_count];
        *example = (nsky_example){.value = nsky_json_get_number(v, "value", NAN)};
        status = read_id(v, "values", job->example_count, &example->id, err);
        if (status == NSKY_OK && !isfinite(example->value))
            status =
                nsky_fail(err, NSKY_EINVAL, "values[%u] has no finite value", job->example_count);
        job->example_count++;
    }
    return status;
}

static nsky_status read_two(nsky_probe_job *job, const nsky_json *positive,
                            const nsky_json *negative, nsky_error *err)
{
    nsky_status status = read_class(job, positive, "positive", 1, err);

    job->classes = 2;
    memcpy(job->names[0], NSKY_NEGATIVE, sizeof NSKY_NEGATIVE);
    memcpy(job->names[1], "positive", sizeof "positive");
    if (status == NSKY_OK && job->example_count == 0)
        status = nsky_fail(err, NSKY_EINVAL, "positive must have at least one example");
    return status == NSKY_OK ? read_class(job, negative, "negative", 0, err) : status;
}

/* Exactly one way to say what is what. */
static nsky_status read_examples(nsky_probe_job *job, const nsky_json *root, nsky_error *err)
{
    const nsky_json *positive = nsky_json_get(root, "positive"),
                    *negative = nsky_json_get(root, "negative"),
                    *labels = nsky_json_get(root, "labels"),
                    *values = nsky_json_get(root, "values");
    const char *column = nsky_json_get_string(root, "column");
    const int ways = (positive || negative) + !!labels + !!values + !!nsky_json_get(root, "column");

    if (ways > 1)
        return nsky_fail(err, NSKY_EINVAL,
                         "give one of positive (with negative), labels, values and column");
    if (ways == 1 && !column && nsky_json_get(root, "column"))
        return nsky_fail(err, NSKY_EINVAL, "column must be the name of a column of numbers");
    if (column) {
        if (strlen(column) >= sizeof job->column)
            return nsky_fail(err, NSKY_EINVAL, "there is no column of so long a name");
        snprintf(job->column, sizeof job->column, "%s", column);
        return NSKY_OK;
    }
    job->examples = nsky_alloc(NSKY_PROBE_LABELS_MAX, sizeof *job->examples, err);
    if (!job->examples)
        return err->status;
    if (values)
        return read_values(job, values, err);
    job->names = nsky_alloc_zero(NSKY_CLASSES_MAX, sizeof *job->names, err);
    if (!job->names)
        return err->status;
    return labels ? read_classes(job, labels, err) : read_two(job, positive, negative, err);
}

static nsky_status read_member(nsky_probe_job *job, const nsky_json *v, nsky_error *err)
{
    const char *key = nsky_json_key(v);
    double number = nsky_json_number(v, NAN);

    static const char *const others[] = {"name",   "positive", "negative",
                                         "labels", "values",   "column"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(key, others[i]) == 0)
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
                     "unknown key \"%.64s\"; there are name, positive, negative, labels, values, "
                     "column, background, prevalence and replace",
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
    if (status == NSKY_OK && job->classes != 2 &&
        (job->background != UINT32_MAX || job->prevalence > 0))
        status = nsky_fail(&err, NSKY_EINVAL,
                           "background and prevalence go with positive and negative only");
    nsky_json_free(root);
    if (status != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    return status == NSKY_OK;
}
