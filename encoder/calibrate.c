/* calibrate.c - see calibrate.h. Thread rule: one thread. */
#include "encoder/calibrate.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/int8.h"
#include "encoder/registry.h"
#include "store/survey.h"

/* What is open while stamps are read. */
typedef struct calibration {
    nsky_survey *survey;
    nsky_model *model;
    nsky_graph *graph;
    nsky_int8_gauge *gauge;
    const nsky_preprocess *how;
    float *image, *view; /* [3, size, size] */
} calibration;

static nsky_status open_all(calibration *c, const char *store, const char *model,
                            const char *device, nsky_error *err)
{
    nsky_precision precision = NSKY_FP32;
    const nsky_backend_ops *ops;
    nsky_status status;

    if ((status = nsky_registry_choose(&ops, device, &precision, err)) != NSKY_OK ||
        (status = nsky_survey_open(&c->survey, store, NSKY_SURVEY_READ, err)) != NSKY_OK ||
        (status = nsky_model_load(&c->model, model, err)) != NSKY_OK)
        return status;
    c->how = &nsky_model_info_of(c->model)->preprocess;
    if (nsky_survey_rows(c->survey) == 0)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s has no objects yet: run nearsky ingest", store);
    if ((status = nsky_graph_build(&c->graph, c->model, c->how->size, err)) != NSKY_OK ||
        (status = nsky_int8_gauge_new(&c->gauge, c->graph, ops, err)) != NSKY_OK)
        return status;
    size_t floats = (size_t)3 * c->how->size * c->how->size;
    if (!(c->image = nsky_alloc(2 * floats, sizeof *c->image, err)))
        return err->status;
    c->view = c->image + floats;
    return NSKY_OK;
}

static void close_all(calibration *c)
{
    nsky_int8_gauge_free(c->gauge);
    nsky_graph_free(c->graph);
    nsky_model_close(c->model);
    nsky_survey_close(c->survey);
    nsky_free(c->image);
}

/* The views that embed averages look alike to a scale: each stamp shows one of them. */
static nsky_status add_row(calibration *c, uint64_t row, nsky_calibrate_report *report,
                           nsky_error *err)
{
    nsky_stamp *stamp = NULL;
    nsky_status status = nsky_survey_stamp(c->survey, row, &stamp, err);

    if (status != NSKY_OK)
        return status;
    status = nsky_preprocess_run(c->how, stamp, c->image, err);
    nsky_stamp_free(stamp);
    if (status == NSKY_EDATA) { /* embed leaves its row blank */
        *err = (nsky_error)NSKY_ERROR_INIT;
        report->left_out++;
        return NSKY_OK;
    }
    if (status != NSKY_OK)
        return status;
    nsky_preprocess_view(c->image, c->how->size, (uint32_t)(report->stamps % c->how->views),
                         c->view);
    report->stamps++;
    return nsky_int8_gauge_add(c->gauge, c->view, err);
}

static nsky_status measure(calibration *c, const nsky_calibrate_options *options,
                           nsky_calibrate_report *report, nsky_error *err)
{
    uint64_t rows = nsky_survey_rows(c->survey);
    uint64_t stamps = options->stamps < rows ? options->stamps : rows;
    nsky_status status = NSKY_OK;

    for (uint64_t i = 0; i < stamps && status == NSKY_OK; i++) {
        if (options->stop && atomic_load(options->stop))
            return nsky_fail(err, NSKY_ECANCELLED, "stopped; nothing was written");
        /* i rows / stamps without the product, which may be large */
        uint64_t row = i * (rows / stamps) + i * (rows % stamps) / stamps;
        status = add_row(c, row, report, err);
    }
    return status == NSKY_OK ? nsky_int8_gauge_end(c->gauge, c->graph, err) : status;
}

nsky_status nsky_calibrate_survey(const char *store, const char *model, const char *out,
                                  const nsky_calibrate_options *options,
                                  nsky_calibrate_report *report, nsky_error *err)
{
    assert(store && model && out && options && options->device && report && err);
    assert(options->stamps > 0 && options->stamps <= NSKY_CALIBRATE_STAMPS_MAX);
    calibration c = {NULL};
    nsky_model *written = NULL;
    nsky_status status = open_all(&c, store, model, options->device, err);

    memset(report, 0, sizeof *report);
    if (status == NSKY_OK && (status = measure(&c, options, report, err)) == NSKY_OK &&
        (status = nsky_int8_write(c.graph, c.model, report->stamps, out, err)) == NSKY_OK &&
        (status = nsky_model_open(&written, out, err)) == NSKY_OK)
        memcpy(report->sha256, nsky_model_info_of(written)->sha256, sizeof report->sha256);
    nsky_model_close(written);
    close_all(&c);
    return status;
}
