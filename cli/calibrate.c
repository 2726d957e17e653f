/* calibrate.c - `nearsky calibrate`: calibrate.h from the command line. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "encoder/calibrate.h"

static const char help[] =
    "usage: nearsky calibrate STORE --model M --out FILE [options]\n\n"
    "Makes a model ready for `nearsky embed --precision int8`: runs it over some of the store's\n"
    "stamps and writes its weights again, with the largest magnitudes it met beside them. The "
    "file\n"
    "has a hash of its own, so vectors made with it never mix with others.\n\n"
    "  --model M     weights (safetensors), or random[:resnet18|resnet34|resnet50[:SEED]]\n"
    "  --out FILE    the weights with their scales\n"
    "  --stamps N    to measure on, spread evenly over the store (default 256)\n"
    "  --device D    auto, cpu, ref or cuda (default auto); always in fp32\n"
    "  --json        the report as JSON\n";

typedef struct arguments {
    const char *store, *model, *out;
    nsky_calibrate_options options;
    bool json;
} arguments;

/* 0 to go on, else an exit status plus one. */
static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {{"model", required_argument, NULL, 'm'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"stamps", required_argument, NULL, 's'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    uint64_t stamps = 0;
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'm':
            a->model = optarg;
            break;
        case 'o':
            a->out = optarg;
            break;
        case 's':
            if (!nsky_cli_integer(optarg, 1, NSKY_CALIBRATE_STAMPS_MAX, &stamps))
                return 1 + nsky_cli_usage("calibrate", "--stamps takes 1 to %u, not \"%s\"",
                                          NSKY_CALIBRATE_STAMPS_MAX, optarg);
            a->options.stamps = (uint32_t)stamps;
            break;
        case 'd':
            a->options.device = optarg;
            break;
        case 'j':
            a->json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        default:
            return 1 + nsky_cli_usage("calibrate", "wrong options");
        }
    }
    if (optind + 1 != argc || !a->model || !a->out)
        return 1 + nsky_cli_usage("calibrate", "give one store, --model and --out");
    a->store = argv[optind];
    return 0;
}

static int report_json(const arguments *a, const nsky_calibrate_report *report)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_string(object, "model", a->out);
    nsky_json_put_string(object, "sha256", report->sha256);
    nsky_json_put_integer(object, "stamps", (int64_t)report->stamps);
    nsky_json_put_integer(object, "left_out", (int64_t)report->left_out);
    return nsky_cli_print_json("calibrate", object);
}

int nsky_cli_calibrate(int argc, char **argv)
{
    arguments a = {.options = {.stamps = NSKY_CALIBRATE_STAMPS, .device = "auto"}};
    nsky_calibrate_report report;
    nsky_error err = NSKY_ERROR_INIT;
    int stop = parse(argc, argv, &a);

    if (stop)
        return stop - 1;
    a.options.stop = nsky_cli_stop_on_signals();
    if (nsky_calibrate_survey(a.store, a.model, a.out, &a.options, &report, &err) != NSKY_OK)
        return nsky_cli_failed("calibrate", &err);
    if (a.json)
        return report_json(&a, &report);
    printf("%s: scales of %" PRIu64 " stamps; sha256 %.16s\n", a.out, report.stamps, report.sha256);
    return NSKY_EXIT_DONE;
}
