/* info.c - `nearsky info [STORE]`: what is there, and what this build can do. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/memory.h"
#include "common/version.h"
#include "encoder/encoder.h"
#include "index/build.h"
#include "index/scan.h"
#include "store/survey.h"

static const char help[] =
    "usage: nearsky info [STORE] [--json]\n\n"
    "Prints this build's version, FAISS, SIMD level and back ends; of a store its rows, stamps,\n"
    "sources that were refused, generations and models.\n";

static nsky_json *describe_build(void)
{
    char faiss[128], devices[256];
    nsky_dot_kernel kernels[3];
    nsky_index_versions(faiss, sizeof faiss);
    nsky_encoder_devices(devices, sizeof devices);
    nsky_dot_kernels(kernels);
    nsky_json *build = nsky_json_object();
    nsky_json_put_string(build, "version", nsky_version());
    nsky_json_put_string(build, "commit", nsky_commit());
    nsky_json_put_string(build, "cpu", nsky_cpu_features());
    nsky_json_put_string(build, "faiss", faiss);
    nsky_json_put_string(build, "scan_kernel", kernels[0].name);
    nsky_json_put_string(build, "backends", devices);
    return build;
}

/* "key: value" lines, nested objects indented: JSON made to be read. */
static void print_words(const nsky_json *value, int indent)
{
    for (const nsky_json *v = nsky_json_first(value); v; v = nsky_json_next(v)) {
        const char *key = nsky_json_key(v);
        nsky_error err = NSKY_ERROR_INIT;
        if (nsky_json_kind(v) == NSKY_JSON_OBJECT || nsky_json_kind(v) == NSKY_JSON_ARRAY) {
            printf("%*s%s\n", indent, "", key ? key : "-");
            print_words(v, indent + 2);
        } else if (nsky_json_kind(v) == NSKY_JSON_STRING) {
            printf("%*s%-18s %s\n", indent, "", key ? key : "-", nsky_json_string(v));
        } else {
            char *text = nsky_json_print(v, false, &err);
            printf("%*s%-18s %s\n", indent, "", key ? key : "-", text ? text : "?");
            nsky_free(text);
        }
    }
}

int nsky_cli_info(int argc, char **argv)
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
            return nsky_cli_usage("info", "unexpected \"%s\"", argv[i]);
        else
            store = argv[i];
    }
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *all = nsky_json_object(), *survey_json = NULL;
    nsky_json_put(all, "build", describe_build());
    if (store) {
        nsky_survey *survey = NULL;
        nsky_status status = nsky_survey_open(&survey, store, NSKY_SURVEY_READ, &err);
        if (status == NSKY_OK)
            status = nsky_survey_describe(survey, &survey_json, &err);
        nsky_survey_close(survey);
        if (status != NSKY_OK) {
            nsky_json_free(all);
            return nsky_cli_failed("info", &err);
        }
        nsky_json_put(all, "survey", survey_json);
    }
    if (json)
        return nsky_cli_print_json("info", all);
    print_words(all, 0);
    nsky_json_free(all);
    return NSKY_EXIT_DONE;
}
