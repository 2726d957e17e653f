/* bench_train.c - `nearsky bench train`: steps of training on random images in memory, on the CPU
 * against the sum of the times that their convolutions and batch norms alone would take. */
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "encoder/train/speed.h"

static const char help[] =
    "usage: nearsky bench train [options]\n\n"
    "Pairs of views a second through training steps (key forwards; query forwards and backwards;\n"
    "loss, gradients, update) on random images in memory, and how that compares with the time of\n"
    "the network's convolutions and batch norms alone, measured in the same run. A card does not "
    "tell\n"
    "the latter: there the numbers of kernels alone are null, and those for each second of a core "
    "are\n"
    "of what the card leaves the host to do.\n\n"
    "  --arch A          resnet18, resnet34 or resnet50 (default resnet18)\n"
    "  --size N          pixels a side (default 96)\n"
    "  --device D        cpu, cuda, ref or auto (default cpu)\n"
    "  --labels          a classifier's step instead: images a second, each forwards and backwards "
    "once\n"
    "  --precision P     fp32 or bf16 (default: bf16 where this CPU has it, and on a card)\n"
    "  --sub-batch N     images a batch norm sees (default 32, on a card 256)\n"
    "  --threads N       (default: one for each core; with a card, one)\n"
    "  --seconds S       how long to measure (default 10)\n"
    "  --json            the report as JSON\n";

static bool parse_count(const char *text, uint32_t low, uint32_t high, uint32_t *out)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    *out = (uint32_t)number;
    return *text >= '0' && *text <= '9' && *end == '\0' && number >= low && number <= high;
}

typedef struct arguments {
    nsky_train_speed_options options;
    bool precise; /* a precision was asked for */
    bool json;
} arguments;

static bool take_option(int option, void *payload)
{
    arguments *args = payload;
    nsky_train_speed_options *o = &args->options;
    char *end;

    switch (option) {
    case 'a':
        return nsky_arch_parse(optarg, &o->arch);
    case 's':
        return parse_count(optarg, 16, 512, &o->size);
    case 'p':
        args->precise = true;
        o->precision = strcmp(optarg, "bf16") == 0 ? NSKY_BF16 : NSKY_FP32;
        return o->precision == NSKY_BF16 || strcmp(optarg, "fp32") == 0;
    case 'd':
        o->device = optarg;
        return true;
    case 'l':
        return o->labels = true;
    case 'b':
        return parse_count(optarg, 2, 1024, &o->sub_batch);
    case 'w':
        return parse_count(optarg, 1, 256, &o->threads);
    case 't':
        o->seconds = strtod(optarg, &end);
        return end != optarg && *end == '\0' && o->seconds > 0 && o->seconds < 86400;
    default:
        return args->json = true;
    }
}

static int report_text(const nsky_train_speed_options *o, const nsky_train_speed *speed)
{
    printf("%s, %u px, %s, %s, %u threads: %.1f %s/s, %.1f for each second of a core; ",
           nsky_arch_name(o->arch), o->size, speed->device, nsky_precision_name(o->precision),
           speed->threads, speed->pairs_per_s, o->labels ? "images" : "pairs",
           speed->pairs_per_cpu_s);
    if (isfinite(speed->kernel_pairs_per_cpu_s))
        printf("kernels alone %.1f: %.0f%%\n", speed->kernel_pairs_per_cpu_s,
               100 * speed->pairs_per_cpu_s / speed->kernel_pairs_per_cpu_s);
    else
        printf("kernels alone: not told by this device\n");
    return NSKY_EXIT_DONE;
}

static int report(const arguments *args, const nsky_train_speed *speed)
{
    const nsky_train_speed_options *o = &args->options;

    if (!args->json)
        return report_text(o, speed);
    nsky_json *object = nsky_json_object();
    nsky_json_put_fixed(object, "pairs_per_s", speed->pairs_per_s, 1);
    /* What the cores gave, whoever else ran on them. */
    nsky_json_put_fixed(object, "pairs_per_cpu_s", speed->pairs_per_cpu_s, 1);
    nsky_json_put_fixed(object, "kernel_pairs_per_cpu_s", speed->kernel_pairs_per_cpu_s, 1);
    nsky_json_put_fixed(object, "kernel_ratio",
                        speed->pairs_per_cpu_s / speed->kernel_pairs_per_cpu_s, 3);
    nsky_json_put_string(object, "arch", nsky_arch_name(o->arch));
    nsky_json_put_integer(object, "size", o->size);
    nsky_json_put_string(object, "device", speed->device);
    nsky_json_put_bool(object, "labels", o->labels);
    nsky_json_put_string(object, "precision", nsky_precision_name(o->precision));
    nsky_json_put_integer(object, "threads", speed->threads);
    nsky_json_put_integer(object, "sub_batch", speed->sub_batch);
    nsky_json_put_integer(object, "steps", (int64_t)speed->steps);
    nsky_bench_put_machine(object);
    return nsky_cli_print_json("bench train", object);
}

int nsky_bench_train(int argc, char **argv)
{
    static const struct option known[] = {{"arch", required_argument, NULL, 'a'},
                                          {"size", required_argument, NULL, 's'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"labels", no_argument, NULL, 'l'},
                                          {"precision", required_argument, NULL, 'p'},
                                          {"sub-batch", required_argument, NULL, 'b'},
                                          {"threads", required_argument, NULL, 'w'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    arguments args = {.options = nsky_train_speed_defaults()};
    nsky_train_speed speed;
    nsky_error err = NSKY_ERROR_INIT;

    const int stop = nsky_bench_options(argc, argv, "bench train", help, known, take_option, &args);
    if (stop)
        return stop - 1;
    if (optind != argc)
        return nsky_cli_usage("bench train", "too many words");
    if (!args.precise && strcmp(args.options.device, "cuda") == 0)
        args.options.precision = NSKY_BF16;
    if (nsky_train_speed_measure(&args.options, &speed, &err) != NSKY_OK)
        return nsky_cli_failed("bench train", &err);
    return report(&args, &speed);
}
