/* cli.h - private: what the commands share. One file a command; main.c names them all.
 * Data goes to stdout, words to stderr; exit 0 done, 1 failed, 2 wrong usage. */
#ifndef NSKY_CLI_H
#define NSKY_CLI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

enum { NSKY_EXIT_DONE = 0, NSKY_EXIT_FAILED = 1, NSKY_EXIT_USAGE = 2 };

typedef struct nsky_command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} nsky_command;

int nsky_cli_simulate(int argc, char **argv);
int nsky_cli_ingest(int argc, char **argv);
int nsky_cli_train(int argc, char **argv);
int nsky_cli_calibrate(int argc, char **argv);
int nsky_cli_embed(int argc, char **argv);
int nsky_cli_index(int argc, char **argv);
int nsky_cli_search(int argc, char **argv);
int nsky_cli_export(int argc, char **argv);
int nsky_cli_probe(int argc, char **argv);
int nsky_cli_rank(int argc, char **argv);
int nsky_cli_known(int argc, char **argv);
int nsky_cli_delete(int argc, char **argv);
int nsky_cli_serve(int argc, char **argv);
int nsky_cli_info(int argc, char **argv);
int nsky_cli_verify(int argc, char **argv);
int nsky_cli_import(int argc, char **argv);
int nsky_cli_eval(int argc, char **argv);
int nsky_cli_bench(int argc, char **argv);

/* "nearsky COMMAND: text" on stderr; the exit status that goes with the error. */
int nsky_cli_failed(const char *command, const nsky_error *err);
/* As above for wrong words on the command line; points at --help. */
int nsky_cli_usage(const char *command, const char *format, ...) NSKY_PRINTF(2, 3);
/* Prints value with a newline to stdout and frees it. */
int nsky_cli_print_json(const char *command, nsky_json *value);
/* "16G", "512M", "1000000": bytes. NSKY_EINVAL otherwise. */
NSKY_MUST_CHECK nsky_status nsky_cli_bytes(uint64_t *out, const char *text, nsky_error *err);
/* A whole number, or a number, from low to high and nothing else; false: not one. */
bool nsky_cli_integer(const char *text, uint64_t low, uint64_t high, uint64_t *out);
bool nsky_cli_number(const char *text, double low, double high, double *out);
/* "2/4", the second of four, to 4096: share 1 of 4. false: not that. */
bool nsky_cli_shard(const char *text, uint32_t *shard, uint32_t *shards);
/* Set by the first SIGINT or SIGTERM; the second one ends the process. Call once, from main's
 * thread. */
const atomic_bool *nsky_cli_stop_on_signals(void);

#endif
