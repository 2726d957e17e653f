/* json_private.h (private) - what json.c, json_scan.c and json_write.c share. */
#ifndef NSKY_JSON_PRIVATE_H
#define NSKY_JSON_PRIVATE_H

#include <cjson/cJSON.h>

#include "common/json.h"

/*
 * An nsky_json is a cJSON item. Two things are ours:
 * - POISONED in type: adding to this container once ran out of memory; printing reports it. cJSON
 *   looks at the low byte of type, and at bits 8 and 9, only.
 * - valuestring of a number: the very text to print, where put_fixed chose it. cJSON frees it.
 */
#define POISONED (1 << 20)
#define NUMBER_TEXT_BYTES_MAX 63 /* what cJSON's number buffer holds */

static inline cJSON *item_of(const nsky_json *value)
{
    return (cJSON *)(uintptr_t)value;
}

/* The grammar and the limits, before cJSON sees a byte of it. NSKY_EDATA or NSKY_ELIMIT. */
nsky_status nsky_json_scan(const char *text, size_t bytes, const char *what, nsky_error *err);

#endif
