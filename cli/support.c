/* support.c - what the commands share: errors to exit statuses, signals, small parsers. */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define SHARDS_MAX 4096

int nsky_cli_failed(const char *command, const nsky_error *err)
{
    fprintf(stderr, "nearsky %s: %s\n", command, err->text);
    return NSKY_EXIT_FAILED;
}

int nsky_cli_usage(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "nearsky %s: ", command);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry `nearsky %s --help`.\n", command);
    return NSKY_EXIT_USAGE;
}

int nsky_cli_print_json(const char *command, nsky_json *value)
{
    nsky_error err = NSKY_ERROR_INIT;
    char *text = nsky_json_print(value, true, &err);
    nsky_json_free(value);
    if (!text)
        return nsky_cli_failed(command, &err);
    bool written = puts(text) >= 0 && fflush(stdout) == 0;
    nsky_free(text);
    if (!written) {
        fprintf(stderr, "nearsky %s: cannot write to standard output: %s\n", command,
                strerror(errno));
        return NSKY_EXIT_FAILED;
    }
    return NSKY_EXIT_DONE;
}

nsky_status nsky_cli_bytes(uint64_t *out, const char *text, nsky_error *err)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    static const char units[] = "KMGT";
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    if (unit && *unit) {
        value *= pow(1024, (double)(unit - units + 1));
        end++;
    }
    if (end == text || *end || errno || !(value >= 0 && value < 1e18))
        return nsky_fail(err, NSKY_EINVAL, "\"%s\" is no size; give bytes, or 512M, 16G", text);
    *out = (uint64_t)value;
    return NSKY_OK;
}

bool nsky_cli_integer(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == '\0' && errno == 0 && *out >= low &&
           *out <= high;
}

bool nsky_cli_number(const char *text, double low, double high, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= low && *out <= high;
}

bool nsky_cli_shard(const char *text, uint32_t *shard, uint32_t *shards)
{
    char *end;
    unsigned long one = strtoul(text, &end, 10), all = 0;

    if (*end == '/')
        all = strtoul(end + 1, &end, 10);
    *shard = (uint32_t)one - 1;
    *shards = (uint32_t)all;
    return isdigit((unsigned char)*text) && *end == '\0' && one >= 1 && one <= all &&
           all <= SHARDS_MAX;
}

static atomic_bool stop;

static void on_signal(int number)
{
    if (atomic_exchange(&stop, true))
        _Exit(128 + number); /* asked twice: now */
}

const atomic_bool *nsky_cli_stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &stop;
}
