/* probe_options.h - private: what the commands about probes share. */
#ifndef NSKY_CLI_PROBE_OPTIONS_H
#define NSKY_CLI_PROBE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/filter_options.h"
#include "index/search.h"
#include "probe/probe.h"
#include "store/survey.h"
#include "table/table.h"

int nsky_cli_probe_train(int argc, char **argv);
int nsky_cli_probe_score(int argc, char **argv);
int nsky_cli_probe_suggest(int argc, char **argv);
int nsky_cli_probe_neighbours(int argc, char **argv);

/* --- a store opened for search, and its catalogue --- */
typedef struct nsky_cli_store {
    nsky_search *search;
    nsky_survey *survey;
} nsky_cli_store;
NSKY_MUST_CHECK nsky_status nsky_cli_store_open(nsky_cli_store *out, const char *path,
                                                nsky_error *err);
void nsky_cli_store_close(nsky_cli_store *store);

/* "estimate": 0, "labels": NaN (where they can be meant), else a number in (0, 1). */
bool nsky_cli_prevalence(const char *text, bool labels, double *out);

/* Table to a file, or to standard output where out is NULL or "-". */
NSKY_MUST_CHECK nsky_status nsky_cli_write_table(const nsky_table *table, const char *format,
                                                 const char *out, nsky_error *err);
/* "a.csv" -> "csv", "a.vot" -> "votable": by the ending; "csv" where that says nothing. */
const char *nsky_cli_format_of(const char *path);

#endif
