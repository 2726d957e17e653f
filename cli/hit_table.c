/* hit_table.c - a table for the eye, CSV for programs, JSON with the answer's provenance. */
#include "cli/hit_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"

bool nsky_hit_format_known(const char *format)
{
    return strcmp(format, "table") == 0 || strcmp(format, "csv") == 0 ||
           strcmp(format, "json") == 0;
}

/* An unknown number is an empty field. */
static void csv_number(double value, int decimals)
{
    if (isfinite(value))
        printf(",%.*f", decimals, value);
    else
        putchar(',');
}

static void csv_text(const char *text)
{
    putchar(',');
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_csv(uint32_t rank, const nsky_hit *hit, const nsky_object *object)
{
    printf("%u,%" PRIu64, rank, object->id);
    csv_text(object->name);
    csv_number(object->ra_deg, 7);
    csv_number(object->dec_deg, 7);
    csv_number(hit->similarity, 6);
    csv_number(object->mag_g, 3);
    csv_number(object->mag_r, 3);
    csv_number(object->mag_z, 3);
    csv_number(object->z_phot, 4);
    csv_text(object->known);
    putchar('\n');
}

static void print_row(uint32_t rank, const nsky_hit *hit, const nsky_object *object)
{
    printf("%4u  %-20" PRIu64 "  %-28.28s  %10.5f %+10.5f  %.4f  %6.2f %6.2f %6.2f  %s\n", rank,
           object->id, object->name, object->ra_deg, object->dec_deg, (double)hit->similarity,
           (double)object->mag_g, (double)object->mag_r, (double)object->mag_z, object->known);
}

static nsky_json *json_row(uint32_t rank, const nsky_hit *hit, const nsky_object *object)
{
    nsky_json *row = nsky_json_object();
    nsky_json_put_integer(row, "rank", rank);
    nsky_json_put_id(row, "id", object->id);
    nsky_json_put_string(row, "name", object->name);
    nsky_json_put_fixed(row, "ra", object->ra_deg, 7);
    nsky_json_put_fixed(row, "dec", object->dec_deg, 7);
    nsky_json_put_fixed(row, "similarity", hit->similarity, 6);
    nsky_json_put_fixed(row, "mag_g", object->mag_g, 3);
    nsky_json_put_fixed(row, "mag_r", object->mag_r, 3);
    nsky_json_put_fixed(row, "mag_z", object->mag_z, 3);
    nsky_json_put_fixed(row, "z_phot", object->z_phot, 4);
    nsky_json_put_string(row, "known", object->known[0] ? object->known : NULL);
    return row;
}

static nsky_status print_json(const nsky_search *search, const nsky_answer *answer, nsky_json *hits,
                              nsky_error *err)
{
    const nsky_json *model = nsky_json_get(nsky_search_manifest(search), "model");
    nsky_json *all = nsky_json_object(), *stats = nsky_json_object();
    nsky_json_put_integer(stats, "generation", nsky_search_generation(search));
    nsky_json_put_string(stats, "model", nsky_json_get_string(model, "name"));
    nsky_json_put_string(stats, "model_sha256", nsky_json_get_string(model, "sha256"));
    nsky_json_put_bool(stats, "random_weights", nsky_json_get_bool(model, "random_weights", false));
    nsky_json_put_string(stats, "method", answer->method);
    nsky_json_put_integer(stats, "scanned", (int64_t)answer->scanned);
    nsky_json_put(all, "hits", hits);
    nsky_json_put(all, "stats", stats);
    char *text = nsky_json_print(all, true, err);
    nsky_json_free(all);
    if (!text)
        return err->status;
    puts(text);
    nsky_free(text);
    return NSKY_OK;
}

nsky_status nsky_hit_table_print(const char *format, const nsky_search *search, nsky_survey *survey,
                                 const nsky_answer *answer, nsky_error *err)
{
    const bool csv = strcmp(format, "csv") == 0, json = strcmp(format, "json") == 0;
    const nsky_json *model = nsky_json_get(nsky_search_manifest(search), "model");
    nsky_json *hits = json ? nsky_json_array() : NULL;
    nsky_object object;
    if (csv)
        puts("rank,id,name,ra,dec,similarity,mag_g,mag_r,mag_z,z_phot,known");
    else if (!json)
        printf("%4s  %-20s  %-28s  %10s %10s  %-6s  %6s %6s %6s  %s\n", "rank", "id", "name", "ra",
               "dec", "simil.", "mag_g", "mag_r", "mag_z", "known");
    for (uint32_t i = 0; i < answer->count; i++) {
        nsky_status status = nsky_survey_by_row(survey, answer->hits[i].row, &object, err);
        if (status != NSKY_OK) {
            nsky_json_free(hits);
            return status;
        }
        if (csv)
            print_csv(i + 1, &answer->hits[i], &object);
        else if (json)
            nsky_json_append(hits, json_row(i + 1, &answer->hits[i], &object));
        else
            print_row(i + 1, &answer->hits[i], &object);
    }
    if (nsky_json_get_bool(model, "random_weights", false))
        fprintf(stderr, "note: these vectors come from random weights, never trained; likeness is "
                        "crude\n");
    if (json)
        return print_json(search, answer, hits, err);
    return fflush(stdout) == 0 ? NSKY_OK : nsky_fail_errno(err, "cannot write to standard output");
}
