/* main.c - nearsky-gpu-check from the command line; see check.h. Exit: 0 all agrees, 1 something
 * does not, or failed, 2 wrong usage. Thread rule: one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/gpu/check.h"
#include "encoder/arch.h"
#include "encoder/cuda/cuda.h"
#include "encoder/cuda/device.h"

static const char help[] =
    "usage: nearsky-gpu-check COMMAND [NAME=VALUE ...]\n\n"
    "  card                      the card, or what is missing\n"
    "  tensors arch=A            names and sizes of what a weights file holds, in order\n"
    "  layers  arch=A weights=F  every layer against plain sums\n"
    "  vectors arch=A weights=F  stamps to vectors against plain C\n"
    "  views                     augmented views against the CPU's\n"
    "  speed   arch=A weights=F  stamps a second\n"
    "  train   arch=A            a step of training, every layer both ways against plain sums\n"
    "  train-steps arch=A        steps: views made there against the CPU's, recorded against "
    "plain\n"
    "  train-ranks arch=A folder=F rank=1 ranks=1\n"
    "                            a step by several cards, one process each, against ranks=1's\n"
    "  labels  arch=A            a step from labels: its losses, derivatives and update\n"
    "  train-speed arch=A        pairs a second\n\n"
    "  size=96 batch=0 precision=bf16|fp16|fp32|int8 views=1 count=64 seconds=10 threads=(cores)\n";

static int usage(const char *what)
{
    fprintf(stderr, "nearsky-gpu-check: %s\n%s", what, help);
    return 2;
}

static int failed(const nsky_error *err)
{
    fprintf(stderr, "nearsky-gpu-check: %s\n", err->text);
    return 1;
}

const char *check_precision_name(nsky_precision precision)
{
    static const char *const names[] = {"fp32", "bf16", "fp16", "int8"};

    return names[precision];
}

static int show_card(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    char card[256];

    if (nsky_dev_probe(card, sizeof card, &err) != NSKY_OK)
        return failed(&err);
    printf("%s\n", card);
    return 0;
}

static int show_tensors(nsky_arch arch)
{
    nsky_conv convs[NSKY_CONVS_MAX];
    uint32_t count = nsky_arch_convs(arch, NSKY_STEM_IMAGENET, convs);

    for (uint32_t i = 0; i < count; i++) {
        const nsky_conv *c = &convs[i];
        printf("%s.weight %u %u %u %u\n", c->name, c->out_channels, c->in_channels, c->kernel,
               c->kernel);
        for (uint32_t p = 0; p < NSKY_NORM_PARTS; p++)
            printf("%s.%s %u\n", c->norm, nsky_norm_parts[p], c->out_channels);
    }
    return 0;
}

typedef struct given {
    check_args args;
    uint32_t views;
    const char *weights;
} given;

/* Of one NAME=VALUE. */
static bool take(given *g, const char *text)
{
    const char *value = strchr(text, '=');
    size_t name = value ? (size_t)(value - text) : 0;
    struct {
        const char *name;
        uint32_t *to, min, max;
    } numbers[] = {{"size", &g->args.size, 8, 512},
                   {"batch", &g->args.batch, 0, 1024},
                   {"views", &g->views, 1, 8},
                   {"count", &g->args.count, 1, 100000},
                   {"threads", &g->args.threads, 1, 256},
                   {"rank", &g->args.rank, 1, 64},
                   {"ranks", &g->args.ranks, 1, 64}};

    if (name == 0)
        return false;
    value++;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strlen(numbers[i].name) == name && strncmp(text, numbers[i].name, name) == 0) {
            unsigned long number = strtoul(value, NULL, 10);
            *numbers[i].to = (uint32_t)number;
            return number >= numbers[i].min && number <= numbers[i].max;
        }
    if (strncmp(text, "arch=", 5) == 0)
        return nsky_arch_parse(value, &g->args.arch);
    if (strncmp(text, "weights=", 8) == 0)
        return (g->weights = value);
    if (strncmp(text, "folder=", 7) == 0)
        return *(g->args.folder = value) != '\0';
    if (strncmp(text, "seconds=", 8) == 0)
        return (g->args.seconds = strtod(value, NULL)) > 0;
    for (nsky_precision p = NSKY_FP32; p <= NSKY_INT8; p++)
        if (strncmp(text, "precision=", 10) == 0 && strcmp(value, check_precision_name(p)) == 0) {
            g->args.precision = p;
            return true;
        }
    return false;
}

static nsky_status run(const char *command, const given *g, nsky_error *err)
{
    nsky_preprocess how = nsky_preprocess_default;
    nsky_model *model = NULL;
    nsky_graph *graph = NULL;
    nsky_status status;

    how.size = g->args.size;
    how.views = g->views;
    if ((status = nsky_dev_probe(NULL, 0, err)) != NSKY_OK ||
        (status = check_model_open(&model, &g->args, g->weights, err)) != NSKY_OK ||
        (status = nsky_graph_build(&graph, model, how.size, err)) != NSKY_OK)
        goto done;
    if (g->args.precision == NSKY_INT8 && (status = check_calibrate(graph, &how, err)) != NSKY_OK)
        goto done;
    if (strcmp(command, "layers") == 0)
        status = check_layers(graph, &g->args, err);
    else if (strcmp(command, "vectors") == 0)
        status = check_vectors(graph, &how, &g->args, err);
    else
        status = check_speed(graph, &how, &g->args, err);
done:
    nsky_graph_free(graph);
    nsky_model_close(model);
    return status;
}

static nsky_status run_views(const given *g, nsky_error *err)
{
    nsky_preprocess how = nsky_preprocess_default;
    nsky_status status = nsky_dev_probe(NULL, 0, err);

    how.size = g->args.size;
    return status == NSKY_OK ? check_views(&how, &g->args, err) : status;
}

static const struct {
    const char *command;
    nsky_status (*check)(const check_args *args, nsky_error *err);
} trainings[] = {
    {"train", check_train_layers},      {"labels", check_labels},
    {"train-speed", check_train_speed}, {"train-steps", check_train_steps},
    {"train-ranks", check_train_ranks},
};

int main(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    given g = {.args = {.arch = NSKY_RESNET50,
                        .size = 96,
                        .precision = NSKY_BF16,
                        .seconds = 10,
                        .count = 64,
                        .rank = 1,
                        .ranks = 1,
                        .threads = cores > 0 && cores < 256 ? (uint32_t)cores : 1},
               .views = 1};
    nsky_error err = NSKY_ERROR_INIT;

    if (argc < 2)
        return usage("no command");
    for (int i = 2; i < argc; i++)
        if (!take(&g, argv[i]))
            return usage(argv[i]);
    if (strcmp(argv[1], "card") == 0)
        return show_card();
    if (strcmp(argv[1], "tensors") == 0)
        return show_tensors(g.args.arch);
    if (strcmp(argv[1], "train-ranks") == 0 && (!g.args.folder || g.args.rank > g.args.ranks))
        return usage("folder=, and rank=1 to ranks=");
    if (strcmp(argv[1], "views") == 0)
        return run_views(&g, &err) == NSKY_OK ? 0 : failed(&err);
    for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++)
        if (strcmp(argv[1], trainings[i].command) == 0)
            return trainings[i].check(&g.args, &err) == NSKY_OK ? 0 : failed(&err);
    if (strcmp(argv[1], "layers") != 0 && strcmp(argv[1], "vectors") != 0 &&
        strcmp(argv[1], "speed") != 0)
        return usage(argv[1]);
    if (!g.weights)
        return usage("weights=FILE is missing");
    return run(argv[1], &g, &err) == NSKY_OK ? 0 : failed(&err);
}
