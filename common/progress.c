/* progress.c - one line on a terminal, redrawn at most ten times a second; lines in a log, seldom.
 * Thread rule: nsky_progress_add from any thread: the counters are atomic, and a thread that wins
 * the right to redraw composes its line on its own stack. The rest from one thread. */
#include "common/progress.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/terminal.h"

#define REDRAW_NS 100000000
#define LOG_SECONDS 60
#define LOG_SECONDS_MAX 86400
#define NAME_BYTES 32
#define LINE_BYTES 256
#define NOTE_BYTES 96

struct nsky_progress {
    char what[NAME_BYTES], unit[NAME_BYTES];
    bool terminal;
    int64_t start_ns, every_ns;
    _Atomic int64_t drawn_ns;
    _Atomic uint64_t total, done;
    pthread_mutex_t lock; /* of the note */
    char note[NOTE_BYTES];
};

typedef struct line {
    char text[LINE_BYTES];
    size_t bytes;
} line;

NSKY_PRINTF(2, 3) static void add(line *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int wanted = vsnprintf(out->text + out->bytes, sizeof out->text - out->bytes, format, args);
    va_end(args);
    out->bytes += wanted > 0 ? (size_t)wanted : 0;
    if (out->bytes >= sizeof out->text)
        out->bytes = sizeof out->text - 1;
}

/* 1204567 -> "1,204,567" */
static void add_count(line *out, uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);

    for (int i = 0; i < length; i++)
        add(out, i > 0 && (length - i) % 3 == 0 ? ",%c" : "%c", digits[i]);
}

static void add_rate(line *out, double per_second)
{
    if (per_second >= 10.0 && per_second < 1e18) {
        add_count(out, (uint64_t)(per_second + 0.5));
        add(out, "/s");
    } else {
        add(out, "%.1f/s", per_second);
    }
}

static void add_duration(line *out, double seconds)
{
    uint64_t s = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 1000000000;

    if (s < 100)
        add(out, "%" PRIu64 " s", s);
    else if (s < 6000)
        add(out, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    else
        add(out, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
}

static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

static void draw(nsky_progress *progress, int64_t now)
{
    line out = {.bytes = 0};
    uint64_t done = atomic_load(&progress->done), total = atomic_load(&progress->total);
    double elapsed_s = (double)(now - progress->start_ns) * 1e-9;
    double per_second = elapsed_s > 0.0 ? (double)done / elapsed_s : 0.0;

    add(&out, "%s%s  ", progress->terminal ? NSKY_TERMINAL_CLEAR : "", progress->what);
    add_count(&out, done);
    if (total > 0) {
        add(&out, " of ");
        add_count(&out, total);
    }
    add(&out, " %s  ", progress->unit);
    add_rate(&out, per_second);
    if (total > done && per_second > 0.0) {
        add(&out, "  ");
        add_duration(&out, (double)(total - done) / per_second);
        add(&out, " left");
    }
    pthread_mutex_lock(&progress->lock);
    if (progress->note[0])
        add(&out, "  %s", progress->note);
    pthread_mutex_unlock(&progress->lock);
    if (progress->terminal) {
        size_t most = strlen(NSKY_TERMINAL_CLEAR) + terminal_columns() - 1;
        if (out.bytes > most) /* a wrapped line could not be cleared */
            out.bytes = most;
        atomic_store(&nsky_terminal_progress_shown, true);
    } else {
        out.text[out.bytes++] = '\n'; /* over the NUL: write counts */
    }
    nsky_terminal_write(out.text, out.bytes);
}

/* Between two lines that are not on a terminal; 0: none are wanted. */
static int64_t log_interval_ns(void)
{
    const char *text = getenv("NEARSKY_PROGRESS_S");
    char *end = NULL;
    double seconds = text ? strtod(text, &end) : LOG_SECONDS;

    if (text && (end == text || *end != '\0' || !(seconds >= 0 && seconds <= LOG_SECONDS_MAX)))
        seconds = LOG_SECONDS;
    return (int64_t)(seconds * 1e9);
}

nsky_progress *nsky_progress_start(const char *what, const char *unit, uint64_t total)
{
    assert(what && unit);
    nsky_error ignored; /* a job goes on without its progress line */

    const bool terminal = isatty(STDERR_FILENO);
    const int64_t every_ns = terminal ? REDRAW_NS : log_interval_ns();
    if (every_ns == 0)
        return NULL;
    nsky_progress *progress = nsky_alloc_zero(1, sizeof *progress, &ignored);
    if (!progress)
        return NULL;
    snprintf(progress->what, sizeof progress->what, "%s", what);
    snprintf(progress->unit, sizeof progress->unit, "%s", unit);
    pthread_mutex_init(&progress->lock, NULL);
    progress->terminal = terminal;
    progress->every_ns = every_ns;
    progress->start_ns = (int64_t)nsky_now_ns();
    atomic_init(&progress->drawn_ns, progress->start_ns);
    atomic_init(&progress->total, total);
    return progress;
}

void nsky_progress_set_total(nsky_progress *progress, uint64_t total)
{
    if (progress)
        atomic_store(&progress->total, total);
}

void nsky_progress_add(nsky_progress *progress, uint64_t count)
{
    if (!progress)
        return;
    atomic_fetch_add_explicit(&progress->done, count, memory_order_relaxed);
    int64_t now = (int64_t)nsky_now_ns(), drawn = atomic_load(&progress->drawn_ns);
    if (now - drawn >= progress->every_ns &&
        atomic_compare_exchange_strong(&progress->drawn_ns, &drawn, now))
        draw(progress, now);
}

void nsky_progress_note(nsky_progress *progress, const char *text)
{
    assert(text);
    if (!progress)
        return;
    pthread_mutex_lock(&progress->lock);
    snprintf(progress->note, sizeof progress->note, "%s", text);
    pthread_mutex_unlock(&progress->lock);
}

void nsky_progress_end(nsky_progress *progress)
{
    if (!progress)
        return;
    if (atomic_exchange(&nsky_terminal_progress_shown, false))
        nsky_terminal_write(NSKY_TERMINAL_CLEAR, strlen(NSKY_TERMINAL_CLEAR));
    pthread_mutex_destroy(&progress->lock);
    nsky_free(progress);
}
