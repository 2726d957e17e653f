/* probe_score.c - `nearsky probe score`: what a probe says of some objects or of an image. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/embed_image.h"
#include "cli/probe_assess.h"
#include "cli/probe_options.h"
#include "common/memory.h"
#include "table/objects.h"

#define IDS_MAX 1000

static const char help[] =
    "usage: nearsky probe score STORE --probe P.json (--id ID ... | --labels FILE | --image "
    "FILE)\n\n"
    "  --probe P.json   from `nearsky probe train`\n"
    "  --id ID          an object of the store; may be given again\n"
    "  --labels FILE    the objects of a label file; where it has labels, how well the probe does\n"
    "                   on those it did not learn from, as JSON on stderr\n"
    "  --column NAME    of FILE: the column of labels (default: as in training)\n"
    "  --radius ARCSEC  how far an object may be from ra, dec (default 1.5)\n"
    "  --allow-missing  objects that the survey has not are passed over\n"
    "  --image FILE     an image of your own: FITS cube, JPEG, PNG\n"
    "  --device D       auto, cpu or ref: what embeds the image\n"
    "  --out FILE, --format F   csv (default), json, votable, fits\n"
    "  --metrics FILE   the JSON of --labels goes there\n";

typedef struct arguments {
    const char *store, *probe, *labels, *column, *image, *device, *out, *format, *metrics;
    uint64_t ids[IDS_MAX];
    uint32_t id_count;
    double radius_arcsec;
    bool allow_missing;
} arguments;

static int take(int option, const char *value, arguments *a)
{
    switch (option) {
    case 'p':
        a->probe = value;
        return 0;
    case 'i':
        if (a->id_count < IDS_MAX && nsky_cli_integer(value, 0, UINT64_MAX, &a->ids[a->id_count++]))
            return 0;
        return 1 + nsky_cli_usage("probe score", "--id takes a decimal number, %d times at most",
                                  IDS_MAX);
    case 'l':
        a->labels = value;
        return 0;
    case 'c':
        a->column = value;
        return 0;
    case 'R':
        return nsky_cli_number(value, 1e-3, 3600, &a->radius_arcsec)
                   ? 0
                   : 1 + nsky_cli_usage("probe score", "--radius takes 0 to 3600 arcsec");
    case 'a':
        a->allow_missing = true;
        return 0;
    case 'f':
        a->image = value;
        return 0;
    case 'd':
        a->device = value;
        return 0;
    case 'o':
        a->out = value;
        return 0;
    case 'F':
        a->format = value;
        return 0;
    case 'm':
        a->metrics = value;
        return 0;
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    default:
        return 1 + nsky_cli_usage("probe score", "wrong options");
    }
}

static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {{"probe", required_argument, NULL, 'p'},
                                          {"id", required_argument, NULL, 'i'},
                                          {"labels", required_argument, NULL, 'l'},
                                          {"column", required_argument, NULL, 'c'},
                                          {"radius", required_argument, NULL, 'R'},
                                          {"allow-missing", no_argument, NULL, 'a'},
                                          {"image", required_argument, NULL, 'f'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"format", required_argument, NULL, 'F'},
                                          {"metrics", required_argument, NULL, 'm'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option, stop = 0;

    while (!stop && (option = getopt_long(argc, argv, "h", known, NULL)) != -1)
        stop = take(option, optarg, a);
    if (stop)
        return stop;
    if (optind + 1 != argc || !a->probe)
        return 1 + nsky_cli_usage("probe score", "give one store and --probe");
    if ((a->id_count > 0) + !!a->labels + !!a->image != 1)
        return 1 + nsky_cli_usage("probe score", "give one of --id, --labels, --image");
    a->store = argv[optind];
    if (!a->format)
        a->format = nsky_cli_format_of(a->out);
    return 0;
}

/* --- the table --- */

typedef struct scored {
    const nsky_probe *probe;
    nsky_cli_store *store;
    const nsky_labels *labels; /* or NULL */
    const float *image;        /* vector of an image, or NULL */
    const char *image_name;
    nsky_label *items; /* rows to score */
    uint32_t count;
    double *scores; /* [count, outputs] */
} scored;

enum { CLASS = 4, SCORE, PROBABILITY, NOVELTY, KNOWN, LABEL, COLUMNS };

static const nsky_table_column columns[COLUMNS] = {
    NSKY_COLUMN_ID,
    NSKY_COLUMN_NAME,
    NSKY_COLUMN_RA,
    NSKY_COLUMN_DEC,
    {.name = "class", .type = NSKY_CELL_TEXT, .description = "What score and probability are of"},
    {.name = "score",
     .type = NSKY_CELL_FLOAT,
     .decimals = 6,
     .description = "weights . vector + bias"},
    {.name = "probability",
     .type = NSKY_CELL_DOUBLE,
     .decimals = 6,
     .ucd = "stat.probability",
     .description = "Calibrated, at the probe's prevalence"},
    {.name = "novelty",
     .type = NSKY_CELL_FLOAT,
     .decimals = 3,
     .description = "Above 1: further out than 99% of what the probe learned from"},
    NSKY_COLUMN_KNOWN,
    {.name = "label", .type = NSKY_CELL_TEXT, .description = "As the label file says"},
};

static nsky_status put_row(const scored *s, uint32_t i, const nsky_object *object, const float *x,
                           nsky_table_sink *sink, nsky_error *err)
{
    const nsky_probe *probe = s->probe;
    uint32_t output = nsky_cli_probe_output(probe, s->scores + (size_t)i * probe->outputs);
    double score = s->scores[(size_t)i * probe->outputs + output];
    nsky_cell cells[COLUMNS];
    char number[32] = "";

    nsky_object_cells(cells, columns, COLUMNS, object);
    cells[CLASS].text = probe->kind == NSKY_PROBE_REGRESSION
                            ? probe->target
                            : probe->names[probe->outputs == 1 ? 1 : output];
    cells[SCORE].number = score;
    cells[PROBABILITY].number = nsky_probe_probability(probe, output, score);
    cells[NOVELTY].number = nsky_probe_novelty(probe, x);
    if (s->labels && probe->kind == NSKY_PROBE_REGRESSION)
        snprintf(number, sizeof number, "%.9g", s->items[i].value);
    cells[LABEL].text = !s->labels ? ""
                        : probe->kind == NSKY_PROBE_REGRESSION
                            ? number
                            : s->labels->names[s->items[i].class];
    return nsky_table_put(sink, cells, err);
}

static nsky_status put_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    scored *s = payload;
    nsky_object object;
    nsky_status status = NSKY_OK;

    if (s->image) {
        nsky_object_init(&object);
        snprintf(object.name, sizeof object.name, "%.90s", s->image_name);
        return put_row(s, 0, &object, s->image, sink, err);
    }
    float *x = nsky_alloc(s->probe->dim, sizeof *x, err);
    if (!x)
        return err->status;
    for (uint32_t i = 0; i < s->count && status == NSKY_OK; i++)
        if ((status = nsky_survey_by_row(s->store->survey, s->items[i].row, &object, err)) ==
                NSKY_OK &&
            (status = nsky_search_vector(s->store->search, object.row, x, err)) == NSKY_OK)
            status = put_row(s, i, &object, x, sink, err);
    nsky_free(x);
    return status;
}

/* float32 by the order of a plain sum would differ in the last digits from the scan's: this is the
 * scan's arithmetic, one row at a time. */
static void score_one(const nsky_probe *probe, const float *x, double *out)
{
    for (uint32_t o = 0; o < probe->outputs; o++)
        out[o] = (double)nsky_score_vector(
            &(nsky_linear){probe->weights + (size_t)o * probe->dim, probe->bias[o]}, x, probe->dim);
}

/* --- what is scored --- */

static nsky_status take_ids(const arguments *a, scored *s, nsky_error *err)
{
    nsky_object object;
    nsky_status status = NSKY_OK;

    if (!(s->items = nsky_alloc_zero(a->id_count, sizeof *s->items, err)))
        return err->status;
    for (uint32_t i = 0; i < a->id_count && status == NSKY_OK; i++)
        if ((status = nsky_survey_by_id(s->store->survey, a->ids[i], &object, err)) == NSKY_OK)
            s->items[s->count++] = (nsky_label){.row = object.row, .id = object.id};
    return status;
}

static nsky_status take_labels(const arguments *a, scored *s, nsky_labels **labels, nsky_error *err)
{
    const nsky_label_options options = {
        .column = a->column ? a->column : s->probe->target,
        .numbers = s->probe->kind == NSKY_PROBE_REGRESSION,
        .positive = s->probe->kind == NSKY_PROBE_BINARY ? s->probe->names[1] : NULL,
        .radius_arcsec = a->radius_arcsec,
        .allow_missing = a->allow_missing};
    nsky_status status = nsky_labels_read(labels, a->labels, s->store->survey, &options, err);

    if (status != NSKY_OK)
        return status;
    s->labels = *labels;
    s->count = (*labels)->count;
    s->items = nsky_alloc(s->count, sizeof *s->items, err);
    if (!s->items)
        return err->status;
    memcpy(s->items, (*labels)->items, s->count * sizeof *s->items);
    return NSKY_OK;
}

static nsky_status score_rows(scored *s, nsky_error *err)
{
    float *x = nsky_alloc(s->probe->dim, sizeof *x, err);
    nsky_status status = x ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < s->count && status == NSKY_OK; i++)
        if ((status = nsky_search_vector(s->store->search, s->items[i].row, x, err)) == NSKY_OK)
            score_one(s->probe, x, s->scores + (size_t)i * s->probe->outputs);
    nsky_free(x);
    return status;
}

/* As a stored vector would be. */
static nsky_status score_image(const arguments *a, scored *s, float *x, nsky_error *err)
{
    nsky_status status = nsky_cli_embed_image(a->store, a->image, a->device, x, err);

    if (status != NSKY_OK)
        return status;
    nsky_search_round(s->store->search, x);
    s->image = x;
    score_one(s->probe, x, s->scores);
    if (nsky_probe_novelty(s->probe, x) > 1)
        fprintf(stderr, "warning: this image is unlike anything the probe learned from\n");
    return NSKY_OK;
}

static nsky_status write_table(const arguments *a, scored *s, nsky_error *err)
{
    nsky_provenance provenance;
    const nsky_table table = {.name = "scores",
                              .description = "What a probe says of objects",
                              .columns = columns,
                              .column_count = COLUMNS,
                              .rows = put_rows,
                              .payload = s,
                              .provenance = &provenance};

    nsky_provenance_of_manifest(&provenance, nsky_search_generation(s->store->search),
                                nsky_search_manifest(s->store->search));
    provenance.query = s->probe->name;
    return nsky_cli_write_table(&table, a->format, a->out, err);
}

/* How well the probe does, into a file or onto stderr. */
static nsky_status report(const scored *s, const char *path, nsky_error *err)
{
    nsky_json *root = nsky_json_object();
    nsky_status status = nsky_cli_probe_assess(s->probe, s->labels, s->scores, root, err);

    if (status == NSKY_OK && path) {
        status = nsky_json_write_file(root, path, err);
    } else if (status == NSKY_OK) {
        char *text = nsky_json_print(root, true, err);
        status = text ? NSKY_OK : err->status;
        fprintf(stderr, "%s\n", text ? text : "");
        nsky_free(text);
    }
    nsky_json_free(root);
    return status;
}

static nsky_status run(const arguments *a, nsky_error *err)
{
    nsky_cli_store store;
    nsky_probe *probe = NULL;
    nsky_labels *labels = NULL;
    float *image = NULL;
    scored s = {.store = &store, .image_name = a->image};
    nsky_status status = nsky_cli_store_open(&store, a->store, err);

    if (status != NSKY_OK || (status = nsky_probe_read(&probe, a->probe, err)) != NSKY_OK ||
        (status = nsky_probe_check(probe, nsky_search_manifest(store.search), err)) != NSKY_OK)
        goto done;
    s.probe = probe;
    if (a->id_count > 0)
        status = take_ids(a, &s, err);
    else if (a->labels)
        status = take_labels(a, &s, &labels, err);
    if (status != NSKY_OK)
        goto done;
    uint32_t count = a->image ? 1 : s.count;
    s.scores = nsky_alloc((size_t)count * probe->outputs, sizeof *s.scores, err);
    image = nsky_alloc(probe->dim, sizeof *image, err);
    status = s.scores && image ? NSKY_OK : err->status;
    if (status == NSKY_OK)
        status = a->image ? score_image(a, &s, image, err) : score_rows(&s, err);
    if (status == NSKY_OK && (status = write_table(a, &s, err)) == NSKY_OK && labels)
        status = report(&s, a->metrics, err);
done:
    nsky_free(image);
    nsky_free(s.scores);
    nsky_free(s.items);
    nsky_labels_free(labels);
    nsky_probe_free(probe);
    nsky_cli_store_close(&store);
    return status;
}

int nsky_cli_probe_score(int argc, char **argv)
{
    static arguments a; /* too large for some stacks */
    nsky_error err = NSKY_ERROR_INIT;

    a.device = "auto";
    int stop = parse(argc, argv, &a);
    if (stop)
        return stop - 1;
    return run(&a, &err) == NSKY_OK ? NSKY_EXIT_DONE : nsky_cli_failed("probe score", &err);
}
