/* current.c - see current.h. Thread rule: readers anywhere; writers hold the store's lock. */
#include "store/current.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define MARKER "generations/.publishing"

char *nsky_generation_path(const char *store, uint32_t number, nsky_error *err)
{
    return nsky_format(err, "%s/generations/%04" PRIu32, store, number);
}

/* Only the names we would write: "0007", "12345". */
static bool parse_number(const char *text, size_t length, uint32_t *number)
{
    char again[16];

    if (length < 4 || length > 9 || strspn(text, "0123456789") < length)
        return false;
    *number = (uint32_t)strtoul(text, NULL, 10);
    snprintf(again, sizeof again, "%04" PRIu32, *number);
    return *number > 0 && strlen(again) == length && strncmp(again, text, length) == 0;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

nsky_status nsky_generation_numbers(uint32_t **out, size_t *count, const char *store,
                                    nsky_error *err)
{
    assert(out && count && store && err);
    char **names = NULL, *path = nsky_format(err, "%s/generations", store);
    size_t listed = 0;

    *out = NULL;
    *count = 0;
    if (!path)
        return err->status;
    nsky_status status = nsky_directory_list(&names, &listed, path, err);
    nsky_free(path);
    if (status == NSKY_OK && !(*out = nsky_alloc(listed, sizeof **out, err)))
        status = err->status;
    for (size_t i = 0; status == NSKY_OK && i < listed; i++)
        *count += parse_number(names[i], strlen(names[i]), *out + *count);
    if (*count > 0)
        qsort(*out, *count, sizeof **out, compare_numbers);
    nsky_free(names);
    return status;
}

/* The number in a file of one line. */
static nsky_status read_number(uint32_t *number, const char *store, const char *name,
                               nsky_error *err)
{
    char *path = nsky_format(err, "%s/%s", store, name);
    void *text = NULL;
    size_t bytes;

    if (!path)
        return err->status;
    nsky_status status = nsky_file_read(&text, &bytes, path, 64, err);
    if (status == NSKY_ELIMIT ||
        (status == NSKY_OK && !parse_number(text, strcspn(text, "\n"), number)))
        status = nsky_fail(err, NSKY_EDATA,
                           "%s: does not name a generation; write the number of one into it", path);
    nsky_free(text);
    nsky_free(path);
    return status;
}

static nsky_status write_number(const char *store, const char *name, uint32_t number,
                                nsky_error *err)
{
    char *path = nsky_format(err, "%s/%s", store, name);
    char text[16];

    if (!path)
        return err->status;
    int length = snprintf(text, sizeof text, "%04" PRIu32 "\n", number);
    nsky_status status = nsky_file_write(path, text, (size_t)length, err);
    nsky_free(path);
    return status;
}

/* What .publishing names, when it is there. */
static nsky_status read_announced(uint32_t *number, bool *there, const char *store, nsky_error *err)
{
    nsky_error why = NSKY_ERROR_INIT;
    nsky_status status = read_number(number, store, MARKER, &why);

    *there = false;
    if (status == NSKY_ENOTFOUND || status == NSKY_EDATA)
        return NSKY_OK;
    if (status != NSKY_OK) {
        *err = why;
        return status;
    }
    char *path = nsky_generation_path(store, *number, err);
    if (!path)
        return err->status;
    *there = nsky_directory_exists(path);
    nsky_free(path);
    return NSKY_OK;
}

nsky_status nsky_current_read(uint32_t *number, const char *store, nsky_error *err)
{
    assert(number && store && err);
    bool announced;
    nsky_status status = read_announced(number, &announced, store, err);

    if (status != NSKY_OK || announced)
        return status;
    if ((status = read_number(number, store, "CURRENT", err)) == NSKY_ENOTFOUND)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "%s: no vectors yet; `nearsky embed %s --model M` makes them", store,
                         store);
    return status;
}

nsky_status nsky_current_announce(const char *store, uint32_t number, nsky_error *err)
{
    assert(store && number > 0 && err);
    return write_number(store, MARKER, number, err);
}

nsky_status nsky_current_settle(const char *store, nsky_error *err)
{
    assert(store && err);
    uint32_t number;
    bool announced;
    nsky_status status = read_announced(&number, &announced, store, err);

    if (status == NSKY_OK && announced)
        status = write_number(store, "CURRENT", number, err);
    if (status != NSKY_OK)
        return status;
    char *path = nsky_format(err, "%s/" MARKER, store);
    if (!path)
        return err->status;
    if (unlink(path) != 0 && errno != ENOENT)
        status = nsky_fail_errno(err, "%s: cannot remove", path);
    nsky_free(path);
    return status;
}
