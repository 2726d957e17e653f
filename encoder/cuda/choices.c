/* choices.c - see choices.h. The folder is NEARSKY_CACHE, XDG_CACHE_HOME/nearsky or
 * ~/.cache/nearsky. Thread rule: one thread. */
#include "encoder/cuda/choices.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"

#define FILE_BYTES_MAX ((size_t)NSKY_CHOICES_MAX * 160)
#define POSITION_MAX 1024u

void nsky_choice_key(char out[NSKY_CHOICE_KEY_BYTES], const nsky_conv_shape *s)
{
    assert(out && s);
    static const char *const numbers[] = {"bf16", "fp16", "fp32", "int8"};
    static const char *const tasks[] = {"", " data-back", " weight-back", " plain"};
    int length = snprintf(out, NSKY_CHOICE_KEY_BYTES, "%s n%u c%u %ux%u k%u %u/%u/%u%s%s%s%s",
                          numbers[s->number], s->batch, s->in_channels, s->in_height, s->in_width,
                          s->out_channels, s->kernel, s->stride, s->padding, s->add ? " add" : "",
                          s->relu ? " relu" : "", s->widen ? " wide" : "", tasks[s->task]);
    assert(length > 0 && length < NSKY_CHOICE_KEY_BYTES);
}

/* The cache's folder; NULL where the user has none, or memory ran out (then err says so). */
static char *cache_folder(nsky_error *err)
{
    const char *given = getenv("NEARSKY_CACHE"), *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (given && given[0] == '/')
        return nsky_strdup(given, err);
    if (cache && cache[0] == '/')
        return nsky_format(err, "%s/nearsky", cache);
    return home && home[0] == '/' ? nsky_format(err, "%s/.cache/nearsky", home) : NULL;
}

/* Letters and digits of the card's name, the rest as dashes. */
static void plain_name(char *out, size_t bytes, const char *card)
{
    size_t length = 0;

    for (; *card && length + 1 < bytes; card++)
        if (isalnum((unsigned char)*card))
            out[length++] = *card;
        else if (length > 0 && out[length - 1] != '-')
            out[length++] = '-';
    out[length] = '\0';
}

/* KEY, tab, engine position microseconds. */
static bool parse(char *line, nsky_choice *out)
{
    char *tab = strchr(line, '\t'), *end;

    if (!tab || tab == line || tab - line >= NSKY_CHOICE_KEY_BYTES)
        return false;
    *tab = '\0';
    snprintf(out->key, sizeof out->key, "%s", line);
    out->engine = strtoll(tab + 1, &end, 10);
    if (end == tab + 1 || *end != ' ')
        return false;
    unsigned long position = strtoul(end + 1, &end, 10);
    if (*end != ' ' || position >= POSITION_MAX)
        return false;
    out->position = (uint32_t)position;
    out->microseconds = strtod(end + 1, &end);
    return *end == '\0' && out->microseconds > 0 && isfinite(out->microseconds);
}

static nsky_status load(nsky_choices *c, nsky_error *err)
{
    nsky_error unread = NSKY_ERROR_INIT;
    void *text;
    size_t bytes;
    nsky_status status = nsky_file_read(&text, &bytes, c->path, FILE_BYTES_MAX, &unread);

    if (status == NSKY_ENOMEM)
        *err = unread;
    if (status != NSKY_OK)
        return status == NSKY_ENOMEM ? status : NSKY_OK; /* absent, or not ours: as if empty */
    char *rest = text, *line;
    while (status == NSKY_OK && (line = strsep(&rest, "\n"))) {
        nsky_choice choice = {.position = 0};
        if (parse(line, &choice))
            status = nsky_choices_put(c, &choice, err);
    }
    c->changed = false;
    nsky_free(text);
    return status;
}

nsky_status nsky_choices_open(nsky_choices *out, const char *card, size_t dnn, nsky_error *err)
{
    assert(out && card && err);
    nsky_error none = NSKY_ERROR_INIT;
    char name[96];
    char *folder = cache_folder(&none);

    *out = (nsky_choices){0};
    if (!folder) {
        if (none.status != NSKY_OK)
            *err = none;
        return none.status; /* no folder: nothing is kept */
    }
    plain_name(name, sizeof name, card);
    out->path = nsky_format(err, "%s/cudnn-%zu-%s.txt", folder, dnn, name);
    nsky_free(folder);
    nsky_status status = out->path ? load(out, err) : err->status;
    if (status != NSKY_OK)
        nsky_choices_close(out);
    return status;
}

const nsky_choice *nsky_choices_find(const nsky_choices *c, const char *key)
{
    assert(c && key);
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->all[i].key, key) == 0)
            return &c->all[i];
    return NULL;
}

nsky_status nsky_choices_put(nsky_choices *c, const nsky_choice *choice, nsky_error *err)
{
    assert(c && choice && err);
    uint32_t at = 0;

    while (at < c->count && strcmp(c->all[at].key, choice->key) != 0)
        at++;
    if (at == c->count && c->count == NSKY_CHOICES_MAX) {
        memmove(c->all, c->all + 1, (c->count - 1) * sizeof *c->all);
        at = --c->count;
    }
    if (at == c->room) {
        uint32_t room = c->room > 0 ? 2 * c->room : 64;
        nsky_choice *moved = nsky_realloc(c->all, room, sizeof *moved, err);
        if (!moved)
            return err->status;
        c->all = moved;
        c->room = room;
    }
    if (at == c->count)
        c->count++;
    c->all[at] = *choice;
    c->changed = true;
    return NSKY_OK;
}

nsky_status nsky_choices_save(nsky_choices *c, nsky_error *err)
{
    assert(c && err);
    nsky_file_writer writer;
    nsky_status status;

    if (!c->path || !c->changed)
        return NSKY_OK;
    char *folder = nsky_strdup(c->path, err);
    if (!folder)
        return err->status;
    *strrchr(folder, '/') = '\0';
    status = nsky_make_directories(folder, err);
    nsky_free(folder);
    if (status != NSKY_OK || (status = nsky_file_begin(&writer, c->path, err)) != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < c->count; i++)
        fprintf(writer.stream, "%s\t%" PRId64 " %" PRIu32 " %.1f\n", c->all[i].key,
                c->all[i].engine, c->all[i].position, c->all[i].microseconds);
    if ((status = nsky_file_commit(&writer, err)) == NSKY_OK)
        c->changed = false;
    return status;
}

void nsky_choices_close(nsky_choices *c)
{
    if (!c)
        return;
    nsky_free(c->path);
    nsky_free(c->all);
    *c = (nsky_choices){0};
}
