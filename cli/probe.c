/* probe.c - `nearsky probe WHAT`: finds what and runs it; `probe show` is here. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/probe_options.h"

static const char help[] =
    "usage: nearsky probe train|score|suggest|neighbours|show ...\n\n"
    "  train       labels and a store's vectors to a linear probe, a small JSON file\n"
    "  score       what a probe says of some objects, or of an image; how well it does on labels\n"
    "  suggest     the objects whose label would help a probe most\n"
    "  neighbours  estimates from the most similar objects: redshifts, any number, classes\n"
    "  show        what is in a probe's file\n\n"
    "`nearsky probe WHAT --help` says more; `nearsky rank` orders the whole survey by a probe.\n";

static int show(int argc, char **argv)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_probe *probe = NULL;

    if (argc != 2 || argv[1][0] == '-')
        return nsky_cli_usage("probe", "usage: nearsky probe show P.json");
    if (nsky_probe_read(&probe, argv[1], &err) != NSKY_OK)
        return nsky_cli_failed("probe show", &err);
    nsky_json *all = nsky_probe_json(probe, false);
    nsky_json_put(all, "outputs", nsky_json_array()); /* numbers by the thousand */
    nsky_json_put(all, "novelty", nsky_json_object());
    nsky_probe_free(probe);
    return nsky_cli_print_json("probe show", all);
}

int nsky_cli_probe(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"train", nsky_cli_probe_train},          {"score", nsky_cli_probe_score},
        {"suggest", nsky_cli_probe_suggest},      {"neighbours", nsky_cli_probe_neighbours},
        {"neighbors", nsky_cli_probe_neighbours}, {"show", show}};

    if (argc < 2)
        return nsky_cli_usage("probe", "say what: train, score, suggest, neighbours or show");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(help, stdout);
        return NSKY_EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return nsky_cli_usage("probe", "there is no \"%s\"; train, score, suggest, neighbours, show",
                          argv[1]);
}
