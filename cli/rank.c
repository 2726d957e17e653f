/* rank.c - `nearsky rank`: the whole survey in the order of a probe. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/probe_options.h"
#include "common/progress.h"
#include "probe/guard.h"
#include "probe/rank.h"
#include "probe/train.h"

static const char help[] =
    "usage: nearsky rank STORE --probe P.json [--probe Q.json ...] [options]\n\n"
    "Scores every object of the store and writes the best: rank, id, name, ra, dec, score,\n"
    "probability, novelty, magnitudes, z_phot, known; further probes add two columns each. Scores\n"
    "and order are exact; a large store's best are found through its codes, and the summary says\n"
    "how surely. It goes to stderr, with how many positives to expect.\n\n"
    "  --probe P.json   from `nearsky probe train`; ranked by the first\n"
    "  --class NAME     of a probe with several classes: which one\n"
    "  --prevalence P   of probabilities, here: a number, or `estimate` from this survey's scores\n"
    "                   (default: the probe's, which was for the survey it was trained on)\n"
    "  --top N          how many (default 100)\n"
    "  --all            every object that matches, in order\n"
    "  --out FILE       where to (default: standard output); replaced when all is written\n"
    "  --format F       csv, json, votable, fits (default: by the ending of FILE, else csv)\n"
    "  --summary FILE   the summary as JSON, with the histogram of all scores\n" NSKY_FILTER_HELP;

typedef struct arguments {
    const char *store, *class, *out, *format, *summary;
    const char *probes[NSKY_RANK_PROBES_MAX];
    uint32_t count;
    uint64_t top;
    double prevalence; /* 0: estimate; NaN: the probe's */
    nsky_filter filter;
} arguments;

static int take(int option, const char *value, arguments *a)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (option >= NSKY_FILTER_FIRST)
        return nsky_cli_filter(&a->filter, option, value, &err) == NSKY_OK
                   ? 0
                   : 1 + nsky_cli_usage("rank", "%s", err.text);
    switch (option) {
    case 'p':
        if (a->count == NSKY_RANK_PROBES_MAX)
            return 1 +
                   nsky_cli_usage("rank", "%d probes at once are the most", NSKY_RANK_PROBES_MAX);
        a->probes[a->count++] = value;
        return 0;
    case 'c':
        a->class = value;
        return 0;
    case 't':
        return nsky_cli_integer(value, 1, UINT32_MAX, &a->top)
                   ? 0
                   : 1 + nsky_cli_usage("rank", "--top takes 1 or more, not \"%s\"", value);
    case 'P':
        return nsky_cli_prevalence(value, false, &a->prevalence)
                   ? 0
                   : 1 + nsky_cli_usage("rank", "--prevalence takes a number or estimate");
    case 'a':
        a->top = 0;
        return 0;
    case 'o':
        a->out = value;
        return 0;
    case 'f':
        a->format = value;
        return 0;
    case 's':
        a->summary = value;
        return 0;
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    default:
        return 1 + nsky_cli_usage("rank", "wrong options");
    }
}

static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {{"probe", required_argument, NULL, 'p'},
                                          {"class", required_argument, NULL, 'c'},
                                          {"top", required_argument, NULL, 't'},
                                          {"prevalence", required_argument, NULL, 'P'},
                                          {"all", no_argument, NULL, 'a'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"format", required_argument, NULL, 'f'},
                                          {"summary", required_argument, NULL, 's'},
                                          {"help", no_argument, NULL, 'h'},
                                          NSKY_FILTER_LONG_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    nsky_table_format ignored;
    int option, stop = 0;

    while (!stop && (option = getopt_long(argc, argv, "h", known, NULL)) != -1)
        stop = take(option, optarg, a);
    if (stop)
        return stop;
    if (optind + 1 != argc || a->count == 0)
        return 1 + nsky_cli_usage("rank", "give one store and --probe");
    a->store = argv[optind];
    if (!a->format)
        a->format = nsky_cli_format_of(a->out);
    if (!nsky_table_format_parse(a->format, &ignored))
        return 1 + nsky_cli_usage("rank", "--format takes csv, json, votable or fits, not \"%s\"",
                                  a->format);
    return 0;
}

static void print_summary(const nsky_ranking *r, double novel_share)
{
    const nsky_probe *probe = r->options.probes[0];

    fprintf(stderr, "%llu objects scored, %llu match, %llu listed (%s)\n",
            (unsigned long long)r->scored, (unsigned long long)r->matching,
            (unsigned long long)r->count, r->method);
    if (probe->calibration)
        fprintf(stderr,
                "expected among them: %.1f of \"%s\" (%.1f to %.1f), of %.1f in all; at a "
                "prevalence of %.3g (%s)\n",
                r->expected,
                probe->names[probe->outputs == 1 ? probe->classes - 1 : r->options.outputs[0]],
                r->expected_low, r->expected_high, r->expected_all,
                probe->calibration[r->options.outputs[0]].prevalence, probe->prevalence_source);
    if (r->known_is_known && r->known_in_matching > 0)
        fprintf(stderr, "known objects listed: %llu of %llu\n",
                (unsigned long long)r->known_in_list, (unsigned long long)r->known_in_matching);
    if (novel_share > 0.1)
        fprintf(stderr,
                "warning: %.0f%% of the best are unlike anything the probe learned from (novelty "
                "above 1): look at them before trusting its probabilities\n",
                100 * novel_share);
}

/* Share of the first thousand whose novelty is above 1. */
static double novel_share(const nsky_rank_table *table)
{
    uint64_t count = table->count < 1000 ? table->count : 1000, novel = 0;

    for (uint64_t i = 0; i < count; i++)
        novel += table->novelty[i] > 1;
    return count ? (double)novel / (double)count : 0;
}

static nsky_status write_all(const arguments *a, const nsky_cli_store *store,
                             const nsky_ranking *ranking, nsky_error *err)
{
    nsky_rank_table table;
    nsky_json *summary = nsky_ranking_summary(ranking);
    nsky_status status =
        nsky_rank_table_init(&table, store->search, store->survey, &ranking->options, ranking->rows,
                             ranking->scores, ranking->count, err);

    if (status == NSKY_OK) {
        table.provenance.method = ranking->method;
        status = nsky_cli_write_table(&table.table, a->format, a->out, err);
        if (status == NSKY_OK)
            print_summary(ranking, novel_share(&table));
        nsky_rank_table_clear(&table);
    }
    if (status == NSKY_OK && a->summary)
        status = nsky_json_write_file(summary, a->summary, err);
    nsky_json_free(summary);
    return status;
}

static nsky_status run(const arguments *a, nsky_error *err)
{
    nsky_cli_store store;
    nsky_probe *probes[NSKY_RANK_PROBES_MAX] = {NULL};
    nsky_probe *guard = NULL;
    nsky_ranking *ranking = NULL;
    nsky_rank_options options = {
        .count = a->count, .filter = a->filter, .top = a->top, .stop = nsky_cli_stop_on_signals()};
    nsky_status status = nsky_cli_store_open(&store, a->store, err);

    for (uint32_t p = 0; p < a->count && status == NSKY_OK; p++) {
        if ((status = nsky_probe_read(&probes[p], a->probes[p], err)) == NSKY_OK)
            status =
                nsky_probe_output(probes[p], p == 0 || probes[p]->outputs > 1 ? a->class : NULL,
                                  &options.outputs[p], err);
        options.probes[p] = probes[p];
    }
    if (status == NSKY_OK)
        status = nsky_guard_open(&guard, a->store, store.search, err);
    options.guard = guard;
    if (status == NSKY_OK && a->prevalence > 0)
        nsky_probe_state_prevalence(probes[0], a->prevalence);
    if (status == NSKY_OK && a->prevalence == 0 &&
        (status = nsky_probe_check(probes[0], nsky_search_manifest(store.search), err)) == NSKY_OK)
        status = nsky_probe_estimate_prevalence(probes[0], store.search, err);
    if (status == NSKY_OK) {
        options.progress = nsky_progress_start("rank", "objects", nsky_search_rows(store.search));
        status = nsky_rank(&ranking, store.search, &options, err);
        nsky_progress_end(options.progress);
    }
    if (status == NSKY_OK)
        status = write_all(a, &store, ranking, err);
    nsky_ranking_free(ranking);
    nsky_probe_free(guard);
    for (uint32_t p = 0; p < a->count; p++)
        nsky_probe_free(probes[p]);
    nsky_cli_store_close(&store);
    return status;
}

int nsky_cli_rank(int argc, char **argv)
{
    arguments a = {.top = 100, .prevalence = NAN};
    nsky_error err = NSKY_ERROR_INIT;

    nsky_filter_init(&a.filter);
    int stop = parse(argc, argv, &a);
    if (stop)
        return stop - 1;
    nsky_status status = run(&a, &err);
    nsky_cli_filter_clear(&a.filter);
    return status == NSKY_OK ? NSKY_EXIT_DONE : nsky_cli_failed("rank", &err);
}
