/* main.c - `nearsky COMMAND [options]`: finds the command and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/version.h"

static const nsky_command commands[] = {
    {"simulate", "write a make-believe survey: bricks or cutouts, with a truth table",
     nsky_cli_simulate},
    {"ingest", "read FITS, JPEG and PNG images into a store", nsky_cli_ingest},
    {"train", "learn from unlabelled stamps what looks alike: a model", nsky_cli_train},
    {"import", "a PyTorch checkpoint to weights that embed takes", nsky_cli_import},
    {"calibrate", "a model with the scales that int8 needs", nsky_cli_calibrate},
    {"embed", "stamps to vectors: a new generation", nsky_cli_embed},
    {"index", "build the index and measure its recall", nsky_cli_index},
    {"search", "neighbours of an object, a position or an image", nsky_cli_search},
    {"export", "the objects or their vectors, as files for other programs", nsky_cli_export},
    {"probe", "linear classifiers and estimates: train, score, suggest, neighbours",
     nsky_cli_probe},
    {"rank", "every object in the order of a probe's scores", nsky_cli_rank},
    {"known", "mark the objects of a list as known, matched by position", nsky_cli_known},
    {"delete", "hide objects from every answer, or show them again", nsky_cli_delete},
    {"serve", "answer over HTTP, with the page", nsky_cli_serve},
    {"info", "what is in a store, and what this build can do", nsky_cli_info},
    {"verify", "check every checksum and cross-reference of a store", nsky_cli_verify},
    {"eval", "the scoreboard: how good vectors are, by labels", nsky_cli_eval},
    {"bench", "how fast this machine embeds and trains", nsky_cli_bench},
};

static void print_help(FILE *stream)
{
    fprintf(stream,
            "nearsky %s: show me everything in the sky that looks like this\n\n"
            "usage: nearsky COMMAND [options]\n\n",
            nsky_version());
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(stream, "\n`nearsky COMMAND --help` says more. A first tour: scripts/demo.\n");
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error, reported as one */
    if (argc < 2) {
        print_help(stderr);
        return NSKY_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return NSKY_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("nearsky %s (%s)\n", nsky_version(), nsky_commit());
        return NSKY_EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "nearsky: no command \"%s\"; `nearsky --help` lists them\n", argv[1]);
    return NSKY_EXIT_USAGE;
}
