/* import.c - `nearsky import`: a PyTorch checkpoint becomes safetensors. Reading pickles is left to
 * scripts/import-checkpoint, a Python program of the standard library alone that this binary
 * carries (import_script.c is made of it); what it writes is checked here before it takes its
 * place. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/import_script.h"
#include "common/file.h"
#include "common/memory.h"
#include "encoder/model.h"

#define REPORT_BYTES_MAX 65536
#define WORDS_MAX 24

static const char help[] =
    "usage: nearsky import CHECKPOINT --out M.safetensors [options]\n\n"
    "Turns a PyTorch checkpoint of a ResNet-18, 34 or 50 (a zip as torch.save writes it) into "
    "weights\n"
    "that `nearsky embed --model M.safetensors` takes: torchvision's, FAIR's MoCo "
    "(module.encoder_q),\n"
    "Stein et al.'s MoCo (encoder_q), with or without state_dict around. Heads and queues are "
    "left\n"
    "out. The checkpoint's pickle can build tensors and nothing else; no code in it runs.\n"
    "Needs python3, without any package.\n\n"
    "  --out FILE          weights, replaced at once or not at all\n"
    "  --preprocess WHAT   what the network was trained to see, written into the weights:\n"
    "                      stein     g r z, the stretch of Stein et al.'s code\n"
    "                      viewer    g r z, the sky viewer's stretch\n"
    "                      imagenet  z r g as red, green, blue, ImageNet's mean and deviation\n"
    "                      auto      stein for Stein et al.'s MoCo, else imagenet (default)\n"
    "  --size PX           pixels a side that it is shown (default 96)\n"
    "  --prefix TEXT       of the network's names, where there are several: encoder_k.\n"
    "  --name NAME         of the model (default: the checkpoint's)\n"
    "  --json              the report as JSON\n\n"
    "To import on a machine without nearsky: scripts/import-checkpoint, with the same options.\n";

typedef struct arguments {
    const char *checkpoint, *out, *preprocess, *size, *prefix, *name;
    bool json;
} arguments;

/* 0 to go on, else 1 + the exit status. */
static int parse_arguments(int argc, char **argv, arguments *a)
{
    enum { OUT = 256, PREPROCESS, SIZE, PREFIX, NAME, JSON };
    static const struct option known[] = {{"help", no_argument, NULL, 'h'},
                                          {"out", required_argument, NULL, OUT},
                                          {"preprocess", required_argument, NULL, PREPROCESS},
                                          {"size", required_argument, NULL, SIZE},
                                          {"prefix", required_argument, NULL, PREFIX},
                                          {"name", required_argument, NULL, NAME},
                                          {"json", no_argument, NULL, JSON},
                                          {NULL, 0, NULL, 0}};
    const char **texts[] = {&a->out, &a->preprocess, &a->size, &a->prefix, &a->name};
    int option;

    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 1 + NSKY_EXIT_DONE;
        }
        if (option == JSON)
            a->json = true;
        else if (option >= OUT && option < JSON)
            *texts[option - OUT] = optarg;
        else
            return 1 + nsky_cli_usage("import", "see the options");
    }
    if (optind + 1 != argc)
        return 1 + nsky_cli_usage("import", "give one checkpoint");
    if (!a->out)
        return 1 + nsky_cli_usage("import", "--out says where the weights go");
    a->checkpoint = argv[optind];
    return 0;
}

/* "--option=text", so that no text is taken for an option. Freed by free_words. */
static bool add_word(char **words, uint32_t *count, const char *option, const char *text,
                     nsky_error *err)
{
    if (!text)
        return true;
    assert(*count + 1 < WORDS_MAX);
    words[*count] = nsky_format(err, "%s%s", option, text);
    return words[(*count)++] != NULL;
}

static void free_words(char **words)
{
    for (uint32_t i = 0; i < WORDS_MAX; i++)
        nsky_free(words[i]);
}

static nsky_status make_words(const arguments *a, const char *temporary, char **words,
                              nsky_error *err)
{
    uint32_t n = 0;
    bool made = add_word(words, &n, "", "python3", err) &&
                add_word(words, &n, "", "-I", err) && /* neither environment nor folder decide */
                add_word(words, &n, "", "-c", err) &&
                add_word(words, &n, "", nsky_import_script, err) &&
                add_word(words, &n, "--out=", temporary, err) &&
                add_word(words, &n, "--preprocess=", a->preprocess, err) &&
                add_word(words, &n, "--size=", a->size, err) &&
                add_word(words, &n, "--prefix=", a->prefix, err) &&
                add_word(words, &n, "--name=", a->name, err) &&
                add_word(words, &n, "", "--", err) && add_word(words, &n, "", a->checkpoint, err);

    return made ? NSKY_OK : err->status;
}

static nsky_status start(char **words, pid_t *child, int *from_child, nsky_error *err)
{
    posix_spawn_file_actions_t actions;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return nsky_fail(err, NSKY_EIO, "no pipe to python3: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    int failed = posix_spawnp(child, "python3", &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *from_child = ends[0];
    if (failed) {
        close(ends[0]);
        return nsky_fail(err, failed == ENOENT ? NSKY_ENOTFOUND : NSKY_EIO,
                         "python3 reads PyTorch's checkpoints and cannot be started (%s): "
                         "apt-get install python3",
                         strerror(failed));
    }
    return NSKY_OK;
}

/* What the script says on its standard output; what goes wrong it has said on standard error. */
static nsky_status run_script(char **words, char *report, size_t *bytes, nsky_error *err)
{
    ssize_t got;
    pid_t child;
    int from_child = -1, how;
    nsky_status status = start(words, &child, &from_child, err);

    *bytes = 0;
    if (status != NSKY_OK)
        return status;
    while (*bytes < REPORT_BYTES_MAX &&
           ((got = read(from_child, report + *bytes, REPORT_BYTES_MAX - *bytes)) > 0 ||
            (got < 0 && errno == EINTR)))
        *bytes += got > 0 ? (size_t)got : 0;
    close(from_child);
    while (waitpid(child, &how, 0) < 0)
        if (errno != EINTR)
            return nsky_fail(err, NSKY_EIO, "waiting for python3: %s", strerror(errno));
    if (WIFSIGNALED(how))
        return nsky_fail(err, NSKY_EIO, "python3 was ended by signal %d", WTERMSIG(how));
    if (WEXITSTATUS(how) != 0)
        return nsky_fail(err, NSKY_EDATA, "nothing was imported");
    return NSKY_OK;
}

/* The script has made it durable. */
static nsky_status rename_over(const char *from, const char *to, nsky_error *err)
{
    const char *base = nsky_path_base(to);
    char *folder = nsky_format(err, "%.*s", (int)(base - to), to);
    nsky_status status;

    if (!folder)
        return err->status;
    if (rename(from, to) != 0)
        status = nsky_fail(err, NSKY_EIO, "%s cannot be put in place: %s", to, strerror(errno));
    else
        status = nsky_fsync_directory(*folder ? folder : ".", err);
    nsky_free(folder);
    return status;
}

/* A whole network that nearsky runs, or an error that names what is wrong; then it takes its place.
 */
static nsky_status adopt(const char *temporary, const arguments *a, nsky_json *report,
                         nsky_error *err)
{
    nsky_model *model;
    nsky_status status = nsky_model_open(&model, temporary, err);

    if (status != NSKY_OK)
        return status;
    nsky_json_put_string(report, "out", a->out);
    nsky_json_put_string(report, "name", nsky_model_info_of(model)->name);
    nsky_json_put_string(report, "sha256", nsky_model_info_of(model)->sha256);
    nsky_model_close(model);
    return rename_over(temporary, a->out, err);
}

static void print_report(const nsky_json *report)
{
    const char *prefix = nsky_json_get_string(report, "prefix");

    printf("%s: a %s with the %s stem%s%s, %.0f tensors, input prepared as %s\n"
           "%.0f tensors of heads, queues and other networks were left out\n",
           nsky_json_get_string(report, "out"), nsky_json_get_string(report, "arch"),
           nsky_json_get_string(report, "stem"), prefix && *prefix ? " from " : "",
           prefix ? prefix : "", nsky_json_get_number(report, "tensors", 0),
           nsky_json_get_string(report, "preprocess"), nsky_json_get_number(report, "dropped", 0));
}

static nsky_status import(const arguments *a, const char *temporary, char *text, nsky_json **report,
                          nsky_error *err)
{
    char *words[WORDS_MAX] = {NULL};
    size_t bytes;
    nsky_status status = make_words(a, temporary, words, err);

    if (status == NSKY_OK)
        status = run_script(words, text, &bytes, err);
    if (status == NSKY_OK)
        status = nsky_json_parse(report, text, bytes, "import-checkpoint", err);
    if (status == NSKY_OK)
        status = adopt(temporary, a, *report, err);
    free_words(words);
    return status;
}

int nsky_cli_import(int argc, char **argv)
{
    arguments a = {0};
    int stop = parse_arguments(argc, argv, &a);
    if (stop)
        return stop - 1;

    nsky_error err = NSKY_ERROR_INIT, removing = NSKY_ERROR_INIT;
    nsky_json *report = NULL;
    char *text = nsky_alloc(REPORT_BYTES_MAX, 1, &err);
    char *temporary = nsky_format(&err, "%s.%ld.import", a.out, (long)getpid());
    nsky_status status = NSKY_ENOMEM;

    if (text && temporary) {
        status = import(&a, temporary, text, &report, &err);
        if (nsky_remove_tree(temporary, &removing) != NSKY_OK && status == NSKY_OK) {
            status = removing.status;
            err = removing;
        }
    }
    nsky_free(temporary);
    nsky_free(text);
    if (status != NSKY_OK) {
        nsky_json_free(report);
        return nsky_cli_failed("import", &err);
    }
    if (a.json)
        return nsky_cli_print_json("import", report);
    print_report(report);
    nsky_json_free(report);
    return NSKY_EXIT_DONE;
}
