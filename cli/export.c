/* export.c - `nearsky export`: what is in a store, for other programs. */
#include "cli/export.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
    "usage: nearsky export STORE --what objects|vectors [options]\n\n"
    "  --what objects   every object of the catalogue: csv (default), json, votable, fits\n"
    "  --what vectors   the live vectors: npy (default), or fits, votable, json with id, name, ra\n"
    "                   and dec beside each\n"
    "  --format F       one of these\n"
    "  --out FILE       where to; replaced when all is written, and not before. Without it, or "
    "with\n"
    "                   -, csv, json and votable go to standard output\n"
    "  --values V       of npy: float16 (default, as they are stored) or float32\n"
    "  --comments       csv: begin with # lines that say where the rows come from\n\n"
    "Rows are in catalogue order: row n of `--what vectors` belongs to row n of `--what objects`.\n"
    "Objects that came after the last `nearsky embed` stand at the end and have no vector yet.\n"
    "In fits and votable ids are 64-bit integers, in json decimal strings.\n";

typedef struct arguments {
    const char *what, *format, *values;
    nsky_export order;
} arguments;

/* Which format, and whether it goes with what is asked for. 0 to go on, else exit status plus one.
 */
static int settle(arguments *a)
{
    nsky_export *order = &a->order;
    bool vectors = strcmp(a->what, "vectors") == 0;

    if (!vectors && strcmp(a->what, "objects") != 0)
        return 1 + nsky_cli_usage("export", "--what takes objects or vectors, not \"%s\"", a->what);
    if (!a->format)
        a->format = vectors ? "npy" : "csv";
    order->npy = strcmp(a->format, "npy") == 0;
    if (!order->npy && !nsky_table_format_parse(a->format, &order->format))
        return 1 + nsky_cli_usage("export",
                                  "--format takes csv, json, votable, fits or npy, not \"%s\"",
                                  a->format);
    if (order->npy && !vectors)
        return 1 + nsky_cli_usage("export", "npy holds nothing but numbers: objects go as csv, "
                                            "json, votable or fits");
    if (vectors && !order->npy && order->format == NSKY_TABLE_CSV)
        return 1 + nsky_cli_usage("export", "vectors do not go as csv: take npy, whose rows are "
                                            "those of --what objects, or fits");
    if (a->values && !order->npy)
        return 1 + nsky_cli_usage("export", "--values goes with --format npy");
    if (a->values && strcmp(a->values, "float32") == 0)
        order->values = NSKY_NPY_FLOAT32;
    else if (a->values && strcmp(a->values, "float16") != 0)
        return 1 +
               nsky_cli_usage("export", "--values takes float16 or float32, not \"%s\"", a->values);
    if (order->comments && (order->npy || order->format != NSKY_TABLE_CSV))
        return 1 + nsky_cli_usage("export", "--comments goes with --format csv");
    if (order->out && strcmp(order->out, "-") == 0)
        order->out = NULL;
    if (!order->out && (order->npy || order->format == NSKY_TABLE_FITS))
        return 1 + nsky_cli_usage("export", "%s is not text: give --out FILE", a->format);
    return 0;
}

/* 0 to go on, else an exit status plus one. */
static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {
        {"what", required_argument, NULL, 'w'}, {"format", required_argument, NULL, 'f'},
        {"out", required_argument, NULL, 'o'},  {"values", required_argument, NULL, 'v'},
        {"comments", no_argument, NULL, 'c'},   {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'w':
            a->what = optarg;
            break;
        case 'f':
            a->format = optarg;
            break;
        case 'o':
            a->order.out = optarg;
            break;
        case 'v':
            a->values = optarg;
            break;
        case 'c':
            a->order.comments = true;
            break;
        case 'j':
            a->format = "json";
            break;
        case 'h':
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        default:
            return 1 + nsky_cli_usage("export", "wrong options");
        }
    }
    if (optind + 1 != argc)
        return 1 + nsky_cli_usage("export", "give one store");
    if (!a->what)
        return 1 + nsky_cli_usage("export", "say what: --what objects or --what vectors");
    a->order.store = argv[optind];
    return settle(a);
}

int nsky_cli_export(int argc, char **argv)
{
    arguments a = {.order.values = NSKY_NPY_FLOAT16};
    nsky_error err = NSKY_ERROR_INIT;
    int stop = parse(argc, argv, &a);

    if (stop)
        return stop - 1;
    assert(a.what);
    a.order.stop = nsky_cli_stop_on_signals();
    nsky_status status = strcmp(a.what, "vectors") == 0 ? nsky_export_vectors(&a.order, &err)
                                                        : nsky_export_objects(&a.order, &err);
    return status == NSKY_OK ? NSKY_EXIT_DONE : nsky_cli_failed("export", &err);
}
