/* bench.h - private: what the benchmarks share. */
#ifndef NSKY_CLI_BENCH_H
#define NSKY_CLI_BENCH_H

#include "common/json.h"

int nsky_bench_embed(int argc, char **argv);
int nsky_bench_scan(int argc, char **argv);
int nsky_bench_index(int argc, char **argv);
int nsky_bench_train(int argc, char **argv);
int nsky_bench_probe(int argc, char **argv);

/* "machine", "cores", "cpu_features" and "commit": a number without them says nothing. */
void nsky_bench_put_machine(nsky_json *report);

#endif
