/* simulate.c - `nearsky simulate`: sim.h from the command line. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "sim/sim.h"

static const char help[] =
    "usage: nearsky simulate OUT --bricks N | --stamps N [options]\n\n"
    "Writes a make-believe survey of the kind of the DESI Legacy Imaging Surveys: g r z, 0.262\n"
    "arcsec a pixel, nanomaggies, with galaxies of every kind, stars, dust, noise, artefacts, and\n"
    "truth.csv, which says what is what. The same options give the same bytes. Interrupted, it\n"
    "carries on when run again.\n\n"
    "  --bricks N         coadds and tractor catalogues; 240 galaxies brighter than z = 20 each,\n"
    "                     besides fainter ones and stars\n"
    "  --stamps N         cutouts of 152 pixels, one galaxy each\n"
    "  --seed S           which sky (default 1)\n"
    "  --size PX          pixels a side: bricks 320 to 4096 (default 1800), stamps 32 to 512\n"
    "  --density X        bricks: galaxies compared to the real sky, 0.05 to 12 (default 4)\n"
    "  --lens-fraction F  share of strong lenses, 0 to 0.3 (default 0.03; the sky has 0.0001).\n"
    "                     Twice as many look-alikes come along, around the same kind of galaxy\n"
    "  --artefact-fraction F  share of galaxies beside which an artefact is made (default 0.015)\n"
    "  --nearby           bright galaxies, z = 12.5 to 16.5, some 100 pixels across (--size 256)\n"
    "  --sheet OUT.jpg    also a contact sheet: examples of every class\n"
    "  --threads N        default: one for each core; the result does not depend on it\n"
    "  --json             the report as JSON\n\n"
    "Lenses and look-alikes are far more common here than in the sky, and galaxies denser: scores\n"
    "measured on it are not scores on a real survey.\n";

typedef struct arguments {
    nsky_sim_options options;
    bool json, bricks_given, stamps_given;
} arguments;

static bool parse_whole(const char *text, uint64_t high, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out <= high;
}

static bool parse_count(const char *text, uint32_t low, uint32_t high, uint32_t *out)
{
    uint64_t number;
    bool good = parse_whole(text, high, &number) && number >= low;

    *out = good ? (uint32_t)number : 0;
    return good;
}

static bool parse_real(const char *text, double low, double high, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= low && *out <= high; /* NaN is not */
}

static int wrong(const char *option, const char *takes, const char *text)
{
    return 1 + nsky_cli_usage("simulate", "%s takes %s, not \"%s\"", option, takes, text);
}

enum {
    BRICKS = 256,
    STAMPS,
    SEED,
    SIZE,
    DENSITY,
    LENS_FRACTION,
    ARTEFACT_FRACTION,
    NEARBY,
    SHEET,
    THREADS,
    JSON
};

/* 0: taken; else an exit status plus one. */
static int take(arguments *args, int option, const char *text)
{
    nsky_sim_options *o = &args->options;

    switch (option) {
    case BRICKS:
        args->bricks_given = true;
        return parse_count(text, 1, NSKY_SIM_BRICKS_MAX, &o->bricks)
                   ? 0
                   : wrong("--bricks", "1 to 10000", text);
    case STAMPS:
        args->stamps_given = true;
        return parse_count(text, 1, NSKY_SIM_STAMPS_MAX, &o->stamps)
                   ? 0
                   : wrong("--stamps", "1 to 1000000", text);
    case SEED:
        return parse_whole(text, UINT64_MAX, &o->seed) ? 0 : wrong("--seed", "a number", text);
    case SIZE:
        return parse_count(text, 1, NSKY_SIM_BRICK_SIDE_MAX, &o->size)
                   ? 0
                   : wrong("--size", "pixels, 4096 at most", text);
    case DENSITY:
        return parse_real(text, NSKY_SIM_DENSITY_MIN, NSKY_SIM_DENSITY_MAX, &o->density)
                   ? 0
                   : wrong("--density", "0.05 to 12", text);
    case LENS_FRACTION:
        return parse_real(text, 0, NSKY_SIM_LENS_FRACTION_MAX, &o->lens_fraction)
                   ? 0
                   : wrong("--lens-fraction", "0 to 0.3", text);
    case ARTEFACT_FRACTION:
        return parse_real(text, 0, 1, &o->artefact_fraction)
                   ? 0
                   : wrong("--artefact-fraction", "0 to 1", text);
    case NEARBY:
        o->nearby = true;
        return 0;
    case SHEET:
        o->sheet = text;
        return 0;
    case THREADS:
        return parse_count(text, 1, NSKY_SIM_THREADS_MAX, &o->threads)
                   ? 0
                   : wrong("--threads", "1 to 256", text);
    case JSON:
        args->json = true;
        return 0;
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    default:
        return 1 + nsky_cli_usage("simulate", "wrong options");
    }
}

static int parse(int argc, char **argv, arguments *args)
{
    static const struct option known[] = {
        {"bricks", required_argument, NULL, BRICKS},
        {"stamps", required_argument, NULL, STAMPS},
        {"seed", required_argument, NULL, SEED},
        {"size", required_argument, NULL, SIZE},
        {"density", required_argument, NULL, DENSITY},
        {"lens-fraction", required_argument, NULL, LENS_FRACTION},
        {"artefact-fraction", required_argument, NULL, ARTEFACT_FRACTION},
        {"nearby", no_argument, NULL, NEARBY},
        {"sheet", required_argument, NULL, SHEET},
        {"threads", required_argument, NULL, THREADS},
        {"json", no_argument, NULL, JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        int stop = take(args, option, optarg);
        if (stop)
            return stop;
    }
    if (optind + 1 != argc)
        return 1 + nsky_cli_usage("simulate", "give one folder to write into");
    if (args->bricks_given == args->stamps_given)
        return 1 + nsky_cli_usage("simulate", "give either --bricks N or --stamps N");
    args->options.out = argv[optind];
    return 0;
}

static int print_json(const nsky_sim_report *report, const nsky_sim_options *options)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_string(object, "kind", options->stamps ? "stamps" : "bricks");
    nsky_json_put_integer(object, "made", report->made);
    nsky_json_put_integer(object, "kept", report->kept);
    nsky_json_put_integer(object, "galaxies", (int64_t)report->primaries);
    nsky_json_put_integer(object, "lenses", (int64_t)report->lenses);
    nsky_json_put_integer(object, "lookalikes", (int64_t)report->lookalikes);
    nsky_json_put_integer(object, "field_galaxies", (int64_t)report->field_galaxies);
    nsky_json_put_integer(object, "stars", (int64_t)report->stars);
    nsky_json_put_fixed(object, "seconds", report->seconds, 3);
    return nsky_cli_print_json("simulate", object);
}

static int print_text(const nsky_sim_report *report, const nsky_sim_options *options)
{
    const char *what = options->stamps ? "stamps" : "bricks";

    printf("%u %s made", report->made, what);
    if (report->kept > 0)
        printf(", %u there before", report->kept);
    printf("; %" PRIu64 " galaxies, of them %" PRIu64 " lenses and %" PRIu64 " look-alikes",
           report->primaries, report->lenses, report->lookalikes);
    if (report->field_galaxies + report->stars > 0)
        printf("; besides %" PRIu64 " fainter galaxies and %" PRIu64 " stars",
               report->field_galaxies, report->stars);
    printf("; %.1f s\n", report->seconds);
    return NSKY_EXIT_DONE;
}

int nsky_cli_simulate(int argc, char **argv)
{
    arguments args = {.json = false};
    nsky_sim_report report;
    nsky_error err = NSKY_ERROR_INIT;

    nsky_sim_options_init(&args.options);
    int stop = parse(argc, argv, &args);
    if (stop)
        return stop - 1;
    args.options.stop = nsky_cli_stop_on_signals();
    if (nsky_sim_run(&args.options, &report, &err) != NSKY_OK)
        return nsky_cli_failed("simulate", &err);
    return args.json ? print_json(&report, &args.options) : print_text(&report, &args.options);
}
