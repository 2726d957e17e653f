/* image.c - pixels of the current image as float32: plain ones by CFITSIO, compressed ones by
 * tile.c. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "fits/handle.h"
#include "fits/tile.h"

typedef struct box {
    uint64_t plane, x0, y0, width, height;
} box;

static nsky_status read_pixels(nsky_fits *fits, const box *b, float *out, nsky_error *err)
{
    long first[] = {(long)b->x0 + 1, (long)b->y0 + 1, (long)b->plane + 1, 1};
    long last[] = {(long)(b->x0 + b->width), (long)(b->y0 + b->height), (long)b->plane + 1, 1};
    long step[] = {1, 1, 1, 1};
    float missing = NAN;
    int failed = 0, any = 0; /* CFITSIO writes through `any` without asking whether it may */

    if (fits_read_subset(fits->file, TFLOAT, first, last, step, &missing, out, &any, &failed))
        return nsky_fits_failed(fits, failed, "cannot read pixels", err);
    return NSKY_OK;
}

/* One axis of the grid of tiles. */
typedef struct tile_axis {
    uint64_t size, tile, count;
} tile_axis;

static uint64_t tile_length(const tile_axis *axis, uint64_t index)
{
    uint64_t left = axis->size - index * axis->tile;
    return left < axis->tile ? left : axis->tile;
}

/* The part of a decoded tile that lies in the box. tile: the plane wanted of it [th, tw]; (tx, ty):
 * its first pixel in the image. */
static void copy_overlap(const float *tile, uint64_t tx, uint64_t ty, uint64_t tw, uint64_t th,
                         const box *b, float *out)
{
    uint64_t left = tx > b->x0 ? tx : b->x0, low = ty > b->y0 ? ty : b->y0;
    uint64_t right = tx + tw < b->x0 + b->width ? tx + tw : b->x0 + b->width;
    uint64_t high = ty + th < b->y0 + b->height ? ty + th : b->y0 + b->height;

    for (uint64_t y = low; y < high; y++)
        memcpy(out + (y - b->y0) * b->width + (left - b->x0), tile + (y - ty) * tw + (left - tx),
               (right - left) * sizeof *out);
}

static nsky_status read_tiles(nsky_fits *fits, const box *b, float *out, nsky_error *err)
{
    const nsky_fits_section *section = nsky_fits_current(fits);
    tile_axis axis[NSKY_FITS_AXES_MAX];
    nsky_tiles tiles;
    nsky_status status = nsky_tiles_open(&tiles, fits, err);

    for (uint32_t i = 0; i < NSKY_FITS_AXES_MAX; i++) {
        axis[i] = (tile_axis){1, 1, 1};
        if (i < section->hdu.axes)
            axis[i] = (tile_axis){section->hdu.size[i], section->tiling.tile[i], 0};
        axis[i].count = (axis[i].size - 1) / axis[i].tile + 1;
    }
    uint64_t z = b->plane / axis[2].tile,
             depth = tile_length(&axis[2], z) * tile_length(&axis[3], 0);
    uint64_t y_last = (b->y0 + b->height - 1) / axis[1].tile;
    uint64_t x_last = (b->x0 + b->width - 1) / axis[0].tile;

    for (uint64_t y = b->y0 / axis[1].tile; y <= y_last; y++) {
        for (uint64_t x = b->x0 / axis[0].tile; x <= x_last && status == NSKY_OK; x++) {
            uint64_t tw = tile_length(&axis[0], x), th = tile_length(&axis[1], y);
            uint64_t row = x + axis[0].count * (y + axis[1].count * z);
            status = nsky_tiles_decode(&tiles, row, tw * th * depth, err);
            if (status == NSKY_OK)
                copy_overlap(tiles.pixels + tw * th * (b->plane % axis[2].tile), x * axis[0].tile,
                             y * axis[1].tile, tw, th, b, out);
        }
    }
    nsky_tiles_close(&tiles);
    return status;
}

nsky_status nsky_fits_read_box(nsky_fits *fits, uint64_t plane, uint64_t x0, uint64_t y0,
                               uint64_t width, uint64_t height, float *out, nsky_error *err)
{
    assert(fits && out && err && width > 0 && height > 0);
    const nsky_fits_hdu *hdu = &nsky_fits_current(fits)->hdu;

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

    box wanted = {plane, x0, y0, width, height};
    return nsky_fits_current(fits)->compressed ? read_tiles(fits, &wanted, out, err)
                                               : read_pixels(fits, &wanted, out, err);
}
