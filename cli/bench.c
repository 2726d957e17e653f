/* bench.c - `nearsky bench WHAT`: how fast this machine is at one thing. */
#include "cli/bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/version.h"

static const char help[] = "usage: nearsky bench WHAT [options]\n\n"
                           "  embed    images a second through the network\n"
                           "  index    building an index and asking it for neighbours\n"
                           "  scan     ranking all rows by their codes, against reading memory\n"
                           "  train    pairs of images a second through training steps\n"
                           "  probe    seconds to fit probes, and to rank by them again\n"
                           "  survey   makes a store of made-up objects to measure on\n\n"
                           "`nearsky bench WHAT --help` says more.\n";

bool nsky_bench_count(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || number > UINT32_MAX)
        return false;
    if (*end == 'k' || *end == 'M')
        number *= *end++ == 'k' ? 1000 : 1000000;
    *out = number;
    return *end == '\0' && number >= low && number <= high;
}

bool nsky_bench_small(const char *text, uint64_t low, uint64_t high, uint32_t *out)
{
    uint64_t number;
    bool good = nsky_bench_count(text, low, high, &number);

    if (good)
        *out = (uint32_t)number;
    return good;
}

/* "model name	: AMD EPYC ..." of the first core; "unknown" where Linux does not say. */
static void read_machine(char *out, size_t bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];

    snprintf(out, bytes, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", 10) != 0)
            continue;
        snprintf(out, bytes, "%s", colon + 1 + strspn(colon + 1, " "));
        out[strcspn(out, "\n")] = '\0';
        break;
    }
    if (file)
        fclose(file);
}

void nsky_bench_put_machine(nsky_json *report)
{
    char machine[256];

    read_machine(machine, sizeof machine);
    nsky_json_put_string(report, "machine", machine);
    nsky_json_put_integer(report, "cores", sysconf(_SC_NPROCESSORS_ONLN));
    nsky_json_put_string(report, "cpu_features", nsky_cpu_features());
    nsky_json_put_string(report, "commit", nsky_commit());
}

int nsky_bench_options(int argc, char **argv, const char *name, const char *words,
                       const struct option *known, bool (*take)(int option, void *arguments),
                       void *arguments)
{
    int option, which = 0;

    while ((option = getopt_long(argc, argv, "h", known, &which)) != -1) {
        if (option == 'h') {
            fputs(words, stdout);
            return 1 + NSKY_EXIT_DONE;
        }
        if (option == '?')
            return 1 + nsky_cli_usage(name, "wrong options");
        if (!take(option, arguments))
            return 1 + nsky_cli_usage(name, "--%s does not take \"%s\"", known[which].name,
                                      optarg ? optarg : "");
    }
    return 0;
}

int nsky_cli_bench(int argc, char **argv)
{
    if (argc < 2)
        return nsky_cli_usage("bench", "what?");
    if (strcmp(argv[1], "embed") == 0)
        return nsky_bench_embed(argc - 1, argv + 1);
    if (strcmp(argv[1], "index") == 0)
        return nsky_bench_index(argc - 1, argv + 1);
    if (strcmp(argv[1], "scan") == 0)
        return nsky_bench_scan(argc - 1, argv + 1);
    if (strcmp(argv[1], "train") == 0)
        return nsky_bench_train(argc - 1, argv + 1);
    if (strcmp(argv[1], "probe") == 0)
        return nsky_bench_probe(argc - 1, argv + 1);
    if (strcmp(argv[1], "survey") == 0)
        return nsky_bench_survey(argc - 1, argv + 1);
    if (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0)
        return nsky_cli_usage("bench", "there is no benchmark \"%s\"", argv[1]);
    fputs(help, stdout);
    return NSKY_EXIT_DONE;
}
