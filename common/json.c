/* json.c - reading JSON: cJSON behind a strict scan, then a search for duplicate keys.
 * Thread rule: a value belongs to one thread at a time. */
#include "common/json_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"

static void *cjson_alloc(size_t bytes)
{
    nsky_error ignored; /* cJSON knows NULL only */
    return nsky_alloc(bytes, 1, &ignored);
}

/* cJSON's memory goes through ours so that tests can make it fail. Set before main because the
 * hooks are global and threads may start with a parse. */
__attribute__((constructor)) static void hook_cjson(void)
{
    cJSON_Hooks hooks = {.malloc_fn = cjson_alloc, .free_fn = nsky_free};
    cJSON_InitHooks(&hooks);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* keys [*room] is scratch shared by all objects of a document. */
static nsky_status check_object(const cJSON *object, const char ***keys, size_t *room,
                                const char *what, nsky_error *err)
{
    size_t count = 0;

    for (const cJSON *member = object->child; member; member = member->next)
        count++;
    if (count > *room) {
        const char **moved = nsky_realloc(*keys, count, sizeof **keys, err);
        if (!moved)
            return err->status;
        *keys = moved;
        *room = count;
    }
    count = 0;
    for (const cJSON *member = object->child; member; member = member->next)
        (*keys)[count++] = member->string;
    qsort(*keys, count, sizeof **keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (strcmp((*keys)[i - 1], (*keys)[i]) == 0)
            return nsky_fail(err, NSKY_EDATA, "%s: duplicate key \"%s\"", what, (*keys)[i]);
    return NSKY_OK;
}

/* Recursion is bounded: the scan let no more than NSKY_JSON_DEPTH_MAX levels through. */
static nsky_status check_keys(const cJSON *item, const char ***keys, size_t *room, const char *what,
                              nsky_error *err)
{
    nsky_status status = NSKY_OK;

    if (cJSON_IsObject(item) && item->child && item->child->next)
        status = check_object(item, keys, room, what, err);
    for (const cJSON *child = item->child; child && status == NSKY_OK; child = child->next)
        if (child->child)
            status = check_keys(child, keys, room, what, err);
    return status;
}

nsky_status nsky_json_parse(nsky_json **out, const char *text, size_t bytes, const char *what,
                            nsky_error *err)
{
    assert(out && (text || bytes == 0) && what && err);
    const char **keys = NULL;
    size_t room = 0;

    *out = NULL;
    nsky_status status = nsky_json_scan(text, bytes, what, err);
    if (status != NSKY_OK)
        return status;
    cJSON *root = cJSON_ParseWithLengthOpts(text, bytes, NULL, 0);
    if (!root) /* the scan passed, so only memory can be wanting */
        return nsky_fail(err, NSKY_ENOMEM, "%s: out of memory reading JSON", what);
    status = check_keys(root, &keys, &room, what, err);
    nsky_free(keys);
    if (status != NSKY_OK) {
        cJSON_Delete(root);
        return status;
    }
    *out = (nsky_json *)root;
    return NSKY_OK;
}

nsky_status nsky_json_read_file(nsky_json **out, const char *path, size_t bytes_max,
                                nsky_error *err)
{
    assert(out && path && err);
    size_t bytes;
    void *text;

    *out = NULL;
    nsky_status status = nsky_file_read(&text, &bytes, path, bytes_max, err);
    if (status != NSKY_OK)
        return status;
    status = nsky_json_parse(out, text, bytes, path, err);
    nsky_free(text);
    return status;
}

void nsky_json_free(nsky_json *root)
{
    if (!root)
        return;
    assert(!item_of(root)->string && !item_of(root)->next); /* a root, not someone's child */
    cJSON_Delete(item_of(root));
}

nsky_json_type nsky_json_kind(const nsky_json *value)
{
    const cJSON *item = item_of(value);

    if (cJSON_IsBool(item))
        return NSKY_JSON_BOOL;
    if (cJSON_IsNumber(item))
        return NSKY_JSON_NUMBER;
    if (cJSON_IsString(item))
        return NSKY_JSON_STRING;
    if (cJSON_IsArray(item))
        return NSKY_JSON_ARRAY;
    if (cJSON_IsObject(item))
        return NSKY_JSON_OBJECT;
    return NSKY_JSON_NULL;
}

const nsky_json *nsky_json_get(const nsky_json *object, const char *key)
{
    assert(key);
    if (nsky_json_kind(object) != NSKY_JSON_OBJECT)
        return NULL;
    for (const cJSON *member = item_of(object)->child; member; member = member->next)
        if (strcmp(member->string, key) == 0)
            return (const nsky_json *)member;
    return NULL;
}

const char *nsky_json_string(const nsky_json *value)
{
    return nsky_json_kind(value) == NSKY_JSON_STRING ? item_of(value)->valuestring : NULL;
}

double nsky_json_number(const nsky_json *value, double fallback)
{
    return nsky_json_kind(value) == NSKY_JSON_NUMBER ? item_of(value)->valuedouble : fallback;
}

bool nsky_json_bool(const nsky_json *value, bool fallback)
{
    return nsky_json_kind(value) == NSKY_JSON_BOOL ? cJSON_IsTrue(item_of(value)) != 0 : fallback;
}

const char *nsky_json_get_string(const nsky_json *object, const char *key)
{
    return nsky_json_string(nsky_json_get(object, key));
}

double nsky_json_get_number(const nsky_json *object, const char *key, double fallback)
{
    return nsky_json_number(nsky_json_get(object, key), fallback);
}

bool nsky_json_get_bool(const nsky_json *object, const char *key, bool fallback)
{
    return nsky_json_bool(nsky_json_get(object, key), fallback);
}

size_t nsky_json_count(const nsky_json *array_or_object)
{
    size_t count = 0;

    for (const nsky_json *v = nsky_json_first(array_or_object); v; v = nsky_json_next(v))
        count++;
    return count;
}

const nsky_json *nsky_json_first(const nsky_json *array_or_object)
{
    return array_or_object ? (const nsky_json *)item_of(array_or_object)->child : NULL;
}

const nsky_json *nsky_json_next(const nsky_json *value)
{
    return value ? (const nsky_json *)item_of(value)->next : NULL;
}

const char *nsky_json_key(const nsky_json *member)
{
    return member ? item_of(member)->string : NULL;
}
