/* bench_index.c - `nearsky bench index`: an index over make-believe embeddings, from building to
 * filtered queries. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cli/bench.h"
#include "cli/bench_vectors.h"
#include "cli/cli.h"
#include "common/file.h"
#include "common/memory.h"
#include "index/rank_speed.h"
#include "index/speed.h"

#define EFFORTS_MAX 16

static const char help[] =
    "usage: nearsky bench index FOLDER [options]\n\n"
    "Makes vectors in FOLDER, builds an index of them there, and asks it; what is there already "
    "is\n"
    "used again. `scripts/bench index` compares with FAISS and hnswlib on the same files.\n\n"
    "  --rows N          10k, 1M, ... (default 100k)\n"
    "  --dim N           numbers of a vector, a multiple of 16 (default 512)\n"
    "  --vectors T       float16 or int8: 2 bytes or 1 for each number (default float16)\n"
    "  --queries N       (default 500)\n"
    "  --index KIND      lists or graph (default lists)\n"
    "  --bits N          of a code in the lists: 4 or 8 (default 8)\n"
    "  --recall R        recall@10 the effort is chosen for (default 0.95)\n"
    "  --efforts A,B,... times that effort, each measured (default 1)\n"
    "  --memory SIZE     for building (default 4G)\n"
    "  --filters         also with filters that 50, 10, 1 and 0.1% of the rows pass, or kinds\n"
    "  --rank            also ranking so many rows by a probe, against reading memory\n"
    "  --prepare         only make the vectors, queries and exact answers\n"
    "  --seed N          (default 1)\n"
    "  --json            the report as JSON\n";

typedef struct arguments {
    nsky_speed_job job;
    uint64_t seed;
    uint32_t queries, effort_count;
    double efforts[EFFORTS_MAX];
    bool filters, rank, prepare, json;
} arguments;

typedef struct bench {
    const arguments *args;
    nsky_speed *speed;
    nsky_speed_built built;
    void *queries; /* [queries, dim] float32 */
    uint32_t *truth;
    nsky_json *report;
} bench;

static bool parse_efforts(const char *text, arguments *args)
{
    char *end = NULL;

    for (args->effort_count = 0; args->effort_count < EFFORTS_MAX; text = end + 1) {
        double effort = strtod(text, &end);
        if (end == text || !(effort > 0.01 && effort < 1000))
            return false;
        args->efforts[args->effort_count++] = effort;
        if (*end == '\0')
            return true;
        if (*end != ',')
            return false;
    }
    return false;
}

static bool take_option(int option, void *payload)
{
    arguments *args = payload;
    nsky_error err = NSKY_ERROR_INIT;
    char *end;

    switch (option) {
    case 'r':
        return nsky_bench_count(optarg, 1000, UINT32_MAX - 1, &args->job.rows);
    case 'd':
        return nsky_bench_small(optarg, 64, 8192, &args->job.dim) && args->job.dim % 16 == 0;
    case 'v':
        return nsky_vector_type_parse(&args->job.type, optarg);
    case 'q':
        return nsky_bench_small(optarg, 100, 100000, &args->queries);
    case 'i':
        args->job.graph = strcmp(optarg, "graph") == 0;
        return args->job.graph || strcmp(optarg, "lists") == 0;
    case 'b':
        return nsky_bench_small(optarg, 4, 8, &args->job.bits) && args->job.bits % 4 == 0;
    case 't':
        args->job.recall_target = strtod(optarg, &end);
        return *end == '\0' && args->job.recall_target >= 0.5 && args->job.recall_target <= 1;
    case 'e':
        return parse_efforts(optarg, args);
    case 'm':
        return nsky_cli_bytes(&args->job.memory_bytes_max, optarg, &err) == NSKY_OK;
    case 's':
        return nsky_bench_count(optarg, 0, UINT32_MAX, &args->seed);
    case 'F':
        return args->filters = true;
    case 'R':
        return args->rank = true;
    case 'P':
        return args->prepare = true;
    default:
        return args->json = true;
    }
}

/* Exact answers, from the folder or into it. */
static nsky_status truth_of(const bench *b, const char *name, const uint8_t *allowed,
                            uint32_t count, uint32_t **out, nsky_error *err)
{
    const size_t bytes = (size_t)count * NSKY_BENCH_DEPTH * sizeof **out;
    void *read = NULL;
    size_t have = 0;
    char *path = nsky_bench_path(b->args->job.folder, name, err);
    nsky_status status = path ? NSKY_OK : err->status;

    if (status == NSKY_OK && nsky_file_exists(path))
        status = nsky_file_read(&read, &have, path, bytes + 1, err);
    *out = read;
    if (status == NSKY_OK && have != bytes) {
        nsky_free(read);
        *out = nsky_alloc(bytes, 1, err);
        status = *out ? nsky_speed_truth(b->speed, b->queries, count, allowed, NSKY_BENCH_DEPTH,
                                         *out, err)
                      : err->status;
        if (status == NSKY_OK)
            status = nsky_file_write(path, *out, bytes, err);
    }
    nsky_free(path);
    return status;
}

static void put_point(nsky_json *object, const nsky_speed_point *point)
{
    nsky_json_put_fixed(object, "recall_at_10", point->recall_at_10, 4);
    nsky_json_put_fixed(object, "recall_at_100", point->recall_at_100, 4);
    nsky_json_put_fixed(object, "p50_ms", point->p50_ms, 4);
    nsky_json_put_fixed(object, "p99_ms", point->p99_ms, 4);
    nsky_json_put_fixed(object, "queries_per_s", point->queries_per_s, 1);
}

static nsky_status measure_efforts(bench *b, nsky_error *err)
{
    nsky_json *points = nsky_json_array();
    nsky_speed_query query = {b->queries, b->args->queries, b->truth, NULL, b->args->job.rows, 1};
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < b->args->effort_count && status == NSKY_OK; i++) {
        nsky_speed_point point;
        nsky_json *one = nsky_json_object();
        query.effort = b->args->efforts[i];
        if ((status = nsky_speed_measure(b->speed, &query, &point, err)) == NSKY_OK) {
            nsky_json_put_fixed(one, "effort", query.effort, 3);
            put_point(one, &point);
            if (i == 0)
                put_point(b->report, &point);
        }
        nsky_json_append(points, one);
    }
    nsky_json_put(b->report, "points", points);
    return status;
}

static nsky_status measure_filter(bench *b, const nsky_bench_filter *filter, nsky_json *filters,
                                  nsky_error *err)
{
    uint8_t *allowed = NULL;
    uint32_t *truth = NULL;
    nsky_speed_point point;
    char name[64];
    nsky_speed_query query = {.queries = b->queries, .count = NSKY_BENCH_FILTERED, .effort = 1};
    nsky_status status = nsky_bench_allowed(&allowed, &query.matching, b->args->job.rows, filter,
                                            b->args->job.dim, b->args->seed, err);

    snprintf(name, sizeof name, "allowed-%s.bits", filter->name);
    char *path = nsky_bench_path(b->args->job.folder, name, err);
    snprintf(name, sizeof name, "allowed-%s.u32", filter->name);
    if (status == NSKY_OK &&
        (status = path ? nsky_file_write(path, allowed, b->args->job.rows / 8 + 1, err)
                       : err->status) == NSKY_OK &&
        (status = truth_of(b, name, allowed, NSKY_BENCH_FILTERED, &truth, err)) == NSKY_OK) {
        query.truth = truth;
        query.allowed = allowed;
        if (!b->args->prepare)
            status = nsky_speed_measure(b->speed, &query, &point, err);
        if (status == NSKY_OK && !b->args->prepare) {
            nsky_json *one = nsky_json_object();
            if (filter->of_10000)
                nsky_json_put_integer(one, "of_10000", filter->of_10000);
            else
                nsky_json_put_string(one, "filter", filter->name);
            nsky_json_put_integer(one, "matching", (int64_t)query.matching);
            put_point(one, &point);
            nsky_json_append(filters, one);
        }
    }
    nsky_free(path);
    nsky_free(truth);
    nsky_free(allowed);
    return status;
}

static nsky_status measure_rank(bench *b, nsky_error *err)
{
    nsky_rank_speeds speeds;
    const nsky_rank_speed_options options = {.rows = b->args->job.rows,
                                             .coded = b->built.coded,
                                             .bits = b->built.bits,
                                             .k = 1000,
                                             .rounds = 9,
                                             .counts = {1}};
    nsky_status status = nsky_rank_speed_measure(&options, &speeds, err);

    if (status == NSKY_OK) {
        nsky_json_put_fixed(b->report, "rank_s", speeds.of[0].rank_s, 5);
        nsky_json_put_fixed(b->report, "rank_bandwidth_fraction", speeds.of[0].fraction, 3);
    }
    return status;
}

static nsky_status measure(bench *b, nsky_error *err)
{
    size_t bytes = 0;
    nsky_status status = NSKY_OK;
    nsky_json *filters = nsky_json_array(), *kinds = nsky_json_array();
    char *path = nsky_bench_path(b->args->job.folder, "queries.f32", err);

    if (!path || (status = nsky_file_read(&b->queries, &bytes, path, SIZE_MAX / 2, err)) != NSKY_OK)
        status = err->status;
    if (status == NSKY_OK &&
        (status = nsky_speed_open(&b->speed, &b->args->job, &b->built, err)) == NSKY_OK)
        status = truth_of(b, "truth.u32", NULL, b->args->queries, &b->truth, err);
    if (status == NSKY_OK && !b->args->prepare)
        status = measure_efforts(b, err);
    for (int f = 0; f < NSKY_BENCH_FILTERS && status == NSKY_OK && b->args->filters; f++)
        status = measure_filter(b, &nsky_bench_filters[f],
                                nsky_bench_filters[f].of_10000 ? filters : kinds, err);
    nsky_json_put(b->report, "filters", filters);
    nsky_json_put(b->report, "kind_filters", kinds);
    if (status == NSKY_OK && b->args->rank)
        status = measure_rank(b, err);
    nsky_free(path);
    return status;
}

static void describe(const bench *b)
{
    const nsky_speed_job *job = &b->args->job;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    nsky_json_put_integer(b->report, "rows", (int64_t)job->rows);
    nsky_json_put_integer(b->report, "dim", job->dim);
    nsky_json_put_string(b->report, "vector_type", nsky_vector_type_name(job->type));
    nsky_json_put_string(b->report, "kind", b->built.kind);
    nsky_json_put_fixed(b->report, "recall_target", job->recall_target, 4);
    nsky_json_put_fixed(b->report, "build_s", b->built.build_s, 2);
    nsky_json_put_integer(b->report, "ram_bytes", (int64_t)b->built.ram_bytes);
    nsky_json_put_fixed(b->report, "bytes_a_row", (double)b->built.ram_bytes / (double)job->rows,
                        1);
    nsky_json_put_integer(b->report, "disk_bytes", (int64_t)b->built.disk_bytes);
    /* Pages of the vectors' mapping count too: they are the file cache's. */
    nsky_json_put_integer(b->report, "peak_rss_bytes", (int64_t)usage.ru_maxrss * 1024);
    nsky_json_put_integer(b->report, "queries", b->args->queries);
    nsky_bench_put_machine(b->report);
}

static int run(const arguments *args)
{
    nsky_error err = NSKY_ERROR_INIT;
    bench b = {.args = args, .report = nsky_json_object()};
    nsky_status status = nsky_bench_vectors(args->job.folder, args->job.rows, args->job.dim,
                                            args->job.type, args->queries, args->seed, &err);

    if (status == NSKY_OK)
        status = measure(&b, &err);
    if (status == NSKY_OK)
        describe(&b);
    nsky_speed_close(b.speed);
    nsky_free(b.truth);
    nsky_free(b.queries);
    if (status != NSKY_OK) {
        nsky_json_free(b.report);
        return nsky_cli_failed("bench index", &err);
    }
    if (args->json)
        return nsky_cli_print_json("bench index", b.report);
    printf(
        "%s of %llu rows: recall@10 %.4f, p50 %.3f ms, p99 %.3f ms, %.0f queries/s, %.0f bytes a "
        "row, built in %.1f s\n",
        b.built.kind, (unsigned long long)args->job.rows,
        nsky_json_get_number(b.report, "recall_at_10", 0),
        nsky_json_get_number(b.report, "p50_ms", 0), nsky_json_get_number(b.report, "p99_ms", 0),
        nsky_json_get_number(b.report, "queries_per_s", 0),
        (double)b.built.ram_bytes / (double)args->job.rows, b.built.build_s);
    nsky_json_free(b.report);
    return NSKY_EXIT_DONE;
}

int nsky_bench_index(int argc, char **argv)
{
    static const struct option known[] = {
        {"rows", required_argument, NULL, 'r'},    {"dim", required_argument, NULL, 'd'},
        {"vectors", required_argument, NULL, 'v'}, {"queries", required_argument, NULL, 'q'},
        {"index", required_argument, NULL, 'i'},   {"bits", required_argument, NULL, 'b'},
        {"recall", required_argument, NULL, 't'},  {"efforts", required_argument, NULL, 'e'},
        {"memory", required_argument, NULL, 'm'},  {"seed", required_argument, NULL, 's'},
        {"filters", no_argument, NULL, 'F'},       {"rank", no_argument, NULL, 'R'},
        {"prepare", no_argument, NULL, 'P'},       {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    arguments args = {
        .job = {.rows = 100000, .dim = 512, .recall_target = 0.95, .memory_bytes_max = 4ull << 30},
        .seed = 1,
        .queries = 500,
        .effort_count = 1,
        .efforts = {1}};

    const int stop = nsky_bench_options(argc, argv, "bench index", help, known, take_option, &args);
    if (stop)
        return stop - 1;
    if (optind + 1 != argc)
        return nsky_cli_usage("bench index", "give one folder");
    args.job.folder = argv[optind];
    args.job.stop = nsky_cli_stop_on_signals();
    return run(&args);
}
