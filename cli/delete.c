/* delete.c - `nearsky delete`: objects that no answer shows any more, and shown again. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/filter_options.h"
#include "cli/probe_options.h"
#include "common/memory.h"
#include "index/build.h"
#include "store/survey.h"

static const char help[] =
    "usage: nearsky delete STORE (--ids FILE | --id ID) [options]\n\n"
    "Hides objects from every answer: searches, rankings, cones, exports. Their rows, stamps and\n"
    "vectors stay in the store. A new generation goes live that shares all large files with the\n"
    "one before; a running server takes it up on SIGHUP. All or nothing: an id that is not there\n"
    "is an error, and nothing is hidden. The same ids again change nothing.\n\n"
    "  --ids FILE    decimal ids, one a line (- is standard input)\n"
    "  --id ID       one object\n"
    "  --undo        shows them again\n"
    "  --json        the report as JSON\n";

typedef struct arguments {
    const char *store, *file;
    uint64_t id;
    bool one, undo, json;
} arguments;

static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {
        {"ids", required_argument, NULL, 'f'}, {"id", required_argument, NULL, 'i'},
        {"undo", no_argument, NULL, 'u'},      {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},      {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'f':
            a->file = optarg;
            break;
        case 'i':
            if (!nsky_cli_integer(optarg, 1, INT64_MAX, &a->id))
                return 1 + nsky_cli_usage("delete", "\"%s\" is no object id", optarg);
            a->one = true;
            break;
        case 'u':
            a->undo = true;
            break;
        case 'j':
            a->json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        default:
            return 1 + nsky_cli_usage("delete", "wrong options");
        }
    }
    if (optind + 1 != argc || a->one == (a->file != NULL))
        return 1 + nsky_cli_usage("delete", "give one store, and --ids or --id");
    a->store = argv[optind];
    return 0;
}

/* Nothing of it holds unless all are there. */
static nsky_status mark(const arguments *a, const uint64_t *ids, uint64_t count, uint64_t *changed,
                        nsky_error *err)
{
    nsky_survey *survey = NULL;
    uint64_t row = 0;
    bool different;
    /* Opened to read first: a store is not made by a deletion. */
    nsky_status status = nsky_survey_open(&survey, a->store, NSKY_SURVEY_READ, err);

    nsky_survey_close(survey);
    survey = NULL;
    if (status == NSKY_OK)
        status = nsky_survey_open(&survey, a->store, NSKY_SURVEY_WRITE, err);
    for (uint64_t i = 0; i < count && status == NSKY_OK; i++) {
        if ((status = nsky_survey_row_of_id(survey, ids[i], &row, err)) == NSKY_OK &&
            (status = nsky_survey_delete(survey, row, !a->undo, &different, err)) == NSKY_OK)
            *changed += different;
    }
    if (status == NSKY_OK)
        status = nsky_survey_commit(survey, err);
    nsky_survey_close(survey);
    return status;
}

static int report(const arguments *a, uint64_t count, uint64_t changed, uint32_t generation)
{
    const char *done = a->undo ? "shown again" : "deleted";

    if (!a->json) {
        printf("%" PRIu64 " of %" PRIu64 " objects %s\n", changed, count, done);
        if (generation)
            printf("generation %" PRIu32 " is live\n", generation);
        return NSKY_EXIT_DONE;
    }
    nsky_json *root = nsky_json_object();
    nsky_json_put_integer(root, "ids", (int64_t)count);
    nsky_json_put_integer(root, "changed", (int64_t)changed);
    nsky_json_put_bool(root, "undo", a->undo);
    nsky_json_put_integer(root, "generation", generation);
    return nsky_cli_print_json("delete", root);
}

/* Also after a run that was killed between the two steps: the live generation must know all. */
static nsky_status publish(const arguments *a, uint64_t changed, uint32_t *generation,
                           nsky_error *err)
{
    nsky_generation *live = NULL;
    nsky_survey *survey = NULL;
    uint64_t *rows = NULL, count = 0;
    nsky_status status = nsky_generation_open(&live, a->store, 0, err);

    *generation = 0;
    if (status == NSKY_ENOTFOUND)
        return NSKY_OK; /* nothing embedded: what is embedded will know */
    if (status == NSKY_OK)
        status = nsky_survey_open(&survey, a->store, NSKY_SURVEY_READ, err);
    if (status == NSKY_OK)
        status = nsky_survey_deleted_rows(survey, live->rows, &rows, &count, err);
    if (status == NSKY_OK && (changed > 0 || count != live->deleted_count))
        status = nsky_index_hide(a->store, generation, err);
    nsky_free(rows);
    nsky_survey_close(survey);
    nsky_generation_close(live);
    return status;
}

int nsky_cli_delete(int argc, char **argv)
{
    arguments a = {0};
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t *ids = NULL, count = 1, changed = 0;
    uint32_t generation = 0;
    int stop = parse(argc, argv, &a);

    if (stop)
        return stop - 1;
    nsky_status status = a.file ? nsky_cli_read_ids(a.file, &ids, &count, &err) : NSKY_OK;
    if (status == NSKY_OK)
        status = mark(&a, a.file ? ids : &a.id, count, &changed, &err);
    if (status == NSKY_OK)
        status = publish(&a, changed, &generation, &err);
    nsky_free(ids);
    return status == NSKY_OK ? report(&a, count, changed, generation)
                             : nsky_cli_failed("delete", &err);
}
