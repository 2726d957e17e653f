/* bench_survey.c - `nearsky bench survey`: a whole store of made-up objects, to measure at any size
 * what a store of real ones would cost. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/bench.h"
#include "cli/bundled.h"
#include "cli/cli.h"
#include "cli/survey_vectors.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/progress.h"
#include "sim/sky_rows.h"

#define ROWS_PER_COMMIT 250000u
#define ROWS_PER_LOOK 1024u /* at whether to stop */

static const char help[] =
    "usage: nearsky bench survey STORE [options]\n\n"
    "Makes a store of made-up objects without pictures: a catalogue laid out like the Legacy\n"
    "Surveys' and a generation of vectors that lie as a trained network's. Everything that works\n"
    "on a store works on it but embedding. Interrupted, it carries on when run again.\n\n"
    "  --rows N          10k, 1M, ... (default 100k)\n"
    "  --dim N           512 or 2048 numbers of a vector (default 512)\n"
    "  --vectors T       float16 (default) or int8\n"
    "  --seed N          (default 1)\n"
    "  --json            the report as JSON\n";

typedef struct arguments {
    const char *store;
    uint64_t rows, seed;
    uint32_t dim;
    nsky_vector_type type;
    bool json;
} arguments;

typedef struct survey_report {
    uint64_t rows_made, vectors_made, catalogue_bytes, vector_bytes;
    double catalogue_s, catalogue_cpu_s, vectors_s;
    uint32_t generation;
} survey_report;

static bool take_option(int option, void *payload)
{
    arguments *args = payload;
    switch (option) {
    case 'r':
        return nsky_bench_count(optarg, 1, NSKY_SIM_SKY_ROWS_MAX, &args->rows);
    case 'd':
        return nsky_bench_small(optarg, 512, 2048, &args->dim) &&
               (args->dim == 512 || args->dim == 2048);
    case 'v':
        return nsky_vector_type_parse(&args->type, optarg);
    case 's':
        return nsky_cli_integer(optarg, 0, UINT32_MAX, &args->seed);
    default:
        return args->json = true;
    }
}

/* A store that is there must be this one: by its last row, whose id depends on everything. */
static nsky_status check_same(nsky_survey *survey, const nsky_sim_sky *sky, uint64_t rows,
                              nsky_error *err)
{
    const uint64_t there = nsky_survey_rows(survey);
    nsky_object stored, made;
    nsky_status status;

    if (there == 0)
        return NSKY_OK;
    if ((status = nsky_survey_by_row(survey, there - 1, &stored, err)) != NSKY_OK)
        return status;
    if (there <= rows) {
        nsky_sim_sky_object(sky, there - 1, &made);
        if (made.id == stored.id && made.ra_deg == stored.ra_deg)
            return NSKY_OK;
    }
    return nsky_fail(err, NSKY_EEXIST,
                     "%s: holds other objects than these options make; name an empty folder",
                     nsky_survey_path(survey));
}

static nsky_status add_rows(nsky_survey *survey, const nsky_sim_sky *sky, uint64_t rows,
                            const atomic_bool *stop, nsky_error *err)
{
    uint64_t row = nsky_survey_rows(survey);
    nsky_progress *progress = nsky_progress_start("make", "objects", rows - row);
    nsky_status status = NSKY_OK;
    nsky_add_result result;
    nsky_object object;

    for (; row < rows && status == NSKY_OK; row++) {
        nsky_sim_sky_object(sky, row, &object);
        status = nsky_survey_add_bare(survey, &object, &result, err);
        if (status == NSKY_OK && result != NSKY_ADDED)
            status =
                nsky_fail(err, NSKY_EINVAL, "two made-up objects have the id %" PRIu64, object.id);
        if (status == NSKY_OK && (row + 1) % ROWS_PER_COMMIT == 0)
            status = nsky_survey_commit(survey, err);
        if (row % ROWS_PER_LOOK != 0)
            continue;
        nsky_progress_add(progress, ROWS_PER_LOOK);
        if (atomic_load(stop) && status == NSKY_OK)
            status = nsky_fail(err, NSKY_ECANCELLED,
                               "stopped at object %" PRIu64 " of %" PRIu64
                               "; the same command carries on from the last whole batch",
                               row, rows);
    }
    nsky_progress_end(progress);
    return status == NSKY_OK ? nsky_survey_commit(survey, err) : status;
}

static nsky_status make_catalogue(const arguments *args, const nsky_sim_sky *sky,
                                  const atomic_bool *stop, survey_report *report, nsky_error *err)
{
    const double start = nsky_now_s();
    const clock_t cpu = clock();
    nsky_survey *survey = NULL;
    nsky_status status = nsky_survey_open(&survey, args->store, NSKY_SURVEY_WRITE, err);

    if (status == NSKY_OK && (status = check_same(survey, sky, args->rows, err)) == NSKY_OK) {
        report->rows_made = args->rows - nsky_survey_rows(survey);
        status = add_rows(survey, sky, args->rows, stop, err);
    }
    nsky_survey_close(survey);
    report->catalogue_s = nsky_now_s() - start;
    report->catalogue_cpu_s = (double)(clock() - cpu) / CLOCKS_PER_SEC;
    return status;
}

static uint64_t size_of(const char *store, const char *name)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    char *path = nsky_format(&ignored, "%s/%s", store, name);
    struct stat info;
    const bool there = path && stat(path, &info) == 0;

    nsky_free(path);
    return there ? (uint64_t)info.st_size : 0;
}

static nsky_status make_vectors(const arguments *args, const nsky_sim_sky *sky,
                                const atomic_bool *stop, survey_report *report, nsky_error *err)
{
    const double start = nsky_now_s();
    char *bundled = args->dim == 512 ? nsky_cli_bundled_model(err) : NULL;
    const nsky_survey_vectors job = {
        .store = args->store,
        .model = bundled            ? bundled
                 : args->dim == 512 ? "random:resnet18:1"
                                    : "random:resnet50:1",
        .sky = sky,
        .rows = args->rows,
        .seed = args->seed,
        .dim = args->dim,
        .type = args->type,
        .stop = stop,
    };
    nsky_status status = bundled ? nsky_cli_keep_guard(args->store, bundled, err) : NSKY_OK;

    if (status == NSKY_OK)
        status = nsky_survey_vectors_make(&job, &report->generation, &report->vectors_made, err);
    nsky_free(bundled);
    report->vectors_s = nsky_now_s() - start;
    return status;
}

static double rate(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static int print_report(const arguments *args, const survey_report *r)
{
    const double bytes_per_row = (double)r->catalogue_bytes / (double)args->rows;

    if (!args->json) {
        printf("%s: %" PRIu64 " objects (%" PRIu64 " made now, %.0f/s), %.1f bytes each in "
               "catalogue.db; generation %u, %" PRIu64 " vectors made now (%.0f/s)\n",
               args->store, args->rows, r->rows_made, rate(r->rows_made, r->catalogue_s),
               bytes_per_row, r->generation, r->vectors_made, rate(r->vectors_made, r->vectors_s));
        return NSKY_EXIT_DONE;
    }
    nsky_json *object = nsky_json_object();
    nsky_json_put_integer(object, "rows", (int64_t)args->rows);
    nsky_json_put_integer(object, "dim", args->dim);
    nsky_json_put_string(object, "vector_type", nsky_vector_type_name(args->type));
    nsky_json_put_id(object, "seed", args->seed);
    nsky_json_put_integer(object, "generation", r->generation);
    nsky_json_put_integer(object, "rows_made", (int64_t)r->rows_made);
    nsky_json_put_fixed(object, "catalogue_s", r->catalogue_s, 2);
    nsky_json_put_fixed(object, "rows_per_s", rate(r->rows_made, r->catalogue_s), 0);
    /* What a core gave, whoever else ran on it and whatever the disk did. */
    nsky_json_put_fixed(object, "rows_per_cpu_s", rate(r->rows_made, r->catalogue_cpu_s), 0);
    nsky_json_put_fixed(object, "catalogue_bytes_per_row", bytes_per_row, 1);
    nsky_json_put_integer(object, "vectors_made", (int64_t)r->vectors_made);
    nsky_json_put_fixed(object, "vectors_s", r->vectors_s, 2);
    nsky_bench_put_machine(object);
    return nsky_cli_print_json("bench survey", object);
}

static nsky_status make_survey(const arguments *args, survey_report *report, nsky_error *err)
{
    const atomic_bool *stop = nsky_cli_stop_on_signals();
    nsky_sim_sky *sky = NULL;
    nsky_status status = nsky_sim_sky_new(&sky, args->rows, args->seed, err);

    if (status == NSKY_OK && (status = make_catalogue(args, sky, stop, report, err)) == NSKY_OK)
        status = make_vectors(args, sky, stop, report, err);
    nsky_sim_sky_free(sky);
    report->catalogue_bytes = size_of(args->store, "catalogue.db");
    return status;
}

int nsky_bench_survey(int argc, char **argv)
{
    static const struct option known[] = {{"rows", required_argument, NULL, 'r'},
                                          {"dim", required_argument, NULL, 'd'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"vectors", required_argument, NULL, 'v'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    arguments args = {.rows = 100000, .seed = 1, .dim = 512};
    survey_report report = {0};
    nsky_error err = NSKY_ERROR_INIT;

    const int stop =
        nsky_bench_options(argc, argv, "bench survey", help, known, take_option, &args);
    if (stop)
        return stop - 1;
    if (optind + 1 != argc)
        return nsky_cli_usage("bench survey", "give one store");
    args.store = argv[optind];
    if (make_survey(&args, &report, &err) != NSKY_OK)
        return nsky_cli_failed("bench survey", &err);
    return print_report(&args, &report);
}
