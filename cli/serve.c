/* serve.c - `nearsky serve`: server.h from the command line, until a signal says to stop. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "server/server.h"

#define DESCRIPTORS_WANTED 4096

static const char help[] =
    "usage: nearsky serve STORE [options]\n\n"
    "Answers over HTTP for the live generation of a store: the page at /, the API at /api/v1.\n"
    "Prints its address when it is ready. SIGHUP takes up a new generation; SIGTERM and SIGINT\n"
    "answer what is under way, then stop.\n\n"
    "  --host H          address to listen on (default 127.0.0.1: this machine only)\n"
    "  --port N          port, 0 for any free one (default 8080)\n"
    "  --page DIR        folder of the built page (default: $NEARSKY_PAGE, or web/dist)\n"
    "  --threads N       HTTP threads (default: one for each core)\n"
    "  --queue N         searches that may wait; more are answered 503 (default 256)\n"
    "  --device D        encoder for uploads: auto, cpu or ref (default auto)\n"
    "  --json            the address as JSON\n";

typedef struct arguments {
    nsky_server_options options;
    bool json;
} arguments;

static bool parse_number(const char *text, long low, long high, long *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtol(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && *out >= low && *out <= high;
}

/* 0 to go on, else an exit status plus one. */
static int parse_option(int option, arguments *args)
{
    long number = 0;

    switch (option) {
    case 'H':
        args->options.host = optarg;
        return 0;
    case 'P':
        if (!parse_number(optarg, 0, 65535, &number))
            return 1 + nsky_cli_usage("serve", "--port takes 0 to 65535, not \"%s\"", optarg);
        args->options.port = (uint16_t)number;
        return 0;
    case 'D':
        args->options.page = optarg;
        return 0;
    case 't':
        if (!parse_number(optarg, 1, 256, &number))
            return 1 + nsky_cli_usage("serve", "--threads takes 1 to 256, not \"%s\"", optarg);
        args->options.threads = (uint32_t)number;
        return 0;
    case 'q':
        if (!parse_number(optarg, 1, 65536, &number))
            return 1 + nsky_cli_usage("serve", "--queue takes 1 to 65536, not \"%s\"", optarg);
        args->options.queue_max = (uint32_t)number;
        return 0;
    case 'd':
        args->options.device = optarg;
        return 0;
    case 'j':
        args->json = true;
        return 0;
    case 'h':
        fputs(help, stdout);
        return 1 + NSKY_EXIT_DONE;
    default:
        return 1 + nsky_cli_usage("serve", "wrong options");
    }
}

static int parse(int argc, char **argv, arguments *args)
{
    static const struct option known[] = {{"host", required_argument, NULL, 'H'},
                                          {"port", required_argument, NULL, 'P'},
                                          {"page", required_argument, NULL, 'D'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"queue", required_argument, NULL, 'q'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option, stop = 0;

    while (!stop && (option = getopt_long(argc, argv, "h", known, NULL)) != -1)
        stop = parse_option(option, args);
    if (!stop && optind + 1 != argc)
        stop = 1 + nsky_cli_usage("serve", "give one store");
    return stop;
}

/* Beside the source (the binary is in its build folder) or in the installation; without either, the
 * place where the page would be built, so that the message names it. The caller frees it. */
static char *find_page(nsky_error *err)
{
    static const char *const places[] = {"../share/nearsky/page", "../../web/dist", "../web/dist",
                                         "../../../web/dist"};
    const char *wish = getenv("NEARSKY_PAGE");
    char exe[PATH_MAX];

    if (wish && wish[0])
        return nsky_strdup(wish, err);
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length <= 0)
        return nsky_strdup("web/dist", err);
    exe[length] = '\0';
    *strrchr(exe, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = nsky_format(err, "%s/%s", exe, places[i]);
        if (!path || nsky_directory_exists(path))
            return path;
        nsky_free(path);
    }
    return nsky_strdup("web/dist", err);
}

/* A thousand clients need as many descriptors; the usual soft limit is just that. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        nsky_log_debug("the limit on open files stays: %s", strerror(errno));
}

static bool print_address(const arguments *args, uint16_t port)
{
    const char *host = args->options.host;
    bool six = strchr(host, ':') != NULL;

    printf(args->json ? "{\"url\": \"http://%s%s%s:%u/\", \"port\": %u, \"pid\": %ld}\n"
                      : "http://%s%s%s:%u/\n",
           six ? "[" : "", host, six ? "]" : "", port, port, (long)getpid());
    return fflush(stdout) == 0;
}

/* Signals arrive here as bytes. Blocking them and waiting with sigwait would not do: OpenBLAS has
 * threads from before main, and an unblocked signal would reach, and end, those. */
static int signal_pipe[2];

static void on_signal(int number)
{
    int saved = errno;
    char byte = (char)number;

    if (write(signal_pipe[1], &byte, 1) != 1)
        saved = errno; /* full: as many signals wait as anyone could want */
    errno = saved;
}

static nsky_status catch_signals(nsky_error *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (pipe2(signal_pipe, O_CLOEXEC) != 0 || fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK) != 0)
        return nsky_fail_errno(err, "a pipe for signals");
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    return NSKY_OK;
}

/* Until SIGTERM or SIGINT. */
static void attend(nsky_server *server)
{
    char number = SIGHUP;

    while (number == SIGHUP) {
        struct pollfd readable = {.fd = signal_pipe[0], .events = POLLIN};
        if (poll(&readable, 1, -1) != 1 || read(signal_pipe[0], &number, 1) != 1)
            continue; /* interrupted: by the very signal that is in the pipe now */
        if (number != SIGHUP)
            break;
        nsky_error err = NSKY_ERROR_INIT;
        if (nsky_server_reload(server, &err) != NSKY_OK)
            nsky_log_error("the old generation stays: %s", err.text);
    }
    nsky_log_info("stopping");
}

int nsky_cli_serve(int argc, char **argv)
{
    arguments args = {.options = {.host = "127.0.0.1", .port = 8080, .device = "auto"}};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_server *server = NULL;
    char *page = NULL;
    int stop = parse(argc, argv, &args);

    if (stop)
        return stop - 1;
    args.options.store = argv[optind];
    if (!args.options.page && !(args.options.page = page = find_page(&err)))
        return nsky_cli_failed("serve", &err);

    allow_descriptors();
    nsky_status status = catch_signals(&err);
    if (status == NSKY_OK)
        status = nsky_server_start(&server, &args.options, &err);
    nsky_free(page);
    if (status != NSKY_OK)
        return nsky_cli_failed("serve", &err);
    if (print_address(&args, nsky_server_port(server)))
        attend(server);
    else
        nsky_log_error("cannot write to standard output: %s", strerror(errno));
    nsky_server_stop(server);
    return NSKY_EXIT_DONE;
}
