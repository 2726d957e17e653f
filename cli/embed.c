/* embed.c - `nearsky embed`: embed_survey.h from the command line. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/bundled.h"
#include "cli/cli.h"
#include "common/log.h"
#include "common/memory.h"
#include "encoder/embed_survey.h"
#include "index/build.h"

#define WORKERS_MAX 256

static const char help[] =
    "usage: nearsky embed STORE [options]\n\n"
    "Turns every stamp of the store into a vector: a new generation. Interrupted, it carries on\n"
    "when run again; vectors already made by the same model are kept, and so is the index: new\n"
    "objects are compared one by one until `nearsky index` takes them in.\n\n"
    "  --model M         weights (safetensors), or random[:resnet18|resnet34|resnet50[:SEED]]\n"
    "                    (default: the bundled weights)\n"
    "  --device D        auto, cuda, cpu or ref (default auto: cuda where a card is)\n"
    "  --precision P     fp32 or bf16, with cuda also fp16 and int8 (default: bf16 where there is\n"
    "                    hardware for it)\n"
    "  --vectors T       float16, or int8 for half the disk and recall that hardly differs\n"
    "                    (default: as the store has them, else float16)\n"
    "  --shard I/N       the I-th of N shares only, beside other processes (cards) that make the\n"
    "                    others; run without it when all are made\n"
    "  --workers N       threads (default: one for each core)\n"
    "  --json            the report as JSON\n";

static const char untrained[] = "random:resnet18:1";

static int report_json(const nsky_embed_report *report)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_integer(object, "generation", report->generation);
    nsky_json_put_bool(object, "up_to_date", report->up_to_date);
    if (report->shard)
        nsky_json_put_integer(object, "first", (int64_t)report->first);
    nsky_json_put_integer(object, "rows", (int64_t)report->rows);
    nsky_json_put_integer(object, "reused", (int64_t)report->reused);
    nsky_json_put_fixed(object, "seconds", report->seconds, 1);
    nsky_json_put_fixed(object, "images_per_s", report->images_per_s, 1);
    if (report->limited_by) {
        nsky_json *busy = nsky_json_object();
        nsky_json_put_fixed(busy, "reading", report->busy[NSKY_EMBED_READ], 3);
        nsky_json_put_fixed(busy, "copying", report->busy[NSKY_EMBED_COPY], 3);
        nsky_json_put_fixed(busy, "computing", report->busy[NSKY_EMBED_COMPUTE], 3);
        nsky_json_put_fixed(busy, "writing", report->busy[NSKY_EMBED_WRITE], 3);
        nsky_json_put(object, "busy", busy);
        nsky_json_put_string(object, "limited_by", report->limited_by);
    }
    return nsky_cli_print_json("embed", object);
}

static int report_text(const nsky_embed_report *report)
{
    if (report->shard)
        printf("rows %" PRIu64 " to %" PRIu64
               " are made: %.1f s, %.1f stamps/s, limited by %s; when "
               "all shards are, run without --shard\n",
               report->first, report->rows, report->seconds, report->images_per_s,
               report->limited_by ? report->limited_by : "nothing");
    else if (report->up_to_date)
        printf("generation %" PRIu32 ": up to date, %" PRIu64 " vectors\n", report->generation,
               report->rows);
    else
        printf("generation %" PRIu32 ": %" PRIu64 " vectors (%" PRIu64 " kept from before), "
               "%.1f s, %.1f stamps/s, limited by %s\n",
               report->generation, report->rows, report->reused, report->seconds,
               report->images_per_s, report->limited_by ? report->limited_by : "nothing");
    return NSKY_EXIT_DONE;
}

static bool parse_workers(const char *text, uint32_t *out)
{
    char *end;
    long number = strtol(text, &end, 10);

    *out = (uint32_t)number;
    return *end == '\0' && number >= 1 && number <= WORKERS_MAX;
}

typedef struct arguments {
    const char *model;
    nsky_embed_options options;
    nsky_vector_type type; /* where it was given */
    bool json;
} arguments;

/* 0 to go on, else an exit status plus one. */
static int parse(int argc, char **argv, arguments *args)
{
    static const struct option known[] = {{"model", required_argument, NULL, 'm'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"precision", required_argument, NULL, 'p'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"vectors", required_argument, NULL, 'v'},
                                          {"shard", required_argument, NULL, 's'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'm':
            args->model = optarg;
            break;
        case 'd':
            args->options.encoder.device = optarg;
            break;
        case 'p':
            if (!nsky_precision_parse(optarg, &args->options.encoder.precision))
                return 1 + nsky_cli_usage("embed",
                                          "--precision takes fp32, bf16, fp16 or int8, not \"%s\"",
                                          optarg);
            break;
        case 'w':
            if (!parse_workers(optarg, &args->options.workers))
                return 1 + nsky_cli_usage("embed", "--workers takes 1 to %d, not \"%s\"",
                                          WORKERS_MAX, optarg);
            break;
        case 'v':
            if (!nsky_vector_type_parse(&args->type, optarg))
                return 1 + nsky_cli_usage("embed", "--vectors takes float16 or int8, not \"%s\"",
                                          optarg);
            args->options.vectors = &args->type;
            break;
        case 's':
            if (!nsky_cli_shard(optarg, &args->options.shard, &args->options.shards))
                return 1 +
                       nsky_cli_usage("embed", "--shard takes I/N, 1/4 to 4/4, not \"%s\"", optarg);
            break;
        case 'j':
            args->json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        default:
            return 1 + nsky_cli_usage("embed", "wrong options");
        }
    }
    return optind + 1 == argc ? 0 : 1 + nsky_cli_usage("embed", "give one store");
}

int nsky_cli_embed(int argc, char **argv)
{
    arguments args = {.options.encoder = nsky_encoder_defaults()};
    nsky_embed_report report;
    nsky_error err = NSKY_ERROR_INIT;
    char *bundled = NULL;
    int stop = parse(argc, argv, &args);

    if (stop)
        return stop - 1;
    if (!args.model && !(args.model = bundled = nsky_cli_bundled_model(&err))) {
        args.model = untrained;
        nsky_log_warn("no bundled weights (models/nearsky.safetensors): using %s, a network that "
                      "was never trained; --model takes a better one",
                      untrained);
    }
    args.options.stop = nsky_cli_stop_on_signals();
    args.options.complete = nsky_index_adopt;
    nsky_status status = nsky_cli_keep_guard(argv[optind], args.model, &err);
    if (status == NSKY_OK)
        status = nsky_embed_survey(argv[optind], args.model, &args.options, &report, &err);
    nsky_free(bundled);
    if (status != NSKY_OK)
        return nsky_cli_failed("embed", &err);
    return args.json ? report_json(&report) : report_text(&report);
}
