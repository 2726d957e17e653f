/* log.c - MODEL.train/log.jsonl: {"step", "epoch", "loss", ...} a line. Thread rule: trainer.h. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "encoder/train/trainer.h"

#define LOG_BYTES_MAX ((size_t)1 << 30)

/* True when the line is whole and of a step that was kept. */
static bool keeps(const nsky_trainer *t, const char *line, size_t bytes)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_json *object = NULL;
    bool keep = nsky_json_parse(&object, line, bytes, "log", &ignored) == NSKY_OK &&
                nsky_json_get_number(object, "step", 1e300) <= (double)t->step;

    nsky_json_free(object);
    return keep;
}

nsky_status nsky_train_log_rewind(const nsky_trainer *t, nsky_error *err)
{
    assert(t && err);
    void *text = NULL;
    size_t bytes = 0, kept = 0;
    nsky_status status;

    if (!nsky_file_exists(t->log))
        return NSKY_OK;
    if ((status = nsky_file_read(&text, &bytes, t->log, LOG_BYTES_MAX, err)) != NSKY_OK)
        return status;
    while (kept < bytes) {
        const char *line = (const char *)text + kept;
        const char *end = memchr(line, '\n', bytes - kept);
        if (!end || !keeps(t, line, (size_t)(end - line)))
            break;
        kept += (size_t)(end - line) + 1;
    }
    if (kept < bytes)
        status = nsky_file_write(t->log, text, kept, err);
    nsky_free(text);
    return status;
}

nsky_status nsky_train_log_add(const nsky_trainer *t, nsky_json *line, nsky_error *err)
{
    assert(t && line && err);
    char *text = nsky_json_print(line, false, err);
    nsky_status status = NSKY_OK;
    FILE *file;

    nsky_json_free(line);
    if (!text)
        return err->status;
    file = fopen(t->log, "ae");
    if (!file || fprintf(file, "%s\n", text) < 0 || fflush(file) != 0)
        status = nsky_fail_errno(err, "%s: cannot append", t->log);
    if (file)
        fclose(file);
    nsky_free(text);
    return status;
}
