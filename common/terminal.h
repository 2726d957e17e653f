/* terminal.h (private) - lets a log line step in front of a progress line instead of into it.
 * Thread rule: any thread. */
#ifndef NSKY_TERMINAL_H
#define NSKY_TERMINAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define NSKY_TERMINAL_CLEAR "\r\033[K"

/* True while a progress line stands on stderr. */
extern _Atomic bool nsky_terminal_progress_shown;

/* Everything to stderr, in one write(2) unless the system takes less; errors have nowhere to go. */
void nsky_terminal_write(const char *text, size_t bytes);

#endif
