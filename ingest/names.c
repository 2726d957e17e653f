/* names.c - see names.h. */
#include "ingest/names.h"

#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/sky.h"
#include "ingest/band.h"
#include "ingest/walk.h"

/* A stretch of a path. */
typedef struct span {
    const char *at;
    size_t bytes;
} span;

static bool span_is(span s, const char *text)
{
    return s.bytes == strlen(text) && memcmp(s.at, text, s.bytes) == 0;
}

/* The folder above: "a/b/c" -> "a/b", *last = "c"; "c" -> "". */
static span parent(span path, span *last)
{
    size_t end = path.bytes;

    while (end > 0 && path.at[end - 1] != '/')
        end--;
    *last = (span){path.at + end, path.bytes - end};
    return (span){path.at, end > 0 ? end - 1 : 0};
}

/* The folder that holds coadd/ and tractor/, or the file's own where it is not in such a tree. */
static span brick_root(span folder)
{
    span at = folder;

    for (int level = 0; level < 3 && at.bytes > 0; level++) {
        span last, above = parent(at, &last);
        if (span_is(last, "coadd") || span_is(last, "tractor"))
            return above;
        at = above;
    }
    return folder;
}

static bool is_companion(const char *stem)
{
    static const char *const words[] = {
        "-invvar", "-maskbits", "-depth-",    "-galdepth-", "-nexp-",    "-psfsize-",
        "-model",  "-resid",    "-blobmodel", "-chi2-",     "-ccds",     "-wise",
        "-image",  "-galdepth", "-outlier",   "-lightblob", "-psfdepth", "-modelsig"};

    if (strncmp(stem, "legacysurvey-", 13) != 0)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(stem, words[i]))
            return true;
    return false;
}

static nsky_status brick_name(nsky_file_name *out, const char *path, span brick, nsky_error *err)
{
    span base, folder = parent((span){path, strlen(path)}, &base);
    span root = brick_root(folder);

    out->name = nsky_format(err, "%.*s", (int)brick.bytes, brick.at);
    if (!out->name)
        return err->status;
    out->key = nsky_format(err, "brick\n%.*s\n%s", (int)root.bytes, root.at, out->name);
    return out->key ? NSKY_OK : err->status;
}

/* legacysurvey-<brick>-image-<band> and tractor-<brick>. */
static bool read_brick(nsky_file_name *out, const char *stem, size_t bytes, span *brick)
{
    static const char head[] = "legacysurvey-", middle[] = "-image-", tractor[] = "tractor-";
    size_t head_bytes = sizeof head - 1, middle_bytes = sizeof middle - 1;

    if (bytes > sizeof tractor - 1 && strncmp(stem, tractor, sizeof tractor - 1) == 0) {
        out->kind = NSKY_NAME_TRACTOR;
        *brick = (span){stem + sizeof tractor - 1, bytes - (sizeof tractor - 1)};
        return true;
    }
    if (bytes <= head_bytes + middle_bytes + 1 || strncmp(stem, head, head_bytes) != 0)
        return false;
    size_t at = bytes - 1 - middle_bytes;
    if (strncmp(stem + at, middle, middle_bytes) != 0)
        return false;
    out->kind = NSKY_NAME_BRICK;
    out->band = nsky_band_of_filter(stem + bytes - 1);
    *brick = (span){stem + head_bytes, at - head_bytes};
    return brick->bytes > 0;
}

static bool is_separator(char c)
{
    return c == '-' || c == '_' || c == '.' || c == ' ';
}

/* The name without its band word: "imageSDSS_[R]-1" -> "imageSDSS-1", "B_[g]" -> "B"; a name that
 * is all band ("[g].fits") is called after its folder. */
static char *set_name(span before, span after, span folder, nsky_error *err)
{
    while (before.bytes > 0 && is_separator(before.at[before.bytes - 1]))
        before.bytes--;
    while (before.bytes == 0 && after.bytes > 0 && is_separator(*after.at)) {
        after.at++;
        after.bytes--;
    }
    if (before.bytes + after.bytes == 0)
        (void)parent(folder, &before);
    if (before.bytes + after.bytes == 0)
        before = (span){"object", 6};
    return nsky_format(err, "%.*s%.*s", (int)before.bytes, before.at, (int)after.bytes, after.at);
}

/* One band a file, one band a folder, or both. */
static nsky_status read_set(nsky_file_name *out, const char *path, nsky_error *err)
{
    span base, folder_name, folder = parent((span){path, strlen(path)}, &base);
    size_t bytes = nsky_walk_stem(base.at);
    span above = parent(folder, &folder_name);
    span before = {base.at, bytes}, after = {base.at + bytes, 0};
    nsky_band_word word;
    char folder_band;
    bool in_folder = nsky_band_is_folder(folder_name.at, folder_name.bytes, &folder_band);
    bool in_stem = nsky_band_in_stem(base.at, bytes, &word);

    if (in_stem) {
        before.bytes = word.at;
        after = (span){base.at + word.at + 1, bytes - word.at - 1};
        out->band = word.band;
    } else {
        out->band = folder_band;
    }
    if (!in_stem && !in_folder) {
        out->kind = NSKY_NAME_SINGLE;
        out->name = nsky_format(err, "%.*s", (int)bytes, base.at);
        return out->name ? NSKY_OK : err->status;
    }
    span place = in_folder ? above : folder;
    out->kind = NSKY_NAME_BAND;
    out->name = set_name(before, after, place, err);
    out->key = nsky_format(err, "set\n%.*s%s\n%.*s\n%.*s", (int)place.bytes, place.at,
                           in_folder ? "/*" : "", (int)before.bytes, before.at, (int)after.bytes,
                           after.at);
    return out->name && out->key ? NSKY_OK : err->status;
}

nsky_status nsky_file_name_read(nsky_file_name *out, const char *path, nsky_error *err)
{
    const char *base = nsky_path_base(path);
    size_t bytes = nsky_walk_stem(base);
    nsky_status status;
    span brick;

    *out = (nsky_file_name){0};
    if (read_brick(out, base, bytes, &brick)) {
        status = brick_name(out, path, brick, err);
    } else if (is_companion(base)) {
        out->kind = NSKY_NAME_COMPANION;
        status = NSKY_OK;
    } else {
        status = read_set(out, path, err);
    }
    if (status != NSKY_OK)
        nsky_file_name_clear(out);
    return status;
}

void nsky_file_name_clear(nsky_file_name *name)
{
    nsky_free(name->key);
    nsky_free(name->name);
    *name = (nsky_file_name){0};
}

bool nsky_name_position(const char *name, nsky_sky *out)
{
    static const char digits[] = "0123456789", decimals[] = "0123456789.";
    nsky_error ignored = NSKY_ERROR_INIT;
    char text[64];

    if (name[0] != 'J' || strlen(name) > 40 || strspn(name + 1, digits) != 6)
        return false;
    const char *ra = name + 1, *sign = ra + strspn(ra, decimals), *dec = sign + 1;
    int ra_bytes = (int)(sign - ra);
    if (ra_bytes < 8 || (*sign != '+' && *sign != '-') || strspn(dec, digits) != 6 ||
        dec[strspn(dec, decimals)] != '\0')
        return false;
    snprintf(text, sizeof text, "%.2s:%.2s:%.*s %c%.2s:%.2s:%s", ra, ra + 2, ra_bytes - 4, ra + 4,
             *sign, dec, dec + 2, dec + 4);
    return nsky_sky_parse(out, text, &ignored) == NSKY_OK;
}
