/* support.h - what the tests of ingest/ share, on top of what those of common/ do.
 * Thread rule: one thread. */
#ifndef NSKY_TEST_INGEST_SUPPORT_H
#define NSKY_TEST_INGEST_SUPPORT_H

#include "tests/common/support.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/log.h"
#include "fits/writer.h"
#include "ingest/decode.h"
#include "ingest/ingest.h"

/* What make_image writes; zeroes mean: grz, nanomaggies, 0.262 arcsec, no position. */
typedef struct image_spec {
    uint32_t width, height;
    const char *bands;    /* "grz": a cube with BANDS and BAND0..; NULL: a plane without a name */
    const char *band_key; /* FILTER or BAND of a plane: its value */
    const nsky_sky *centre;
    double seed;
    bool no_keywords; /* a cube that does not say what it is */
} image_spec;

/* A value that tells its place; exact in float32. */
static inline float pixel_of(double seed, uint32_t plane, uint32_t x, uint32_t y)
{
    return (float)(seed + 100.0 * (plane + 1) + x + y / 128.0);
}

static inline float *make_pixels(const image_spec *spec, uint32_t planes)
{
    float *pixels = malloc((size_t)planes * spec->width * spec->height * sizeof *pixels);
    for (uint32_t p = 0; p < planes; p++)
        for (uint32_t y = 0; y < spec->height; y++)
            for (uint32_t x = 0; x < spec->width; x++)
                pixels[((size_t)p * spec->height + y) * spec->width + x] =
                    pixel_of(spec->seed, p, x, y);
    return pixels;
}

static inline void put_image(nsky_fits_writer *writer, const image_spec *spec, const float *pixels)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t planes = spec->bands ? (uint32_t)strlen(spec->bands) : 1;
    nsky_fits_image image = {.pixels = pixels,
                             .width = spec->width,
                             .height = spec->height,
                             .planes = planes,
                             .centre = spec->centre,
                             .scale_arcsec_px = 0.262};

    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    if (!spec->no_keywords)
        assert_ok(nsky_fits_put_string(writer, "BUNIT", "nanomaggy", NULL, &err), err);
    if (spec->band_key)
        assert_ok(nsky_fits_put_string(writer, "FILTER", spec->band_key, NULL, &err), err);
    if (!spec->bands || spec->no_keywords)
        return;
    assert_ok(nsky_fits_put_string(writer, "BANDS", spec->bands, NULL, &err), err);
    for (uint32_t i = 0; i < planes; i++) {
        char key[16], value[2] = {spec->bands[i], '\0'};
        snprintf(key, sizeof key, "BAND%u", i);
        assert_ok(nsky_fits_put_string(writer, key, value, NULL, &err), err);
    }
}

static inline void make_image(const char *path, const image_spec *spec)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    float *pixels = make_pixels(spec, spec->bands ? (uint32_t)strlen(spec->bands) : 1);

    assert_ok(nsky_fits_create(&writer, path, &err), err);
    put_image(writer, spec, pixels);
    assert_ok(nsky_fits_finish(writer, &err), err);
    free(pixels);
}

static inline void make_folder(const char *path)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_make_directories(path, &err), err);
}

/* Runs ingest over one path; its log goes nowhere. */
static inline nsky_ingest_report ingest(const char *store, const char *path,
                                        const nsky_ingest_options *options)
{
    static const nsky_ingest_options none;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_ingest_report report;

    nsky_log_set_level(NSKY_LOG_ERROR);
    assert_ok(nsky_ingest_paths(store, &path, 1, options ? options : &none, &report, &err), err);
    nsky_log_set_level(NSKY_LOG_INFO);
    return report;
}

static inline nsky_survey *open_store(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;
    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_READ, &err), err);
    return survey;
}

/* Why a source was refused, or its note; the test fails when it was never seen. */
static inline nsky_source source_of(const char *store, const char *path)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_store(store);
    nsky_source source;
    assert_ok(nsky_survey_source(survey, path, &source, &err), err);
    nsky_survey_close(survey);
    return source;
}

static inline void assert_refused(const char *store, const char *path, const char *word)
{
    nsky_source source = source_of(store, path);
    if (!source.refused || !strstr(source.reason, word))
        fail_msg("%s: refused %d, \"%s\" does not say \"%s\"", path, source.refused, source.reason,
                 word);
}

/* Everything two equal stores share, as text: rows with their pixels, then sources. */
static inline bool add_source(const nsky_source *source, void *stream)
{
    fprintf(stream, "%s %" PRIu64 " %d %s\n", source->path, source->objects, source->refused,
            source->reason);
    return true;
}

static inline char *describe_store(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_store(store);
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);

    for (uint64_t row = 0; row < nsky_survey_rows(survey); row++) {
        nsky_object o;
        nsky_stamp *stamp;
        assert_ok(nsky_survey_by_row(survey, row, &o, &err), err);
        assert_ok(nsky_survey_stamp(survey, row, &stamp, &err), err);
        size_t pixels = (size_t)NSKY_STAMP_BANDS * stamp->width * stamp->height;
        fprintf(stream, "%" PRIu64 " %" PRIu64 " %s %.9f %.9f %g %g %g %g %g %g %s %s %s", o.id,
                o.row, o.name, o.ra_deg, o.dec_deg, o.mag_g, o.mag_r, o.mag_z, o.z_phot, o.z_spec,
                o.ebv, o.type, o.known, o.source);
        fprintf(stream, " %ux%u %g %s %x %016" PRIx64 "\n", stamp->width, stamp->height,
                stamp->scale_arcsec_px, stamp->bands, stamp->flags,
                nsky_hash64(stamp->pixels, pixels * sizeof *stamp->pixels));
        nsky_stamp_free(stamp);
    }
    assert_ok(nsky_survey_each_source(survey, false, add_source, stream, &err), err);
    fclose(stream);
    nsky_survey_close(survey);
    return text;
}

static inline void assert_same_store(const char *a, const char *b)
{
    char *x = describe_store(a), *y = describe_store(b);
    assert_string_equal(x, y);
    free(x);
    free(y);
}

static inline nsky_object object_named(const char *store, const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_store(store);
    nsky_object object;
    assert_ok(nsky_survey_by_name(survey, name, &object, &err), err);
    nsky_survey_close(survey);
    return object;
}

/* The caller frees it. */
static inline nsky_stamp *stamp_named(const char *store, const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey = open_store(store);
    nsky_object object;
    nsky_stamp *stamp;
    assert_ok(nsky_survey_by_name(survey, name, &object, &err), err);
    assert_ok(nsky_survey_stamp(survey, object.row, &stamp, &err), err);
    nsky_survey_close(survey);
    return stamp;
}

static inline float pixel(const nsky_stamp *stamp, uint32_t band, uint32_t y, uint32_t x)
{
    return nsky_stamp_band(stamp, band)[(size_t)y * stamp->width + x];
}

#endif
