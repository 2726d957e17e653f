/* judge_table.c - what a network says of every row, as a table. Thread rule: see judge.h. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "encoder/train/judge_private.h"

/* A comma, and the two texts as one field, quoted where it must be. */
static void put_field(FILE *stream, const char *first, const char *second)
{
    const bool quoted = strpbrk(first, ",\"\r\n") || strpbrk(second, ",\"\r\n");

    fputs(quoted ? ",\"" : ",", stream);
    for (const char *text = first; text; text = text == first ? second : NULL)
        for (const char *c = text; *c; c++)
            fprintf(stream, *c == '"' ? "\"\"" : "%c", *c);
    if (quoted)
        fputc('"', stream);
}

/* --- the first line --- */

/* The words of --heads: "bins4_". */
static void name_kind(const nsky_target *t, char *out, size_t bytes)
{
    static const char *const names[] = {[NSKY_TARGET_CLASSES] = "class_",
                                        [NSKY_TARGET_NUMBER] = "number_",
                                        [NSKY_TARGET_FLAG] = "flag_"};

    if (t->kind == NSKY_TARGET_BINS)
        snprintf(out, bytes, "bins%u_", t->class_count);
    else
        snprintf(out, bytes, "%s", names[t->kind]);
}

static void put_names(FILE *stream, const nsky_judge_head *head)
{
    char kind[32], before[64];

    name_kind(head->target, kind, sizeof kind);
    snprintf(before, sizeof before, "%s%s", head->target->names ? "p_" : "sigma_", kind);
    if (head->target->kind != NSKY_TARGET_FLAG)
        put_field(stream, kind, head->column);
    if (head->target->kind != NSKY_TARGET_NUMBER)
        put_field(stream, before, head->column);
}

static void put_only_names(FILE *stream, const nsky_target *t)
{
    fputs(t->names ? ",class" : ",estimate,sigma", stream);
    for (uint32_t k = 0; t->names && k < t->class_count; k++)
        put_field(stream, "p_", t->names[k]);
}

/* --- a line --- */

/* The mean over the bins' centres, and how far the shares spread about it. */
static void put_estimate(FILE *stream, const nsky_target *t, const double *shares)
{
    const double mean = nsky_target_estimate(t, shares);
    double square = 0;

    for (uint32_t k = 0; k < t->class_count; k++)
        square += shares[k] * pow(t->low + (k + 0.5) * t->width - mean, 2);
    fprintf(stream, ",%.6g,%.6g", mean, sqrt(square));
}

static void put_only(FILE *stream, const nsky_target *t, const double *shares)
{
    if (!t->names) {
        put_estimate(stream, t, shares);
        return;
    }
    put_field(stream, "", t->names[nsky_judge_likeliest(shares, t->class_count)]);
    for (uint32_t k = 0; k < t->class_count; k++)
        fprintf(stream, ",%.6f", shares[k]);
}

static void put_head(FILE *stream, const nsky_target *t, const double *shares)
{
    const uint32_t best = nsky_judge_likeliest(shares, t->class_count);

    switch (t->kind) {
    case NSKY_TARGET_CLASSES:
        put_field(stream, "", t->names[best]);
        fprintf(stream, ",%.6f", shares[best]);
        break;
    case NSKY_TARGET_FLAG: /* "no", "yes" */
        fprintf(stream, ",%.6f", shares[1]);
        break;
    case NSKY_TARGET_BINS:
        put_estimate(stream, t, shares);
        break;
    case NSKY_TARGET_NUMBER:
        fprintf(stream, ",%.6g", nsky_target_estimate(t, shares));
        break;
    }
}

static void put_row(const nsky_judge *j, FILE *stream, const nsky_object *object,
                    const double *shares)
{
    fprintf(stream, "%" PRIu64, object->id);
    put_field(stream, "", object->name);
    for (uint32_t h = 0; h < j->count; h++) {
        const nsky_judge_head *head = &j->heads[h];
        if (head->column)
            put_head(stream, head->target, shares);
        else
            put_only(stream, head->target, shares);
        shares += head->target->class_count;
    }
    fputc('\n', stream);
}

static nsky_status put_rows(nsky_judge *j, FILE *stream, nsky_error *err)
{
    uint64_t rows = nsky_loader_rows(j->loader);
    nsky_object object;
    nsky_status status;

    for (uint64_t at = 0; at < rows; at += j->batch) {
        uint32_t some = rows - at < j->batch ? (uint32_t)(rows - at) : j->batch;
        if ((status = nsky_judge_run(j, NULL, at, some, err)) != NSKY_OK)
            return status;
        for (uint32_t i = 0; i < some; i++) {
            if ((status = nsky_loader_object(j->loader, at + i, &object, err)) != NSKY_OK)
                return status;
            put_row(j, stream, &object, j->shares + (size_t)i * j->outputs);
        }
    }
    return NSKY_OK;
}

nsky_status nsky_judge_write(nsky_judge *j, const char *path, nsky_error *err)
{
    assert(j && path && err);
    nsky_file_writer writer = {0};
    nsky_status status = nsky_file_begin(&writer, path, err);

    if (status != NSKY_OK)
        return status;
    fputs("id,name", writer.stream);
    for (uint32_t h = 0; h < j->count; h++)
        if (j->heads[h].column)
            put_names(writer.stream, &j->heads[h]);
        else
            put_only_names(writer.stream, j->heads[h].target);
    fputc('\n', writer.stream);
    if ((status = put_rows(j, writer.stream, err)) == NSKY_OK)
        status = nsky_file_commit(&writer, err);
    nsky_file_abort(&writer);
    return status;
}
