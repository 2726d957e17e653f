/* reply.c - see reply.h. */
#include "server/reply.h"

#include <string.h>

#include "common/memory.h"

void nsky_reply_clear(nsky_reply *reply)
{
    if (!reply->borrowed)
        nsky_free((void *)(uintptr_t)reply->body);
    memset(reply, 0, sizeof *reply);
}

void nsky_reply_bytes(nsky_reply *reply, const char *content_type, void *body, size_t bytes)
{
    nsky_reply_clear(reply);
    reply->status = 200;
    reply->content_type = content_type;
    reply->body = body;
    reply->bytes = bytes;
}

void nsky_reply_text(nsky_reply *reply, unsigned status, const char *text)
{
    nsky_reply_clear(reply);
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    reply->body = text;
    reply->bytes = strlen(text);
    reply->borrowed = true;
}

void nsky_reply_json(nsky_reply *reply, nsky_json *value)
{
    nsky_error err = NSKY_ERROR_INIT;
    char *text = nsky_json_print(value, false, &err);

    nsky_json_free(value);
    if (text)
        nsky_reply_bytes(reply, "application/json", text, strlen(text));
    else
        nsky_reply_error(reply, &err);
}

bool nsky_etag_matches(const char *if_none_match, const char *etag)
{
    size_t length = strlen(etag);

    if (!if_none_match || length == 0)
        return false;
    for (const char *at = if_none_match; *at;) {
        at += strspn(at, " \t,");
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t quoted = *at == '"' ? strcspn(at + 1, "\"") + 2 : strcspn(at, ",");
        if (quoted == length && strncmp(at, etag, length) == 0)
            return true;
        quoted = strnlen(at, quoted);
        at += quoted;
    }
    return false;
}

void nsky_reply_etag(nsky_reply *reply, const char *if_none_match, const char *etag)
{
    if (nsky_etag_matches(if_none_match, etag)) {
        const char *cache_control = reply->cache_control;
        nsky_reply_clear(reply);
        reply->status = 304;
        reply->cache_control = cache_control;
    }
    size_t length = strnlen(etag, sizeof reply->etag - 1);
    memcpy(reply->etag, etag, length);
    reply->etag[length] = '\0';
}
