/* problem.c - errors as RFC 9457 problem documents. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "server/reply.h"

const char *nsky_http_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Error";
}

unsigned nsky_http_status_of(nsky_status status)
{
    switch (status) {
    case NSKY_OK:
        return 200;
    case NSKY_EINVAL:
        return 400;
    case NSKY_ENOTFOUND:
        return 404;
    case NSKY_EDATA:
        return 422;
    case NSKY_ELIMIT:
        return 413;
    case NSKY_EMISMATCH:
    case NSKY_EEXIST:
        return 409;
    case NSKY_ENOMEM:
    case NSKY_EBUSY:
    case NSKY_ECANCELLED:
    case NSKY_EDEVICE:
        return 503;
    case NSKY_EIO:
        break;
    }
    return 500;
}

static void reply_problem(nsky_reply *reply, unsigned status, const char *name, const char *detail)
{
    char type[96] = "about:blank";
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *problem = nsky_json_object();

    if (name)
        snprintf(type, sizeof type, "urn:nearsky:problem:%s", name);
    nsky_json_put_string(problem, "type", type);
    nsky_json_put_string(problem, "title", nsky_http_phrase(status));
    nsky_json_put_integer(problem, "status", status);
    nsky_json_put_string(problem, "detail", detail);
    char *text = nsky_json_print(problem, false, &err);
    nsky_json_free(problem);
    if (text) {
        nsky_reply_bytes(reply, "application/problem+json", text, strlen(text));
    } else { /* no memory even for that */
        nsky_reply_text(reply, status, "{\"type\":\"about:blank\",\"title\":\"out of memory\"}");
        reply->content_type = "application/problem+json";
    }
    reply->status = status;
    reply->retry_after_s = status == 503 ? 1 : 0;
}

void nsky_reply_problem(nsky_reply *reply, unsigned status, const char *name, const char *format,
                        ...)
{
    char detail[NSKY_ERROR_TEXT_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    reply_problem(reply, status, name, detail);
}

void nsky_reply_error(nsky_reply *reply, const nsky_error *err)
{
    unsigned status = nsky_http_status_of(err->status);
    const char *detail = err->text;

    if (err->status == NSKY_EIO || err->status == NSKY_ENOMEM || err->status == NSKY_EDEVICE ||
        err->status == NSKY_OK) {
        nsky_log_error("answering %u: %s", status, err->text); /* may name paths */
        status = status < 500 ? 500 : status;
        detail = err->status == NSKY_ENOMEM    ? "out of memory; try again later"
                 : err->status == NSKY_EDEVICE ? "the compute device failed; see the server's log"
                                               : "the server failed; see its log";
    }
    reply_problem(reply, status, NULL, detail);
}
