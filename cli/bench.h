/* bench.h - private: what the benchmarks share. */
#ifndef NSKY_CLI_BENCH_H
#define NSKY_CLI_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

int nsky_bench_embed(int argc, char **argv);
int nsky_bench_scan(int argc, char **argv);
int nsky_bench_index(int argc, char **argv);
int nsky_bench_train(int argc, char **argv);
int nsky_bench_probe(int argc, char **argv);
int nsky_bench_survey(int argc, char **argv);

/* Goes through the options; take: one of `known`, with its optarg, true where it makes sense. 0 to
 * go on with what follows them, from optind; else an exit status plus one: help was asked for, or
 * what is wrong has been said. name: "bench index"; words: what help says. */
struct option;
int nsky_bench_options(int argc, char **argv, const char *name, const char *words,
                       const struct option *known, bool (*take)(int option, void *arguments),
                       void *arguments);
/* Digits, then k or M for thousands and millions, from low to high; false: not one. */
bool nsky_bench_count(const char *text, uint64_t low, uint64_t high, uint64_t *out);
bool nsky_bench_small(const char *text, uint64_t low, uint64_t high, uint32_t *out);
/* "machine", "cores", "cpu_features" and "commit": a number without them says nothing. */
void nsky_bench_put_machine(nsky_json *report);

#endif
