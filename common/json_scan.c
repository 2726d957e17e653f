/* json_scan.c - strict RFC 8259 in one pass without recursion. cJSON reads the same text
 * afterwards, but it takes much that is not JSON: this decides what is. Thread rule: pure. */
#include "common/json_private.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

typedef struct scanner {
    const unsigned char *text;
    size_t bytes, at;
    const char *problem; /* NULL while all is well */
    nsky_status status;
} scanner;

static bool refuse(scanner *s, nsky_status status, const char *problem)
{
    s->status = status;
    s->problem = problem;
    return false;
}

static bool bad(scanner *s, const char *problem)
{
    return refuse(s, NSKY_EDATA, problem);
}

/* The byte at hand; 0 at the end (a NUL in the text is refused wherever it stands). */
static unsigned char peek(const scanner *s)
{
    return s->at < s->bytes ? s->text[s->at] : 0;
}

static void skip_blanks(scanner *s)
{
    while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
        s->at++;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool scan_digits(scanner *s)
{
    if (!is_digit(peek(s)))
        return bad(s, "malformed number");
    while (is_digit(peek(s)))
        s->at++;
    return true;
}

static bool scan_number(scanner *s)
{
    char text[NUMBER_TEXT_BYTES_MAX + 1];
    size_t start = s->at;

    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0')
        s->at++; /* no digit may follow: "01" is not JSON */
    else if (!scan_digits(s))
        return false;
    if (is_digit(peek(s)))
        return bad(s, "number with a leading zero");
    if (peek(s) == '.' && (s->at++, !scan_digits(s)))
        return false;
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (!scan_digits(s))
            return false;
    }
    if (s->at - start > NUMBER_TEXT_BYTES_MAX)
        return refuse(s, NSKY_ELIMIT, "number longer than 63 characters");
    memcpy(text, s->text + start, s->at - start);
    text[s->at - start] = '\0';
    return isfinite(strtod(text, NULL)) ? true : bad(s, "number too large");
}

/* Four hexadecimal digits; -1 when they are not. */
static int32_t scan_hex4(scanner *s)
{
    int32_t unit = 0;

    for (int i = 0; i < 4; i++, s->at++) {
        unsigned char c = peek(s), letter = (unsigned char)(c | 0x20);
        if (is_digit(c))
            unit = unit * 16 + (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            unit = unit * 16 + (letter - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

/* After "\u". */
static bool scan_unicode_escape(scanner *s)
{
    int32_t unit = scan_hex4(s);

    if (unit < 0)
        return bad(s, "malformed \\u escape");
    if (unit == 0)
        return bad(s, "NUL in a string");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return bad(s, "lone surrogate");
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        if (s->bytes - s->at < 6 || s->text[s->at] != '\\' || s->text[s->at + 1] != 'u')
            return bad(s, "lone surrogate");
        s->at += 2;
        unit = scan_hex4(s);
        if (unit < 0xDC00 || unit > 0xDFFF)
            return bad(s, "lone surrogate");
    }
    return true;
}

static bool scan_string(scanner *s)
{
    for (s->at++; s->at < s->bytes;) {
        unsigned char c = s->text[s->at];
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return bad(s, c == 0 ? "NUL in a string" : "control character in a string");
        if (c == '\\') {
            s->at++;
            c = peek(s);
            if (c == 0 || !strchr("\"\\/bfnrtu", c))
                return bad(s, "unknown escape");
            s->at++;
            if (c == 'u' && !scan_unicode_escape(s))
                return false;
            continue;
        }
        size_t step = nsky_utf8_step(s->text + s->at, s->bytes - s->at);
        if (step == 0)
            return bad(s, "not UTF-8");
        s->at += step;
    }
    return bad(s, "unfinished string");
}

static bool scan_word(scanner *s, const char *word)
{
    size_t length = strlen(word);

    if (s->bytes - s->at < length || memcmp(s->text + s->at, word, length) != 0)
        return bad(s, "unknown word");
    s->at += length;
    return true;
}

static bool scan_scalar(scanner *s)
{
    unsigned char c = peek(s);

    if (c == '"')
        return scan_string(s);
    if (c == '-' || is_digit(c))
        return scan_number(s);
    if (c == 't')
        return scan_word(s, "true");
    if (c == 'f')
        return scan_word(s, "false");
    if (c == 'n')
        return scan_word(s, "null");
    return bad(s, s->at == s->bytes ? "text ends too early" : "expected a value");
}

/* "key" : and the blanks around. */
static bool scan_key(scanner *s)
{
    skip_blanks(s);
    if (peek(s) != '"')
        return bad(s, "expected a key in quotes");
    if (!scan_string(s))
        return false;
    skip_blanks(s);
    if (peek(s) != ':')
        return bad(s, "expected ':'");
    s->at++;
    return true;
}

/* closers [depth]: what ends each open container. Opens one; true when it holds something. */
static bool open_container(scanner *s, char *closers, int *depth)
{
    if (*depth == NSKY_JSON_DEPTH_MAX)
        return refuse(s, NSKY_ELIMIT, "nested too deeply");
    char closer = peek(s) == '{' ? '}' : ']';
    closers[(*depth)++] = closer;
    s->at++;
    skip_blanks(s);
    if (peek(s) == (unsigned char)closer)
        return false; /* empty: the caller's loop closes it */
    return closer == ']' || scan_key(s);
}

/* After a value: closes what ends here, or steps over a comma. True when another value follows. */
static bool close_containers(scanner *s, const char *closers, int *depth)
{
    for (;;) {
        skip_blanks(s);
        if (*depth == 0)
            return false;
        if (peek(s) == ',') {
            s->at++;
            return closers[*depth - 1] == ']' || scan_key(s);
        }
        if (peek(s) != (unsigned char)closers[*depth - 1])
            return bad(s, s->at == s->bytes ? "text ends too early" : "expected ',' or the end");
        s->at++;
        (*depth)--;
    }
}

nsky_status nsky_json_scan(const char *text, size_t bytes, const char *what, nsky_error *err)
{
    assert((text || bytes == 0) && what && err);
    scanner s = {(const unsigned char *)text, bytes, 0, NULL, NSKY_OK};
    char closers[NSKY_JSON_DEPTH_MAX];
    int depth = 0;

    for (bool more = true; more;) {
        skip_blanks(&s);
        if (peek(&s) == '{' || peek(&s) == '[') {
            if (open_container(&s, closers, &depth))
                continue;
        } else {
            scan_scalar(&s);
        }
        more = !s.problem && close_containers(&s, closers, &depth);
    }
    if (!s.problem && s.at < bytes)
        bad(&s, "something follows the end");
    if (s.problem)
        return nsky_fail(err, s.status, "%s: not JSON we read: %s at byte %zu", what, s.problem,
                         s.at);
    return NSKY_OK;
}
