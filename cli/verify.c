/* verify.c - `nearsky verify`: is the store sound? */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "probe/guard.h"
#include "store/survey.h"

static const char help[] =
    "usage: nearsky verify STORE [--json]\n\n"
    "Checks every checksum and cross-reference: stamps, catalogue, vectors, indexes, models,\n"
    "guards.\n"
    "Exit 0 when all is sound, 1 when not.\n";

static void print_problem(const char *text, void *payload)
{
    nsky_json *problems = payload;
    fprintf(stderr, "%s\n", text);
    if (problems)
        nsky_json_append_string(problems, text);
}

int nsky_cli_verify(int argc, char **argv)
{
    const char *store = NULL;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return NSKY_EXIT_DONE;
        }
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (argv[i][0] == '-' || store)
            return nsky_cli_usage("verify", "unexpected \"%s\"", argv[i]);
        else
            store = argv[i];
    }
    if (!store)
        return nsky_cli_usage("verify", "give one store");
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t problems = 0;
    nsky_json *list = json ? nsky_json_array() : NULL;
    if (nsky_survey_verify(store, print_problem, list, &problems, &err) != NSKY_OK ||
        nsky_guard_verify(store, print_problem, list, &problems, &err) != NSKY_OK) {
        nsky_json_free(list);
        return nsky_cli_failed("verify", &err);
    }
    if (json) {
        nsky_json *object = nsky_json_object();
        nsky_json_put_bool(object, "sound", problems == 0);
        nsky_json_put(object, "problems", list);
        int status = nsky_cli_print_json("verify", object);
        return problems ? NSKY_EXIT_FAILED : status;
    }
    if (problems)
        printf("%llu problems\n", (unsigned long long)problems);
    else
        printf("sound\n");
    return problems ? NSKY_EXIT_FAILED : NSKY_EXIT_DONE;
}
