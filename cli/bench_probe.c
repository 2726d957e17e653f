/* bench_probe.c - `nearsky bench probe`: how long a fit takes, and the loop of label, refit and
 * rank again on a store. */
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/probe_options.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/rng.h"
#include "probe/train.h"

#define EXAMPLES 20 /* clicked on, of each side, in the first round */
#define MORE 5      /* in each further one */
#define ROUNDS 7
#define BACKGROUND 1000
#define TOP 100

static const char help[] =
    "usage: nearsky bench probe [STORE] [options]\n\n"
    "Seconds of fits on made-up vectors with the spectrum of real ones, cross-validation "
    "included:\n"
    "300 + 3,000 labels of 2048 numbers, and 2,500 labels of 15 classes of 512. With a store also\n"
    "those of the loop: examples labelled, the probe fitted again with 1,000 rows of background, "
    "its\nmetrics and its prevalence, and every object ranked by it.\n\n"
    "  --threads N       (default: one for each core; OpenBLAS has its own: OPENBLAS_NUM_THREADS)\n"
    "  --json            the report as JSON\n";

typedef struct arguments {
    const char *store;
    uint64_t threads;
    bool json;
} arguments;

typedef struct timings {
    double binary_s, classes_s, loop_s[ROUNDS];
    uint64_t rows;
    uint32_t dim, rounds;
} timings;

/* Spreads falling as k^-0.7, mixed so that no number stands for one direction alone; the means of
 * the classes differ along the first directions. x [n, dim] */
static void make_up(float *x, const uint32_t *label, uint32_t n, uint32_t dim)
{
    for (uint32_t i = 0; i < n; i++) {
        nsky_rng rng = nsky_rng_at(1, 0x62656e63, i); /* "benc" */
        float *row = x + (size_t)i * dim;
        for (uint32_t k = 0; k < dim; k++)
            row[k] = (float)(nsky_rng_normal(&rng) * pow(1 + k, -0.7));
        row[label[i] % 16] += label[i] ? 0.3F : 0;
        for (uint32_t half = 1; half < dim; half *= 2) /* Walsh and Hadamard: dim is a power of 2 */
            for (uint32_t k = 0; k < dim; k++)
                if (!(k & half)) {
                    float a = row[k], b = row[k + half];
                    row[k] = (a + b) * (float)M_SQRT1_2;
                    row[k + half] = (a - b) * (float)M_SQRT1_2;
                }
    }
}

static nsky_status time_fit(double *seconds, uint32_t n, uint32_t positives, uint32_t dim,
                            uint32_t classes, uint32_t threads, nsky_error *err)
{
    const nsky_classifier_options options = {.seed = 1, .threads = threads};
    nsky_classifier *classifier = NULL;
    float *x = nsky_alloc((size_t)n * dim, sizeof *x, err);
    uint32_t *label = nsky_alloc(n, sizeof *label, err);
    nsky_status status = x && label ? NSKY_OK : err->status;

    if (status == NSKY_OK) {
        for (uint32_t i = 0; i < n; i++)
            label[i] = classes > 2 ? i % classes : i < positives;
        make_up(x, label, n, dim);
        double start = nsky_now_s();
        status = nsky_classifier_fit(&classifier, x, n, dim, label, classes, &options, err);
        *seconds = nsky_now_s() - start;
    }
    nsky_classifier_free(classifier);
    nsky_free(x);
    nsky_free(label);
    return status;
}

/* As POST /probes and then its ranking do it. */
static nsky_status go_round(const nsky_cli_store *store, const uint64_t *ids, uint32_t each,
                            uint32_t threads, nsky_error *err)
{
    const nsky_train_options options = {.name = "bench",
                                        .target = "examples",
                                        .seed = 1,
                                        .threads = threads,
                                        .background = BACKGROUND};
    static nsky_hit hits[TOP];
    nsky_score_query query = {.k = TOP, .hits = hits};
    nsky_labels *labels = NULL;
    nsky_probe *probe = NULL;
    nsky_status status =
        nsky_labels_of_ids(&labels, store->survey, "positive", ids, each, ids + each, each, err);

    if (status == NSKY_OK)
        status = nsky_probe_train(&probe, store->search, store->survey, labels, &options, err);
    if (status == NSKY_OK) {
        nsky_filter_init(&query.filter);
        query.probe = (nsky_linear){probe->weights, probe->bias[0]};
        status = nsky_search_top_scores(store->search, &query, 1, err);
    }
    nsky_labels_free(labels);
    nsky_probe_free(probe);
    return status;
}

static bool among(const nsky_hit *hits, uint32_t count, uint64_t row)
{
    for (uint32_t i = 0; i < count; i++)
        if (hits[i].row == row)
            return true;
    return false;
}

/* ids [2, each]: what is most like row 0, and others, spread over the survey. */
static nsky_status choose_examples(const nsky_cli_store *store, uint64_t *ids, uint32_t each,
                                   nsky_error *err)
{
    static nsky_hit hits[EXAMPLES + MORE * ROUNDS];
    const uint64_t rows = nsky_search_rows(store->search), stride = rows / (each + 1);
    float *vector = nsky_alloc(nsky_search_dim(store->search), sizeof *vector, err);
    nsky_score_query query = {.k = each, .hits = hits};
    nsky_object object;
    nsky_status status = vector ? nsky_search_vector(store->search, 0, vector, err) : err->status;

    nsky_filter_init(&query.filter);
    query.probe = (nsky_linear){vector, 0};
    if (status == NSKY_OK)
        status = nsky_search_top_scores(store->search, &query, 1, err);
    if (status == NSKY_OK && (query.count < each || stride < each))
        status = nsky_fail(err, NSKY_EINVAL, "the store has too few objects to measure with");
    for (uint32_t i = 0; i < 2 * each && status == NSKY_OK; i++) {
        uint64_t row = i < each ? hits[i].row : (i - each) * stride;
        while (i >= each && among(hits, each, row)) /* ends: stride >= each, and row 0 is a hit */
            row++;
        status = nsky_survey_by_row(store->survey, row, &object, err);
        ids[i] = object.id;
    }
    nsky_free(vector);
    return status;
}

/* Each round has a few examples more, as a person gives them. */
static nsky_status time_loop(timings *t, const arguments *a, nsky_error *err)
{
    static uint64_t all[2 * (EXAMPLES + MORE * ROUNDS)], ids[2 * (EXAMPLES + MORE * ROUNDS)];
    const uint32_t most = EXAMPLES + MORE * ROUNDS;
    nsky_cli_store store;
    nsky_status status = nsky_cli_store_open(&store, a->store, err);

    if (status == NSKY_OK)
        status = choose_examples(&store, all, most, err);
    for (; status == NSKY_OK && t->rounds < ROUNDS; t->rounds++) {
        uint32_t each = EXAMPLES + MORE * t->rounds;
        memcpy(ids, all, each * sizeof *ids);
        memcpy(ids + each, all + most, each * sizeof *ids);
        double start = nsky_now_s();
        status = go_round(&store, ids, each, (uint32_t)a->threads, err);
        t->loop_s[t->rounds] = nsky_now_s() - start;
    }
    if (status == NSKY_OK) {
        t->rows = nsky_search_rows(store.search);
        t->dim = nsky_search_dim(store.search);
    }
    nsky_cli_store_close(&store);
    return status;
}

static int report(const arguments *a, const timings *t)
{
    double slowest = 0, sum = 0;

    for (uint32_t r = 0; r < t->rounds; r++) {
        slowest = fmax(slowest, t->loop_s[r]);
        sum += t->loop_s[r];
    }
    if (!a->json) {
        printf("300 + 3,000 labels of 2048 numbers: %.2f s\n2,500 labels of 15 classes of 512: "
               "%.2f s\n",
               t->binary_s, t->classes_s);
        if (t->rounds)
            printf("label, refit, rank again, %llu objects: %.2f s, the slowest of %u %.2f s\n",
                   (unsigned long long)t->rows, sum / t->rounds, t->rounds, slowest);
        return NSKY_EXIT_DONE;
    }
    nsky_json *object = nsky_json_object();
    nsky_json_put_fixed(object, "fit_s", t->binary_s, 3);
    nsky_json_put_fixed(object, "fit_classes_s", t->classes_s, 3);
    if (t->rounds) {
        nsky_json_put_integer(object, "rows", (int64_t)t->rows);
        nsky_json_put_integer(object, "dim", t->dim);
        nsky_json_put_fixed(object, "loop_s", sum / t->rounds, 3);
        nsky_json_put_fixed(object, "loop_slowest_s", slowest, 3);
    }
    nsky_json_put_integer(object, "threads", (int64_t)a->threads);
    nsky_bench_put_machine(object);
    return nsky_cli_print_json("bench probe", object);
}

int nsky_bench_probe(int argc, char **argv)
{
    static const struct option known[] = {{"threads", required_argument, NULL, 'w'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    arguments a = {0};
    timings t = {0};
    nsky_error err = NSKY_ERROR_INIT;
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return NSKY_EXIT_DONE;
        }
        if (option == 'w' && !nsky_cli_integer(optarg, 1, 256, &a.threads))
            return nsky_cli_usage("bench probe", "--threads takes 1 to 256, not \"%s\"", optarg);
        if (option == '?')
            return nsky_cli_usage("bench probe", "wrong options");
        a.json = a.json || option == 'j';
    }
    if (optind + 1 < argc)
        return nsky_cli_usage("bench probe", "give one store, or none");
    a.store = argv[optind];
    const uint32_t threads = (uint32_t)a.threads;
    nsky_status status = time_fit(&t.binary_s, 3300, 300, 2048, 2, threads, &err);
    if (status == NSKY_OK)
        status = time_fit(&t.classes_s, 2500, 0, 512, 15, threads, &err);
    if (status == NSKY_OK && a.store)
        status = time_loop(&t, &a, &err);
    return status == NSKY_OK ? report(&a, &t) : nsky_cli_failed("bench probe", &err);
}
