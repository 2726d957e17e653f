/* table_format.c - which format a request wants, and tables as answers; see api.h. */
#include <stdio.h>
#include <string.h>

#include "server/api.h"

/* The first of these that Accept names; JSON named at all is JSON, for it is the answer that has
 * everything. Weights (q=) are not looked at: nobody who sends them wants a table. */
static nsky_table_format accepted(const char *accept)
{
    static const struct {
        const char *type;
        nsky_table_format format;
    } types[] = {
        {"application/json", NSKY_TABLE_JSON},
        {"text/csv", NSKY_TABLE_CSV},
        {"application/x-votable+xml", NSKY_TABLE_VOTABLE},
        {"application/fits", NSKY_TABLE_FITS},
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strstr(accept, types[i].type))
            return types[i].format;
    return NSKY_TABLE_JSON;
}

bool nsky_request_format(nsky_request *request, nsky_table_format *out)
{
    const char *format = nsky_uri_param_of(&request->uri, "format");

    *out = accepted(request->accept);
    if (!format || nsky_table_format_parse(format, out))
        return true;
    nsky_reply_problem(&request->reply, 400, NULL,
                       "format must be json, csv, votable or fits, not \"%.64s\"", format);
    return false;
}

void nsky_request_describe(const nsky_request *request, char *out, size_t bytes)
{
    const nsky_uri *uri = &request->uri;
    int used = snprintf(out, bytes, "%s", uri->path);

    for (uint32_t i = 0; i < uri->param_count && used >= 0 && (size_t)used < bytes; i++)
        used += snprintf(out + used, bytes - (size_t)used, "%c%s=%s", i ? '&' : '?',
                         uri->params[i].key, uri->params[i].value);
}

void nsky_provenance_of_view(nsky_provenance *out, const nsky_view *view)
{
    *out = (nsky_provenance){.generation = view->generation,
                             .model = view->model_info->name,
                             .model_sha256 = view->model_info->sha256,
                             .random_weights = view->model_info->random_weights};
}

void nsky_reply_table(nsky_reply *reply, const nsky_table *table, nsky_table_format format)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *data = NULL;
    size_t bytes = 0;

    if (nsky_table_write_memory(table, format, &data, &bytes, &err) != NSKY_OK) {
        nsky_reply_error(reply, &err);
        return;
    }
    nsky_reply_bytes(reply, nsky_table_content_type(format), data, bytes);
    snprintf(reply->disposition, sizeof reply->disposition,
             "attachment; filename=\"nearsky-%s.%s\"", table->name, nsky_table_suffix(format));
}
