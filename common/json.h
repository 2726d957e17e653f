/* json.h - JSON in and out with limits: the only place that includes cJSON.
 *
 * Reading is strict: UTF-8, no duplicate keys, no trailing bytes, depth <= NSKY_JSON_DEPTH_MAX, no
 * embedded NUL, numbers finite. Object ids are decimal *strings*: doubles lose bits past 2^53.
 * Thread rule: a value belongs to one thread at a time.
 */
#ifndef NSKY_JSON_H
#define NSKY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_JSON_DEPTH_MAX 32

typedef struct nsky_json nsky_json; /* a value; children are borrowed from their root */

/* `what` names the source in errors ("request body", a path). The root is the caller's to free. */
NSKY_MUST_CHECK nsky_status nsky_json_parse(nsky_json **out, const char *text, size_t bytes,
                                            const char *what, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_json_read_file(nsky_json **out, const char *path, size_t bytes_max,
                                                nsky_error *err);
void nsky_json_free(nsky_json *root); /* NULL is a no-op; never call on a borrowed child */

typedef enum nsky_json_type {
    NSKY_JSON_NULL,
    NSKY_JSON_BOOL,
    NSKY_JSON_NUMBER,
    NSKY_JSON_STRING,
    NSKY_JSON_ARRAY,
    NSKY_JSON_OBJECT,
} nsky_json_type;

/* --- reading: borrowed, NULL or the fallback when absent or of another type --- */
nsky_json_type nsky_json_kind(const nsky_json *value);
const nsky_json *nsky_json_get(const nsky_json *object, const char *key); /* exact case */
const char *nsky_json_string(const nsky_json *value);                     /* NULL if no string */
double nsky_json_number(const nsky_json *value, double fallback);
bool nsky_json_bool(const nsky_json *value, bool fallback);
const char *nsky_json_get_string(const nsky_json *object, const char *key);
double nsky_json_get_number(const nsky_json *object, const char *key, double fallback);
bool nsky_json_get_bool(const nsky_json *object, const char *key, bool fallback);
size_t nsky_json_count(const nsky_json *array_or_object);
/* Iterate in order, O(1) a step: for (v = nsky_json_first(a); v; v = nsky_json_next(v)) */
const nsky_json *nsky_json_first(const nsky_json *array_or_object);
const nsky_json *nsky_json_next(const nsky_json *value);
const char *nsky_json_key(const nsky_json *member);

/* --- writing: out of memory is remembered in the root and reported by nsky_json_print --- */
nsky_json *nsky_json_object(void);
nsky_json *nsky_json_array(void);
void nsky_json_put(nsky_json *object, const char *key,
                   nsky_json *child); /* takes child; replaces */
void nsky_json_put_string(nsky_json *object, const char *key, const char *text); /* NULL -> null */
void nsky_json_put_number(nsky_json *object, const char *key, double number); /* NaN, inf -> null */
void nsky_json_put_fixed(nsky_json *object, const char *key, double number, int decimals);
void nsky_json_put_integer(nsky_json *object, const char *key, int64_t number); /* |n| <= 2^53 */
void nsky_json_put_bool(nsky_json *object, const char *key, bool flag);
void nsky_json_put_id(nsky_json *object, const char *key, uint64_t id); /* decimal string */
void nsky_json_append(nsky_json *array, nsky_json *child);              /* takes child */
void nsky_json_append_string(nsky_json *array, const char *text);
void nsky_json_append_number(nsky_json *array, double number);

/* Text the caller frees with nsky_free; NULL and NSKY_ENOMEM when any step above ran out, and
 * NSKY_ELIMIT when nested deeper than we would read back. Invalid UTF-8 comes out as U+FFFD. */
char *nsky_json_print(const nsky_json *value, bool pretty, nsky_error *err);
/* Pretty, with a final newline, replacing `path` atomically. */
NSKY_MUST_CHECK nsky_status nsky_json_write_file(const nsky_json *value, const char *path,
                                                 nsky_error *err);

#endif
