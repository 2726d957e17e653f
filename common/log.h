/* log.h - messages for people, on stderr. Data never goes through here.
 * Thread rule: any thread; one line is written with one write(2). */
#ifndef NSKY_LOG_H
#define NSKY_LOG_H

#include <stdbool.h>

#include "common/error.h"

typedef enum nsky_log_level {
    NSKY_LOG_ERROR,
    NSKY_LOG_WARN,
    NSKY_LOG_INFO,
    NSKY_LOG_DEBUG,
} nsky_log_level;

/* Set once at start-up, before threads. Default: INFO. */
void nsky_log_set_level(nsky_log_level level);
/* JSON lines ({"level":...,"time":...,"text":...}) instead of plain text. */
void nsky_log_set_json(bool json);

void nsky_log(nsky_log_level level, const char *format, ...) NSKY_PRINTF(2, 3);
#define nsky_log_error(...) nsky_log(NSKY_LOG_ERROR, __VA_ARGS__)
#define nsky_log_warn(...) nsky_log(NSKY_LOG_WARN, __VA_ARGS__)
#define nsky_log_info(...) nsky_log(NSKY_LOG_INFO, __VA_ARGS__)
#define nsky_log_debug(...) nsky_log(NSKY_LOG_DEBUG, __VA_ARGS__)

#endif
