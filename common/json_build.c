/* json_build.c - making JSON values. What runs out of memory poisons the container it was meant
 * for, so that building code needs no checks and printing cannot pass off half a document as whole.
 * Thread rule: a value belongs to one thread at a time. */
#include "common/json_private.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"

#define INTEGER_MAX ((int64_t)1 << 53)
#define FIXED_MAX 1e15 /* beyond, fixed notation shows digits that mean nothing */
#define DECIMALS_MAX 17

nsky_json *nsky_json_object(void)
{
    return (nsky_json *)cJSON_CreateObject();
}

nsky_json *nsky_json_array(void)
{
    return (nsky_json *)cJSON_CreateArray();
}

/* False when the container or the child never came to be; the container remembers the latter. */
static bool ready(cJSON *container, cJSON *child)
{
    if (container && child)
        return true;
    if (container)
        container->type |= POISONED;
    cJSON_Delete(child);
    return false;
}

static void put(cJSON *object, const char *key, cJSON *child)
{
    assert(key && (!object || cJSON_IsObject(object)) && (!child || child != object));
    if (!ready(object, child))
        return;
    assert(!child->string && !child->next); /* the caller's to give */
    cJSON *old = item_of(nsky_json_get((nsky_json *)object, key));
    if (old) { /* the key moves over, so that replacing needs no memory */
        child->string = old->string;
        old->string = NULL;
        cJSON_ReplaceItemViaPointer(object, old, child);
    } else if (!cJSON_AddItemToObject(object, key, child)) {
        object->type |= POISONED;
        cJSON_Delete(child);
    }
}

static void append(cJSON *array, cJSON *child)
{
    assert((!array || cJSON_IsArray(array)) && (!child || child != array));
    if (!ready(array, child))
        return;
    assert(!child->string && !child->next);
    cJSON_AddItemToArray(array, child);
}

static cJSON *make_string(const char *text)
{
    return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}

static cJSON *make_number(double number)
{
    return isfinite(number) ? cJSON_CreateNumber(number) : cJSON_CreateNull();
}

static cJSON *make_fixed(double number, int decimals)
{
    char text[64];
    nsky_error ignored; /* poisons like every other failure */
    cJSON *item = make_number(number);

    if (!item || !isfinite(number) || fabs(number) >= FIXED_MAX)
        return item;
    snprintf(text, sizeof text, "%.*f", decimals, number);
    if (!(item->valuestring = nsky_strdup(text, &ignored))) {
        cJSON_Delete(item);
        return NULL;
    }
    return item;
}

void nsky_json_put(nsky_json *object, const char *key, nsky_json *child)
{
    put(item_of(object), key, item_of(child));
}

void nsky_json_put_string(nsky_json *object, const char *key, const char *text)
{
    put(item_of(object), key, make_string(text));
}

void nsky_json_put_number(nsky_json *object, const char *key, double number)
{
    put(item_of(object), key, make_number(number));
}

void nsky_json_put_fixed(nsky_json *object, const char *key, double number, int decimals)
{
    assert(decimals >= 0 && decimals <= DECIMALS_MAX);
    put(item_of(object), key, make_fixed(number, decimals));
}

void nsky_json_put_integer(nsky_json *object, const char *key, int64_t number)
{
    assert(number >= -INTEGER_MAX && number <= INTEGER_MAX);
    put(item_of(object), key, make_number((double)number));
}

void nsky_json_put_bool(nsky_json *object, const char *key, bool flag)
{
    put(item_of(object), key, cJSON_CreateBool(flag));
}

void nsky_json_put_id(nsky_json *object, const char *key, uint64_t id)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, id);
    put(item_of(object), key, make_string(text));
}

void nsky_json_append(nsky_json *array, nsky_json *child)
{
    append(item_of(array), item_of(child));
}

void nsky_json_append_string(nsky_json *array, const char *text)
{
    append(item_of(array), make_string(text));
}

void nsky_json_append_number(nsky_json *array, double number)
{
    append(item_of(array), make_number(number));
}
