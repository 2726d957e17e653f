/* train_options.c - the words of `nearsky train`. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/train_options.h"

enum {
    OUT = 256,
    ARCH,
    STEM,
    SIZE,
    VIEWS,
    AUGMENT,
    EPOCHS,
    BATCH,
    SUB_BATCH,
    SEED,
    RATE,
    WARM,
    DECAY,
    KEEP,
    TEMPERATURE,
    QUEUE,
    HIDDEN,
    PROJECTION,
    ONE_SIDED,
    PREDICTOR,
    NEIGHBOURS,
    DEVICE,
    PRECISION,
    THREADS,
    LOADER_THREADS,
    MEMORY,
    CHECKPOINT,
    FRESH,
    FP32_FILE,
    NAME,
    PROBE_LABELS,
    PROBE_COLUMN,
    PROBE_EPOCHS,
    INIT,
    LABELS,
    LABEL_COLUMN,
    BINS,
    HEADS,
    CLIP,
    SNAPSHOTS,
    VALIDATE,
    PREDICT,
    PLOT,
    MOMENTUM_ENCODER,
    HOST_VIEWS,
    RANK,
    JSON,
};

static const struct option known[] = {{"out", required_argument, NULL, OUT},
                                      {"arch", required_argument, NULL, ARCH},
                                      {"stem", required_argument, NULL, STEM},
                                      {"size", required_argument, NULL, SIZE},
                                      {"views", required_argument, NULL, VIEWS},
                                      {"augment", required_argument, NULL, AUGMENT},
                                      {"epochs", required_argument, NULL, EPOCHS},
                                      {"batch", required_argument, NULL, BATCH},
                                      {"sub-batch", required_argument, NULL, SUB_BATCH},
                                      {"seed", required_argument, NULL, SEED},
                                      {"lr", required_argument, NULL, RATE},
                                      {"warm-epochs", required_argument, NULL, WARM},
                                      {"weight-decay", required_argument, NULL, DECAY},
                                      {"ema", required_argument, NULL, KEEP},
                                      {"temperature", required_argument, NULL, TEMPERATURE},
                                      {"queue", required_argument, NULL, QUEUE},
                                      {"hidden", required_argument, NULL, HIDDEN},
                                      {"projection", required_argument, NULL, PROJECTION},
                                      {"one-sided", no_argument, NULL, ONE_SIDED},
                                      {"predictor", no_argument, NULL, PREDICTOR},
                                      {"neighbours", no_argument, NULL, NEIGHBOURS},
                                      {"device", required_argument, NULL, DEVICE},
                                      {"precision", required_argument, NULL, PRECISION},
                                      {"threads", required_argument, NULL, THREADS},
                                      {"loader-threads", required_argument, NULL, LOADER_THREADS},
                                      {"memory", required_argument, NULL, MEMORY},
                                      {"checkpoint-s", required_argument, NULL, CHECKPOINT},
                                      {"fresh", no_argument, NULL, FRESH},
                                      {"fp32-file", no_argument, NULL, FP32_FILE},
                                      {"name", required_argument, NULL, NAME},
                                      {"probe-labels", required_argument, NULL, PROBE_LABELS},
                                      {"probe-column", required_argument, NULL, PROBE_COLUMN},
                                      {"probe-epochs", required_argument, NULL, PROBE_EPOCHS},
                                      {"init", required_argument, NULL, INIT},
                                      {"labels", required_argument, NULL, LABELS},
                                      {"label-column", required_argument, NULL, LABEL_COLUMN},
                                      {"bins", required_argument, NULL, BINS},
                                      {"heads", required_argument, NULL, HEADS},
                                      {"clip", required_argument, NULL, CLIP},
                                      {"snapshots", no_argument, NULL, SNAPSHOTS},
                                      {"validate", required_argument, NULL, VALIDATE},
                                      {"predict", required_argument, NULL, PREDICT},
                                      {"plot", required_argument, NULL, PLOT},
                                      {"momentum-encoder", no_argument, NULL, MOMENTUM_ENCODER},
                                      {"host-views", no_argument, NULL, HOST_VIEWS},
                                      {"rank", required_argument, NULL, RANK},
                                      {"json", no_argument, NULL, JSON},
                                      {"help", no_argument, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

static bool whole(const char *text, uint32_t low, uint32_t high, uint32_t *out)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);

    *out = (uint32_t)number;
    return *text >= '0' && *text <= '9' && *end == '\0' && number >= low && number <= high;
}

static bool real(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

static bool parse_seed(const char *text, uint64_t *out)
{
    char *end;

    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

static bool parse_precision(const char *text, nsky_precision *out)
{
    *out = strcmp(text, "bf16") == 0 ? NSKY_BF16 : NSKY_FP32;
    return *out == NSKY_BF16 || strcmp(text, "fp32") == 0;
}

static bool parse_number(int option, const char *text, nsky_cli_train_arguments *args)
{
    nsky_train_options *o = &args->options;
    double number;

    if (!real(text, &number))
        return false;
    switch (option) {
    case RATE:
        args->rated = true;
        o->rate = number;
        return true;
    case WARM:
        o->warm_epochs = number;
        return true;
    case DECAY:
        o->decay = number;
        return true;
    case KEEP:
        o->keep = number;
        return true;
    case TEMPERATURE:
        o->temperature = (float)number;
        return true;
    case CLIP:
        o->clip = number;
        return number > 0;
    default:
        o->checkpoint_s = number;
        return number >= 0;
    }
}

static bool parse_count(int option, const char *text, nsky_cli_train_arguments *args)
{
    nsky_train_options *o = &args->options;

    switch (option) {
    case SIZE:
        args->sized = true;
        return whole(text, 16, NSKY_STAMP_SIDE_MAX, &o->preprocess.size);
    case VIEWS:
        args->viewed = true;
        return whole(text, 1, 8, &o->preprocess.views) &&
               (o->preprocess.views == 1 || o->preprocess.views == 8);
    case EPOCHS:
        return whole(text, 1, 1000000, &o->epochs);
    case BATCH:
        return whole(text, 2, 16384, &o->batch);
    case SUB_BATCH:
        return whole(text, 2, 1024, &o->sub_batch);
    case QUEUE:
        return whole(text, 4, 1u << 20, &o->queue);
    case HIDDEN:
        return whole(text, 8, 4096, &o->hidden);
    case PROJECTION:
        return whole(text, 8, 4096, &o->projection);
    case THREADS:
        return whole(text, 1, 256, &o->threads);
    case LOADER_THREADS:
        return whole(text, 1, 256, &o->loader_threads);
    case BINS:
        return whole(text, 2, 4096, &o->bins);
    default:
        return whole(text, 1, 1000000, &o->probe_epochs);
    }
}

static void parse_word(int option, const char *text, nsky_cli_train_arguments *args)
{
    nsky_train_options *o = &args->options;
    const struct {
        int option;
        const char **word;
    } words[] = {{OUT, &args->out},
                 {NAME, &o->name},
                 {DEVICE, &o->device},
                 {PROBE_LABELS, &o->probe_labels},
                 {PROBE_COLUMN, &o->probe_column},
                 {INIT, &o->init},
                 {LABELS, &o->labels},
                 {LABEL_COLUMN, &o->label_column},
                 {HEADS, &o->heads},
                 {VALIDATE, &o->validate},
                 {PREDICT, &o->predict},
                 {PLOT, &o->plot}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].option == option)
            *words[i].word = text;
}

static bool parse_option(int option, char *text, nsky_cli_train_arguments *args, nsky_error *err)
{
    nsky_train_options *o = &args->options;

    switch (option) {
    case ARCH:
        return nsky_arch_parse(text, &o->arch);
    case STEM:
        o->stem = strcmp(text, "small") == 0 ? NSKY_STEM_SMALL : NSKY_STEM_IMAGENET;
        return o->stem == NSKY_STEM_SMALL || strcmp(text, "imagenet") == 0;
    case AUGMENT:
        return nsky_augment_set(&o->augment, text, err) == NSKY_OK;
    case SEED:
        return parse_seed(text, &o->seed);
    case RATE:
    case WARM:
    case DECAY:
    case KEEP:
    case TEMPERATURE:
    case CLIP:
    case CHECKPOINT:
        return parse_number(option, text, args);
    case PRECISION:
        return parse_precision(text, &o->precision);
    case RANK:
        return nsky_cli_shard(text, &o->rank, &o->ranks);
    case MEMORY:
        return nsky_cli_bytes(&o->memory_bytes, text, err) == NSKY_OK;
    case OUT:
    case NAME:
    case DEVICE:
    case PROBE_LABELS:
    case PROBE_COLUMN:
    case INIT:
    case LABELS:
    case LABEL_COLUMN:
    case HEADS:
    case VALIDATE:
    case PREDICT:
    case PLOT:
        parse_word(option, text, args);
        return true;
    default:
        return parse_count(option, text, args);
    }
}

static bool parse_flag(int option, nsky_cli_train_arguments *args)
{
    nsky_train_options *o = &args->options;

    switch (option) {
    case ONE_SIDED:
        o->symmetric = false;
        return true;
    case PREDICTOR:
        return o->predictor = true;
    case NEIGHBOURS:
        return o->neighbours = true;
    case FRESH:
        return o->fresh = true;
    case MOMENTUM_ENCODER:
        return o->slow = true;
    case HOST_VIEWS:
        return o->host_views = true;
    case SNAPSHOTS:
        return o->snapshots = true;
    case FP32_FILE:
        o->half = false;
        return true;
    case JSON:
        return args->json = true;
    default:
        return false;
    }
}

int nsky_cli_train_parse(int argc, char **argv, nsky_cli_train_arguments *args)
{
    nsky_error err = NSKY_ERROR_INIT;
    int option, which = 0;

    while ((option = getopt_long(argc, argv, "h", known, &which)) != -1) {
        if (option == 'h') {
            nsky_cli_train_help();
            return 1 + NSKY_EXIT_DONE;
        }
        if (option == '?')
            return 1 + nsky_cli_usage("train", "wrong options");
        if (parse_flag(option, args))
            continue;
        if (known[which].has_arg && !parse_option(option, optarg, args, &err))
            return 1 + (option == RANK
                            ? nsky_cli_usage("train", "--rank takes I/N, 1/4 to 4/4, not \"%s\"",
                                             optarg)
                        : err.status ? nsky_cli_usage("train", "%s", err.text)
                                     : nsky_cli_usage("train", "--%s does not take \"%s\"",
                                                      known[which].name, optarg));
    }
    if (!args->out)
        return 1 + nsky_cli_usage("train", "give --out MODEL.safetensors");
    if (optind == argc && !args->options.plot)
        return 1 + nsky_cli_usage("train", "give at least one store");
    return 0;
}
