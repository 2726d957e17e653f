/* scores.c - see scores.h. */
#include "eval/scores.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"

nsky_status nsky_scores_add(nsky_scores *scores, nsky_interval number, uint32_t n, nsky_error *err,
                            const char *format, ...)
{
    assert(scores && err && format);
    if (scores->count == scores->capacity) {
        uint32_t larger = scores->capacity ? 2 * scores->capacity : 64;
        nsky_score *grown = larger <= NSKY_SCORES_MAX
                                ? nsky_realloc(scores->list, larger, sizeof *grown, err)
                                : NULL;
        if (!grown)
            return larger <= NSKY_SCORES_MAX
                       ? err->status
                       : nsky_fail(err, NSKY_ELIMIT, "more than %d scores", NSKY_SCORES_MAX);
        scores->list = grown;
        scores->capacity = larger;
    }
    nsky_score *score = &scores->list[scores->count++];
    va_list args;
    va_start(args, format);
    vsnprintf(score->key, sizeof score->key, format, args);
    va_end(args);
    score->number = number;
    score->n = n;
    return NSKY_OK;
}

const nsky_score *nsky_scores_find(const nsky_scores *scores, const char *key)
{
    for (uint32_t i = 0; i < scores->count; i++)
        if (strcmp(scores->list[i].key, key) == 0)
            return &scores->list[i];
    return NULL;
}

void nsky_scores_clear(nsky_scores *scores)
{
    nsky_free(scores->list);
    memset(scores, 0, sizeof *scores);
}
