/* train_support.h - stamps and stores that the tests of training share. Thread rule: one thread. */
#ifndef NSKY_TEST_TRAIN_SUPPORT_H
#define NSKY_TEST_TRAIN_SUPPORT_H

#include <math.h>

#include "common/file.h"
#include "common/rng.h"
#include "encoder/train/train.h"
#include "store/survey.h"
#include "tests/common/support.h"

/* Of the smallest network there is, eight pairs a step. */
static inline nsky_train_options smallest_training(void)
{
    nsky_train_options o = nsky_train_defaults();

    o.preprocess.size = 16;
    o.batch = 8;
    o.queue = 32;
    o.hidden = 16;
    o.projection = 8;
    o.epochs = 2;
    o.warm_epochs = 0.5;
    o.loader_threads = 1;
    o.checkpoint_s = 1e9;
    return o;
}

/* A star: flux of its own in every band, a Gaussian of sigma pixels, off the middle by (dx, dy). */
static inline void draw_star(nsky_stamp *stamp, const double flux[3], double sigma_px, double dx,
                             double dy)
{
    double cx = (stamp->width - 1) / 2.0 + dx, cy = (stamp->height - 1) / 2.0 + dy;

    for (uint32_t band = 0; band < 3; band++)
        for (uint32_t y = 0; y < stamp->height; y++)
            for (uint32_t x = 0; x < stamp->width; x++) {
                double r2 = (x - cx) * (x - cx) + (y - cy) * (y - cy);
                nsky_stamp_band(stamp, band)[(size_t)y * stamp->width + x] +=
                    (float)(flux[band] * exp(-r2 / (2 * sigma_px * sigma_px)) /
                            (2 * M_PI * sigma_px * sigma_px));
            }
}

/* All of it sky: sigma N(0, 1). */
static inline void draw_sky(nsky_stamp *stamp, const float sigma[3], uint64_t seed)
{
    nsky_rng rng = nsky_rng_at(seed, 7, 7);

    for (uint32_t band = 0; band < 3; band++)
        for (size_t i = 0; i < (size_t)stamp->width * stamp->height; i++)
            nsky_stamp_band(stamp, band)[i] = (float)(sigma[band] * nsky_rng_normal(&rng));
}

static inline nsky_stamp *new_stamp(uint32_t width, uint32_t height, double scale_arcsec_px)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp;

    assert_ok(nsky_stamp_new(&stamp, width, height, (float)scale_arcsec_px, &err), err);
    memset(stamp->pixels, 0, sizeof(float) * 3 * width * height);
    return stamp;
}

/* `rows` stars of the survey `name` in noise, each somewhere else. */
static inline void make_store(const char *path, const char *name, uint32_t rows, uint32_t side,
                              double scale_arcsec_px)
{
    static const float noise[3] = {0.003f, 0.005f, 0.012f};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;

    assert_ok(nsky_survey_open(&survey, path, NSKY_SURVEY_WRITE, &err), err);
    for (uint32_t row = 0; row < rows; row++) {
        nsky_rng rng = nsky_rng_at(5, side, row);
        nsky_stamp *stamp = new_stamp(side, side, scale_arcsec_px);
        double flux[3] = {nsky_rng_range(&rng, 1, 9), nsky_rng_range(&rng, 1, 9), 8};
        nsky_add_result result;
        nsky_object object;
        nsky_object_init(&object);
        snprintf(object.name, sizeof object.name, "%.40s-%u", name, row);
        object.id = nsky_object_id_hashed(name, object.name);
        object.ebv = row % 2 ? 0.05f : NAN;
        draw_sky(stamp, noise, row);
        draw_star(stamp, flux, 1.6, nsky_rng_range(&rng, -9, 9), nsky_rng_range(&rng, -9, 9));
        assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
        assert_int_equal(result, NSKY_ADDED);
        nsky_stamp_free(stamp);
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
}

#endif
