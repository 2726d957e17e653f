/* probe_neighbours.c - `nearsky probe neighbours`: redshifts, numbers and classes from the most
 * similar objects that have them. */
#include <math.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/probe_options.h"
#include "common/memory.h"
#include "common/progress.h"
#include "probe/metrics.h"
#include "probe/neighbours.h"
#include "table/objects.h"

#define IDS_MAX 1000
#define REPLICATES 1000

static const char help[] =
    "usage: nearsky probe neighbours STORE --labels FILE (--vote COLUMN | --number COLUMN) "
    "[options]\n\n"
    "For each object, from the k most similar ones that FILE has a label for (never itself): the\n"
    "median of their numbers and half of what lies between 16% and 84%, or the class that most of\n"
    "them have and its share. Exact, so the time grows with objects times labels.\n\n"
    "  --labels FILE     CSV, TSV, FITS or VOTable, as for `nearsky probe train`\n"
    "  --number COLUMN   numbers of FILE: z_spec, a mass, a size\n"
    "  --vote COLUMN     classes of FILE\n"
    "  -k N              neighbours (default 15, at most 200)\n"
    "  --id ID           for this object; may be given again (default: every object)\n"
    "  --radius ARCSEC   of matching by position (default 1.5)\n"
    "  --allow-missing   objects of FILE that the survey has not are passed over\n"
    "  --out FILE, --format F   csv (default), json, votable, fits\n\n"
    "For objects that have a label themselves, how good the estimates are goes to stderr.\n";

typedef struct arguments {
    const char *store, *labels, *out, *format;
    nsky_label_options reading;
    uint64_t ids[IDS_MAX], k;
    uint32_t id_count;
} arguments;

static int take(int option, const char *value, arguments *a)
{
    bool good = true;

    switch (option) {
    case 'l':
        a->labels = value;
        break;
    case 'n':
        a->reading.column = value;
        a->reading.numbers = true;
        break;
    case 'v':
        a->reading.column = value;
        a->reading.numbers = false;
        break;
    case 'k':
        good = nsky_cli_integer(value, 1, NSKY_NEIGHBOURS_MAX, &a->k);
        break;
    case 'i':
        good =
            a->id_count < IDS_MAX && nsky_cli_integer(value, 0, UINT64_MAX, &a->ids[a->id_count++]);
        break;
    case 'R':
        good = nsky_cli_number(value, 1e-3, 3600, &a->reading.radius_arcsec);
        break;
    case 'a':
        a->reading.allow_missing = true;
        break;
    case 'o':
        a->out = value;
        break;
    case 'f':
        a->format = value;
        break;
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    default:
        return 1 + nsky_cli_usage("probe neighbours", "wrong options");
    }
    return good ? 0 : 1 + nsky_cli_usage("probe neighbours", "\"%s\" makes no sense there", value);
}

static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {
        {"labels", required_argument, NULL, 'l'}, {"number", required_argument, NULL, 'n'},
        {"vote", required_argument, NULL, 'v'},   {"id", required_argument, NULL, 'i'},
        {"radius", required_argument, NULL, 'R'}, {"allow-missing", no_argument, NULL, 'a'},
        {"out", required_argument, NULL, 'o'},    {"format", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int option, stop = 0;

    while (!stop && (option = getopt_long(argc, argv, "hk:", known, NULL)) != -1)
        stop = take(option, optarg, a);
    if (stop)
        return stop;
    if (optind + 1 != argc || !a->labels || !a->reading.column)
        return 1 + nsky_cli_usage("probe neighbours",
                                  "give one store, --labels, and --number or --vote");
    a->store = argv[optind];
    if (!a->format)
        a->format = nsky_cli_format_of(a->out);
    return 0;
}

typedef struct estimates {
    const nsky_cli_store *store;
    const nsky_labels *labels;
    const nsky_label_options *reading;
    nsky_estimate *items;
    uint64_t count;
} estimates;

enum { ESTIMATE = 4, SPREAD, CLASS, SHARE, NEIGHBOURS, SIMILARITY, COLUMNS };

static const nsky_table_column columns[COLUMNS] = {
    NSKY_COLUMN_ID,
    NSKY_COLUMN_NAME,
    NSKY_COLUMN_RA,
    NSKY_COLUMN_DEC,
    {.name = "estimate",
     .type = NSKY_CELL_DOUBLE,
     .decimals = 6,
     .description = "Median of the neighbours' numbers"},
    {.name = "spread",
     .type = NSKY_CELL_DOUBLE,
     .decimals = 6,
     .description = "Half of what lies between their 16% and 84%"},
    {.name = "class", .type = NSKY_CELL_TEXT, .description = "What most neighbours are"},
    {.name = "share",
     .type = NSKY_CELL_DOUBLE,
     .decimals = 4,
     .description = "Of the neighbours that are of this class"},
    {.name = "neighbours", .type = NSKY_CELL_INTEGER, .description = "How many were used"},
    {.name = "similarity",
     .type = NSKY_CELL_FLOAT,
     .decimals = 6,
     .description = "Cosine to the nearest of them"},
};

static nsky_status put_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    const estimates *e = payload;
    nsky_cell cells[COLUMNS];
    nsky_object object;
    nsky_status status = NSKY_OK;

    for (uint64_t i = 0; i < e->count && status == NSKY_OK; i++) {
        const nsky_estimate *item = &e->items[i];
        if ((status = nsky_survey_by_row(e->store->survey, item->row, &object, err)) != NSKY_OK)
            break;
        bool votes = !e->reading->numbers && item->neighbours > 0;
        nsky_object_cells(cells, columns, COLUMNS, &object);
        cells[ESTIMATE].number = item->value;
        cells[SPREAD].number = item->spread;
        cells[CLASS].text = votes ? e->labels->names[item->class] : "";
        cells[SHARE].number = votes ? item->share : NAN;
        cells[NEIGHBOURS].integer = item->neighbours;
        cells[SIMILARITY].number = (double)item->similarity;
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

static nsky_status judge_numbers(const estimates *e, nsky_error *err)
{
    double *truth = nsky_alloc(e->count, sizeof *truth, err);
    double *guess = nsky_alloc(e->count, sizeof *guess, err);
    nsky_regression_metrics m;
    uint32_t n = 0;
    nsky_status status = truth && guess ? NSKY_OK : err->status;

    for (uint64_t i = 0; status == NSKY_OK && i < e->count; i++) {
        const nsky_label *label = nsky_labels_find(e->labels, e->items[i].row);
        if (label && isfinite(e->items[i].value)) {
            truth[n] = label->value;
            guess[n++] = e->items[i].value;
        }
    }
    if (status == NSKY_OK && n >= 2) {
        status = nsky_measure_regression(&m, truth, guess, n, REPLICATES, 1, err);
        if (status == NSKY_OK)
            fprintf(stderr,
                    "%u objects with a label of their own: sigma_MAD %.4f (%.4f to %.4f), bias "
                    "%+.4f, outliers above 0.05 %.3f, above 0.15 %.3f\n",
                    n, m.sigma_mad.value, m.sigma_mad.low, m.sigma_mad.high, m.bias.value,
                    m.outliers_05.value, m.outliers_15.value);
    }
    nsky_free(truth);
    nsky_free(guess);
    return status;
}

static nsky_status judge_votes(const estimates *e, nsky_error *err)
{
    uint32_t *truth = nsky_alloc(e->count, sizeof *truth, err);
    uint32_t *guess = nsky_alloc(e->count, sizeof *guess, err), n = 0;
    nsky_class_metrics m;
    nsky_status status = truth && guess ? NSKY_OK : err->status;

    for (uint64_t i = 0; status == NSKY_OK && i < e->count; i++) {
        const nsky_label *label = nsky_labels_find(e->labels, e->items[i].row);
        if (label && e->items[i].neighbours > 0) {
            truth[n] = label->class;
            guess[n++] = e->items[i].class;
        }
    }
    if (status == NSKY_OK && n > 0) {
        status = nsky_measure_classes(&m, truth, guess, n, e->labels->classes, err);
        if (status == NSKY_OK)
            fprintf(stderr,
                    "%u objects with a label of their own: accuracy %.4f (%.4f to %.4f), macro F1 "
                    "%.4f\n",
                    n, m.accuracy.value, m.accuracy.low, m.accuracy.high, m.macro_f1);
    }
    nsky_free(truth);
    nsky_free(guess);
    return status;
}

/* Those asked for by id, or all; the caller frees. */
static nsky_status targets(const arguments *a, const nsky_cli_store *store, uint64_t **out,
                           uint64_t *count, nsky_error *err)
{
    nsky_object object;
    nsky_status status = NSKY_OK;

    *count = a->id_count ? a->id_count : nsky_search_rows(store->search);
    if (!(*out = nsky_alloc(*count, sizeof **out, err)))
        return err->status;
    for (uint64_t i = 0; i < *count && status == NSKY_OK; i++) {
        (*out)[i] = i;
        if (a->id_count > 0 &&
            (status = nsky_survey_by_id(store->survey, a->ids[i], &object, err)) == NSKY_OK)
            (*out)[i] = object.row;
    }
    return status;
}

static nsky_status run(const arguments *a, nsky_error *err)
{
    nsky_cli_store store;
    nsky_labels *labels = NULL;
    uint64_t *rows = NULL;
    estimates e = {.store = &store, .reading = &a->reading};
    nsky_status status = nsky_cli_store_open(&store, a->store, err);

    if (status != NSKY_OK ||
        (status = nsky_labels_read(&labels, a->labels, store.survey, &a->reading, err)) !=
            NSKY_OK ||
        (status = targets(a, &store, &rows, &e.count, err)) != NSKY_OK)
        goto done;
    e.labels = labels;
    if (!(e.items = nsky_alloc(e.count, sizeof *e.items, err))) {
        status = err->status;
        goto done;
    }
    nsky_progress *progress = nsky_progress_start("neighbours", "objects", e.count);
    status = nsky_neighbour_estimates(e.items, store.search, labels, a->reading.numbers, rows,
                                      e.count, (uint32_t)a->k, progress, err);
    nsky_progress_end(progress);
    nsky_provenance provenance;
    const nsky_table table = {.name = "estimates",
                              .description = "What the most similar objects say",
                              .columns = columns,
                              .column_count = COLUMNS,
                              .rows = put_rows,
                              .payload = &e,
                              .provenance = &provenance};
    nsky_provenance_of_manifest(&provenance, nsky_search_generation(store.search),
                                nsky_search_manifest(store.search));
    provenance.query = a->reading.column;
    provenance.method = "exact neighbours";
    if (status == NSKY_OK)
        status = nsky_cli_write_table(&table, a->format, a->out, err);
    if (status == NSKY_OK)
        status = a->reading.numbers ? judge_numbers(&e, err) : judge_votes(&e, err);
done:
    nsky_free(e.items);
    nsky_free(rows);
    nsky_labels_free(labels);
    nsky_cli_store_close(&store);
    return status;
}

int nsky_cli_probe_neighbours(int argc, char **argv)
{
    static arguments a; /* too large for some stacks */
    nsky_error err = NSKY_ERROR_INIT;

    a.k = 15;
    int stop = parse(argc, argv, &a);
    if (stop)
        return stop - 1;
    return run(&a, &err) == NSKY_OK ? NSKY_EXIT_DONE : nsky_cli_failed("probe neighbours", &err);
}
