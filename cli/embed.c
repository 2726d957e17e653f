/* embed.c - nearsky embed: stamps to vectors, a new generation. Thread rule: the main thread. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "common/log.h"
#include "common/memory.h"
#include "encoder/embed_survey.h"

int nsky_cli_embed(int argc, char **argv);

static const char usage[] =
    "usage: nearsky embed STORE [--model M] [options]\n"
    "\n"
    "Turns every stamp of a store into a vector: a new generation. Interrupted, it carries on "
    "when\n"
    "run again; vectors of an earlier run with the same model are kept.\n"
    "\n"
    "  --model M          weights (safetensors), or random[:resnet18|resnet34|resnet50[:SEED]]\n"
    "                     (default: the bundled weights)\n"
    "  --device D         auto, cpu or ref (default auto)\n"
    "  --precision P      fp32 or bf16 (default: bf16 where the CPU has it)\n"
    "  --workers N        threads (default: one for each core)\n"
    "  --json             report as JSON on stdout\n";

static atomic_bool stop_asked;

/* The first signal asks; the second, with the default action back in place, kills. */
static void ask_to_stop(int number)
{
    (void)number;
    atomic_store(&stop_asked, true);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = SA_RESETHAND | SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Beside the source (the binary is in its build folder) or the installation; NULL: nowhere. The
 * caller frees it. */
static char *find_bundled_model(nsky_error *err)
{
    static const char *const places[] = {
        "models", "../models", "../../models", "../../../models", "../share/nearsky/models",
    };
    char exe[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *slash;

    if (length <= 0)
        return NULL;
    exe[length] = '\0';
    if ((slash = strrchr(exe, '/')))
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = nsky_format(err, "%s/%s/nearsky.safetensors", exe, places[i]);
        if (!path || nsky_file_exists(path))
            return path;
        nsky_free(path);
    }
    return NULL;
}

typedef struct arguments {
    const char *store, *model;
    nsky_embed_options options;
    bool json;
} arguments;

static bool parse_workers(const char *text, uint32_t *out)
{
    char *end;

    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    *out = (uint32_t)number;
    return errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9' && number > 0 &&
           number <= 1024;
}

static bool parse_precision(const char *text, nsky_precision *out)
{
    *out = strcmp(text, "bf16") == 0 ? NSKY_BF16 : NSKY_FP32;
    return *out == NSKY_BF16 || strcmp(text, "fp32") == 0;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, arguments *out)
{
    static const struct option options[] = {
        {"model", required_argument, NULL, 'm'},
        {"device", required_argument, NULL, 'd'},
        {"precision", required_argument, NULL, 'p'},
        {"workers", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    optind = 0; /* start afresh, also after a caller's own getopt */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool good = true;
        switch (option) {
        case 'm':
            out->model = optarg;
            break;
        case 'd':
            out->options.encoder.device = optarg;
            break;
        case 'p':
            good = parse_precision(optarg, &out->options.encoder.precision);
            break;
        case 'w':
            good = parse_workers(optarg, &out->options.workers);
            break;
        case 'j':
            out->json = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
        if (!good) {
            fprintf(stderr, "nearsky embed: %s makes no sense here\n%s", optarg, usage);
            return 2;
        }
    }
    if (optind != argc - 1) {
        fputs(usage, stderr);
        return 2;
    }
    out->store = argv[optind];
    return -1;
}

static nsky_status print_json(const nsky_embed_report *report, nsky_error *err)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_integer(object, "generation", report->generation);
    nsky_json_put_bool(object, "up_to_date", report->up_to_date);
    nsky_json_put_number(object, "rows", (double)report->rows);
    nsky_json_put_number(object, "reused", (double)report->reused);
    nsky_json_put_fixed(object, "seconds", report->seconds, 3);
    nsky_json_put_fixed(object, "images_per_s", report->images_per_s, 1);
    char *text = nsky_json_print(object, true, err);
    nsky_json_free(object);
    if (!text)
        return err->status;
    puts(text);
    nsky_free(text);
    return NSKY_OK;
}

static void print_text(const nsky_embed_report *report)
{
    if (report->up_to_date)
        printf("generation %04" PRIu32 " is up to date: %" PRIu64 " vectors\n", report->generation,
               report->rows);
    else
        printf("generation %04" PRIu32 ": %" PRIu64 " vectors, %" PRIu64 " of them kept, %.1f s "
               "(%.0f stamps/s)\n",
               report->generation, report->rows, report->reused, report->seconds,
               report->images_per_s);
}

static nsky_status embed(const arguments *args, nsky_error *err)
{
    nsky_embed_report report;
    char *bundled = NULL;
    const char *model = args->model;
    nsky_status status;

    if (!model && !(model = bundled = find_bundled_model(err))) {
        nsky_log_warn("no bundled weights (models/nearsky.safetensors): using random:resnet18:1, a "
                      "network that was never trained; give --model for better neighbours");
        model = "random:resnet18:1";
    }
    status = nsky_embed_survey(args->store, model, &args->options, &report, err);
    nsky_free(bundled);
    if (status != NSKY_OK)
        return status;
    if (args->json)
        return print_json(&report, err);
    print_text(&report);
    return NSKY_OK;
}

int nsky_cli_embed(int argc, char **argv)
{
    arguments args = {.options = {.encoder = nsky_encoder_defaults(), .stop = &stop_asked}};
    nsky_error err = NSKY_ERROR_INIT;
    int code = parse(argc, argv, &args);

    if (code >= 0)
        return code;
    catch_signals();
    if (embed(&args, &err) != NSKY_OK) {
        nsky_log_error("%s", err.text);
        return 1;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
