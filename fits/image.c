/* image.c - pixels of the current image as float32. */
#include <assert.h>
#include <math.h>

#include "fits/handle.h"

nsky_status nsky_fits_read_box(nsky_fits *fits, uint64_t plane, uint64_t x0, uint64_t y0,
                               uint64_t width, uint64_t height, float *out, nsky_error *err)
{
    assert(fits && out && err && width > 0 && height > 0);
    const nsky_fits_hdu *hdu = &nsky_fits_current(fits)->hdu;
    float missing = NAN;
    int failed = 0, any = 0; /* CFITSIO writes through `any` without asking whether it may */

    if (hdu->kind != NSKY_FITS_IMAGE)
        return nsky_fail(err, NSKY_EINVAL, "%s: HDU %u holds no image", fits->name, fits->current);
    uint64_t size[NSKY_FITS_AXES_MAX] = {1, 1, 1, 1};
    for (uint32_t i = 0; i < hdu->axes; i++)
        size[i] = hdu->size[i];
    if (plane >= size[2] || width > size[0] || x0 > size[0] - width || height > size[1] ||
        y0 > size[1] - height)
        return nsky_fail(
            err, NSKY_EINVAL,
            "%s: a box of %llu x %llu pixels at %llu, %llu of plane %llu is not inside "
            "the image of HDU %u",
            fits->name, (unsigned long long)width, (unsigned long long)height,
            (unsigned long long)x0, (unsigned long long)y0, (unsigned long long)plane,
            fits->current);

    long first[] = {(long)x0 + 1, (long)y0 + 1, (long)plane + 1, 1};
    long last[] = {(long)(x0 + width), (long)(y0 + height), (long)plane + 1, 1};
    long step[] = {1, 1, 1, 1};
    if (fits_read_subset(fits->file, TFLOAT, first, last, step, &missing, out, &any, &failed))
        return nsky_fits_failed(fits, failed, "cannot read pixels", err);
    return NSKY_OK;
}
