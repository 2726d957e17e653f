/* probe_options.h - private: what the commands about probes share. */
#ifndef NSKY_CLI_PROBE_OPTIONS_H
#define NSKY_CLI_PROBE_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "index/search.h"
#include "probe/probe.h"
#include "store/survey.h"
#include "table/table.h"

int nsky_cli_probe_train(int argc, char **argv);
int nsky_cli_probe_score(int argc, char **argv);
int nsky_cli_probe_suggest(int argc, char **argv);
int nsky_cli_probe_neighbours(int argc, char **argv);

/* Whole numbers within bounds, numbers above low; false: not one. */
bool nsky_cli_integer(const char *text, uint64_t low, uint64_t high, uint64_t *out);
bool nsky_cli_number(const char *text, double low, double high, double *out);

/* --- filters: long options, their values beginning at NSKY_FILTER_FIRST --- */
#define NSKY_FILTER_FIRST 1000
#define NSKY_FILTER_LONG_OPTIONS                                                                \
    {"mag-g-min", required_argument, NULL, 1000}, {"mag-g-max", required_argument, NULL, 1001}, \
        {"mag-r-min", required_argument, NULL, 1002},                                           \
        {"mag-r-max", required_argument, NULL, 1003},                                           \
        {"mag-z-min", required_argument, NULL, 1004},                                           \
        {"mag-z-max", required_argument, NULL, 1005},                                           \
        {"z-phot-min", required_argument, NULL, 1006},                                          \
        {"z-phot-max", required_argument, NULL, 1007}, {"cone", required_argument, NULL, 1008}, \
    {                                                                                           \
        "hide-known", no_argument, NULL, 1009                                                   \
    }
#define NSKY_FILTER_HELP                                                                  \
    "  --mag-z-min M, --mag-z-max M, also -g- and -r-, --z-phot-min Z, --z-phot-max Z,\n" \
    "  --cone RA,DEC,ARCSEC, --hide-known: only such objects\n"
/* NSKY_EINVAL for a value that makes no sense. option is one of the above. */
NSKY_MUST_CHECK nsky_status nsky_cli_filter(nsky_filter *filter, int option, const char *value,
                                            nsky_error *err);

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
