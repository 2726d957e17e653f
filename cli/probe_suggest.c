/* probe_suggest.c - `nearsky probe suggest`: which objects to label next. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/probe_options.h"
#include "common/memory.h"
#include "probe/guard.h"
#include "probe/rank.h"
#include "probe/suggest.h"

static const char help[] =
    "usage: nearsky probe suggest STORE --probe P.json [options]\n\n"
    "The objects whose label would help the probe most: it is unsure of them, and they are unlike\n"
    "one another and not among those it learned from. Columns as `nearsky rank`.\n\n"
    "  --probe P.json   from `nearsky probe train`\n"
    "  --class NAME     of a probe with several classes: whose score is shown\n"
    "  -n N             how many (default 20, at most 1000)\n"
    "  --out FILE, --format F   csv (default), json, votable, fits\n" NSKY_FILTER_HELP;

typedef struct arguments {
    const char *store, *probe, *class, *out, *format;
    uint64_t n;
    nsky_filter filter;
} arguments;

static int take(int option, const char *value, arguments *a)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (option >= NSKY_FILTER_FIRST)
        return nsky_cli_filter(&a->filter, option, value, &err) == NSKY_OK
                   ? 0
                   : 1 + nsky_cli_usage("probe suggest", "%s", err.text);
    switch (option) {
    case 'p':
        a->probe = value;
        return 0;
    case 'c':
        a->class = value;
        return 0;
    case 'n':
        return nsky_cli_integer(value, 1, NSKY_SUGGEST_MAX, &a->n)
                   ? 0
                   : 1 + nsky_cli_usage("probe suggest", "-n takes 1 to %d", NSKY_SUGGEST_MAX);
    case 'o':
        a->out = value;
        return 0;
    case 'f':
        a->format = value;
        return 0;
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    default:
        return 1 + nsky_cli_usage("probe suggest", "wrong options");
    }
}

static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {{"probe", required_argument, NULL, 'p'},
                                          {"class", required_argument, NULL, 'c'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          NSKY_FILTER_LONG_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    int option, stop = 0;

    while (!stop && (option = getopt_long(argc, argv, "hn:", known, NULL)) != -1)
        stop = take(option, optarg, a);
    if (stop)
        return stop;
    if (optind + 1 != argc || !a->probe)
        return 1 + nsky_cli_usage("probe suggest", "give one store and --probe");
    a->store = argv[optind];
    if (!a->format)
        a->format = nsky_cli_format_of(a->out);
    return 0;
}

static nsky_status suggest(const arguments *a, const nsky_cli_store *store, const nsky_probe *probe,
                           nsky_error *err)
{
    nsky_rank_options options = {.probes = {probe}, .count = 1, .filter = a->filter, .top = a->n};
    nsky_probe *guard = NULL;
    uint32_t *rows = nsky_alloc(a->n, sizeof *rows, err), count = 0;
    float *scores = nsky_alloc(a->n, sizeof *scores, err);
    nsky_rank_table table;
    nsky_status status = rows && scores ? NSKY_OK : err->status;

    if (status == NSKY_OK)
        status = nsky_probe_output(probe,
                                   a->class             ? a->class
                                   : probe->outputs > 1 ? probe->names[0]
                                                        : NULL,
                                   &options.outputs[0], err);
    if (status == NSKY_OK)
        status = nsky_suggest(probe, options.outputs[0], store->search, store->survey, &a->filter,
                              (uint32_t)a->n, rows, scores, &count, err);
    if (status == NSKY_OK)
        status = nsky_guard_open(&guard, a->store, store->search, err);
    options.guard = guard;
    if (status == NSKY_OK)
        status = nsky_rank_table_init(&table, store->search, store->survey, &options, rows, scores,
                                      count, err);
    if (status == NSKY_OK) {
        status = nsky_cli_write_table(&table.table, a->format, a->out, err);
        nsky_rank_table_clear(&table);
    }
    nsky_probe_free(guard);
    nsky_free(rows);
    nsky_free(scores);
    return status;
}

int nsky_cli_probe_suggest(int argc, char **argv)
{
    arguments a = {.n = 20};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_cli_store store;
    nsky_probe *probe = NULL;

    nsky_filter_init(&a.filter);
    int stop = parse(argc, argv, &a);
    if (stop)
        return stop - 1;
    nsky_status status = nsky_cli_store_open(&store, a.store, &err);
    if (status == NSKY_OK && (status = nsky_probe_read(&probe, a.probe, &err)) == NSKY_OK)
        status = suggest(&a, &store, probe, &err);
    nsky_probe_free(probe);
    nsky_cli_store_close(&store);
    nsky_cli_filter_clear(&a.filter);
    return status == NSKY_OK ? NSKY_EXIT_DONE : nsky_cli_failed("probe suggest", &err);
}
