/* probe_options.c - see probe_options.h. */
#include "cli/probe_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

nsky_status nsky_cli_store_open(nsky_cli_store *out, const char *path, nsky_error *err)
{
    *out = (nsky_cli_store){NULL, NULL};
    nsky_status status = nsky_search_open(&out->search, path, 0, err);
    if (status == NSKY_OK)
        status = nsky_survey_open(&out->survey, path, NSKY_SURVEY_READ, err);
    return status;
}

void nsky_cli_store_close(nsky_cli_store *store)
{
    nsky_survey_close(store->survey);
    nsky_search_close(store->search);
}

bool nsky_cli_prevalence(const char *text, bool labels, double *out)
{
    if (strcmp(text, "estimate") == 0)
        *out = 0;
    else if (labels && strcmp(text, "labels") == 0)
        *out = NAN;
    else
        return nsky_cli_number(text, 1e-9, 1 - 1e-9, out);
    return true;
}

nsky_status nsky_cli_write_table(const nsky_table *table, const char *format, const char *out,
                                 nsky_error *err)
{
    nsky_table_format which;

    if (!nsky_table_format_parse(format, &which))
        return nsky_fail(err, NSKY_EINVAL, "there is no format \"%.40s\"; csv, json, votable, fits",
                         format);
    if (out && strcmp(out, "-") != 0)
        return nsky_table_write_file(table, which, out, err);
    if (which == NSKY_TABLE_FITS && isatty(STDOUT_FILENO))
        return nsky_fail(err, NSKY_EINVAL,
                         "FITS is not for terminals: give --out FILE, or redirect the output");
    return nsky_table_write_stream(table, which, stdout, "standard output", err);
}

const char *nsky_cli_format_of(const char *path)
{
    static const char *const endings[][2] = {
        {".csv", "csv"},         {".json", "json"}, {".vot", "votable"}, {".xml", "votable"},
        {".votable", "votable"}, {".fits", "fits"}, {".fit", "fits"}};
    size_t length = path ? strlen(path) : 0;

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t tail = strlen(endings[i][0]);
        if (length > tail && strcmp(path + length - tail, endings[i][0]) == 0)
            return endings[i][1];
    }
    return "csv";
}
