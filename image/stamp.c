/* stamp.c - making, copying and describing stamps. Thread rule: none; plain data. */
#include "image/stamp.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"

static size_t pixel_count(const nsky_stamp *stamp)
{
    return (size_t)NSKY_STAMP_BANDS * stamp->height * stamp->width;
}

/* As nsky_stamp_new, with the pixels left as they come. */
static nsky_status stamp_shell(nsky_stamp **out, uint32_t width, uint32_t height,
                               float scale_arcsec_px, nsky_error *err)
{
    *out = NULL;
    if (width == 0 || height == 0 || width > NSKY_STAMP_SIDE_MAX || height > NSKY_STAMP_SIDE_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "a stamp of %u x %u pixels: sides go from 1 to %d",
                         width, height, NSKY_STAMP_SIDE_MAX);
    if (!(scale_arcsec_px > 0) || !isfinite(scale_arcsec_px))
        return nsky_fail(err, NSKY_EINVAL, "a stamp with pixels of %g arcsec",
                         (double)scale_arcsec_px);

    nsky_stamp *stamp = nsky_alloc_zero(1, sizeof *stamp, err);
    if (!stamp)
        return err->status;
    stamp->width = width;
    stamp->height = height;
    stamp->scale_arcsec_px = scale_arcsec_px;
    memcpy(stamp->bands, "grz", sizeof stamp->bands);
    stamp->pixels = nsky_alloc_aligned(pixel_count(stamp), sizeof *stamp->pixels, err);
    if (!stamp->pixels) {
        nsky_free(stamp);
        return err->status;
    }
    *out = stamp;
    return NSKY_OK;
}

nsky_status nsky_stamp_new(nsky_stamp **out, uint32_t width, uint32_t height, float scale_arcsec_px,
                           nsky_error *err)
{
    assert(out && err);
    nsky_status status = stamp_shell(out, width, height, scale_arcsec_px, err);

    if (status != NSKY_OK)
        return status;
    size_t count = pixel_count(*out);
    for (size_t i = 0; i < count; i++)
        (*out)->pixels[i] = NAN;
    return NSKY_OK;
}

nsky_status nsky_stamp_copy(nsky_stamp **out, const nsky_stamp *from, nsky_error *err)
{
    assert(out && from && err);
    nsky_status status = stamp_shell(out, from->width, from->height, from->scale_arcsec_px, err);

    if (status != NSKY_OK)
        return status;
    memcpy((*out)->pixels, from->pixels, pixel_count(from) * sizeof *from->pixels);
    memcpy((*out)->bands, from->bands, sizeof from->bands);
    (*out)->flags = from->flags;
    return NSKY_OK;
}

void nsky_stamp_free(nsky_stamp *stamp)
{
    if (!stamp)
        return;
    nsky_free(stamp->pixels);
    nsky_free(stamp);
}

float *nsky_stamp_band(const nsky_stamp *stamp, uint32_t band)
{
    assert(stamp && band < NSKY_STAMP_BANDS);
    return stamp->pixels + (size_t)band * stamp->height * stamp->width;
}

void nsky_stamp_describe_flags(uint32_t flags, char *out, size_t bytes)
{
    static const struct {
        uint32_t flag;
        const char *words;
    } names[] = {
        {NSKY_STAMP_FROM_PICTURE, "recovered from a picture"},
        {NSKY_STAMP_SCALE_ASSUMED, "pixel scale assumed"},
        {NSKY_STAMP_CROPPED, "cut to its centre"},
        {NSKY_STAMP_HAS_NAN, "pixels missing"},
        {NSKY_STAMP_BAND_REPLACED, "i stands in for z"},
        {NSKY_STAMP_UNITS_ASSUMED, "taken as nanomaggies"},
        {NSKY_STAMP_EDGE, "reaches over the edge of its image"},
    };
    size_t used = 0;

    assert(out && bytes);
    out[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(flags & names[i].flag))
            continue;
        int wrote = snprintf(out + used, bytes - used, "%s%s", used ? "; " : "", names[i].words);
        if (wrote < 0 || (size_t)wrote >= bytes - used)
            return; /* cut short, still terminated */
        used += (size_t)wrote;
    }
}
