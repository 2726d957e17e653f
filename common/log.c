/* log.c - messages for people, on stderr.
 * Thread rule: any thread; a line is composed on the stack and written with one write(2). */
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/terminal.h"
#include "common/utf8.h"

#define TEXT_BYTES 2048
#define LINE_BYTES (6 * TEXT_BYTES + 128) /* \u00XX is six bytes for one */

_Atomic bool nsky_terminal_progress_shown;

static _Atomic nsky_log_level level_shown = NSKY_LOG_INFO;
static _Atomic bool as_json;

typedef struct line {
    char text[LINE_BYTES];
    size_t bytes;
} line;

void nsky_terminal_write(const char *text, size_t bytes)
{
    int code = errno; /* logging must not disturb the error being logged */

    while (bytes > 0) {
        ssize_t wrote = write(STDERR_FILENO, text, bytes);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            break;
        text += wrote;
        bytes -= (size_t)wrote;
    }
    errno = code;
}

void nsky_log_set_level(nsky_log_level level)
{
    atomic_store(&level_shown, level);
}

void nsky_log_set_json(bool json)
{
    atomic_store(&as_json, json);
}

static void add(line *out, const char *text, size_t bytes)
{
    assert(out->bytes + bytes <= sizeof out->text);
    memcpy(out->text + out->bytes, text, bytes);
    out->bytes += bytes;
}

static void add_text(line *out, const char *text)
{
    add(out, text, strlen(text));
}

/* Names of files and HTTP paths get here: no byte of them may end the line or steer the terminal.
 */
static void add_plain(line *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        add(out, c < 0x20 || c == 0x7F ? " " : &text[i], 1);
    }
}

static void add_json(line *out, const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text;

    for (size_t i = 0, step; i < bytes; i += step) {
        char escape[8];
        step = nsky_utf8_step(at + i, bytes - i);
        if (step == 0) {
            step = 1;
            add_text(out, "\\ufffd");
        } else if (at[i] == '"' || at[i] == '\\') {
            add(out, "\\", 1);
            add(out, text + i, 1);
        } else if (at[i] < 0x20 || at[i] == 0x7F) {
            snprintf(escape, sizeof escape, "\\u%04x", at[i]);
            add_text(out, escape);
        } else {
            add(out, text + i, step);
        }
    }
}

static void add_time(line *out)
{
    struct timespec now;
    struct tm utc;
    char text[48];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t bytes = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + bytes, sizeof text - bytes, ".%03dZ", (int)(now.tv_nsec / 1000000));
    add_text(out, text);
}

static void compose(line *out, nsky_log_level level, const char *text, size_t bytes)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    if (atomic_load(&as_json)) {
        add_text(out, "{\"level\":\"");
        add_text(out, names[level]);
        add_text(out, "\",\"time\":\"");
        add_time(out);
        add_text(out, "\",\"text\":\"");
        add_json(out, text, bytes);
        add_text(out, "\"}\n");
        return;
    }
    if (atomic_load(&nsky_terminal_progress_shown))
        add_text(out, NSKY_TERMINAL_CLEAR);
    if (level != NSKY_LOG_INFO) { /* what is merely said needs no label */
        add_text(out, names[level]);
        add_text(out, ": ");
    }
    add_plain(out, text, bytes);
    add_text(out, "\n");
}

void nsky_log(nsky_log_level level, const char *format, ...)
{
    assert(level >= NSKY_LOG_ERROR && level <= NSKY_LOG_DEBUG && format);
    if (level > atomic_load(&level_shown))
        return;
    char text[TEXT_BYTES];
    line out;
    va_list args;

    va_start(args, format);
    int wanted = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t bytes = wanted < 0 ? 0 : (size_t)wanted;
    if (bytes >= sizeof text) {
        bytes = sizeof text - 1;
        memcpy(text + bytes - 3, "...", 3); /* say that something is missing */
    }
    while (bytes > 0 && text[bytes - 1] == '\n') /* the line ends itself */
        bytes--;
    out.bytes = 0;
    compose(&out, level, text, bytes);
    nsky_terminal_write(out.text, out.bytes);
}
