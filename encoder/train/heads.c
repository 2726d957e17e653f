/* heads.c - what is to be learned: words to columns to labels. Thread rule: see heads.h. */
#include "encoder/train/heads.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define WORDS_BYTES 1024
#define BINS_MAX 4096u
#define WEIGHT_MAX 1e6

static bool parse_kind(const char *text, nsky_head *out)
{
    static const char *const names[] = {[NSKY_TARGET_CLASSES] = "class",
                                        [NSKY_TARGET_NUMBER] = "number",
                                        [NSKY_TARGET_FLAG] = "flag"};
    char *end;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && strcmp(text, names[i]) == 0) {
            out->kind = (nsky_target_kind)i;
            return true;
        }
    if (strcmp(text, "near") == 0) {
        out->kind = NSKY_TARGET_CLASSES;
        return out->near = true;
    }
    if (strncmp(text, "bins", 4) != 0 || text[4] < '0' || text[4] > '9')
        return false;
    unsigned long bins = strtoul(text + 4, &end, 10);
    out->kind = NSKY_TARGET_BINS;
    out->bins = (uint32_t)bins;
    return *end == '\0' && bins >= 2 && bins <= BINS_MAX;
}

static bool parse_weight(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out > 0 && *out <= WEIGHT_MAX;
}

/* KIND:COLUMN[:WEIGHT] */
static bool parse_head(char *word, nsky_head *out)
{
    char *rest, *kind = strtok_r(word, ":", &rest), *column = strtok_r(NULL, ":", &rest);
    char *weight = strtok_r(NULL, ":", &rest);

    *out = (nsky_head){.weight = 1};
    if (!kind || !column || strtok_r(NULL, ":", &rest) || strlen(column) >= sizeof out->column ||
        !parse_kind(kind, out))
        return false;
    memcpy(out->column, column, strlen(column) + 1);
    return !weight || parse_weight(weight, &out->weight);
}

/* Of one kind and column: their columns of a table would have one name. */
static bool last_is_twice(const nsky_heads *heads)
{
    const nsky_head *last = &heads->list[heads->count - 1];

    for (const nsky_head *h = heads->list; h < last; h++)
        if (h->kind == last->kind && h->near == last->near && h->bins == last->bins &&
            strcmp(h->column, last->column) == 0)
            return true;
    return false;
}

nsky_status nsky_heads_parse(nsky_heads *out, const char *words, nsky_error *err)
{
    assert(out && words && err);
    char text[WORDS_BYTES], *rest;

    memset(out, 0, sizeof *out);
    if (strlen(words) >= sizeof text)
        return nsky_fail(err, NSKY_EINVAL, "heads of more than %d letters", WORDS_BYTES - 1);
    memcpy(text, words, strlen(words) + 1);
    for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        if (out->count == NSKY_HEADS_MAX)
            return nsky_fail(err, NSKY_EINVAL, "more than %u heads", NSKY_HEADS_MAX);
        if (!parse_head(word, &out->list[out->count++]))
            return nsky_fail(err, NSKY_EINVAL,
                             "head %u of \"%s\" is not KIND:COLUMN or KIND:COLUMN:WEIGHT with a "
                             "kind of class, near, number, flag, or bins2 to bins4096",
                             out->count, words);
        if (last_is_twice(out))
            return nsky_fail(err, NSKY_EINVAL,
                             "head %u of \"%s\" is there twice: give the first a larger weight",
                             out->count, words);
    }
    return out->count > 0 ? NSKY_OK : nsky_fail(err, NSKY_EINVAL, "no heads given");
}

nsky_status nsky_heads_open(nsky_heads *heads, const char *path, const nsky_heads *like,
                            nsky_loader *loader, nsky_error *err)
{
    assert(heads && path && loader && err && (!like || like->count == heads->count));
    nsky_status status = NSKY_OK;

    heads->outputs = 0;
    for (uint32_t h = 0; h < heads->count && status == NSKY_OK; h++) {
        nsky_head *head = &heads->list[h];
        const nsky_target_how how = {head->column, head->kind, head->bins,
                                     like ? like->list[h].target : NULL};
        status = nsky_target_open(&head->target, path, &how, loader, err);
        head->first = heads->outputs;
        heads->outputs += head->target && !head->near ? head->target->class_count : 0;
    }
    if (status == NSKY_OK && heads->outputs == 0)
        status = nsky_fail(err, NSKY_EINVAL, "near alone is no task: give a head of another kind");
    return status;
}

void nsky_heads_close(nsky_heads *heads)
{
    assert(heads);
    for (uint32_t h = 0; h < heads->count; h++) {
        nsky_target_close(heads->list[h].target);
        heads->list[h].target = NULL;
    }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

nsky_status nsky_heads_rows(const nsky_heads *heads, uint64_t **rows, uint64_t *count,
                            nsky_error *err)
{
    assert(heads && rows && count && err);
    uint64_t all = 0, kept = 0, at = 0, *list;

    for (uint32_t h = 0; h < heads->count; h++)
        all += heads->list[h].target->labels.count;
    if (!(*rows = list = nsky_alloc(all, sizeof *list, err)))
        return NSKY_ENOMEM;
    for (uint32_t h = 0; h < heads->count; h++)
        for (uint64_t i = 0; i < heads->list[h].target->labels.count; i++)
            list[at++] = heads->list[h].target->labels.labels[i].row;
    qsort(list, all, sizeof *list, by_number);
    for (uint64_t i = 0; i < all; i++)
        if (kept == 0 || list[kept - 1] != list[i])
            list[kept++] = list[i];
    *count = kept;
    return NSKY_OK;
}

void nsky_heads_find(const nsky_heads *heads, uint64_t row, uint32_t *which)
{
    assert(heads && which);
    for (uint32_t h = 0; h < heads->count; h++) {
        uint64_t at;
        which[h] =
            nsky_target_find(heads->list[h].target, row, &at) ? (uint32_t)at : NSKY_HEAD_UNLABELLED;
    }
}

nsky_json *nsky_heads_describe(const nsky_heads *heads)
{
    assert(heads);
    nsky_json *array = nsky_json_array();

    for (uint32_t h = 0; h < heads->count; h++) {
        if (heads->list[h].near)
            continue;
        nsky_json *object = nsky_target_describe(heads->list[h].target);
        nsky_json_put_string(object, "column", heads->list[h].column);
        nsky_json_put_integer(object, "first", heads->list[h].first);
        nsky_json_put_number(object, "weight", heads->list[h].weight);
        nsky_json_append(array, object);
    }
    return array;
}
