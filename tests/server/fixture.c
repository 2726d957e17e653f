/* fixture.c - what http_test.py drives: makes a small store, adds to it, and serves it.
 *
 *   fixture make STORE N     objects 0..N-1 on a grid around (150, 2), random weights, generation 2
 *   fixture grow STORE N     N more objects: generation 4
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

static nsky_status embed_and_index(const char *store, nsky_error *err)
{
    nsky_embed_options embed = {.encoder = nsky_encoder_defaults(), .workers = 2};
    nsky_index_options index = {.recall_target = 0.95};
    nsky_embed_report embedded;
    nsky_index_report indexed;
    nsky_status status = nsky_embed_survey(store, "random:resnet18:1", &embed, &embedded, err);

    return status == NSKY_OK ? nsky_index_build(store, &index, &indexed, err) : status;
}

int main(int argc, char **argv)
{
    nsky_error err = NSKY_ERROR_INIT;
    bool make = argc == 4 && strcmp(argv[1], "make") == 0;
    bool grow = argc == 4 && strcmp(argv[1], "grow") == 0;

    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return nsky_cli_serve(argc - 1, argv + 1);
    if (!make && !grow)
        return 2;
    if (add_objects(argv[2], (uint32_t)atoi(argv[3]), &err) != NSKY_OK ||
        embed_and_index(argv[2], &err) != NSKY_OK) {
        fprintf(stderr, "fixture: %s\n", err.text);
        return 1;
    }
    return 0;
}
