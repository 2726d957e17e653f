/* fixture.c - what http_test.py drives: makes a small store, adds to it, and serves it.
 *
 *   fixture make STORE N     objects 0..N-1 on a grid around (150, 2), random weights, generation 2
 *   fixture grow STORE N     N more objects, embedded, then indexed: two generations
 *   fixture add STORE N      N more objects, embedded: they are a delta of the index
 *   fixture delete STORE R   row R is deleted; undelete: shown again
 *   fixture index STORE 0    the delta is taken in
 *   fixture serve ...        as `nearsky serve`
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/embed_survey.h"
#include "index/build.h"
#include "store/survey.h"

#define SIDE 64

/* Galaxies of different sizes and colours: a Gaussian blob in noise. */
static nsky_status make_stamp(nsky_stamp **out, uint32_t n, nsky_error *err)
{
    nsky_rng rng = nsky_rng_at(7, 1, n);
    nsky_status status = nsky_stamp_new(out, SIDE, SIDE, 0.262f, err);
    if (status != NSKY_OK)
        return status;
    nsky_rng_fill_normal(&rng, (*out)->pixels, (uint64_t)3 * SIDE * SIDE);
    double width = nsky_rng_range(&rng, 3, 60);
    for (uint32_t band = 0; band < 3; band++) {
        double flux = nsky_rng_range(&rng, 0.2, 2);
        for (uint32_t i = 0; i < SIDE * SIDE; i++) {
            double x = i % SIDE - SIDE / 2.0, y = i / SIDE - SIDE / 2.0;
            float *pixel = &(*out)->pixels[(size_t)band * SIDE * SIDE + i];
            *pixel = *pixel * 0.003f + (float)(flux * exp(-(x * x + y * y) / width));
        }
    }
    return NSKY_OK;
}

/* Object n is at (150 + n / 100, 2); every third has no magnitudes, every fifth is a known lens. */
static void make_object(nsky_object *object, uint32_t n)
{
    nsky_object_init(object);
    snprintf(object->name, sizeof object->name, "galaxy %u, \"round\"", n);
    object->id = nsky_object_id_hashed("test", object->name);
    object->ra_deg = 150 + n / 100.0;
    object->dec_deg = 2;
    if (n % 3 != 0) {
        object->mag_g = 19 + (float)n / 100;
        object->mag_r = 18.5f + (float)n / 100;
        object->mag_z = 18 + (float)n / 100;
        object->z_phot = 0.3f;
    }
    if (n % 5 == 0)
        snprintf(object->known, sizeof object->known, "lens %u", n);
    snprintf(object->type, sizeof object->type, "REX");
}

static nsky_status add_objects(const char *store, uint32_t count, nsky_error *err)
{
    nsky_survey *survey = NULL;
    nsky_status status = nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, err);
    uint32_t first = status == NSKY_OK ? (uint32_t)nsky_survey_rows(survey) : 0;

    for (uint32_t n = first; status == NSKY_OK && n < first + count; n++) {
        nsky_object object;
        nsky_stamp *stamp = NULL;
        nsky_add_result result;
        make_object(&object, n);
        if ((status = make_stamp(&stamp, n, err)) == NSKY_OK)
            status = nsky_survey_add(survey, &object, stamp, false, &result, err);
        nsky_stamp_free(stamp);
    }
    if (status == NSKY_OK)
        status = nsky_survey_commit(survey, err);
    nsky_survey_close(survey);
    return status;
}

static nsky_status embed(const char *store, bool keep_index, nsky_error *err)
{
    nsky_embed_options options = {.encoder = nsky_encoder_defaults(),
                                  .workers = 2,
                                  .complete = keep_index ? nsky_index_adopt : NULL};
    nsky_embed_report report;

    return nsky_embed_survey(store, "random:resnet18:1", &options, &report, err);
}

static nsky_status build_index(const char *store, nsky_error *err)
{
    nsky_index_options options = {.recall_target = 0.95};
    nsky_index_report report;

    return nsky_index_build(store, &options, &report, err);
}

static nsky_status mark(const char *store, uint64_t row, bool deleted, nsky_error *err)
{
    nsky_survey *survey = NULL;
    uint32_t generation;
    bool changed;
    nsky_status status = nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, err);

    if (status == NSKY_OK)
        status = nsky_survey_delete(survey, row, deleted, &changed, err);
    if (status == NSKY_OK)
        status = nsky_survey_commit(survey, err);
    nsky_survey_close(survey);
    return status == NSKY_OK ? nsky_index_hide(store, &generation, err) : status;
}

/* NSKY_EINVAL: no such word. */
static nsky_status obey(const char *word, const char *store, uint32_t number, nsky_error *err)
{
    bool make = strcmp(word, "make") == 0 || strcmp(word, "grow") == 0;
    nsky_status status = NSKY_EINVAL;

    if (make || strcmp(word, "add") == 0) {
        if ((status = add_objects(store, number, err)) == NSKY_OK)
            status = embed(store, !make, err);
        return status == NSKY_OK && make ? build_index(store, err) : status;
    }
    if (strcmp(word, "delete") == 0 || strcmp(word, "undelete") == 0)
        return mark(store, number, word[0] == 'd', err);
    if (strcmp(word, "index") == 0)
        return build_index(store, err);
    return nsky_fail(err, status, "%s: no such word", word);
}

int main(int argc, char **argv)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return nsky_cli_serve(argc - 1, argv + 1);
    if (argc != 4)
        return 2;
    if (obey(argv[1], argv[2], (uint32_t)atoi(argv[3]), &err) != NSKY_OK) {
        fprintf(stderr, "fixture: %s\n", err.text);
        return 1;
    }
    return 0;
}
