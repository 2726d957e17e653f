/* sheet.c - tensors painted back as pictures. Thread rule: as sheet.h. */
#include "encoder/train/sheet.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "image/codec.h"

#define GAP 2u     /* pixels between pictures */
#define ZOOM 2u    /* small tensors are drawn larger */
#define SMALL 160u /* up to here */
#define QUALITY 92

typedef struct sheet {
    nsky_picture *picture;
    uint32_t size, zoom, cell; /* of a tensor; pixels a pixel; with its gap */
} sheet;

static uint8_t to_byte(float value)
{
    return value > 0 ? value < 1 ? (uint8_t)lroundf(value * 255) : 255 : 0;
}

/* Undoes order and normalisation: bands are blue to red, pictures red to blue, row 0 at the top. */
static void paint(const sheet *s, const nsky_preprocess *how, const float *tensor, uint32_t column,
                  uint32_t line)
{
    size_t plane = (size_t)s->size * s->size;

    for (size_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < s->size * s->zoom; y++)
            for (uint32_t x = 0; x < s->size * s->zoom; x++) {
                size_t from = (size_t)(s->size - 1 - y / s->zoom) * s->size + x / s->zoom;
                float value = tensor[c * plane + from] * how->deviation[c] + how->mean[c];
                size_t to =
                    (size_t)(line * s->cell + y) * s->picture->width + (size_t)column * s->cell + x;
                s->picture->rgb[3 * to + 2 - how->channel[c]] = to_byte(value);
            }
}

static nsky_status write_picture(const nsky_picture *picture, const char *path, nsky_error *err)
{
    size_t length = strlen(path), bytes;
    bool png = length >= 4 && strcmp(path + length - 4, ".png") == 0;
    void *data;
    nsky_status status = png ? nsky_picture_to_png(picture, &data, &bytes, err)
                             : nsky_picture_to_jpeg(picture, QUALITY, &data, &bytes, err);

    if (status != NSKY_OK)
        return status;
    status = nsky_file_write(path, data, bytes, err);
    nsky_free(data);
    return status;
}

static nsky_status fill_line(const sheet *s, nsky_loader *l, nsky_augment_scratch *scratch,
                             uint64_t row, uint32_t views, uint32_t line, float *tensor,
                             nsky_error *err)
{
    const nsky_loader_options *how = nsky_loader_how(l);
    nsky_status status = nsky_loader_plain(l, row, tensor, err);

    for (uint32_t view = 0; view < views && status == NSKY_OK; view++) {
        paint(s, &how->preprocess, tensor, view, line);
        status = nsky_loader_view(l, row, 0, view, tensor, scratch, err);
    }
    if (status == NSKY_OK)
        paint(s, &how->preprocess, tensor, views, line);
    return status;
}

static nsky_status check_size(const sheet *s, uint32_t objects, uint32_t views, nsky_error *err)
{
    uint32_t most = NSKY_SHEET_SIDE_MAX / s->cell;

    if (objects == 0 || views == 0)
        return nsky_fail(err, NSKY_EINVAL, "a sheet of %u objects with %u views shows nothing",
                         objects, views);
    if (objects > most || views >= most)
        return nsky_fail(err, NSKY_ELIMIT, "a sheet has room for %u objects with %u views each",
                         most, most - 1);
    return NSKY_OK;
}

nsky_status nsky_augment_sheet(nsky_loader *l, uint32_t objects, uint32_t views, const char *path,
                               nsky_error *err)
{
    assert(l && path && err);
    const nsky_loader_options *how = nsky_loader_how(l);
    sheet s = {.size = how->preprocess.size};
    nsky_augment_scratch *scratch = NULL;
    float *tensor = NULL;
    nsky_status status;

    if (objects > nsky_loader_rows(l))
        objects = (uint32_t)nsky_loader_rows(l);
    s.zoom = s.size <= SMALL ? ZOOM : 1;
    s.cell = s.size * s.zoom + GAP;
    if ((status = check_size(&s, objects, views, err)) != NSKY_OK ||
        (status = nsky_picture_new(&s.picture, (views + 1) * s.cell - GAP, objects * s.cell - GAP,
                                   err)) != NSKY_OK ||
        (status = nsky_augment_scratch_new(&scratch, &how->augment, &how->preprocess, err)) !=
            NSKY_OK)
        goto done;
    memset(s.picture->rgb, 255, (size_t)3 * s.picture->width * s.picture->height);
    if (!(tensor = nsky_alloc_aligned((size_t)3 * s.size * s.size, sizeof *tensor, err))) {
        status = err->status;
        goto done;
    }
    for (uint32_t i = 0; i < objects && status == NSKY_OK; i++)
        status =
            fill_line(&s, l, scratch, nsky_loader_rows(l) * i / objects, views, i, tensor, err);
    if (status == NSKY_OK)
        status = write_picture(s.picture, path, err);
done:
    nsky_free(tensor);
    nsky_augment_scratch_free(scratch);
    nsky_picture_free(s.picture);
    return status;
}
