/* filter_options.h - private: filters as long options, for every command that takes them. */
#ifndef NSKY_CLI_FILTER_OPTIONS_H
#define NSKY_CLI_FILTER_OPTIONS_H

#include <getopt.h>
#include <stdint.h>

#include "index/filter.h"

/* Values begin at NSKY_FILTER_FIRST; options of a command's own are below. */
#define NSKY_FILTER_FIRST 1000
#define NSKY_FILTER_LONG_OPTIONS                                                                   \
    {"mag-g-min", required_argument, NULL, 1000}, {"mag-g-max", required_argument, NULL, 1001},    \
        {"mag-r-min", required_argument, NULL, 1002},                                              \
        {"mag-r-max", required_argument, NULL, 1003},                                              \
        {"mag-z-min", required_argument, NULL, 1004},                                              \
        {"mag-z-max", required_argument, NULL, 1005},                                              \
        {"z-phot-min", required_argument, NULL, 1006},                                             \
        {"z-phot-max", required_argument, NULL, 1007},                                             \
        {"z-spec-min", required_argument, NULL, 1008},                                             \
        {"z-spec-max", required_argument, NULL, 1009}, {"g-r-min", required_argument, NULL, 1010}, \
        {"g-r-max", required_argument, NULL, 1011}, {"r-z-min", required_argument, NULL, 1012},    \
        {"r-z-max", required_argument, NULL, 1013}, {"cone", required_argument, NULL, 1014},       \
        {"polygon", required_argument, NULL, 1015}, {"healpix", required_argument, NULL, 1016},    \
        {"type", required_argument, NULL, 1017}, {"hide-known", no_argument, NULL, 1018},          \
    {                                                                                              \
        "only-known", no_argument, NULL, 1019                                                      \
    }
#define NSKY_FILTER_HELP                                                                     \
    "  --mag-z-min M, --mag-z-max M, also -g- and -r-; colours --g-r-min, --g-r-max, also\n" \
    "  -r-z-; --z-phot-min Z, --z-phot-max Z, also -z-spec-; --type SER,DEV,...;\n"          \
    "  --cone RA,DEC,ARCSEC; --polygon RA,DEC,RA,DEC,... (3 vertices or more);\n"            \
    "  --healpix NSIDE,nested|ring,CELL,CELL,...; --hide-known; --only-known:\n"             \
    "                   only such objects; what is unknown of one fails its test\n"

/* NSKY_EINVAL for a value that makes no sense. option is one of the above. What it takes is given
 * back by nsky_cli_filter_clear. */
NSKY_MUST_CHECK nsky_status nsky_cli_filter(nsky_filter *filter, int option, const char *value,
                                            nsky_error *err);
void nsky_cli_filter_clear(nsky_filter *filter);

/* Decimal ids, one a line; empty lines and what follows a '#' are nothing, a first line "id" is
 * a header. "-": standard input. NSKY_EDATA names the line. The caller frees *ids. */
NSKY_MUST_CHECK nsky_status nsky_cli_read_ids(const char *path, uint64_t **ids, uint64_t *count,
                                              nsky_error *err);

#endif
