/* uri.c - see uri.h. libmicrohttpd's own decoding is lenient (it keeps bad escapes and drops what
 * follows a %00), so the raw target is read here. */
#include "server/uri.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool clean_text(const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t step = nsky_utf8_step((const unsigned char *)text, left);
        if (step == 0 || (unsigned char)*text < 0x20 || *text == 0x7F)
            return false;
        text += step;
        left -= step;
    }
    return true;
}

bool nsky_uri_decode(char *text, bool plus_is_space)
{
    char *out = text;

    for (const char *in = text; *in; in++) {
        if (*in == '%') {
            int high = hex_digit(in[1]);
            int low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0 || high * 16 + low == 0)
                return false;
            *out++ = (char)(high * 16 + low);
            in += 2;
        } else {
            *out++ = *in == '+' && plus_is_space ? ' ' : *in;
        }
    }
    *out = '\0';
    return clean_text(text);
}

static nsky_status parse_params(nsky_uri *uri, char *query, nsky_error *err)
{
    char *rest = NULL;

    for (char *pair = strtok_r(query, "&", &rest); pair; pair = strtok_r(NULL, "&", &rest)) {
        if (uri->param_count == NSKY_URI_PARAMS_MAX)
            return nsky_fail(err, NSKY_ELIMIT, "more than %d query parameters",
                             NSKY_URI_PARAMS_MAX);
        char *equals = strchr(pair, '=');
        char *value = equals ? equals + 1 : pair + strlen(pair);
        if (equals)
            *equals = '\0';
        if (!nsky_uri_decode(pair, true) || !nsky_uri_decode(value, true))
            return nsky_fail(err, NSKY_EINVAL,
                             "query parameter %u: bad percent escape, control byte or UTF-8",
                             uri->param_count + 1);
        if (nsky_uri_param_of(uri, pair))
            return nsky_fail(err, NSKY_EINVAL, "query parameter \"%s\" is given twice", pair);
        uri->params[uri->param_count++] = (nsky_uri_param){pair, value};
    }
    return NSKY_OK;
}

nsky_status nsky_uri_parse(nsky_uri *out, const char *raw, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    memset(out, 0, sizeof *out);
    if (strncmp(raw, "http://", 7) == 0) { /* absolute form: what proxies are sent */
        raw += 7;
        raw += strcspn(raw, "/?");
    }
    if (strlen(raw) > NSKY_URI_BYTES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "the address is longer than %d bytes",
                         NSKY_URI_BYTES_MAX);
    if (raw[0] != '/')
        return nsky_fail(err, NSKY_EINVAL, "the address does not start with /");
    if (!(out->text = nsky_strdup(raw, err)))
        return err->status;

    char *query = strchr(out->text, '?');
    if (query)
        *query++ = '\0';
    if (!nsky_uri_decode(out->text, false))
        status =
            nsky_fail(err, NSKY_EINVAL, "the path has a bad percent escape, control byte or UTF-8");
    else if (query)
        status = parse_params(out, query, err);
    out->path = out->text;
    if (status != NSKY_OK)
        nsky_uri_clear(out);
    return status;
}

void nsky_uri_clear(nsky_uri *uri)
{
    nsky_free(uri->text);
    memset(uri, 0, sizeof *uri);
}

const char *nsky_uri_param_of(const nsky_uri *uri, const char *key)
{
    for (uint32_t i = 0; i < uri->param_count; i++)
        if (strcmp(uri->params[i].key, key) == 0)
            return uri->params[i].value;
    return NULL;
}

nsky_status nsky_uri_check(const nsky_uri *uri, const char *const *allowed, nsky_error *err)
{
    if (allowed && strcmp(allowed[0], "*") == 0)
        return NSKY_OK;
    for (uint32_t i = 0; i < uri->param_count; i++) {
        bool found = false;
        for (const char *const *name = allowed; name && *name && !found; name++)
            found = strcmp(*name, uri->params[i].key) == 0;
        if (found)
            continue;

        char list[800] = "none";
        size_t used = 0;
        for (const char *const *name = allowed; name && *name && used + 1 < sizeof list; name++) {
            int n = snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", *name);
            used += n > 0 ? (size_t)n : 0;
        }
        return nsky_fail(err, NSKY_EINVAL,
                         "unknown query parameter \"%.64s\"; this address takes: %s",
                         uri->params[i].key, list);
    }
    return NSKY_OK;
}

nsky_status nsky_uri_number(const nsky_uri *uri, const char *key, double low, double high,
                            double *value, nsky_error *err)
{
    const char *text = nsky_uri_param_of(uri, key);

    if (!text)
        return NSKY_OK;
    while (*text == ' ') /* an unescaped "+2.5" arrives as " 2.5" */
        text++;
    char *end = NULL;
    double number = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || text[strspn(text, "0123456789+-.eE")] != '\0' ||
        !isfinite(number) || number < low || number > high)
        return nsky_fail(err, NSKY_EINVAL, "%s must be a number from %.10g to %.10g, not \"%.64s\"",
                         key, low, high, text);
    *value = number;
    return NSKY_OK;
}

nsky_status nsky_uri_integer(const nsky_uri *uri, const char *key, uint32_t low, uint32_t high,
                             uint32_t *value, nsky_error *err)
{
    const char *text = nsky_uri_param_of(uri, key);

    if (!text)
        return NSKY_OK;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0' || errno != 0 || number < low ||
        number > high)
        return nsky_fail(err, NSKY_EINVAL, "%s must be a whole number from %u to %u, not \"%.64s\"",
                         key, low, high, text);
    *value = (uint32_t)number;
    return NSKY_OK;
}

nsky_status nsky_uri_flag(const nsky_uri *uri, const char *key, bool *value, nsky_error *err)
{
    static const char *const yes[] = {"", "1", "true", "yes"}, *const no[] = {"0", "false", "no"};
    const char *text = nsky_uri_param_of(uri, key);

    if (!text)
        return NSKY_OK;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (strcmp(text, yes[i]) == 0) {
            *value = true;
            return NSKY_OK;
        }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (strcmp(text, no[i]) == 0) {
            *value = false;
            return NSKY_OK;
        }
    return nsky_fail(err, NSKY_EINVAL, "%s must be true or false, not \"%.64s\"", key, text);
}
