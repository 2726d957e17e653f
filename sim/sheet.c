/* sheet.c - the contact sheet. Thread rule: one thread. */
#include "sim/sheet.h"

#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "image/codec.h"
#include "sim/field.h"
#include "sim/font.h"

#define COLUMNS 10
#define CELL 120          /* pixels of the sheet */
#define FIELD_ARCSEC 25.0 /* what networks see: 96 pixels of 0.262 arcsec */
#define GAP 4
#define LABEL_HEIGHT 18
#define LABEL_GREY 210
#define JPEG_QUALITY 90
#define CLASS_ROWS NSKY_SIM_STAR
#define ROWS (CLASS_ROWS + NSKY_SIM_ARTEFACT_KINDS)
#define ROW_HEIGHT (CELL + LABEL_HEIGHT + GAP)

typedef struct sheet {
    nsky_picture *picture;
    nsky_stamp *stamp;
    sim_painter *painter;
    float *scratch;
    sim_plan plan;
} sheet;

static void blit(nsky_picture *to, const nsky_picture *from, uint32_t x, uint32_t y)
{
    for (uint32_t row = 0; row < from->height; row++)
        memcpy(to->rgb + ((size_t)(y + row) * to->width + x) * 3,
               from->rgb + (size_t)row * from->width * 3, (size_t)from->width * 3);
}

static nsky_status add_cell(sheet *s, nsky_sim_class class, uint32_t artefact, uint32_t row,
                            uint32_t column, nsky_error *err)
{
    sim_canvas canvas = {s->stamp->pixels, s->plan.side, s->plan.side};
    nsky_picture *small = NULL;
    sim_field field;
    nsky_status status = sim_field_example(&field, &s->plan, row * COLUMNS + column, class,
                                           artefact, s->painter, err);
    if (status != NSKY_OK)
        return status;
    sim_field_draw(&field, s->painter, &canvas, s->scratch);
    sim_field_clear(&field);
    status = nsky_picture_of_stamp(&small, s->stamp, CELL, artefact ? 0 : FIELD_ARCSEC,
                                   &nsky_stretch_viewer, err);
    if (status == NSKY_OK)
        blit(s->picture, small, GAP + column * (CELL + GAP), row * ROW_HEIGHT + LABEL_HEIGHT);
    nsky_picture_free(small);
    return status;
}

static nsky_status fill(sheet *s, const atomic_bool *stop, nsky_error *err)
{
    nsky_status status;

    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t artefact = row < CLASS_ROWS ? 0 : 1u << (row - CLASS_ROWS);
        nsky_sim_class class = artefact ? NSKY_SIM_SPIRAL : (nsky_sim_class)row;
        sim_draw_text(s->picture, GAP, row * ROW_HEIGHT + 3, 2,
                      artefact ? nsky_sim_artefact_name(artefact) : nsky_sim_class_name(class),
                      LABEL_GREY);
        for (uint32_t column = 0; column < COLUMNS; column++) {
            if (stop && atomic_load(stop))
                return nsky_fail(err, NSKY_ECANCELLED, "stopped before the contact sheet was done");
            if ((status = add_cell(s, class, artefact, row, column, err)) != NSKY_OK)
                return status;
        }
    }
    return NSKY_OK;
}

static nsky_status make(sheet *s, const atomic_bool *stop, nsky_error *err)
{
    nsky_status status =
        nsky_picture_new(&s->picture, GAP + COLUMNS * (CELL + GAP), ROWS * ROW_HEIGHT, err);
    if (status == NSKY_OK)
        status = nsky_stamp_new(&s->stamp, s->plan.side, s->plan.side, NSKY_SCALE_ARCSEC_PX, err);
    if (status == NSKY_OK)
        status = sim_painter_new(&s->painter, err);
    if (status == NSKY_OK && !(s->scratch = nsky_alloc(s->plan.side, sizeof(float), err)))
        status = NSKY_ENOMEM;
    return status == NSKY_OK ? fill(s, stop, err) : status;
}

nsky_status sim_write_sheet(const char *path, const sim_plan *plan, const atomic_bool *stop,
                            nsky_error *err)
{
    sheet s = {.plan = *plan};
    void *data = NULL;
    size_t bytes;

    s.plan.stamps = true;
    s.plan.primaries = 1;
    s.plan.side = NSKY_STAMP_SIDE;
    nsky_status status = make(&s, stop, err);
    if (status == NSKY_OK)
        status = nsky_picture_to_jpeg(s.picture, JPEG_QUALITY, &data, &bytes, err);
    if (status == NSKY_OK)
        status = nsky_file_write(path, data, bytes, err);
    nsky_free(data);
    nsky_free(s.scratch);
    sim_painter_free(s.painter);
    nsky_stamp_free(s.stamp);
    nsky_picture_free(s.picture);
    return status;
}
