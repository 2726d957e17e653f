/* error.h - one error, described once where it happens, handed up by value of the status. */
#ifndef NSKY_ERROR_H
#define NSKY_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#define NSKY_MUST_CHECK __attribute__((warn_unused_result))
#define NSKY_PRINTF(format_index, first_arg) \
    __attribute__((format(printf, format_index, first_arg)))

typedef enum nsky_status {
    NSKY_OK = 0,
    NSKY_EINVAL,    /* the request makes no sense; the same call will fail again */
    NSKY_ENOTFOUND, /* no such object, file, table or position */
    NSKY_EDATA,     /* input is damaged, or not in a form we read */
    NSKY_ELIMIT,    /* a stated bound would be exceeded */
    NSKY_EMISMATCH, /* parts that do not belong together: other model, other generation */
    NSKY_EIO,       /* the operating system refused; errno is in the message */
    NSKY_ENOMEM,
    NSKY_EBUSY,      /* a queue is full or a lock is held; try again later */
    NSKY_ECANCELLED, /* asked to stop: shutdown or the caller went away */
    NSKY_EDEVICE,    /* a compute back end is missing or lost */
    NSKY_EEXIST,     /* it is already there, and differs */
} nsky_status;

#define NSKY_ERROR_TEXT_BYTES 1024

/*
 * Owned by the caller, usually on the stack; may cross threads with the work it describes.
 * `text` is one sentence naming the file or row and, where there is one, the remedy.
 */
typedef struct nsky_error {
    nsky_status status;
    char text[NSKY_ERROR_TEXT_BYTES];
} nsky_error;

#define NSKY_ERROR_INIT \
    {                   \
        NSKY_OK, ""     \
    }

/* Fills err (over-long text is cut) and returns status, so that `return nsky_fail(...)` reads well.
 */
nsky_status nsky_fail(nsky_error *err, nsky_status status, const char *format, ...)
    NSKY_PRINTF(3, 4);

/* As nsky_fail with NSKY_EIO, appending ": " and the text of the current errno. */
nsky_status nsky_fail_errno(nsky_error *err, const char *format, ...) NSKY_PRINTF(2, 3);

/* "invalid", "not found", ...: stable, lower case, for JSON and logs. */
const char *nsky_status_name(nsky_status status);

/* clang's analyzer sees one file at a time; this tells it what error.c keeps: a failure has a
 * status, and err has the same. */
#if defined(__clang_analyzer__) && !defined(NSKY_ANALYZED_ALONE)
static inline nsky_status nsky_failed(nsky_error *err, nsky_status status)
{
    if (status == NSKY_OK)
        __builtin_unreachable();
    err->status = status;
    return status;
}
#define nsky_fail(err, status, ...) \
    ((void)nsky_fail(err, status, __VA_ARGS__), nsky_failed(err, status))
#define nsky_fail_errno(err, ...) \
    ((void)nsky_fail_errno(err, __VA_ARGS__), nsky_failed(err, NSKY_EIO))
#endif

#endif
