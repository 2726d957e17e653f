/* index.c - `nearsky index`: build.h from the command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "index/build.h"

static const char help[] =
    "usage: nearsky index STORE [options]\n\n"
    "Builds the index of the live vectors, measures its recall against exact search, and makes it\n"
    "live. Run again after `nearsky embed`.\n\n"
    "  --memory SIZE     memory the index may take, 512M or 16G (default: 3/4 of what is free)\n"
    "  --recall R        share of the 10 nearest to find, 0.5 to 1 (default 0.95)\n"
    "  --lists N         so many inverted lists instead of the choice by row count\n"
    "  --bits 4|8        8 bits of 128 directions a vector, or 4 bits of 256 (default 8)\n"
    "  --graph yes|no    neighbours by a graph beside the lists, 256 bytes a vector more "
    "(default:\n"
    "                    where it and the vectors fit into the memory)\n"
    "  --factory STRING  a FAISS factory string instead\n"
    "  --json            the report as JSON\n";

static int report_json(const nsky_index_report *report)
{
    nsky_json *object = nsky_json_object();
    nsky_json_put_integer(object, "generation", report->generation);
    nsky_json_put_integer(object, "rows", (int64_t)report->rows);
    nsky_json_put_string(object, "kind", report->kind);
    nsky_json_put_fixed(object, "recall_at_10", report->recall_at_10, 4);
    nsky_json_put_fixed(object, "recall_at_100", report->recall_at_100, 4);
    nsky_json_put_fixed(object, "seconds", report->seconds, 1);
    return nsky_cli_print_json("index", object);
}

/* 0 to go on, else an exit status plus one. */
static int parse(int argc, char **argv, nsky_index_options *options, bool *json)
{
    static const struct option known[] = {{"memory", required_argument, NULL, 'm'},
                                          {"recall", required_argument, NULL, 'r'},
                                          {"factory", required_argument, NULL, 'f'},
                                          {"graph", required_argument, NULL, 'g'},
                                          {"lists", required_argument, NULL, 'l'},
                                          {"bits", required_argument, NULL, 'b'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    char *end;
    nsky_error err = NSKY_ERROR_INIT;
    int option;
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (option) {
        case 'm':
            if (nsky_cli_bytes(&options->memory_bytes_max, optarg, &err) != NSKY_OK)
                return 1 + nsky_cli_usage("index", "--memory: %s", err.text);
            break;
        case 'r':
            options->recall_target = strtod(optarg, NULL);
            if (!(options->recall_target >= 0.5 && options->recall_target <= 1))
                return 1 + nsky_cli_usage("index", "--recall takes 0.5 to 1, not \"%s\"", optarg);
            break;
        case 'f':
            options->factory = optarg;
            break;
        case 'g':
            options->graph = strcmp(optarg, "yes") == 0 ? 1 : strcmp(optarg, "no") == 0 ? -1 : 0;
            if (options->graph == 0)
                return 1 + nsky_cli_usage("index", "--graph takes yes or no, not \"%s\"", optarg);
            break;
        case 'l': {
            unsigned long lists = strtoul(optarg, &end, 10);
            if (*end || lists < 1 || lists > 1048576)
                return 1 +
                       nsky_cli_usage("index", "--lists takes 1 to 1048576, not \"%s\"", optarg);
            options->lists = (uint32_t)lists;
            break;
        }
        case 'b':
            options->bits = strcmp(optarg, "4") == 0 ? 4 : strcmp(optarg, "8") == 0 ? 8 : 0;
            if (!options->bits)
                return 1 + nsky_cli_usage("index", "--bits takes 4 or 8, not \"%s\"", optarg);
            break;
        case 'j':
            *json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        default:
            return 1 + nsky_cli_usage("index", "wrong options");
        }
    }
    return optind + 1 == argc ? 0 : 1 + nsky_cli_usage("index", "give one store");
}

int nsky_cli_index(int argc, char **argv)
{
    nsky_index_options options = {.recall_target = 0.95};
    nsky_index_report report;
    nsky_error err = NSKY_ERROR_INIT;
    bool json = false;
    int stop = parse(argc, argv, &options, &json);
    if (stop)
        return stop - 1;
    options.stop = nsky_cli_stop_on_signals();
    if (nsky_index_build(argv[optind], &options, &report, &err) != NSKY_OK)
        return nsky_cli_failed("index", &err);
    if (json)
        return report_json(&report);
    printf("generation %u: %llu vectors in %s, recall@10 %.4f, recall@100 %.4f, %.1f s\n",
           report.generation, (unsigned long long)report.rows, report.kind, report.recall_at_10,
           report.recall_at_100, report.seconds);
    return NSKY_EXIT_DONE;
}
