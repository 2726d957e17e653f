/* known.c - `nearsky known`: a list of known objects matched to a store, and marked in it. */
#include <math.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/probe_options.h"
#include "index/build.h"
#include "probe/known.h"

static const char help[] =
    "usage: nearsky known STORE --list FILE [options]\n\n"
    "Matches a list of known objects to the nearest object of the store and marks that as known:\n"
    "hits, rankings and exports name it, and filters can hide it. The same list again changes\n"
    "nothing. A list is CSV, TSV, FITS or VOTable with ra and dec, and name where it has names.\n\n"
    "  --list FILE        the list\n"
    "  --radius ARCSEC    how far apart they may be (default 1.5)\n"
    "  --dry-run          only tell what would match\n"
    "  --out FILE, --format F   the matches, list by list: csv, json, votable, fits\n"
    "  --json             the summary as JSON\n";

typedef struct arguments {
    const char *store, *list, *out, *format;
    double radius_arcsec;
    bool dry_run, json;
} arguments;

static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {
        {"list", required_argument, NULL, 'l'},   {"radius", required_argument, NULL, 'R'},
        {"dry-run", no_argument, NULL, 'd'},      {"out", required_argument, NULL, 'o'},
        {"format", required_argument, NULL, 'f'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'l':
            a->list = optarg;
            break;
        case 'R':
            if (!nsky_cli_number(optarg, 1e-3, 60, &a->radius_arcsec))
                return 1 + nsky_cli_usage("known", "--radius takes 0.001 to 60 arcsec");
            break;
        case 'd':
            a->dry_run = true;
            break;
        case 'o':
            a->out = optarg;
            break;
        case 'f':
            a->format = optarg;
            break;
        case 'j':
            a->json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        default:
            return 1 + nsky_cli_usage("known", "wrong options");
        }
    }
    if (optind + 1 != argc || !a->list)
        return 1 + nsky_cli_usage("known", "give one store and --list");
    a->store = argv[optind];
    if (!a->format)
        a->format = nsky_cli_format_of(a->out);
    return 0;
}

enum { LINE, NAME, RA, DEC, ID, SEPARATION, OBJECTS, ENTRIES, COLUMNS };

static const nsky_table_column columns[COLUMNS] = {
    {.name = "line", .type = NSKY_CELL_INTEGER, .description = "Of the list"},
    {.name = "name", .type = NSKY_CELL_TEXT, .ucd = "meta.id", .description = "In the list"},
    {.name = "ra",
     .type = NSKY_CELL_DOUBLE,
     .decimals = 7,
     .unit = "deg",
     .ucd = "pos.eq.ra",
     .description = "In the list"},
    {.name = "dec",
     .type = NSKY_CELL_DOUBLE,
     .decimals = 7,
     .unit = "deg",
     .ucd = "pos.eq.dec",
     .description = "In the list"},
    {.name = "id",
     .type = NSKY_CELL_TEXT,
     .ascii = true,
     .ucd = "meta.id;meta.main",
     .description = "Of the nearest object of the store"},
    {.name = "separation_arcsec",
     .type = NSKY_CELL_DOUBLE,
     .decimals = 4,
     .unit = "arcsec",
     .ucd = "pos.angDistance",
     .description = "Between the two"},
    {.name = "objects", .type = NSKY_CELL_INTEGER, .description = "Of the store within the radius"},
    {.name = "entries",
     .type = NSKY_CELL_INTEGER,
     .description = "Of the list whose nearest object this is"},
};

static nsky_status put_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    const nsky_known *known = payload;
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < known->count && status == NSKY_OK; i++) {
        const nsky_known_match *m = &known->matches[i];
        char id[24] = "";
        if (m->matched)
            snprintf(id, sizeof id, "%llu", (unsigned long long)m->id);
        const nsky_cell cells[COLUMNS] = {[LINE].integer = (int64_t)m->line,
                                          [NAME].text = m->name,
                                          [RA].number = m->position.ra_deg,
                                          [DEC].number = m->position.dec_deg,
                                          [ID].text = id,
                                          [SEPARATION].number = m->separation_arcsec,
                                          [OBJECTS].integer = m->objects,
                                          [ENTRIES].integer = m->entries};
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

static nsky_status write_matches(const arguments *a, nsky_known *known, nsky_error *err)
{
    const nsky_table table = {.name = "matches",
                              .description = "Entries of a list and the nearest objects",
                              .columns = columns,
                              .column_count = COLUMNS,
                              .rows = put_rows,
                              .payload = known};

    return a->out ? nsky_cli_write_table(&table, a->format, a->out, err) : NSKY_OK;
}

static int print_summary(const arguments *a, const nsky_known *known, uint32_t generation)
{
    if (!a->json) {
        printf("%s: %u entries, %u with an object within %g arcsec (%u off the footprint)\n"
               "%u objects %s as known; %u entries had several objects to choose from, %u objects "
               "several entries\n",
               a->list, known->count, known->matched, a->radius_arcsec, known->outside,
               known->objects, a->dry_run ? "would be marked" : "marked", known->several_objects,
               known->several_entries);
        if (generation)
            printf("generation %u has them in its filters\n", generation);
        return NSKY_EXIT_DONE;
    }
    nsky_json *root = nsky_json_object();
    nsky_json_put_integer(root, "entries", known->count);
    nsky_json_put_integer(root, "entries_matched", known->matched);
    nsky_json_put_integer(root, "entries_outside_footprint", known->outside);
    nsky_json_put_integer(root, "entries_with_several_objects", known->several_objects);
    nsky_json_put_integer(root, "objects_matched", known->objects);
    nsky_json_put_integer(root, "objects_with_several_entries", known->several_entries);
    nsky_json_put_fixed(root, "radius_arcsec", a->radius_arcsec, 4);
    nsky_json_put_bool(root, "marked", !a->dry_run);
    nsky_json_put_integer(root, "generation", generation);
    return nsky_cli_print_json("known", root);
}

int nsky_cli_known(int argc, char **argv)
{
    arguments a = {.radius_arcsec = 1.5};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = NULL;
    nsky_known *known = NULL;
    uint32_t generation = 0, changed = 0;
    int stop = parse(argc, argv, &a);

    if (stop)
        return stop - 1;
    nsky_status status =
        nsky_survey_open(&survey, a.store, NSKY_SURVEY_READ, &err); /* never makes a store */
    if (status == NSKY_OK)
        status = nsky_known_match_list(&known, a.list, survey, a.radius_arcsec, &err);
    nsky_survey_close(survey);
    survey = NULL;
    if (status == NSKY_OK && !a.dry_run && known->matched > 0) {
        if ((status = nsky_survey_open(&survey, a.store, NSKY_SURVEY_WRITE, &err)) == NSKY_OK)
            status = nsky_known_mark(known, survey, &changed, &err);
        nsky_survey_close(survey);
        if (status == NSKY_OK && changed > 0)
            status = nsky_index_refresh(a.store, &generation, &err);
    }
    if (status == NSKY_OK)
        status = write_matches(&a, known, &err);
    int exit_status =
        status == NSKY_OK ? print_summary(&a, known, generation) : nsky_cli_failed("known", &err);
    nsky_known_free(known);
    return exit_status;
}
