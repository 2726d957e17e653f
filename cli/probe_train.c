/* probe_train.c - `nearsky probe train`: labels to a probe. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/probe_options.h"
#include "common/clock.h"
#include "common/file.h"
#include "probe/train.h"

static const char help[] =
    "usage: nearsky probe train STORE --labels FILE --out P.json [options]\n\n"
    "Learns a direction in the space of the store's vectors, and what it is worth. FILE is CSV, "
    "TSV\n"
    "FITS table or VOTable with a column `label` and one of `id`, `name`, or `ra` and `dec`.\n\n"
    "  --labels FILE      whose label is what\n"
    "  --out P.json       the probe: weights, calibration, labels, metrics, whose vectors\n"
    "  --column NAME      the column of labels (default label)\n"
    "  --positive CLASS   this class against all others; without it every class has a direction\n"
    "  --regress NAME     numbers instead of classes, of this column: ridge regression\n"
    "  --background N     draw N objects from the survey as negatives (known ones left out)\n"
    "  --match            these alike in magnitude and colour to the positives\n"
    "  --prevalence P     share of positives in the survey that probabilities are for: a number,\n"
    "                     `labels`, or `estimate` (default): the labels' weighed with what the\n"
    "                     scores of the rest of the survey say (50 positives or more)\n"
    "  --method M         auto (default), logistic, discriminant; auto takes the discriminant\n"
    "                     where a class has fewer than 10 labels\n"
    "  --strength C       of the fit, instead of cross-validation\n"
    "  --folds N          of cross-validation (default 5)\n"
    "  --radius ARCSEC    how far an object may be from ra, dec (default 1.5)\n"
    "  --allow-missing    labels of objects that the survey has not are passed over\n"
    "  --name TEXT        of the probe (default: the class, or the column)\n"
    "  --seed S           of folds, background and bootstrap (default 1)\n"
    "  --threads N        default: one for each core; the result does not depend on it\n"
    "  --json             what it is worth as JSON\n";

typedef struct arguments {
    const char *store, *labels, *out, *name;
    nsky_label_options reading;
    nsky_train_options training;
    bool json;
} arguments;

static bool parse_method(const char *text, nsky_probe_method *out)
{
    static const char *const names[] = {"auto", "logistic", "discriminant"};

    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (nsky_probe_method)i;
            return true;
        }
    return false;
}

/* 0: taken; else an exit status plus one. */
static int take(int option, const char *value, arguments *a)
{
    uint64_t number = 0;
    bool good = true;

    switch (option) {
    case 'l':
        a->labels = value;
        break;
    case 'o':
        a->out = value;
        break;
    case 'n':
        a->name = value;
        good = *value && strlen(value) < NSKY_CLASS_BYTES;
        break;
    case 'c':
        a->reading.column = value;
        break;
    case 'p':
        a->reading.positive = value;
        break;
    case 'r':
        a->reading.column = value;
        a->reading.numbers = a->training.regression = true;
        break;
    case 'b':
        good = nsky_cli_integer(value, 1, NSKY_LABELS_MAX, &number);
        a->training.background = (uint32_t)number;
        break;
    case 'm':
        a->training.match_background = true;
        break;
    case 'P':
        good = nsky_cli_prevalence(value, true, &a->training.prevalence);
        break;
    case 'M':
        good = parse_method(value, &a->training.method);
        break;
    case 'C':
        good = nsky_cli_number(value, 1e-9, 1e9, &a->training.c);
        break;
    case 'f':
        good = nsky_cli_integer(value, 2, 100, &number);
        a->training.folds = (uint32_t)number;
        break;
    case 'R':
        good = nsky_cli_number(value, 1e-3, 3600, &a->reading.radius_arcsec);
        break;
    case 'a':
        a->reading.allow_missing = true;
        break;
    case 's':
        good = nsky_cli_integer(value, 0, 1ull << 53, &a->training.seed);
        break;
    case 't':
        good = nsky_cli_integer(value, 1, 64, &number);
        a->training.threads = (uint32_t)number;
        break;
    case 'j':
        a->json = true;
        break;
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    default:
        return 1 + nsky_cli_usage("probe train", "wrong options");
    }
    return good ? 0 : 1 + nsky_cli_usage("probe train", "\"%s\" makes no sense there", value);
}

static int parse(int argc, char **argv, arguments *a)
{
    static const struct option known[] = {{"labels", required_argument, NULL, 'l'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"column", required_argument, NULL, 'c'},
                                          {"positive", required_argument, NULL, 'p'},
                                          {"regress", required_argument, NULL, 'r'},
                                          {"background", required_argument, NULL, 'b'},
                                          {"match", no_argument, NULL, 'm'},
                                          {"prevalence", required_argument, NULL, 'P'},
                                          {"method", required_argument, NULL, 'M'},
                                          {"strength", required_argument, NULL, 'C'},
                                          {"folds", required_argument, NULL, 'f'},
                                          {"radius", required_argument, NULL, 'R'},
                                          {"allow-missing", no_argument, NULL, 'a'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option, stop = 0;

    while (!stop && (option = getopt_long(argc, argv, "h", known, NULL)) != -1)
        stop = take(option, optarg, a);
    if (stop)
        return stop;
    if (optind + 1 != argc || !a->labels || !a->out)
        return 1 + nsky_cli_usage("probe train", "give one store, --labels and --out");
    if (a->training.regression && (a->reading.positive || a->training.background))
        return 1 + nsky_cli_usage("probe train", "--regress goes without --positive and "
                                                 "--background");
    if (a->training.match_background && !a->training.background)
        return 1 + nsky_cli_usage("probe train", "--match goes with --background N");
    a->store = argv[optind];
    a->training.target = a->reading.column ? a->reading.column : "label";
    if (strlen(a->training.target) >= NSKY_CLASS_BYTES)
        return 1 + nsky_cli_usage("probe train", "a column's name of more than %d letters",
                                  NSKY_CLASS_BYTES - 1);
    return 0;
}

static void print_passed_over(const nsky_labels *labels, const char *path)
{
    if (labels->unlabelled)
        fprintf(stderr, "%s: %u rows have no label and were passed over\n", path,
                labels->unlabelled);
    if (labels->unmatched)
        fprintf(stderr, "%s: %u rows are of no object of this survey and were passed over\n", path,
                labels->unmatched);
    if (labels->repeated)
        fprintf(stderr, "%s: %u rows repeat a label and were counted once\n", path,
                labels->repeated);
}

static void print_interval(const char *name, const nsky_json *from, const char *key)
{
    const nsky_json *i = nsky_json_get(from, key);

    if (i && isfinite(nsky_json_get_number(i, "value", NAN)))
        printf("  %-22s %.4f  (%.4f to %.4f)\n", name, nsky_json_get_number(i, "value", NAN),
               nsky_json_get_number(i, "low", NAN), nsky_json_get_number(i, "high", NAN));
}

static void print_binary(const nsky_probe *probe)
{
    const nsky_json *output = nsky_json_first(nsky_json_get(probe->metrics, "outputs"));
    const nsky_json *recall = nsky_json_get(output, "recall");

    print_interval("AUROC", output, "auroc");
    print_interval("average precision", output, "average_precision");
    for (const nsky_json *v = nsky_json_first(recall); v; v = nsky_json_next(v))
        if (isfinite(nsky_json_get_number(v, "value", NAN)))
            printf("  recall at FPR %-8g %.4f  (%.4f to %.4f)\n",
                   nsky_json_get_number(v, "false_positive_rate", NAN),
                   nsky_json_get_number(v, "value", NAN), nsky_json_get_number(v, "low", NAN),
                   nsky_json_get_number(v, "high", NAN));
    printf("  %-22s %.4f\n", "calibration error",
           nsky_json_get_number(output, "calibration_error", NAN));
    if (probe->calibration)
        printf("  probabilities are for a prevalence of %.4g (%s)\n",
               probe->calibration[0].prevalence, probe->prevalence_source);
}

static void print_words(const nsky_probe *probe, const arguments *a, double seconds)
{
    printf("%s: probe \"%s\" from %u labels (%u drawn from the survey), %.2f s\n", a->out,
           probe->name, probe->label_count, probe->background, seconds);
    printf("  %s\n", nsky_json_get_string(probe->method, "name"));
    if (!probe->metrics) {
        printf("  too few labels to hold any out: no metrics, no probabilities\n");
        return;
    }
    printf("on labelled rows held out, with 95%% intervals:\n");
    if (probe->kind == NSKY_PROBE_BINARY)
        print_binary(probe);
    print_interval("accuracy", probe->metrics, "accuracy");
    if (probe->kind == NSKY_PROBE_CLASSES)
        printf("  %-22s %.4f\n", "macro F1", nsky_json_get_number(probe->metrics, "macro_f1", NAN));
    print_interval("sigma_MAD", probe->metrics, "sigma_mad");
    print_interval("bias", probe->metrics, "bias");
    print_interval("outliers > 0.05", probe->metrics, "outliers_05");
    print_interval("outliers > 0.15", probe->metrics, "outliers_15");
    print_interval("R2", probe->metrics, "r2");
}

static nsky_status train(arguments *a, nsky_cli_store *store, nsky_probe **probe, nsky_error *err)
{
    nsky_labels *labels = NULL;
    nsky_status status = nsky_labels_read(&labels, a->labels, store->survey, &a->reading, err);

    if (status != NSKY_OK)
        return status;
    print_passed_over(labels, a->labels);
    a->training.name = a->name                ? a->name
                       : a->reading.positive  ? a->reading.positive
                       : labels->classes == 2 ? labels->names[1]
                                              : a->training.target;
    uint32_t read = labels->count;
    status = nsky_probe_train(probe, store->search, store->survey, labels, &a->training, err);
    if (status == NSKY_OK && labels->count < read)
        fprintf(stderr, "%s: %u labelled objects have no vector and were passed over\n", a->labels,
                read - labels->count);
    if (status == NSKY_OK)
        status = nsky_probe_write(*probe, a->out, err);
    nsky_labels_free(labels);
    return status;
}

static int print(const nsky_probe *probe, const arguments *a, double seconds)
{
    if (!a->json) {
        print_words(probe, a, seconds);
        return NSKY_EXIT_DONE;
    }
    nsky_json *root = nsky_probe_json(probe, false);
    nsky_json_put(root, "outputs", nsky_json_array());
    nsky_json_put(root, "novelty", nsky_json_object());
    nsky_json_put_string(root, "file", a->out);
    nsky_json_put_fixed(root, "seconds", seconds, 3);
    return nsky_cli_print_json("probe train", root);
}

int nsky_cli_probe_train(int argc, char **argv)
{
    arguments a = {.training = {.seed = 1}};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_cli_store store;
    nsky_probe *probe = NULL;
    int stop = parse(argc, argv, &a);

    if (stop)
        return stop - 1;
    double started = nsky_now_s();
    nsky_status status = nsky_cli_store_open(&store, a.store, &err);
    if (status == NSKY_OK)
        status = train(&a, &store, &probe, &err);
    nsky_cli_store_close(&store);
    int exit_status = status == NSKY_OK ? print(probe, &a, nsky_now_s() - started)
                                        : nsky_cli_failed("probe train", &err);
    nsky_probe_free(probe);
    return exit_status;
}
