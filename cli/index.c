/* index.c - `nearsky index`: build.h from the command line. */
#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "index/build.h"

#define LISTS_MAX 1048576

static const char help[] =
    "usage: nearsky index STORE [options]\n\n"
    "Builds the index of the live vectors, measures its recall against exact search, and makes it\n"
    "live. Run again after `nearsky embed`: where lists are there whose tables still serve, only "
    "what\n"
    "was added is encoded.\n\n"
    "  --memory SIZE     memory the index may take, 512M or 16G (default: 3/4 of what is free)\n"
    "  --recall R        share of the 10 nearest to find, 0.5 to 1 (default 0.95)\n"
    "  --lists N         so many inverted lists instead of the choice by row count\n"
    "  --bits 4|8        8 bits of 128 directions a vector, or 4 bits of 256 (default 8)\n"
    "  --graph yes|no    neighbours by a graph beside the lists, 256 bytes a vector more "
    "(default:\n"
    "                    where it and the vectors fit into the memory)\n"
    "  --factory STRING  a FAISS factory string instead\n"
    "  --retrain         lists trained anew on all vectors, also where those there would serve\n"
    "  --shard I/N       the I-th of N shares of the lists only, beside other processes "
    "(machines)\n"
    "                    that make the others; with the same options (--memory too) run without "
    "it\n"
    "                    when all are made\n"
    "  --json            the report as JSON\n";

static int report_json(const nsky_index_report *report)
{
    nsky_json *object = nsky_json_object();
    nsky_json_put_integer(object, "generation", report->generation);
    nsky_json_put_bool(object, "up_to_date", report->up_to_date);
    nsky_json_put_string(object, "kind", report->kind);
    nsky_json_put_fixed(object, "seconds", report->seconds, 1);
    if (report->shard) {
        nsky_json_put_integer(object, "first", (int64_t)report->first);
        nsky_json_put_integer(object, "rows", (int64_t)report->end);
        return nsky_cli_print_json("index", object);
    }
    nsky_json_put_integer(object, "rows", (int64_t)report->rows);
    nsky_json_put_fixed(object, "recall_at_10", report->recall_at_10, 4);
    nsky_json_put_fixed(object, "recall_at_100", report->recall_at_100, 4);
    if (report->trained_rows > 0) {
        nsky_json_put_integer(object, "trained_rows", (int64_t)report->trained_rows);
        nsky_json_put_integer(object, "kept_rows", (int64_t)report->kept_rows);
        nsky_json_put_integer(object, "shared_rows", (int64_t)report->taken_rows);
    }
    return nsky_cli_print_json("index", object);
}

static int report_text(const nsky_index_report *report)
{
    if (report->shard) {
        printf("rows %" PRIu64 " to %" PRIu64 " are encoded: %.1f s; when all shards are, run "
               "without --shard\n",
               report->first, report->end, report->seconds);
        return NSKY_EXIT_DONE;
    }
    printf("generation %" PRIu32 ": %s%" PRIu64 " vectors in %s", report->generation,
           report->up_to_date ? "up to date, " : "", report->rows, report->kind);
    if (report->kept_rows > 0)
        printf(" (%" PRIu64 " kept from before, tables trained on %" PRIu64 ")", report->kept_rows,
               report->trained_rows);
    if (report->taken_rows > 0)
        printf(" (%" PRIu64 " encoded by shards)", report->taken_rows);
    printf(", recall@10 %.4f, recall@100 %.4f, %.1f s\n", report->recall_at_10,
           report->recall_at_100, report->seconds);
    return NSKY_EXIT_DONE;
}

/* An option that takes a value; err says which it takes. */
static nsky_status take(nsky_index_options *options, int option, const char *value, nsky_error *err)
{
    uint64_t lists;

    switch (option) {
    case 'm':
        return nsky_cli_bytes(&options->memory_bytes_max, value, err);
    case 'r':
        return nsky_cli_number(value, 0.5, 1, &options->recall_target)
                   ? NSKY_OK
                   : nsky_fail(err, NSKY_EINVAL, "0.5 to 1, not \"%s\"", value);
    case 'f':
        options->factory = value;
        return NSKY_OK;
    case 'g':
        options->graph = strcmp(value, "yes") == 0 ? 1 : strcmp(value, "no") == 0 ? -1 : 0;
        return options->graph ? NSKY_OK
                              : nsky_fail(err, NSKY_EINVAL, "yes or no, not \"%s\"", value);
    case 'b':
        options->bits = strcmp(value, "4") == 0 ? 4 : strcmp(value, "8") == 0 ? 8 : 0;
        return options->bits ? NSKY_OK : nsky_fail(err, NSKY_EINVAL, "4 or 8, not \"%s\"", value);
    case 's':
        return nsky_cli_shard(value, &options->shard, &options->shards)
                   ? NSKY_OK
                   : nsky_fail(err, NSKY_EINVAL, "I/N, 1/4 to 4/4, not \"%s\"", value);
    default:
        assert(option == 'l');
        if (!nsky_cli_integer(value, 1, LISTS_MAX, &lists))
            return nsky_fail(err, NSKY_EINVAL, "1 to %d, not \"%s\"", LISTS_MAX, value);
        options->lists = (uint32_t)lists;
        return NSKY_OK;
    }
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
                                          {"shard", required_argument, NULL, 's'},
                                          {"retrain", no_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    nsky_error err = NSKY_ERROR_INIT;
    int option, which = 0;

    while ((option = getopt_long(argc, argv, "h", known, &which)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        }
        if (option == '?')
            return 1 + nsky_cli_usage("index", "wrong options");
        if (option == 'j')
            *json = true;
        else if (option == 't')
            options->retrain = true;
        else if (take(options, option, optarg, &err) != NSKY_OK)
            return 1 + nsky_cli_usage("index", "--%s: %s", known[which].name, err.text);
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
    return json ? report_json(&report) : report_text(&report);
}
