/* search.c - `nearsky search`: from one example to a table of neighbours. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/embed_image.h"
#include "cli/filter_options.h"
#include "cli/hit_table.h"
#include "cli/probe_options.h"
#include "common/file.h"
#include "common/memory.h"
#include "index/group.h"

static const char help[] =
    "usage: nearsky search STORE (--id ID | --name NAME | --radec RA,DEC | --image FILE) "
    "[options]\n\n"
    "Neighbours of an object of the store, or of an image of your own (FITS cube, JPEG, PNG).\n\n"
    "  -k N             how many (default 50)\n"
    "  --radius ARCSEC  how far from RA,DEC the object may be (default 5)\n"
    "  --effort E       fast, balanced (default) or exact: how hard to look\n"
    "  --exact          as --effort exact: compare with every vector, whatever the index\n"
    "  --group ARCSEC   hits within this of a better one are its shreds or duplicates: they are\n"
    "                   listed with it (column group_of), and -k counts groups\n" NSKY_FILTER_HELP
    "  --ids FILE       only these objects: decimal ids, one a line (- is standard input)\n"
    "  --format F       table (default), csv, json, votable, fits\n"
    "  --out FILE       write there instead of to standard output; whole or not at all\n"
    "  --device D       auto, cpu or ref: what embeds an image\n";

typedef struct arguments {
    const char *store, *id, *name, *radec, *image, *format, *out, *device;
    const char *effort, *ids;
    uint32_t k;
    double radius_arcsec, group_arcsec;
    bool exact;
    nsky_effort how;
    nsky_filter filter;
} arguments;

static int take(int option, const char *value, arguments *a)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (option >= NSKY_FILTER_FIRST)
        return nsky_cli_filter(&a->filter, option, value, &err) == NSKY_OK
                   ? 0
                   : 1 + nsky_cli_usage("search", "%s", err.text);
    switch (option) {
    case 'i':
        a->id = value;
        return 0;
    case 'n':
        a->name = value;
        return 0;
    case 'r':
        a->radec = value;
        return 0;
    case 'f':
        a->image = value;
        return 0;
    case 'o':
        a->format = value;
        return 0;
    case 'O':
        a->out = value;
        return 0;
    case 'd':
        a->device = value;
        return 0;
    case 'e':
        a->exact = true;
        return 0;
    case 'E':
        a->effort = value;
        return 0;
    case 'I':
        a->ids = value;
        return 0;
    case 'j':
        a->format = "json";
        return 0;
    case 'R':
        a->radius_arcsec = strtod(value, NULL);
        return 0;
    case 'g':
        return nsky_cli_number(value, 0, 3600, &a->group_arcsec)
                   ? 0
                   : 1 + nsky_cli_usage("search", "--group takes 0 to 3600 arcsec, not \"%s\"",
                                        value);
    case 'k':
        a->k = (uint32_t)strtoul(value, NULL, 10);
        return 0;
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    default:
        return 1 + nsky_cli_usage("search", "wrong options");
    }
}

static int check(const arguments *a)
{
    if (!!a->id + !!a->name + !!a->radec + !!a->image != 1)
        return 1 + nsky_cli_usage("search", "give one of --id, --name, --radec, --image");
    if (a->k < 1 || a->k > NSKY_SEARCH_K_MAX)
        return 1 + nsky_cli_usage("search", "-k takes 1 to %d", NSKY_SEARCH_K_MAX);
    if (!(a->radius_arcsec > 0 && a->radius_arcsec <= 3600))
        return 1 + nsky_cli_usage("search", "--radius takes 0 to 3600 arcsec");
    if (!nsky_hit_format_known(a->format))
        return 1 + nsky_cli_usage("search",
                                  "--format takes table, csv, json, votable or fits, not \"%s\"",
                                  a->format);
    if (a->out && strcmp(a->format, "table") == 0)
        return 1 + nsky_cli_usage("search", "--out goes with --format csv, json, votable or fits");
    return 0;
}

/* 0 to go on, else an exit status plus one. */
static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {{"id", required_argument, NULL, 'i'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"radec", required_argument, NULL, 'r'},
                                          {"image", required_argument, NULL, 'f'},
                                          {"format", required_argument, NULL, 'o'},
                                          {"out", required_argument, NULL, 'O'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"radius", required_argument, NULL, 'R'},
                                          {"effort", required_argument, NULL, 'E'},
                                          {"group", required_argument, NULL, 'g'},
                                          {"ids", required_argument, NULL, 'I'},
                                          {"exact", no_argument, NULL, 'e'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          NSKY_FILTER_LONG_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    int option, stop = 0;

    while (!stop && (option = getopt_long(argc, argv, "hk:", known, NULL)) != -1)
        stop = take(option, optarg, a);
    if (stop)
        return stop;
    if (optind + 1 != argc)
        return 1 + nsky_cli_usage("search", "give one store");
    a->store = argv[optind];
    if (a->effort && !nsky_effort_parse(&a->how, a->effort))
        return 1 + nsky_cli_usage("search", "--effort takes fast, balanced or exact, not \"%s\"",
                                  a->effort);
    if (a->exact && a->effort && a->how != NSKY_EFFORT_EXACT)
        return 1 +
               nsky_cli_usage("search", "--exact and --effort %s contradict each other", a->effort);
    if (a->exact)
        a->how = NSKY_EFFORT_EXACT;
    return check(a);
}

/* The rows of the ids in a file; those that are not there are an error. */
static nsky_status read_ids(arguments *a, nsky_survey *survey, nsky_error *err)
{
    uint64_t *ids = NULL, count = 0;

    if (!a->ids)
        return NSKY_OK;
    nsky_status status = nsky_cli_read_ids(a->ids, &ids, &count, err);
    uint64_t *rows = status == NSKY_OK ? nsky_alloc(count, sizeof *rows, err) : NULL;
    if (status == NSKY_OK && !rows)
        status = err->status;
    for (uint64_t i = 0; i < count && status == NSKY_OK; i++)
        status = nsky_survey_row_of_id(survey, ids[i], &rows[i], err);
    nsky_free(ids);
    a->filter.rows = rows;
    a->filter.row_count = count;
    return status;
}

static nsky_status find_object(nsky_survey *survey, const arguments *a, nsky_object *out,
                               nsky_error *err)
{
    if (a->name)
        return nsky_survey_by_name(survey, a->name, out, err);
    if (a->id) {
        char *end = NULL;
        unsigned long long id = strtoull(a->id, &end, 10);
        if (end == a->id || *end)
            return nsky_fail(err, NSKY_EINVAL, "\"%s\" is no object id: ids are decimal numbers",
                             a->id);
        return nsky_survey_by_id(survey, id, out, err);
    }
    nsky_sky position;
    nsky_cone_hit hit;
    uint32_t count = 0;
    nsky_status status = nsky_sky_parse(&position, a->radec, err);
    if (status == NSKY_OK)
        status = nsky_survey_cone(survey, position, a->radius_arcsec, 1, &hit, &count, err);
    if (status == NSKY_OK && count == 0)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "no object within %g arcsec of %.5f %+.5f; try a larger --radius",
                         a->radius_arcsec, position.ra_deg, position.dec_deg);
    if (status == NSKY_OK)
        *out = hit.object;
    return status;
}

/* What was asked, for the provenance: without the folders that the store and the image lie in. */
static void describe_query(const arguments *a, char *out, size_t bytes)
{
    const char *option = a->id ? "id" : a->name ? "name" : a->radec ? "radec" : "image";
    const char *value = a->id      ? a->id
                        : a->name  ? a->name
                        : a->radec ? a->radec
                                   : nsky_path_base(a->image);

    snprintf(out, bytes, "nearsky search --%s %.300s -k %u --effort %s%s", option, value, a->k,
             nsky_effort_name(a->how),
             nsky_filter_is_empty(&a->filter) && !a->ids ? "" : " (filtered)");
}

static nsky_status run(arguments *a, nsky_error *err)
{
    char asked[400];
    const nsky_hit_request request = {a->store, a->format, a->out, asked, a->k, a->group_arcsec};
    nsky_search *search = NULL;
    nsky_survey *survey = NULL;
    float *vector = NULL;
    nsky_answer *answer = NULL;
    nsky_object object;
    nsky_query query = {
        .positive_count = 1, .k = nsky_group_fetch(a->k, a->group_arcsec), .effort = a->how};
    describe_query(a, asked, sizeof asked);
    nsky_status status = nsky_search_open(&search, a->store, 0, err);
    if (status != NSKY_OK ||
        (status = nsky_survey_open(&survey, a->store, NSKY_SURVEY_READ, err)) != NSKY_OK)
        goto done;
    vector = nsky_alloc(nsky_search_dim(search), sizeof *vector, err);
    answer = nsky_alloc(1, sizeof *answer, err);
    if (!vector || !answer) {
        status = err->status;
        goto done;
    }
    if (a->image) {
        status = nsky_cli_embed_image(a->store, a->image, a->device, vector, err);
    } else if ((status = find_object(survey, a, &object, err)) == NSKY_OK) {
        status = nsky_search_vector(search, object.row, vector, err);
        query.exclude = &object.row;
        query.exclude_count = 1;
    }
    query.positive = vector;
    if (status == NSKY_OK)
        status = read_ids(a, survey, err);
    query.filter = a->filter;
    if (status == NSKY_OK && (status = nsky_search_run(search, &query, 1, answer, err)) == NSKY_OK)
        status = nsky_hit_table_print(&request, search, survey, answer, err);
done:
    nsky_free(answer);
    nsky_free(vector);
    nsky_survey_close(survey);
    nsky_search_close(search);
    return status;
}

int nsky_cli_search(int argc, char **argv)
{
    arguments a = {.k = 50, .format = "table", .device = "auto", .radius_arcsec = 5};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_filter_init(&a.filter);
    int stop = parse(argc, argv, &a);
    nsky_status status = stop ? NSKY_OK : run(&a, &err);
    nsky_cli_filter_clear(&a.filter);
    if (stop)
        return stop - 1;
    return status == NSKY_OK ? NSKY_EXIT_DONE : nsky_cli_failed("search", &err);
}
