/* uri.h (private) - a request target taken apart strictly: escapes, UTF-8, no repeated parameters.
 * Thread rule: plain data, one thread at a time. */
#ifndef NSKY_SERVER_URI_H
#define NSKY_SERVER_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_URI_BYTES_MAX 8192
#define NSKY_URI_PARAMS_MAX 40

typedef struct nsky_uri_param {
    const char *key, *value; /* decoded; value "" where there was none */
} nsky_uri_param;

typedef struct nsky_uri {
    char *text;       /* owned; everything below points into it */
    const char *path; /* decoded, starts with '/' */
    nsky_uri_param params[NSKY_URI_PARAMS_MAX];
    uint32_t param_count;
} nsky_uri;

/* raw is the target as the client sent it. NSKY_EINVAL: bad escape, control byte, not UTF-8, a
 * parameter given twice. NSKY_ELIMIT: too long, or too many parameters. */
NSKY_MUST_CHECK nsky_status nsky_uri_parse(nsky_uri *out, const char *raw, nsky_error *err);
void nsky_uri_clear(nsky_uri *uri); /* a zeroed one is a no-op */

/* Percent-decodes in place; '+' becomes a space where plus_is_space. false: not decodable. */
bool nsky_uri_decode(char *text, bool plus_is_space);

const char *nsky_uri_param_of(const nsky_uri *uri, const char *key); /* or NULL */
/* NSKY_EINVAL naming the first parameter that is not in `allowed` (NULL-ended; NULL: none
 * is; {"*"}: all are). */
NSKY_MUST_CHECK nsky_status nsky_uri_check(const nsky_uri *uri, const char *const *allowed,
                                           nsky_error *err);

/* Typed readings: *value is left alone when the parameter is absent; NSKY_EINVAL names it and the
 * bounds, which are inclusive. */
NSKY_MUST_CHECK nsky_status nsky_uri_number(const nsky_uri *uri, const char *key, double low,
                                            double high, double *value, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_uri_integer(const nsky_uri *uri, const char *key, uint32_t low,
                                             uint32_t high, uint32_t *value, nsky_error *err);
/* "", 1, true, yes; 0, false, no. */
NSKY_MUST_CHECK nsky_status nsky_uri_flag(const nsky_uri *uri, const char *key, bool *value,
                                          nsky_error *err);

#endif
