/* table_format.c - tables as CSV (RFC 4180, lines ended by \n as on the command line); see api.h.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "server/api.h"

#define NUMBER_BYTES_MAX 400 /* of any double with few decimals */

struct nsky_csv {
    char *text; /* kept NUL-ended */
    size_t bytes, capacity;
    bool row_begun;
    nsky_error err; /* remembered until the reply */
};

bool nsky_request_format(nsky_request *request, nsky_table_format *out)
{
    const char *format = nsky_uri_param_of(&request->uri, "format");

    *out = NSKY_TABLE_JSON;
    if (!format) {
        if (strstr(request->accept, "text/csv") && !strstr(request->accept, "application/json"))
            *out = NSKY_TABLE_CSV;
        return true;
    }
    if (strcmp(format, "json") == 0)
        return true;
    if (strcmp(format, "csv") == 0) {
        *out = NSKY_TABLE_CSV;
        return true;
    }
    if (strcmp(format, "votable") == 0 || strcmp(format, "fits") == 0)
        nsky_reply_problem(&request->reply, 406, "format-not-written",
                           "this server does not write %s yet; take format=csv, which TOPCAT and "
                           "astropy read, or format=json",
                           format);
    else
        nsky_reply_problem(&request->reply, 400, NULL, "format must be json or csv, not \"%.64s\"",
                           format);
    return false;
}

static void append(nsky_csv *csv, const char *text, size_t bytes)
{
    if (csv->err.status != NSKY_OK)
        return;
    if (csv->bytes + bytes + 1 > csv->capacity) {
        size_t capacity = 2 * csv->capacity + bytes;
        char *grown = nsky_realloc(csv->text, capacity, 1, &csv->err);
        if (!grown)
            return;
        csv->text = grown;
        csv->capacity = capacity;
    }
    memcpy(csv->text + csv->bytes, text, bytes);
    csv->bytes += bytes;
    csv->text[csv->bytes] = '\0';
}

static void begin_field(nsky_csv *csv)
{
    if (csv->row_begun)
        append(csv, ",", 1);
    csv->row_begun = true;
}

nsky_status nsky_csv_new(nsky_csv **out, const char *header, nsky_error *err)
{
    nsky_csv *csv = nsky_alloc_zero(1, sizeof *csv, err);

    *out = NULL;
    if (!csv)
        return err->status;
    csv->capacity = 4096;
    if (!(csv->text = nsky_alloc(csv->capacity, 1, err))) {
        nsky_free(csv);
        return err->status;
    }
    append(csv, header, strlen(header));
    nsky_csv_end_row(csv);
    *out = csv;
    return NSKY_OK;
}

void nsky_csv_text(nsky_csv *csv, const char *text)
{
    begin_field(csv);
    if (!strpbrk(text, ",\"\r\n")) {
        append(csv, text, strlen(text));
        return;
    }
    append(csv, "\"", 1);
    for (; *text; text++)
        append(csv, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    append(csv, "\"", 1);
}

void nsky_csv_number(nsky_csv *csv, double number, int decimals)
{
    char text[NUMBER_BYTES_MAX];

    begin_field(csv);
    if (!isfinite(number))
        return;
    int bytes = snprintf(text, sizeof text, "%.*f", decimals, number);
    append(csv, text, (size_t)bytes);
}

void nsky_csv_id(nsky_csv *csv, uint64_t id)
{
    char text[24];

    begin_field(csv);
    append(csv, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, id));
}

void nsky_csv_end_row(nsky_csv *csv)
{
    append(csv, "\n", 1);
    csv->row_begun = false;
}

void nsky_csv_reply(nsky_csv *csv, const char *name, nsky_reply *reply)
{
    if (csv->err.status == NSKY_OK) {
        nsky_reply_bytes(reply, "text/csv; charset=utf-8; header=present", csv->text, csv->bytes);
        snprintf(reply->disposition, sizeof reply->disposition, "attachment; filename=\"%s.csv\"",
                 name);
    } else {
        nsky_free(csv->text);
        nsky_reply_error(reply, &csv->err);
    }
    nsky_free(csv);
}
