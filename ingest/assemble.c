/* assemble.c - see assemble.h. Thread rule: as the files the layers lie in. */
#include "ingest/assemble.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "ingest/geometry.h"
#include "ingest/missing.h"
#include "ingest/notes.h"
#include "ingest/units.h"

#define NOTE_FRACTION_MIN 0.01
#define SHIFT_PX_MAX 0.5 /* between bands; more is said, SHIFT_PX_REFUSED refused */
#define SHIFT_PX_REFUSED 2.0
#define SCALE_MIN_ARCSEC 1e-3 /* outside of these a header is not believed */
#define SCALE_MAX_ARCSEC 100.0

/* What one band's header says. */
typedef struct band_info {
    nsky_geometry geometry;
    nsky_units units;
} band_info;

static nsky_status read_info(band_info *out, const nsky_layer *layer, const nsky_box *box,
                             nsky_error *err)
{
    nsky_fits_hdu hdu;
    nsky_status status = nsky_fits_select(layer->fits, layer->hdu, &hdu, err);

    if (status == NSKY_OK)
        status = nsky_geometry_read(&out->geometry, layer->fits, layer->hdu, box, err);
    if (status == NSKY_OK)
        status = nsky_units_read(&out->units, layer->fits, layer->hdu, err);
    return status;
}

/* Bands of different sizes, scales or places are not one picture. */
static nsky_status check_match(const nsky_layer *const layers[], const band_info *info,
                               const char *bands, const char *what, char *notes, size_t notes_bytes,
                               nsky_error *err)
{
    const nsky_geometry *first = &info[0].geometry;

    for (uint32_t b = 1; b < NSKY_STAMP_BANDS; b++) {
        const nsky_geometry *g = &info[b].geometry;
        if (layers[b]->width != layers[0]->width || layers[b]->height != layers[0]->height)
            return nsky_fail(err, NSKY_EDATA,
                             "%s: band %c is %" PRIu64 " x %" PRIu64 " pixels, band %c %" PRIu64
                             " x %" PRIu64 "; cut them alike",
                             what, bands[0], layers[0]->width, layers[0]->height, bands[b],
                             layers[b]->width, layers[b]->height);
        if (fabs(g->scale_arcsec_px / first->scale_arcsec_px - 1) > 0.01)
            return nsky_fail(err, NSKY_EDATA,
                             "%s: a pixel is %.4f arcsec in band %c, %.4f in band %c", what,
                             first->scale_arcsec_px, bands[0], g->scale_arcsec_px, bands[b]);
        if (memcmp(&g->turn, &first->turn, sizeof g->turn) != 0)
            return nsky_fail(err, NSKY_EDATA, "%s: bands %c and %c are turned differently", what,
                             bands[0], bands[b]);
        if (!nsky_sky_valid(g->centre) || !nsky_sky_valid(first->centre))
            continue;
        double shift =
            nsky_sky_separation_deg(g->centre, first->centre) * 3600 / first->scale_arcsec_px;
        if (shift > SHIFT_PX_REFUSED)
            return nsky_fail(err, NSKY_EDATA, "%s: bands %c and %c lie %.1f pixels apart", what,
                             bands[0], bands[b], shift);
        if (shift > SHIFT_PX_MAX)
            nsky_note(notes, notes_bytes, "bands %c and %c lie %.1f pixels apart", bands[0],
                      bands[b], shift);
    }
    return NSKY_OK;
}

/* One band into its plane of the stamp. raw: room for the box. */
static nsky_status read_band(nsky_decoded *out, uint32_t b, const nsky_layer *layer,
                             const nsky_box *box, band_info *info, float *raw, const char *what,
                             nsky_error *err)
{
    uint64_t count = box->width * box->height;
    nsky_fits_hdu hdu;
    nsky_status status = nsky_fits_select(layer->fits, layer->hdu, &hdu, err);

    if (status == NSKY_OK)
        status = nsky_fits_read_box(layer->fits, layer->plane, box->x, box->y, box->width,
                                    box->height, raw, err);
    if (status == NSKY_OK)
        status = nsky_units_settle(&info->units, raw, count, what, err);
    if (status != NSKY_OK)
        return status;
    for (uint64_t i = 0; i < count; i++)
        raw[i] = (float)(raw[i] * info->units.factor);
    double missing = nsky_mark_missing(raw, count);
    char band = out->stamp->bands[b];
    if (missing == 1)
        return nsky_fail(err, NSKY_EDATA, "%s: band %c is empty, every pixel is NaN or 0", what,
                         band);
    if (missing > 0)
        out->stamp->flags |= NSKY_STAMP_HAS_NAN;
    if (missing >= NOTE_FRACTION_MIN)
        nsky_note(out->notes, sizeof out->notes, "%.0f%% of band %c is missing", missing * 100,
                  band);
    nsky_turn_pixels(info->geometry.turn, raw, (uint32_t)box->width, (uint32_t)box->height,
                     nsky_stamp_band(out->stamp, b));
    return NSKY_OK;
}

static nsky_status make_stamp(nsky_decoded *out, const nsky_layer *layer, const nsky_box *box,
                              const band_info *info, const char *bands, nsky_error *err)
{
    const nsky_geometry *g = &info[0].geometry;
    bool known = g->scale_arcsec_px > SCALE_MIN_ARCSEC && g->scale_arcsec_px < SCALE_MAX_ARCSEC;
    uint32_t width = (uint32_t)(g->turn.transpose ? box->height : box->width);
    uint32_t height = (uint32_t)(g->turn.transpose ? box->width : box->height);
    nsky_status status =
        nsky_stamp_new(&out->stamp, width, height,
                       (float)(known ? g->scale_arcsec_px : NSKY_SCALE_ARCSEC_PX), err);

    if (status != NSKY_OK)
        return status;
    memcpy(out->stamp->bands, bands, sizeof out->stamp->bands);
    if (!known) {
        out->stamp->flags |= NSKY_STAMP_SCALE_ASSUMED;
        nsky_note(out->notes, sizeof out->notes, "no pixel scale in the header, taken as %g arcsec",
                  NSKY_SCALE_ARCSEC_PX);
    }
    if (box->width < layer->width || box->height < layer->height) {
        out->stamp->flags |= NSKY_STAMP_CROPPED;
        nsky_note(out->notes, sizeof out->notes, "cut to the middle %u x %u pixels", width, height);
    }
    if (bands[2] == 'i') {
        out->stamp->flags |= NSKY_STAMP_BAND_REPLACED;
        nsky_note(out->notes, sizeof out->notes, "no band z, i stands in for it");
    }
    if (g->note[0] != '\0')
        nsky_note(out->notes, sizeof out->notes, "%s", g->note);
    return NSKY_OK;
}

/* After the pixels: where the header is silent they say what they are. */
static nsky_status note_units(nsky_decoded *out, const band_info *info, const char *bands,
                              const char *what, nsky_error *err)
{
    const nsky_units *first = &info[0].units;

    for (uint32_t b = 0; b < NSKY_STAMP_BANDS; b++) {
        const nsky_units *units = &info[b].units;
        if (units->assumed)
            out->stamp->flags |= NSKY_STAMP_UNITS_ASSUMED;
        if (units->assumed && first->assumed && units->factor != first->factor)
            return nsky_fail(err, NSKY_EDATA,
                             "%s: by their brightest pixels bands %c and %c are in different "
                             "units; add BUNIT or MAGZERO to the header, or set pixels that are "
                             "no fluxes (masked ones, say) to NaN",
                             what, bands[0], bands[b]);
    }
    if (out->stamp->flags & NSKY_STAMP_UNITS_ASSUMED)
        nsky_note(out->notes, sizeof out->notes, "no unit or zero point in the header%s",
                  first->note[0] != '\0' ? "" : ", taken as nanomaggies");
    if (first->note[0] != '\0')
        nsky_note(out->notes, sizeof out->notes, "%s", first->note);
    return NSKY_OK;
}

static nsky_status assemble(nsky_decoded *out, const nsky_layer *const layers[], const char *bands,
                            const char *what, nsky_error *err)
{
    nsky_box box = nsky_box_middle(layers[0]->width, layers[0]->height);
    band_info info[NSKY_STAMP_BANDS];
    nsky_status status = NSKY_OK;

    for (uint32_t b = 0; b < NSKY_STAMP_BANDS && status == NSKY_OK; b++)
        status = read_info(&info[b], layers[b], &box, err);
    if (status == NSKY_OK)
        status = check_match(layers, info, bands, what, out->notes, sizeof out->notes, err);
    if (status == NSKY_OK)
        status = make_stamp(out, layers[0], &box, info, bands, err);
    if (status != NSKY_OK)
        return status;
    out->position = info[0].geometry.centre;
    (void)nsky_layer_string(layers[0]->fits, layers[0]->hdu, "SURVEY", out->survey,
                            sizeof out->survey);
    float *raw = nsky_alloc(box.width * box.height, sizeof *raw, err);
    if (!raw)
        return err->status;
    for (uint32_t b = 0; b < NSKY_STAMP_BANDS && status == NSKY_OK; b++)
        status = read_band(out, b, layers[b], &box, &info[b], raw, what, err);
    nsky_free(raw);
    return status == NSKY_OK ? note_units(out, info, bands, what, err) : status;
}

nsky_status nsky_assemble(nsky_decoded *out, const nsky_layers *layers, const char *what,
                          nsky_error *err)
{
    assert(out && layers && what && err);
    const nsky_layer *chosen[NSKY_STAMP_BANDS];
    char bands[NSKY_STAMP_BANDS + 1];

    *out = (nsky_decoded){.position = {NAN, NAN}};
    nsky_status status = nsky_layers_choose(layers, what, chosen, bands, err);
    if (status == NSKY_OK)
        status = assemble(out, chosen, bands, what, err);
    if (status != NSKY_OK)
        nsky_decoded_clear(out);
    return status;
}
