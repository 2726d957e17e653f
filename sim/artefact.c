/* artefact.c - satellites, ghosts, bleeding stars, missing data, cosmic rays, bad skies.
 * Thread rule: pure but for the generator given. */
#include "sim/artefact.h"

#include <math.h>
#include <string.h>

#include "image/stamp.h"
#include "sim/object.h"

#define PATCH_HALF_SIDE 96 /* pixels; covers a stamp and its surroundings */
#define STAMP_REACH 76.0
#define FWHM_PER_SIGMA 2.3548
#define BLEED_HALO 0.06 /* share of a saturated star's light in a wide halo */
#define BLEED_HALO_ARCSEC 4.0
#define HALO_PX 20
#define RAY_PIXELS 14

sim_artefact sim_draw_artefact(nsky_rng *rng, uint32_t kind, double x, double y)
{
    sim_artefact a = {.kind = kind ? kind : 1u << nsky_rng_below(rng, NSKY_SIM_ARTEFACT_KINDS)};
    double turn = nsky_rng_range(rng, 0, 2 * M_PI), away = nsky_rng_range(rng, 0, 30);

    a.band = (int)nsky_rng_below(rng, SIM_BANDS);
    a.angle = nsky_rng_range(rng, 0, 2 * M_PI);
    a.seed = nsky_rng_u32(rng);
    a.amount = nsky_rng_uniform(rng);
    a.size = PATCH_HALF_SIDE;
    if (a.kind == NSKY_SIM_ARTEFACT_TRAIL) {
        a.size = 800;
        a.amount = 4 + 20 * a.amount * a.amount;
    } else if (a.kind == NSKY_SIM_ARTEFACT_GHOST) {
        a.size = nsky_rng_range(rng, 50, 200);
        away = a.size + nsky_rng_range(rng, -40, 40);
        a.amount = 0.7 + 1.5 * a.amount;
    } else if (a.kind == NSKY_SIM_ARTEFACT_BLEED) {
        away = nsky_rng_range(rng, 25, 85);
        a.size = nsky_rng_range(rng, 20, 110);
        a.amount = 11.5 + 3 * a.amount;
    } else if (a.kind == NSKY_SIM_ARTEFACT_COSMIC_RAY) {
        away = nsky_rng_range(rng, 5, 40);
        a.amount = 25 + 60 * a.amount;
    } else if (a.kind == NSKY_SIM_ARTEFACT_SKY_OFFSET) {
        a.amount = a.amount < 0.5 ? -0.5 : 0.5;
    } else if (a.kind == NSKY_SIM_ARTEFACT_MISALIGNED) {
        a.amount = 0.7 + 1.3 * a.amount;
    } else if (a.kind == NSKY_SIM_ARTEFACT_CHIP_EDGE) {
        away = nsky_rng_range(rng, 5, 55);
    }
    a.x = x + away * cos(turn);
    a.y = y + away * sin(turn);
    return a;
}

bool sim_artefact_touches(const sim_artefact *a, double x, double y)
{
    double dx = x - a->x, dy = y - a->y, across = fabs(-sin(a->angle) * dx + cos(a->angle) * dy);

    switch (a->kind) {
    case NSKY_SIM_ARTEFACT_TRAIL:
        return across < STAMP_REACH && hypot(dx, dy) < a->size;
    case NSKY_SIM_ARTEFACT_GHOST:
        return fabs(hypot(dx, dy) - a->size) < STAMP_REACH;
    case NSKY_SIM_ARTEFACT_BLEED:
        return fabs(dx) < STAMP_REACH + a->size / 2 && fabs(dy) < STAMP_REACH + HALO_PX;
    case NSKY_SIM_ARTEFACT_COSMIC_RAY:
        return hypot(dx, dy) < STAMP_REACH;
    default:
        return fmax(fabs(dx), fabs(dy)) < PATCH_HALF_SIDE;
    }
}

/* The part of the canvas within `half` pixels of (x, y). */
typedef struct window {
    int left, right, bottom, top; /* ends excluded */
} window;

static window around(const sim_canvas *canvas, double x, double y, double half)
{
    return (window){(int)fmax(floor(x - half), 0), (int)fmin(ceil(x + half) + 1, canvas->width),
                    (int)fmax(floor(y - half), 0), (int)fmin(ceil(y + half) + 1, canvas->height)};
}

static float *plane_of(const sim_canvas *canvas, int band)
{
    return canvas->pixels + (size_t)band * canvas->width * canvas->height;
}

/* As wide as the stars, fading at its ends. */
static void paint_trail(const sim_artefact *a, sim_canvas *canvas, const sim_conditions *seen)
{
    double width = seen->fwhm_arcsec[a->band] / NSKY_SCALE_ARCSEC_PX / FWHM_PER_SIGMA;
    double peak = a->amount * seen->sigma[a->band], c = cos(a->angle), s = sin(a->angle);
    float *plane = plane_of(canvas, a->band);
    window w = around(canvas, a->x, a->y, a->size);

    for (int y = w.bottom; y < w.top; y++)
        for (int x = w.left; x < w.right; x++) {
            double along = (c * (x - a->x) + s * (y - a->y)) / a->size;
            double across = (-s * (x - a->x) + c * (y - a->y)) / width;
            if (fabs(across) < 6 && fabs(along) < 1)
                plane[(size_t)y * canvas->width + (size_t)x] +=
                    (float)(peak * exp(-0.5 * across * across) * (1 - pow(along, 8)));
        }
}

static void paint_ghost(const sim_artefact *a, sim_canvas *canvas, const sim_conditions *seen)
{
    window w = around(canvas, a->x, a->y, a->size * 1.2);

    for (int band = 0; band < SIM_BANDS; band++) {
        double level = a->amount * seen->sigma[band] * (band == a->band ? 1 : 0.35);
        float *plane = plane_of(canvas, band);
        for (int y = w.bottom; y < w.top; y++)
            for (int x = w.left; x < w.right; x++) {
                double r = hypot(x - a->x, y - a->y) / a->size;
                double edge = 1 / (1 + exp((r - 1) * 40)) - 1 / (1 + exp((r - 0.45) * 25));
                plane[(size_t)y * canvas->width + (size_t)x] += (float)(level * fmax(edge, 0));
            }
    }
}

/* DECam's columns run east-west, so charge spills along rows of the image. */
static void paint_bleed(const sim_artefact *a, sim_painter *painter, sim_canvas *canvas,
                        const sim_conditions *seen)
{
    static const double spill[SIM_BANDS] = {0.6, 1.0, 0.8};
    double flux[SIM_BANDS], halo[SIM_BANDS];

    for (int band = 0; band < SIM_BANDS; band++) {
        flux[band] = sim_flux(a->amount + (1 - band) * 0.5);
        halo[band] = flux[band] * BLEED_HALO;
    }
    sim_paint_point(painter, canvas, a->x, a->y, flux, 0);
    sim_paint_point(painter, canvas, a->x, a->y, halo, BLEED_HALO_ARCSEC);
    window w = around(canvas, a->x, a->y, a->size);
    for (int band = 0; band < SIM_BANDS; band++)
        for (int y = (int)fmax(a->y - 3, 0); y <= a->y + 3 && y < (int)canvas->height; y++)
            for (int x = w.left; x < w.right; x++) {
                double along = fabs(x - a->x) / a->size, across = (y - a->y) / 1.2;
                plane_of(canvas, band)[(size_t)y * canvas->width + (size_t)x] +=
                    (float)(spill[band] * seen->sigma[band] * 160 * exp(-0.5 * across * across) *
                            fmax(1 - along * along, 0));
            }
}

/* One band of a patch moved by a fraction of pixels; reads the row above and the pixel to the
 * right, which have not been overwritten yet. */
static void paint_shift(const sim_artefact *a, sim_canvas *canvas)
{
    float *plane = plane_of(canvas, a->band);
    window w = around(canvas, a->x, a->y, a->size);
    int whole = (int)floor(a->amount);
    float part = (float)(a->amount - whole);

    for (int y = w.bottom; y < w.top - whole - 1; y++)
        for (int x = w.left; x < w.right - whole - 1; x++) {
            const float *from = plane + (size_t)(y + whole) * canvas->width + (size_t)(x + whole);
            float near = from[0] * (1 - part) + from[1] * part;
            float far = from[canvas->width] * (1 - part) + from[canvas->width + 1] * part;
            plane[(size_t)y * canvas->width + (size_t)x] = near * (1 - part) + far * part;
        }
}

static void paint_offset(const sim_artefact *a, sim_canvas *canvas, const sim_conditions *seen)
{
    window w = around(canvas, a->x, a->y, a->size);
    float *plane = plane_of(canvas, a->band);

    for (int y = w.bottom; y < w.top; y++)
        for (int x = w.left; x < w.right; x++)
            plane[(size_t)y * canvas->width + (size_t)x] +=
                (float)(a->amount * seen->sigma[a->band]);
}

/* No data is written as 0, as the coadds of the survey have it. */
static void paint_hole(const sim_artefact *a, sim_canvas *canvas)
{
    window w = around(canvas, a->x, a->y, a->size);
    float *plane = plane_of(canvas, a->band);
    double c = cos(a->angle), s = sin(a->angle);
    bool edge = a->kind == NSKY_SIM_ARTEFACT_CHIP_EDGE;

    for (int y = w.bottom; y < w.top; y++)
        for (int x = w.left; x < w.right; x++)
            if (!edge || c * (x - a->x) + s * (y - a->y) > 0)
                plane[(size_t)y * canvas->width + (size_t)x] = 0;
}

/* A short walk of bright pixels, sharper than any star. */
static void paint_ray(const sim_artefact *a, sim_canvas *canvas, const sim_conditions *seen)
{
    float *plane = plane_of(canvas, a->band);

    for (int i = 0; i < RAY_PIXELS; i++) {
        long x = lrint(a->x + i * cos(a->angle)), y = lrint(a->y + i * sin(a->angle));
        if (x >= 0 && y >= 0 && x < (long)canvas->width && y < (long)canvas->height)
            plane[(size_t)y * canvas->width + (size_t)x] +=
                (float)(a->amount * seen->sigma[a->band] * (1 - 0.6 * i / RAY_PIXELS));
    }
}

void sim_paint_artefact(const sim_artefact *a, sim_painter *painter, sim_canvas *canvas,
                        const sim_conditions *conditions, bool before)
{
    if (before) {
        if (a->kind == NSKY_SIM_ARTEFACT_TRAIL)
            paint_trail(a, canvas, conditions);
        else if (a->kind == NSKY_SIM_ARTEFACT_GHOST)
            paint_ghost(a, canvas, conditions);
        else if (a->kind == NSKY_SIM_ARTEFACT_BLEED)
            paint_bleed(a, painter, canvas, conditions);
        else if (a->kind == NSKY_SIM_ARTEFACT_MISALIGNED)
            paint_shift(a, canvas);
        else if (a->kind == NSKY_SIM_ARTEFACT_SKY_OFFSET)
            paint_offset(a, canvas, conditions);
    } else if (a->kind == NSKY_SIM_ARTEFACT_COSMIC_RAY) {
        paint_ray(a, canvas, conditions);
    } else if (a->kind == NSKY_SIM_ARTEFACT_NO_BAND || a->kind == NSKY_SIM_ARTEFACT_CHIP_EDGE) {
        paint_hole(a, canvas);
    }
}
