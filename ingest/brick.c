/* brick.c - see brick.h. */
#include "ingest/brick.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "ingest/geometry.h"
#include "ingest/missing.h"
#include "ingest/units.h"

#define BRICK_PIXELS_MAX (NSKY_FITS_PIXELS_MAX / 4) /* 8k x 8k: three planes are 800 MB */
#define BRICK_PIXELS_USUAL (3600ull * 3600)
/* Entries on the middle of a pixel stay on one side of the tie, whatever rounding does to them. */
#define ROUNDING_PX 1e-4

struct nsky_brick {
    const nsky_job *job;
    nsky_tractor entries;
    float *planes[NSKY_STAMP_BANDS]; /* [height, width] nanomaggies */
    uint64_t width, height;
    nsky_wcs *wcs;
    nsky_geometry geometry;
    char bands[NSKY_STAMP_BANDS + 1];
    float scratch[NSKY_STAMP_SIDE * NSKY_STAMP_SIDE];
};

uint64_t nsky_brick_bytes(const nsky_job *job)
{
    return job->kind == NSKY_JOB_BRICK ? BRICK_PIXELS_USUAL * NSKY_STAMP_BANDS * sizeof(float)
                                       : (uint64_t)NSKY_STAMP_SIDE_MAX * NSKY_STAMP_SIDE_MAX *
                                             NSKY_STAMP_BANDS * sizeof(float);
}

static const nsky_job_file *find_band(const nsky_job *job, char band)
{
    for (uint32_t i = 0; i < job->count; i++)
        if (!job->files[i].tractor && job->files[i].band == band)
            return &job->files[i];
    return NULL;
}

static const nsky_job_file *find_tractor(const nsky_job *job)
{
    for (uint32_t i = 0; i < job->count; i++)
        if (job->files[i].tractor)
            return &job->files[i];
    return NULL;
}

static nsky_status choose(nsky_brick *brick, const nsky_job_file *out[NSKY_STAMP_BANDS],
                          nsky_error *err)
{
    const nsky_job *job = brick->job;

    memcpy(brick->bands, "grz", sizeof brick->bands);
    for (int b = 0; b < NSKY_STAMP_BANDS; b++) {
        out[b] = find_band(job, brick->bands[b]);
        if (!out[b] && brick->bands[b] == 'z' && (out[b] = find_band(job, 'i')) != NULL)
            brick->bands[b] = 'i';
        if (!out[b])
            return nsky_fail(err, NSKY_EDATA,
                             "%s: brick %s has no image of band %c "
                             "(legacysurvey-%s-image-%c.fits.fz)",
                             job->files[0].file->path, job->name, brick->bands[b], job->name,
                             brick->bands[b]);
    }
    return NSKY_OK;
}

/* The image in a file: in HDU 1 of a tile-compressed one, else in HDU 0. */
static nsky_status select_image(nsky_fits *fits, const char *path, uint32_t *index,
                                nsky_fits_hdu *hdu, nsky_error *err)
{
    uint32_t count = nsky_fits_hdu_count(fits);

    for (*index = 0; *index < count; (*index)++) {
        nsky_status status = nsky_fits_select(fits, *index, hdu, err);
        if (status != NSKY_OK)
            return status;
        if (hdu->kind != NSKY_FITS_IMAGE)
            continue;
        if (hdu->axes != 2 || hdu->size[0] * hdu->size[1] > BRICK_PIXELS_MAX)
            return nsky_fail(err, NSKY_EDATA,
                             "%s: not the image of a brick (%u axes, %" PRIu64 " x %" PRIu64
                             " pixels)",
                             path, hdu->axes, hdu->size[0], hdu->axes > 1 ? hdu->size[1] : 1);
        return NSKY_OK;
    }
    return nsky_fail(err, NSKY_EDATA, "%s: no image in it", path);
}

/* The first band's header speaks for the brick; the others must be of its size. */
static nsky_status check_band(nsky_brick *brick, nsky_fits *fits, const char *path,
                              const nsky_fits_hdu *hdu, nsky_error *err)
{
    if (brick->wcs) {
        if (hdu->size[0] == brick->width && hdu->size[1] == brick->height)
            return NSKY_OK;
        return nsky_fail(err, NSKY_EDATA,
                         "%s: %" PRIu64 " x %" PRIu64 " pixels, the other bands of brick %s have "
                         "%" PRIu64 " x %" PRIu64,
                         path, hdu->size[0], hdu->size[1], brick->job->name, brick->width,
                         brick->height);
    }
    brick->width = hdu->size[0];
    brick->height = hdu->size[1];
    nsky_status status = nsky_wcs_open(&brick->wcs, fits, err);
    if (status == NSKY_ENOTFOUND)
        return nsky_fail(err, NSKY_EDATA, "%s: no WCS, so nothing tells where its objects lie",
                         path);
    if (status == NSKY_OK)
        nsky_geometry_of_wcs(&brick->geometry, brick->wcs,
                             &(nsky_box){0, 0, brick->width, brick->height});
    return status;
}

static nsky_status read_band(nsky_brick *brick, int b, const char *path, nsky_error *err)
{
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    nsky_units units;
    uint32_t index;
    nsky_status status = nsky_fits_open(&fits, path, err);

    if (status != NSKY_OK)
        return status;
    if ((status = select_image(fits, path, &index, &hdu, err)) != NSKY_OK ||
        (status = check_band(brick, fits, path, &hdu, err)) != NSKY_OK ||
        (status = nsky_units_read(&units, fits, index, err)) != NSKY_OK)
        goto done;
    brick->planes[b] = nsky_alloc(brick->width * brick->height, sizeof(float), err);
    status = brick->planes[b] ? nsky_fits_read_box(fits, 0, 0, 0, brick->width, brick->height,
                                                   brick->planes[b], err)
                              : err->status;
    if (status == NSKY_OK)
        status =
            nsky_units_settle(&units, brick->planes[b], brick->width * brick->height, path, err);
    if (status == NSKY_OK && units.factor != 1)
        for (uint64_t i = 0; i < brick->width * brick->height; i++)
            brick->planes[b][i] = (float)(brick->planes[b][i] * units.factor);
done:
    nsky_fits_close(fits);
    return status;
}

static nsky_status read_brick(nsky_brick *brick, const nsky_selection *selection, nsky_error *err)
{
    const nsky_job *job = brick->job;
    const nsky_job_file *files[NSKY_STAMP_BANDS], *tractor = find_tractor(job);
    bool images = job->count > (tractor ? 1u : 0u);
    nsky_status status;

    if (!images)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: catalogue of brick %s without its images "
                         "(legacysurvey-%s-image-g.fits.fz, ...)",
                         job->files[0].file->path, job->name, job->name);
    if (!tractor)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: brick %s without its catalogue tractor-%s.fits; give the folder that "
                         "holds both coadd and tractor",
                         job->files[0].file->path, job->name, job->name);
    if ((status = choose(brick, files, err)) != NSKY_OK ||
        (status = nsky_tractor_read(&brick->entries, tractor->file->path, selection, err)) !=
            NSKY_OK)
        return status;
    for (int b = 0; b < NSKY_STAMP_BANDS && status == NSKY_OK; b++)
        status = read_band(brick, b, files[b]->file->path, err);
    return status;
}

nsky_status nsky_brick_read(nsky_brick **out, const nsky_job *job, const nsky_selection *selection,
                            nsky_error *err)
{
    assert(out && job && err && job->kind == NSKY_JOB_BRICK);
    *out = NULL;
    nsky_brick *brick = nsky_alloc_zero(1, sizeof *brick, err);
    if (!brick)
        return err->status;
    brick->job = job;
    nsky_status status = read_brick(brick, selection, err);
    if (status == NSKY_OK)
        *out = brick;
    else
        nsky_brick_free(brick);
    return status;
}

const nsky_tractor *nsky_brick_entries(const nsky_brick *brick)
{
    return &brick->entries;
}

/* Copies what lies inside; the rest of `out` stays as it is. true: all of the box is inside. */
static bool cut(const nsky_brick *brick, int band, int64_t x0, int64_t y0, float *out)
{
    int64_t side = NSKY_STAMP_SIDE, width = (int64_t)brick->width, height = (int64_t)brick->height;
    int64_t left = x0 < 0 ? -x0 : 0, right = x0 + side > width ? width - x0 : side;

    for (int64_t y = 0; y < side; y++)
        if (y0 + y >= 0 && y0 + y < height && left < right)
            memcpy(out + y * side + left, brick->planes[band] + (y0 + y) * width + x0 + left,
                   (size_t)(right - left) * sizeof *out);
    return x0 >= 0 && y0 >= 0 && x0 + side <= width && y0 + side <= height;
}

/* In place, through `scratch`. */
static void turn(const nsky_brick *brick, float *pixels, float *scratch)
{
    size_t bytes = (size_t)NSKY_STAMP_SIDE * NSKY_STAMP_SIDE * sizeof *pixels;
    nsky_turn how = brick->geometry.turn;

    if (!how.transpose && !how.flip_x && !how.flip_y)
        return;
    memcpy(scratch, pixels, bytes);
    nsky_turn_pixels(how, scratch, NSKY_STAMP_SIDE, NSKY_STAMP_SIDE, pixels);
}

static nsky_status fill_stamp(nsky_brick *brick, const nsky_object *object, nsky_stamp *stamp,
                              nsky_error *err)
{
    double x, y;

    if (!nsky_wcs_to_pixel(brick->wcs, (nsky_sky){object->ra_deg, object->dec_deg}, &x, &y) ||
        !(x > -0.5 && y > -0.5 && x < (double)brick->width - 0.5 &&
          y < (double)brick->height - 0.5))
        return nsky_fail(err, NSKY_ENOTFOUND, "%s lies outside brick %s", object->name,
                         brick->job->name);
    int64_t x0 = (int64_t)ceil(x - NSKY_STAMP_SIDE / 2.0 - ROUNDING_PX);
    int64_t y0 = (int64_t)ceil(y - NSKY_STAMP_SIDE / 2.0 - ROUNDING_PX);
    memcpy(stamp->bands, brick->bands, sizeof stamp->bands);
    if (brick->bands[2] == 'i')
        stamp->flags |= NSKY_STAMP_BAND_REPLACED;
    for (int b = 0; b < NSKY_STAMP_BANDS; b++) {
        float *pixels = nsky_stamp_band(stamp, (uint32_t)b); /* NaN as it comes */
        if (!cut(brick, b, x0, y0, pixels))
            stamp->flags |= NSKY_STAMP_EDGE;
        double missing = nsky_mark_missing(pixels, (uint64_t)NSKY_STAMP_SIDE * NSKY_STAMP_SIDE);
        if (missing == 1)
            return nsky_fail(err, NSKY_ENOTFOUND, "%s has no pixels in band %c", object->name,
                             brick->bands[b]);
        if (missing > 0)
            stamp->flags |= NSKY_STAMP_HAS_NAN;
        turn(brick, pixels, brick->scratch);
    }
    return NSKY_OK;
}

nsky_status nsky_brick_stamp(nsky_brick *brick, uint64_t i, nsky_stamp **out, nsky_error *err)
{
    assert(brick && i < brick->entries.count && out && err);
    nsky_status status = nsky_stamp_new(out, NSKY_STAMP_SIDE, NSKY_STAMP_SIDE,
                                        (float)brick->geometry.scale_arcsec_px, err);
    if (status != NSKY_OK)
        return status;
    status = fill_stamp(brick, &brick->entries.objects[i], *out, err);
    if (status != NSKY_OK) {
        nsky_stamp_free(*out);
        *out = NULL;
    }
    return status;
}

void nsky_brick_free(nsky_brick *brick)
{
    if (!brick)
        return;
    for (int b = 0; b < NSKY_STAMP_BANDS; b++)
        nsky_free(brick->planes[b]);
    nsky_tractor_clear(&brick->entries);
    nsky_wcs_close(brick->wcs);
    nsky_free(brick);
}
