/* routes_search.c - neighbours, searches by examples, and uploads: what the workers do. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "server/api.h"

static bool new_job(nsky_request *request)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (nsky_job_new(&request->job, &err) != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    return request->job != NULL;
}

void nsky_route_neighbors(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;

    if (!survey || !new_job(request) || !nsky_job_from_uri(request, request->job) ||
        !nsky_request_object(request, survey, &object))
        return;
    nsky_job *job = request->job;
    job->vectors = nsky_alloc(request->view->dim, sizeof *job->vectors, &err);
    if (!job->vectors ||
        nsky_search_vector(request->view->search, object.row, job->vectors, &err) != NSKY_OK) {
        if (err.status == NSKY_ENOTFOUND)
            nsky_reply_problem(&request->reply, 404, "no-vector",
                               "object %" PRIu64 " came after generation %u; run `nearsky embed` "
                               "to give it a vector",
                               object.id, request->view->generation);
        else
            nsky_reply_error(&request->reply, &err);
        return;
    }
    job->positive_count = 1;
    job->exclude[job->exclude_count++] = job->query_row = object.row;
    nsky_request_submit(request, nsky_answer_search);
}

void nsky_route_search(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);

    if (survey && new_job(request) && nsky_job_from_json(request, survey, request->job))
        nsky_request_submit(request, nsky_answer_search);
}

/* For messages only: the last part of the path, without what would spoil a line. */
static void name_upload(nsky_request *request, char *out, size_t bytes)
{
    const char *name = nsky_uri_param_of(&request->uri, "name");
    char *header = request->file_name;

    if (!name) {
        if (!nsky_uri_decode(header, false))
            header[0] = '\0';
        name = header;
    }
    snprintf(out, bytes, "%s", nsky_path_base(name));
}

void nsky_route_upload(nsky_request *request)
{
    if (!new_job(request) || !nsky_job_from_uri(request, request->job))
        return;
    nsky_job *job = request->job;
    job->upload = true;
    name_upload(request, job->upload_name, sizeof job->upload_name);
    if (request->body.bytes == 0)
        nsky_reply_problem(&request->reply, 400, NULL,
                           "the body is empty: send a FITS, JPEG or PNG file as the body");
    else if (request->body.bytes > 2 && memcmp(request->body.data, "--", 2) == 0)
        nsky_reply_problem(&request->reply, 415, "multipart",
                           "this looks like a form: send the file itself as the body, as in "
                           "`curl --data-binary @file`");
    else
        nsky_request_submit(request, nsky_answer_search);
}
