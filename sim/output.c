/* output.c - files named and laid out as the Legacy Surveys do.
 * Thread rule: one worker for each thread. */
#include "sim/output.h"

#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "fits/writer.h"
#include "sim/catalogue.h"

#define STAMPS_A_FOLDER 1000
#define CATALOGUE_FILE SIM_BANDS /* after the images */
#define BRICK_FILES (SIM_BANDS + 1)

static const char bands[SIM_BANDS + 1] = "grz";

nsky_status sim_worker_open(sim_worker *worker, const char *out, const sim_plan *plan,
                            nsky_error *err)
{
    size_t pixels = (size_t)SIM_BANDS * plan->side * plan->side;
    nsky_status status;

    *worker = (sim_worker){.out = out, .plan = plan};
    worker->canvas.width = worker->canvas.height = plan->side;
    if ((status = sim_painter_new(&worker->painter, err)) != NSKY_OK)
        return status;
    if (!(worker->scratch = nsky_alloc(plan->side, sizeof(float), err)))
        return NSKY_ENOMEM;
    if (plan->stamps) {
        if ((status = nsky_stamp_new(&worker->stamp, plan->side, plan->side, NSKY_SCALE_ARCSEC_PX,
                                     err)) != NSKY_OK)
            return status;
        worker->canvas.pixels = worker->stamp->pixels;
    } else if (!(worker->canvas.pixels = nsky_alloc_aligned(pixels, sizeof(float), err))) {
        return NSKY_ENOMEM;
    }
    return NSKY_OK;
}

void sim_worker_close(sim_worker *worker)
{
    if (worker->stamp)
        nsky_stamp_free(worker->stamp);
    else
        nsky_free(worker->canvas.pixels);
    nsky_free(worker->scratch);
    sim_painter_free(worker->painter);
    *worker = (sim_worker){0};
}

/* The caller frees it with nsky_free; NULL: no memory. */
static char *stamp_path(const sim_worker *worker, uint32_t index, nsky_error *err)
{
    char name[SIM_STAMP_NAME_BYTES];

    sim_stamp_name(worker->plan, index, name);
    return nsky_format(err, "%s/stamps/%03u/%s.fits", worker->out, index / STAMPS_A_FOLDER, name);
}

/* file 0..2: the images, 3: the catalogue. AAA is the first three digits of the brick's name. */
static char *brick_path(const sim_worker *worker, const char *brick, int file, nsky_error *err)
{
    if (file == CATALOGUE_FILE)
        return nsky_format(err, "%s/tractor/%.3s/tractor-%s.fits", worker->out, brick, brick);
    return nsky_format(err, "%s/coadd/%.3s/%s/legacysurvey-%s-image-%c.fits.fz", worker->out, brick,
                       brick, brick, bands[file]);
}

nsky_status sim_output_finished(bool *finished, const sim_worker *worker, uint32_t index,
                                nsky_error *err)
{
    int files = worker->plan->stamps ? 1 : BRICK_FILES;
    sim_brick brick = {.id = 0};

    if (!worker->plan->stamps)
        brick = sim_plan_brick(worker->plan, index);
    *finished = true;
    for (int i = 0; i < files && *finished; i++) {
        char *path = worker->plan->stamps ? stamp_path(worker, index, err)
                                          : brick_path(worker, brick.name, i, err);
        if (!path)
            return NSKY_ENOMEM;
        *finished = nsky_file_exists(path);
        nsky_free(path);
    }
    return NSKY_OK;
}

static nsky_status make_parent(const char *path, nsky_error *err)
{
    char *folder = nsky_strdup(path, err);

    if (!folder)
        return NSKY_ENOMEM;
    char *slash = strrchr(folder, '/');
    *slash = '\0'; /* every path here has a folder */
    nsky_status status = nsky_make_directories(folder, err);
    nsky_free(folder);
    return status;
}

static nsky_status write_stamp(sim_worker *worker, uint32_t index, nsky_error *err)
{
    nsky_sky centre = sim_plan_stamp(worker->plan, index);
    char *path = stamp_path(worker, index, err);
    void *data = NULL;
    size_t bytes;

    if (!path)
        return NSKY_ENOMEM;
    memcpy(worker->stamp->bands, bands, sizeof bands);
    nsky_status status = make_parent(path, err);
    if (status == NSKY_OK)
        status = nsky_fits_from_stamp(&data, &bytes, worker->stamp, &centre,
                                      "simulated: not an image of the sky", err);
    if (status == NSKY_OK)
        status = nsky_file_write(path, data, bytes, err);
    nsky_free(data);
    nsky_free(path);
    return status;
}

static nsky_status put_keys(nsky_fits_writer *writer, const sim_brick *brick, int band,
                            nsky_error *err)
{
    const char filter[] = {bands[band], '\0'};
    nsky_status status;

    if ((status = nsky_fits_put_string(writer, "BRICK", brick->name, NULL, err)) != NSKY_OK ||
        (status = nsky_fits_put_string(writer, "FILTER", filter, NULL, err)) != NSKY_OK ||
        (status = nsky_fits_put_string(writer, "BAND", filter, NULL, err)) != NSKY_OK ||
        (status = nsky_fits_put_string(writer, "BUNIT", "nanomaggy", "AB mag = 22.5 - 2.5 log10",
                                       err)) != NSKY_OK)
        return status;
    return nsky_fits_put_string(writer, "ORIGIN", "nearsky simulate", "a make-believe survey", err);
}

static nsky_status write_band(const char *path, const sim_worker *worker, const sim_brick *brick,
                              int band, nsky_error *err)
{
    size_t plane = (size_t)worker->plan->side * worker->plan->side;
    nsky_fits_image image = {.pixels = worker->canvas.pixels + (size_t)band * plane,
                             .width = worker->plan->side,
                             .height = worker->plan->side,
                             .planes = 1,
                             .centre = &brick->centre,
                             .scale_arcsec_px = NSKY_SCALE_ARCSEC_PX,
                             .extname = "IMAGE",
                             .compression = NSKY_FITS_RICE};
    nsky_fits_writer *writer;
    nsky_status status = nsky_fits_create(&writer, path, err);

    if (status != NSKY_OK)
        return status;
    if ((status = nsky_fits_append_image(writer, &image, err)) != NSKY_OK ||
        (status = put_keys(writer, brick, band, err)) != NSKY_OK) {
        nsky_fits_discard(writer);
        return status;
    }
    return nsky_fits_finish(writer, err);
}

static nsky_status write_brick(const sim_worker *worker, uint32_t index, const sim_field *field,
                               nsky_error *err)
{
    sim_brick brick = sim_plan_brick(worker->plan, index);
    nsky_status status = NSKY_OK;

    for (int i = 0; i < BRICK_FILES && status == NSKY_OK; i++) {
        char *path = brick_path(worker, brick.name, i, err);
        if (!path)
            return NSKY_ENOMEM;
        status = make_parent(path, err);
        if (status == NSKY_OK)
            status = i == CATALOGUE_FILE ? sim_write_tractor(path, &brick, field, err)
                                         : write_band(path, worker, &brick, i, err);
        nsky_free(path);
    }
    return status;
}

nsky_status sim_output_write(sim_worker *worker, uint32_t index, const sim_field *field,
                             nsky_error *err)
{
    sim_field_draw(field, worker->painter, &worker->canvas, worker->scratch);
    return worker->plan->stamps ? write_stamp(worker, index, err)
                                : write_brick(worker, index, field, err);
}
