/* eval.c - `nearsky eval`: scoreboard.h from the command line. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/eval.h"
#include "common/log.h"
#include "common/memory.h"
#include "store/generation.h"

#define LIST_BYTES sizeof(((nsky_eval_arguments *)0)->classes)

static const char help[] =
    "usage: nearsky eval STORE --labels L.csv [options]\n\n"
    "How good vectors are: neighbours by class, lenses from a few labels, redshifts, morphology;\n"
    "every number with a 95% interval. docs/eval.md says what the numbers mean.\n\n"
    "  --labels L.csv     what is known: id, name, or ra and dec, with class or label, is_lens,\n"
    "                     z_spec, ... (the simulator's truth.csv is one)\n"
    "  --model M          also these weights, or random[:resnet18[:SEED]], on the same stamps;\n"
    "                     may be given again\n"
    "  --baselines LIST   of catalogue,pixels,hand-made,random; or all\n"
    "  --whiten N         models and the store also with N whitened principal components\n"
    "  --views            models also with the mean over eight turned and mirrored stamps\n"
    "  --generation N     the store's vectors of this generation (default: the live one)\n"
    "  --no-store         leave the store's own vectors out\n"
    "  --tasks LIST       of retrieval,lenses,redshift,morphology,invariance (default:\n"
    "                     all; invariance is of models given with --model\n"
    "  --classes LIST     the morphologies (default: elliptical,spiral,barred,ring,edge-on,\n"
    "                     merger,irregular)\n"
    "  --draws N          of labels for lenses; half as many for morphology (default 10)\n"
    "  --bootstrap N      samples for intervals (default 1000)\n"
    "  --queries N        of each class for retrieval; 0: all (default 200)\n"
    "  --seed S           of all of these (default 1)\n"
    "  --out F.json       the report as a file\n"
    "  --json             the report instead of the table\n"
    "  --everything       all numbers in the table\n"
    "  --device D, --precision P, --threads N   as for embed; the numbers do not depend on the\n"
    "                     number of threads\n";

static bool parse_whole(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out >= low &&
           *out <= high;
}

static bool parse_count(const char *text, uint32_t low, uint32_t high, uint32_t *out)
{
    uint64_t number = 0;
    bool good = parse_whole(text, low, high, &number);

    *out = good ? (uint32_t)number : 0;
    return good;
}

static int wrong(const char *option, const char *takes, const char *text)
{
    return 1 + nsky_cli_usage("eval", "%s takes %s, not \"%s\"", option, takes, text);
}

static int take_classes(nsky_eval_arguments *args, const char *text)
{
    nsky_task *task = &args->task;

    if (strlen(text) >= sizeof args->classes)
        return wrong("--classes", "a shorter list", text);
    memcpy(args->classes, text, strlen(text) + 1);
    task->class_count = 0;
    for (char *rest = args->classes, *name; (name = strsep(&rest, ","));) {
        if (*name == '\0' || task->class_count == NSKY_EVAL_CLASSES_MAX)
            return wrong("--classes", "2 to 32 names with commas between", text);
        for (uint32_t c = 0; c < task->class_count; c++)
            if (strcmp(task->classes[c], name) == 0)
                return wrong("--classes", "every name once", text);
        task->classes[task->class_count++] = name;
    }
    return task->class_count >= 2 ? 0 : wrong("--classes", "2 names or more", text);
}

static int take_tasks(nsky_eval_arguments *args, const char *text)
{
    char copy[LIST_BYTES];

    snprintf(copy, sizeof copy, "%s", text);
    args->tasks = 0;
    for (char *rest = copy, *name; (name = strsep(&rest, ","));) {
        int which = 0;
        while (which < NSKY_TASKS && strcmp(nsky_task_names[which], name) != 0)
            which++;
        if (which == NSKY_TASKS)
            return wrong("--tasks", "retrieval, lenses, redshift, morphology, invariance", text);
        args->tasks |= 1u << which;
    }
    return 0;
}

static int take_baselines(nsky_eval_arguments *args, const char *text)
{
    static const char *const names[NSKY_BASELINES] = {"catalogue", "pixels", "hand-made", "random"};
    char copy[LIST_BYTES];

    snprintf(copy, sizeof copy, "%s", text);
    for (char *rest = copy, *name; (name = strsep(&rest, ","));) {
        bool known = strcmp(name, "all") == 0;
        for (int which = 0; which < NSKY_BASELINES; which++) {
            bool meant = strcmp(name, "all") == 0 || strcmp(name, names[which]) == 0;
            args->baseline[which] = args->baseline[which] || meant;
            known = known || meant;
        }
        if (!known)
            return wrong("--baselines", "catalogue, pixels, hand-made, random or all", text);
    }
    return 0;
}

enum {
    LABELS = 256,
    MODEL,
    BASELINES,
    WHITEN,
    VIEWS,
    GENERATION,
    NO_STORE,
    TASKS,
    CLASSES,
    DRAWS,
    BOOTSTRAP,
    QUERIES,
    SEED,
    OUT,
    JSON,
    EVERYTHING,
    DEVICE,
    PRECISION,
    THREADS
};

static int take_number(nsky_eval_arguments *args, int option, const char *text)
{
    switch (option) {
    case WHITEN:
        return parse_count(text, 2, 4096, &args->whiten) ? 0 : wrong("--whiten", "2 to 4096", text);
    case GENERATION:
        return parse_count(text, 1, 999999999, &args->generation)
                   ? 0
                   : wrong("--generation", "a number", text);
    case DRAWS:
        if (!parse_count(text, 1, NSKY_EVAL_DRAWS_MAX, &args->task.draws))
            return wrong("--draws", "1 to 100", text);
        args->task.morphology_draws = (args->task.draws + 1) / 2;
        return 0;
    case BOOTSTRAP:
        return parse_count(text, 10, NSKY_BOOTSTRAP_REPLICATES_MAX, &args->replicates)
                   ? 0
                   : wrong("--bootstrap", "10 to 10000", text);
    case QUERIES:
        return parse_count(text, 0, NSKY_TRUTH_OBJECTS_MAX, &args->task.queries)
                   ? 0
                   : wrong("--queries", "a number", text);
    case SEED:
        return parse_whole(text, 0, UINT64_MAX, &args->task.seed)
                   ? 0
                   : wrong("--seed", "a number", text);
    default:
        return parse_count(text, 1, 256, &args->task.threads)
                   ? 0
                   : wrong("--threads", "1 to 256", text);
    }
}

/* 0: taken; else an exit status plus one. */
static int take(nsky_eval_arguments *args, int option, const char *text)
{
    switch (option) {
    case LABELS:
        args->labels = text;
        return 0;
    case MODEL:
        if (args->model_count == NSKY_EVAL_MODELS_MAX)
            return wrong("--model", "16 models at most", text);
        args->models[args->model_count++] = text;
        return 0;
    case BASELINES:
        return take_baselines(args, text);
    case VIEWS:
        args->views = true;
        return 0;
    case NO_STORE:
        args->no_store = true;
        return 0;
    case TASKS:
        return take_tasks(args, text);
    case CLASSES:
        return take_classes(args, text);
    case OUT:
        args->out = text;
        return 0;
    case JSON:
        args->json = true;
        return 0;
    case EVERYTHING:
        args->everything = true;
        return 0;
    case DEVICE:
        args->encoder.device = text;
        return 0;
    case PRECISION:
        return nsky_precision_parse(text, &args->encoder.precision)
                   ? 0
                   : wrong("--precision", "fp32, bf16, fp16 or int8", text);
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    case '?':
        return 1 + nsky_cli_usage("eval", "wrong options");
    default:
        return take_number(args, option, text);
    }
}

static int parse(int argc, char **argv, nsky_eval_arguments *args)
{
    static const struct option known[] = {{"labels", required_argument, NULL, LABELS},
                                          {"model", required_argument, NULL, MODEL},
                                          {"baselines", required_argument, NULL, BASELINES},
                                          {"whiten", required_argument, NULL, WHITEN},
                                          {"views", no_argument, NULL, VIEWS},
                                          {"generation", required_argument, NULL, GENERATION},
                                          {"no-store", no_argument, NULL, NO_STORE},
                                          {"tasks", required_argument, NULL, TASKS},
                                          {"classes", required_argument, NULL, CLASSES},
                                          {"draws", required_argument, NULL, DRAWS},
                                          {"bootstrap", required_argument, NULL, BOOTSTRAP},
                                          {"queries", required_argument, NULL, QUERIES},
                                          {"seed", required_argument, NULL, SEED},
                                          {"out", required_argument, NULL, OUT},
                                          {"json", no_argument, NULL, JSON},
                                          {"everything", no_argument, NULL, EVERYTHING},
                                          {"device", required_argument, NULL, DEVICE},
                                          {"precision", required_argument, NULL, PRECISION},
                                          {"threads", required_argument, NULL, THREADS},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        int stop = take(args, option, optarg);
        if (stop)
            return stop;
    }
    if (optind + 1 != argc)
        return 1 + nsky_cli_usage("eval", "give one store");
    if (!args->labels)
        return 1 + nsky_cli_usage("eval", "--labels says what is known of the objects");
    bool something = !args->no_store || args->model_count > 0;
    for (int which = 0; which < NSKY_BASELINES; which++)
        something = something || args->baseline[which];
    if (!something)
        return 1 + nsky_cli_usage("eval", "--no-store leaves nothing to judge; add --model or "
                                          "--baselines");
    return 0;
}

/* How many rows may be labelled: those that every column can have. */
static nsky_status rows_of(const nsky_eval_arguments *args, const char *store, uint64_t *rows,
                           nsky_error *err)
{
    if (args->no_store) {
        *rows = UINT64_MAX;
        return NSKY_OK;
    }
    nsky_generation *generation = NULL;
    nsky_status status = nsky_generation_open(&generation, store, args->generation, err);
    if (status == NSKY_OK)
        *rows = generation->rows;
    nsky_generation_close(generation);
    return status;
}

static nsky_status make_bootstrap(nsky_bootstrap **out, const nsky_truth *truth,
                                  const nsky_eval_arguments *args, nsky_error *err)
{
    uint32_t *group = nsky_alloc(truth->n, sizeof *group, err);

    if (!group)
        return err->status;
    for (uint32_t i = 0; i < truth->n; i++)
        group[i] = truth->objects[i].group;
    nsky_status status = nsky_bootstrap_new(out, group, truth->n, truth->groups, args->replicates,
                                            args->task.seed, err);
    nsky_free(group);
    return status;
}

static int report(const nsky_eval_arguments *args, const nsky_board *board, const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (args->out) {
        nsky_json *json = nsky_board_json(board, &args->task, store, args->labels);
        nsky_status status = nsky_json_write_file(json, args->out, &err);
        nsky_json_free(json);
        if (status != NSKY_OK)
            return nsky_cli_failed("eval", &err);
    }
    if (args->json)
        return nsky_cli_print_json("eval",
                                   nsky_board_json(board, &args->task, store, args->labels));
    if (nsky_board_print(board, &args->task, args->everything, stdout))
        return NSKY_EXIT_DONE;
    (void)nsky_fail_errno(&err, "cannot write to standard output");
    return nsky_cli_failed("eval", &err);
}

static int run(nsky_eval_arguments *args, const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_truth *truth = NULL;
    nsky_bootstrap *bootstrap = NULL;
    nsky_board *board = NULL;
    uint64_t rows = 0;
    int result = NSKY_EXIT_DONE;
    nsky_status status;

    if ((status = rows_of(args, store, &rows, &err)) != NSKY_OK ||
        (status = nsky_truth_read(&truth, args->labels, store, rows, &err)) != NSKY_OK ||
        (status = make_bootstrap(&bootstrap, truth, args, &err)) != NSKY_OK ||
        (status = nsky_board_new(&board, &err)) != NSKY_OK)
        goto done;
    if (truth->unmatched)
        nsky_log_warn("%s: %u of %u objects have no vector in %s", args->labels, truth->unmatched,
                      truth->lines, store);
    args->task.truth = truth;
    args->task.bootstrap = bootstrap;
    const nsky_stamp_source source = {store, truth, args->task.threads, nsky_cli_stop_on_signals()};
    status = nsky_eval_columns(board, args, &source, &err);
    if (status == NSKY_OK)
        result = report(args, board, store);
done:
    if (status != NSKY_OK)
        result = nsky_cli_failed("eval", &err);
    nsky_board_free(board);
    nsky_bootstrap_free(bootstrap);
    nsky_truth_free(truth);
    return result;
}

int nsky_cli_eval(int argc, char **argv)
{
    nsky_eval_arguments args = {.task = nsky_task_defaults(),
                                .encoder = nsky_encoder_defaults(),
                                .tasks = (1u << NSKY_TASKS) - 1,
                                .replicates = 1000};
    int stop = parse(argc, argv, &args);

    return stop ? stop - 1 : run(&args, argv[optind]);
}
