/* ingest.c - `nearsky ingest`: ingest.h from the command line. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "ingest/ingest.h"

#define WORKERS_MAX 64

static const char help[] =
    "usage: nearsky ingest STORE PATH... [options]\n\n"
    "Reads galaxies into a store: FITS cubes, cutouts of several HDUs, sets of one file or one\n"
    "folder a band, bricks with their tractor catalogues, JPEG and PNG. Folders are walked. What\n"
    "cannot be read is listed with the reason; the rest goes on. Interrupted, it carries on when\n"
    "run again; files that have not changed are skipped. Bricks read before with a brighter limit "
    "or\n"
    "without stars are read again for what is missing; rows are never taken back.\n\n"
    "  --survey NAME      keeps objects apart that share a file name with another survey's\n"
    "  --catalogue FILE   CSV or FITS: adds magnitudes, redshifts, positions, known lenses, "
    "matched\n"
    "                     by name or file, else by ra and dec within 1.5 arcsec\n"
    "  --lossless         keep every bit of the pixels (twice the size)\n"
    "  --mag-z-max M      bricks: leave out what is fainter (default 20.5)\n"
    "  --keep-stars       bricks: take entries of TYPE PSF and DUP too, which are left out as "
    "stars\n"
    "  --workers N        threads (default: one for each core)\n"
    "  --json             the report as JSON\n";

typedef struct arguments {
    nsky_ingest_options options;
    bool json;
} arguments;

static bool parse_workers(const char *text, uint32_t *out)
{
    char *end;
    long number = strtol(text, &end, 10);

    *out = (uint32_t)number;
    return end != text && *end == '\0' && number >= 1 && number <= WORKERS_MAX;
}

static bool parse_magnitude(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out > 0 && *out < 100;
}

/* 0 to go on, else an exit status plus one. */
static int parse(int argc, char **argv, arguments *args)
{
    static const struct option known[] = {{"survey", required_argument, NULL, 's'},
                                          {"catalogue", required_argument, NULL, 'c'},
                                          {"lossless", no_argument, NULL, 'l'},
                                          {"mag-z-max", required_argument, NULL, 'm'},
                                          {"keep-stars", no_argument, NULL, 'k'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 's':
            args->options.survey_name = optarg;
            break;
        case 'c':
            args->options.catalogue = optarg;
            break;
        case 'l':
            args->options.lossless = true;
            break;
        case 'm':
            if (!parse_magnitude(optarg, &args->options.mag_z_max))
                return 1 + nsky_cli_usage("ingest", "--mag-z-max takes a magnitude, not \"%s\"",
                                          optarg);
            break;
        case 'k':
            args->options.keep_stars = true;
            break;
        case 'w':
            if (!parse_workers(optarg, &args->options.workers))
                return 1 + nsky_cli_usage("ingest", "--workers takes 1 to %d, not \"%s\"",
                                          WORKERS_MAX, optarg);
            break;
        case 'j':
            args->json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        default:
            return 1 + nsky_cli_usage("ingest", "wrong options");
        }
    }
    return optind + 2 <= argc ? 0 : 1 + nsky_cli_usage("ingest", "give a store and what to read");
}

static int print_json(const nsky_ingest_report *report, bool stopped)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_integer(object, "files", (int64_t)report->files);
    nsky_json_put_integer(object, "refused", (int64_t)report->refused);
    nsky_json_put_integer(object, "unchanged", (int64_t)report->unchanged);
    nsky_json_put_integer(object, "not_images", (int64_t)report->other);
    nsky_json_put_integer(object, "added", (int64_t)report->added);
    nsky_json_put_integer(object, "already", (int64_t)report->already);
    nsky_json_put_integer(object, "matched", (int64_t)report->matched);
    nsky_json_put_integer(object, "left_out_stars", (int64_t)report->stars);
    nsky_json_put_integer(object, "left_out_faint", (int64_t)report->faint);
    nsky_json_put_integer(object, "left_out_not_primary", (int64_t)report->secondary);
    nsky_json_put_integer(object, "left_out_no_pixels", (int64_t)report->bare);
    nsky_json_put_fixed(object, "seconds", report->seconds, 3);
    nsky_json_put_bool(object, "stopped", stopped);
    return nsky_cli_print_json("ingest", object);
}

static void print_count(uint64_t count, const char *text)
{
    if (count > 0)
        printf(", %" PRIu64 " %s", count, text);
}

/* Nothing where no brick was read. */
static void print_left_out(const nsky_ingest_report *report, const nsky_ingest_options *options)
{
    if (report->stars + report->faint + report->secondary + report->bare == 0)
        return;
    printf("left out of the bricks: %" PRIu64 " stars%s, %" PRIu64 " fainter entries, %" PRIu64
           " not primary, %" PRIu64 " without pixels in every band\n",
           report->stars, options->keep_stars ? "" : " (TYPE PSF or DUP; --keep-stars takes them)",
           report->faint, report->secondary, report->bare);
}

static int print_text(const nsky_ingest_report *report, const nsky_ingest_options *options)
{
    printf("%" PRIu64 " objects added", report->added);
    print_count(report->already, "there before");
    if (options->catalogue)
        printf(", %" PRIu64 " found in the catalogue", report->matched);
    printf("; %" PRIu64 " sources read", report->files - report->refused);
    print_count(report->refused, "refused (see above)");
    print_count(report->unchanged, "unchanged");
    print_count(report->other, "other files are no images");
    printf("; %.1f s\n", report->seconds);
    print_left_out(report, options);
    return NSKY_EXIT_DONE;
}

int nsky_cli_ingest(int argc, char **argv)
{
    arguments args = {0};
    nsky_ingest_report report;
    nsky_error err = NSKY_ERROR_INIT;
    int stop = parse(argc, argv, &args);

    if (stop)
        return stop - 1;
    args.options.stop = nsky_cli_stop_on_signals();
    nsky_status status =
        nsky_ingest_paths(argv[optind], (const char *const *)argv + optind + 1,
                          (uint32_t)(argc - optind - 1), &args.options, &report, &err);
    if (status != NSKY_OK && status != NSKY_ECANCELLED)
        return nsky_cli_failed("ingest", &err);
    bool stopped = status == NSKY_ECANCELLED;
    int exit_status = args.json ? print_json(&report, stopped) : print_text(&report, &args.options);
    return stopped ? nsky_cli_failed("ingest", &err) : exit_status;
}
