/* error.c - one error, described once where it happens.
 * Thread rule: any thread; an nsky_error belongs to whoever holds the work it describes. */
#define NSKY_ANALYZED_ALONE
#include "common/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Drops a UTF-8 sequence that a cut left incomplete, so that a cut text is still valid in JSON. */
static size_t trim_partial_utf8(const char *text, size_t bytes)
{
    size_t back = 0;

    while (back < bytes && back < 3 && ((unsigned char)text[bytes - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back == bytes)
        return bytes;
    unsigned char lead = (unsigned char)text[bytes - 1 - back];
    size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    return back < need ? bytes - 1 - back : bytes;
}

/* Goes through a buffer of its own because callers wrap: nsky_fail(err, s, "%s: %s", p, err->text).
 */
static void describe(nsky_error *err, nsky_status status, const char *suffix, const char *format,
                     va_list args)
{
    char text[NSKY_ERROR_TEXT_BYTES];
    size_t suffix_bytes = strlen(suffix);
    size_t room = sizeof text - suffix_bytes; /* the suffix is the part that must survive a cut */

    int wanted = vsnprintf(text, room, format, args);
    size_t bytes = wanted < 0 ? 0 : (size_t)wanted;
    if (bytes >= room)
        bytes = trim_partial_utf8(text, room - 1);
    memcpy(text + bytes, suffix, suffix_bytes);
    text[bytes + suffix_bytes] = '\0';
    err->status = status;
    memcpy(err->text, text, bytes + suffix_bytes + 1);
}

nsky_status nsky_fail(nsky_error *err, nsky_status status, const char *format, ...)
{
    assert(err && status != NSKY_OK && format);
    va_list args;

    va_start(args, format);
    describe(err, status, "", format, args);
    va_end(args);
    return status;
}

nsky_status nsky_fail_errno(nsky_error *err, const char *format, ...)
{
    int code = errno; /* before anything below can change it */
    assert(err && format);
    char reason[160], suffix[sizeof reason + 2];
    va_list args;

    snprintf(suffix, sizeof suffix, ": %s", strerror_r(code, reason, sizeof reason));
    va_start(args, format);
    describe(err, NSKY_EIO, suffix, format, args);
    va_end(args);
    errno = code;
    return NSKY_EIO;
}

const char *nsky_status_name(nsky_status status)
{
    switch (status) {
    case NSKY_OK:
        return "ok";
    case NSKY_EINVAL:
        return "invalid";
    case NSKY_ENOTFOUND:
        return "not found";
    case NSKY_EDATA:
        return "bad data";
    case NSKY_ELIMIT:
        return "limit exceeded";
    case NSKY_EMISMATCH:
        return "mismatch";
    case NSKY_EIO:
        return "i/o error";
    case NSKY_ENOMEM:
        return "out of memory";
    case NSKY_EBUSY:
        return "busy";
    case NSKY_ECANCELLED:
        return "cancelled";
    case NSKY_EDEVICE:
        return "device error";
    case NSKY_EEXIST:
        return "already exists";
    }
    return "unknown"; /* a status read from elsewhere, not one of ours */
}
