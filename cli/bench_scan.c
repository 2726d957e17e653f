/* bench_scan.c - `nearsky bench scan`: ranking everything by compact codes, against the speed at
 * which this machine reads memory. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "index/rank_speed.h"

#define SURVEY_ROWS 76e6 /* the survey that times are scaled to */

static const char help[] =
    "usage: nearsky bench scan [options]\n\n"
    "Ranks made-up rows by probes, from the weights to the candidates that would be scored "
    "exactly,\n"
    "and reads the same memory and nothing else, by turns.\n\n"
    "  --rows N          10M, 76M, ... (default 10M: 1.3 GB of codes)\n"
    "  --dims N          coded dimensions (default 128, as nearsky index has)\n"
    "  --bits N          4 or 8 (default 8)\n"
    "  --probes A,B,...  probes that share a pass, 1 to 16 each (default 1,4,16)\n"
    "  --planes N        1 or 2: how finely weights are said (default: as ranking chooses)\n"
    "  --top N           the best so many are wanted (default 1000)\n"
    "  --kernel K        avx512vnni, avx2 or c (default: the best here)\n"
    "  --pages P         small or huge (default small: those of a mapped file)\n"
    "  --rounds N        (default 9)\n"
    "  --threads N       (default: one for each core)\n"
    "  --json            the report as JSON\n";

typedef struct arguments {
    nsky_rank_speed_options options;
    bool json;
} arguments;

static bool parse_probes(char *text, uint32_t counts[NSKY_SPEED_COUNTS_MAX])
{
    char *next = text, *word;
    uint32_t count = 0;

    memset(counts, 0, NSKY_SPEED_COUNTS_MAX * sizeof *counts);
    while ((word = strsep(&next, ",")))
        if (count == NSKY_SPEED_COUNTS_MAX || !nsky_bench_small(word, 1, 16, &counts[count++]))
            return false;
    return true;
}

static bool take_option(int option, void *payload)
{
    arguments *args = payload;
    nsky_rank_speed_options *o = &args->options;

    switch (option) {
    case 'n':
        return nsky_bench_count(optarg, 1, UINT32_MAX - 1, &o->rows);
    case 'd':
        return nsky_bench_small(optarg, 16, 2048, &o->coded) && o->coded % 16 == 0;
    case 'b':
        return nsky_bench_small(optarg, 4, 8, &o->bits) && o->bits % 4 == 0;
    case 'p':
        return parse_probes(optarg, o->counts);
    case 'l':
        return nsky_bench_small(optarg, 1, 2, &o->planes);
    case 'k':
        return nsky_bench_small(optarg, 1, 100000, &o->k);
    case 'K':
        o->kernel = optarg;
        return true;
    case 'g':
        o->huge_pages = strcmp(optarg, "huge") == 0;
        return o->huge_pages || strcmp(optarg, "small") == 0;
    case 'r':
        return nsky_bench_small(optarg, 1, NSKY_SPEED_ROUNDS_MAX, &o->rounds);
    case 'w':
        return nsky_bench_small(optarg, 1, 64, &o->threads);
    default:
        return args->json = true;
    }
}

static void print_report(const nsky_rank_speed_options *o, const nsky_rank_speeds *speeds)
{
    printf("%.1fM rows of %u dimensions at %u bits, %u threads, %s, %s pages\n",
           (double)o->rows / 1e6, o->coded, o->bits, speeds->threads, speeds->kernel,
           o->huge_pages ? "huge" : "small");
    for (uint32_t i = 0; i < speeds->count; i++) {
        const nsky_rank_speed *s = &speeds->of[i];
        printf("%2u probes, %u planes: %.3f s (best %.3f), 76M rows in %.2f s; %.1f GB/s of %.1f: "
               "%.0f%% (of the cores' time %.0f%%); %.0f candidates\n",
               s->probes, s->planes, s->rank_s, s->rank_best_s,
               s->rank_s * SURVEY_ROWS / (double)o->rows,
               (double)speeds->code_bytes / s->rank_s / 1e9,
               (double)speeds->code_bytes / s->stream_s / 1e9, 100 * s->fraction,
               100 * s->cpu_fraction, s->candidates);
    }
}

static int print_json(const nsky_rank_speed_options *o, const nsky_rank_speeds *speeds)
{
    nsky_json *root = nsky_json_object(), *list = nsky_json_array();

    /* The figures of the first number of probes, scaled to the survey. */
    nsky_json_put_fixed(root, "rank_s", speeds->of[0].rank_s * SURVEY_ROWS / (double)o->rows, 4);
    nsky_json_put_fixed(root, "rank_bandwidth_fraction", speeds->of[0].fraction, 3);
    for (uint32_t i = 0; i < speeds->count; i++) {
        const nsky_rank_speed *s = &speeds->of[i];
        nsky_json *one = nsky_json_object();
        nsky_json_put_integer(one, "probes", s->probes);
        nsky_json_put_integer(one, "planes", s->planes);
        nsky_json_put_fixed(one, "rank_s", s->rank_s * SURVEY_ROWS / (double)o->rows, 4);
        nsky_json_put_fixed(one, "measured_s", s->rank_s, 4);
        nsky_json_put_fixed(one, "measured_best_s", s->rank_best_s, 4);
        nsky_json_put_fixed(one, "stream_gb_s", (double)speeds->code_bytes / s->stream_s / 1e9, 2);
        nsky_json_put_fixed(one, "rank_bandwidth_fraction", s->fraction, 3);
        nsky_json_put_fixed(one, "cpu_fraction", s->cpu_fraction, 3);
        nsky_json_put_fixed(one, "candidates", s->candidates, 0);
        nsky_json_append(list, one);
    }
    nsky_json_put(root, "passes", list);
    nsky_json_put_integer(root, "rows", (int64_t)o->rows);
    nsky_json_put_integer(root, "dims", o->coded);
    nsky_json_put_integer(root, "bits", o->bits);
    nsky_json_put_integer(root, "code_bytes", (int64_t)speeds->code_bytes);
    nsky_json_put_integer(root, "threads", speeds->threads);
    nsky_json_put_integer(root, "rounds", o->rounds);
    nsky_json_put_string(root, "kernel", speeds->kernel);
    nsky_json_put_string(root, "pages", o->huge_pages ? "huge" : "small");
    nsky_bench_put_machine(root);
    return nsky_cli_print_json("bench scan", root);
}

int nsky_bench_scan(int argc, char **argv)
{
    static const struct option known[] = {{"rows", required_argument, NULL, 'n'},
                                          {"dims", required_argument, NULL, 'd'},
                                          {"bits", required_argument, NULL, 'b'},
                                          {"probes", required_argument, NULL, 'p'},
                                          {"planes", required_argument, NULL, 'l'},
                                          {"top", required_argument, NULL, 'k'},
                                          {"kernel", required_argument, NULL, 'K'},
                                          {"pages", required_argument, NULL, 'g'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"threads", required_argument, NULL, 'w'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    arguments args = {.options = {.rows = 10000000,
                                  .coded = 128,
                                  .bits = 8,
                                  .k = 1000,
                                  .rounds = 9,
                                  .counts = {1, 4, 16}}};
    nsky_rank_speeds speeds;
    nsky_error err = NSKY_ERROR_INIT;

    const int stop = nsky_bench_options(argc, argv, "bench scan", help, known, take_option, &args);
    if (stop)
        return stop - 1;
    if (optind != argc)
        return nsky_cli_usage("bench scan", "too many words");
    if (nsky_rank_speed_measure(&args.options, &speeds, &err) != NSKY_OK)
        return nsky_cli_failed("bench scan", &err);
    if (args.json)
        return print_json(&args.options, &speeds);
    print_report(&args.options, &speeds);
    return NSKY_EXIT_DONE;
}
