/* scene.c - renders the components of an object on a grid twice as fine as the pixels, convolves
 * with each band's point spread by Fourier transform, bins and adds to the canvas.
 *
 * Twice is enough: the narrowest point spread is 4 pixels wide, and what varies faster than the
 * fine grid (cores, arcs) is averaged over several points of each fine pixel first. Thread rule:
 * one painter for each thread. */
#include "sim/scene.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "image/stamp.h"
#include "sim/fft.h"
#include "sim/profile.h"
#include "sim/psf.h"

#define FINE 2 /* fine pixels to a pixel */
#define FINE_ARCSEC (NSKY_SCALE_ARCSEC_PX / FINE)
#define SIDE_LOG2_MIN 6 /* of a fine box: 32 pixels */
#define SIDE_LOG2_MAX 10
#define SIDES (SIDE_LOG2_MAX - SIDE_LOG2_MIN + 1)
#define BLUR_MARGIN_FWHM 2.2 /* around the drawn part, for its blurred light */
#define TAPER 0.86           /* of a box's half: beyond, too large an object fades out */
#define CORE_FINE_PX 3.0     /* around a cusp */
#define CORE_POINTS 8
#define POINTS_MAX 6

struct sim_painter {
    sim_conditions conditions;
    double alpha_arcsec[SIM_BANDS];
    double faintest; /* nanomaggies an arcsec^2: where drawing stops */
    sim_fft *fft;
    float *planes[SIM_BANDS]; /* [side, side] of the largest box */
    float *scratch;           /* [side, side] */
    float *transfer[SIDES][SIM_BANDS];
    bool transfer_ready[SIDES];
};

static nsky_status allocate(sim_painter *painter, nsky_error *err)
{
    size_t pixels = (size_t)SIM_FFT_SIDE_MAX * SIM_FFT_SIDE_MAX;

    for (int band = 0; band < SIM_BANDS; band++)
        if (!(painter->planes[band] = nsky_alloc_aligned(pixels, sizeof(float), err)))
            return NSKY_ENOMEM;
    if (!(painter->scratch = nsky_alloc_aligned(pixels, sizeof(float), err)))
        return NSKY_ENOMEM;
    for (int i = 0; i < SIDES; i++) {
        size_t stride = ((size_t)1 << (i + SIDE_LOG2_MIN)) / 2 + 1;
        for (int band = 0; band < SIM_BANDS; band++)
            if (!(painter->transfer[i][band] = nsky_alloc(stride * stride, sizeof(float), err)))
                return NSKY_ENOMEM;
    }
    return sim_fft_new(&painter->fft, err);
}

nsky_status sim_painter_new(sim_painter **out, nsky_error *err)
{
    sim_painter *painter = nsky_alloc_zero(1, sizeof *painter, err);
    nsky_status status;

    *out = NULL;
    if (!painter)
        return NSKY_ENOMEM;
    if ((status = allocate(painter, err)) != NSKY_OK) {
        sim_painter_free(painter);
        return status;
    }
    *out = painter;
    return NSKY_OK;
}

void sim_painter_free(sim_painter *painter)
{
    if (!painter)
        return;
    for (int band = 0; band < SIM_BANDS; band++) {
        nsky_free(painter->planes[band]);
        for (int i = 0; i < SIDES; i++)
            nsky_free(painter->transfer[i][band]);
    }
    nsky_free(painter->scratch);
    sim_fft_free(painter->fft);
    nsky_free(painter);
}

void sim_painter_look(sim_painter *painter, const sim_conditions *conditions)
{
    double least = conditions->sigma[0];

    painter->conditions = *conditions;
    for (int band = 0; band < SIM_BANDS; band++) {
        painter->alpha_arcsec[band] = sim_moffat_alpha(conditions->fwhm_arcsec[band]);
        least = fmin(least, conditions->sigma[band]);
    }
    painter->faintest = SIM_VISIBLE * least / (NSKY_SCALE_ARCSEC_PX * NSKY_SCALE_ARCSEC_PX);
    memset(painter->transfer_ready, 0, sizeof painter->transfer_ready);
}

const sim_conditions *sim_painter_conditions(const sim_painter *painter)
{
    return &painter->conditions;
}

static float *const *transfers(sim_painter *painter, int side_log2)
{
    int i = side_log2 - SIDE_LOG2_MIN;

    if (!painter->transfer_ready[i])
        for (int band = 0; band < SIM_BANDS; band++)
            sim_moffat_transfer_fill(painter->alpha_arcsec[band] / FINE_ARCSEC, 1u << side_log2,
                                     painter->transfer[i][band]);
    painter->transfer_ready[i] = true;
    return painter->transfer[i];
}

/* The fine box around an object. */
typedef struct box {
    int left, bottom; /* pixel of the canvas of its first corner */
    int side_log2, side;
    double x, y; /* arcsec from the box's corner to the object */
    double half_arcsec;
} box;

static box box_around(const sim_painter *painter, const sim_object *object, double reach)
{
    double margin = 0;
    box b = {.side_log2 = SIDE_LOG2_MIN};

    for (int band = 0; band < SIM_BANDS; band++)
        margin = fmax(margin, BLUR_MARGIN_FWHM * painter->conditions.fwhm_arcsec[band]);
    while (b.side_log2 < SIDE_LOG2_MAX && 0.5 * (1 << b.side_log2) * FINE_ARCSEC < reach + margin)
        b.side_log2++;
    b.side = 1 << b.side_log2;
    b.left = (int)lrint(object->x) - b.side / FINE / 2;
    b.bottom = (int)lrint(object->y) - b.side / FINE / 2;
    b.x = (object->x - b.left + 0.5) * NSKY_SCALE_ARCSEC_PX;
    b.y = (object->y - b.bottom + 0.5) * NSKY_SCALE_ARCSEC_PX;
    b.half_arcsec = 0.5 * b.side * FINE_ARCSEC;
    return b;
}

/* Mean over points x points positions of a fine pixel. */
static float average(const sim_brush *brush, double x, double y, int points)
{
    float sum = 0;

    for (int j = 0; j < points; j++)
        for (int i = 0; i < points; i++)
            sum += sim_brush_at(brush, (float)(x + ((i + 0.5) / points - 0.5) * FINE_ARCSEC),
                                (float)(y + ((j + 0.5) / points - 0.5) * FINE_ARCSEC));
    return sum / (float)(points * points);
}

/* How many points a fine pixel needs so that steps are small against the component's short side. */
static int points_for(const sim_component *c)
{
    double shortest = c->r * c->q;

    if (c->shape == SIM_EDGE || c->shape == SIM_RING || c->shape == SIM_TAIL)
        shortest = 1.5 * c->width;
    double points = ceil(0.8 * FINE_ARCSEC / shortest + (c->shape == SIM_ARC ? 1 : 0));
    return (int)fmin(fmax(points, 1), POINTS_MAX);
}

/* Draws into scratch the rows and columns the component reaches; *first and *end bound both. Light
 * beyond the box would come back at the other side: it fades out before. */
static void draw(sim_painter *painter, const sim_object *object, const sim_component *c,
                 const box *b, int first[2], int end[2])
{
    sim_brush brush = sim_brush_of(c, &object->lens);
    bool centred = c->shape != SIM_ARC; /* an arc's x, y are its source's */
    double cx = b->x + (centred ? c->x : 0), cy = b->y + (centred ? c->y : 0);
    double reach = sim_component_reach(c, &object->lens, painter->faintest);
    double limit = b->half_arcsec * 0.98, fade = fmin(reach, limit) * TAPER;
    double centre[2] = {b->x, b->y};
    int points = points_for(c);
    bool cusp = c->shape == SIM_SERSIC && c->n > 1.2;

    reach = fmin(reach + 2 * FINE_ARCSEC, limit);
    for (int axis = 0; axis < 2; axis++) {
        first[axis] = (int)fmax(floor((centre[axis] - reach) / FINE_ARCSEC), 0);
        end[axis] = (int)fmin(ceil((centre[axis] + reach) / FINE_ARCSEC) + 1, b->side);
    }
    for (int j = first[1]; j < end[1]; j++) {
        double y = (j + 0.5) * FINE_ARCSEC, dy = y - b->y;
        for (int i = first[0]; i < end[0]; i++) {
            double x = (i + 0.5) * FINE_ARCSEC, dx = x - b->x, r2 = dx * dx + dy * dy;
            float *out = &painter->scratch[(size_t)j * (size_t)b->side + (size_t)i];
            if (r2 > reach * reach) {
                *out = 0;
                continue;
            }
            double rx = x - cx, ry = y - cy, core = CORE_FINE_PX * FINE_ARCSEC;
            *out = average(&brush, rx, ry,
                           cusp && rx * rx + ry * ry < core * core ? CORE_POINTS : points);
            if (r2 > fade * fade) {
                double t = (sqrt(r2) - fade) / (reach - fade);
                *out *= (float)(1 - t * t * (3 - 2 * t));
            }
        }
    }
}

static void add_component(sim_painter *painter, const sim_object *object, const sim_component *c,
                          const box *b)
{
    int first[2], end[2];
    double sum = 0;

    draw(painter, object, c, b, first, end);
    for (int j = first[1]; j < end[1]; j++)
        for (int i = first[0]; i < end[0]; i++)
            sum += painter->scratch[(size_t)j * (size_t)b->side + (size_t)i];
    if (sum <= 0)
        return;
    double scale = sim_shape_needs_scaling(c->shape) ? 1 / sum : FINE_ARCSEC * FINE_ARCSEC;
    for (int band = 0; band < SIM_BANDS; band++) {
        float flux = (float)(c->flux[band] * painter->conditions.transmission[band] * scale);
        for (int j = first[1]; j < end[1]; j++) {
            const float *from = painter->scratch + (size_t)j * (size_t)b->side;
            float *to = painter->planes[band] + (size_t)j * (size_t)b->side;
            for (int i = first[0]; i < end[0]; i++)
                to[i] += flux * from[i];
        }
    }
}

static void bin_onto(sim_canvas *canvas, const box *b, const float *fine, int band)
{
    int side = b->side / FINE;
    float *plane = canvas->pixels + (size_t)band * canvas->width * canvas->height;

    for (int j = 0; j < side; j++) {
        int y = b->bottom + j;
        const float *row = fine + (size_t)(FINE * j) * (size_t)b->side;
        if (y < 0 || y >= (int)canvas->height)
            continue;
        for (int i = 0; i < side; i++) {
            int x = b->left + i, at = FINE * i;
            if (x >= 0 && x < (int)canvas->width)
                plane[(size_t)y * canvas->width + (size_t)x] +=
                    row[at] + row[at + 1] + row[at + b->side] + row[at + 1 + b->side];
        }
    }
}

static void paint_components(sim_painter *painter, sim_canvas *canvas, const sim_object *object,
                             bool plain, bool arcs)
{
    double reach = 0;
    bool any = false;

    for (uint32_t i = 0; i < object->count; i++)
        if (object->components[i].shape == SIM_ARC ? arcs : plain) {
            any = true;
            reach = fmax(reach, sim_component_reach(&object->components[i], &object->lens,
                                                    painter->faintest));
        }
    if (!any)
        return;
    box b = box_around(painter, object, reach);
    for (int band = 0; band < SIM_BANDS; band++)
        memset(painter->planes[band], 0, sizeof(float) * (size_t)b.side * (size_t)b.side);
    for (uint32_t i = 0; i < object->count; i++)
        if (object->components[i].shape == SIM_ARC ? arcs : plain)
            add_component(painter, object, &object->components[i], &b);
    float *const *transfer = transfers(painter, b.side_log2);
    sim_fft_convolve(painter->fft, (uint32_t)b.side, painter->planes[0], transfer[0],
                     painter->planes[1], transfer[1]);
    sim_fft_convolve(painter->fft, (uint32_t)b.side, painter->planes[2], transfer[2], NULL, NULL);
    for (int band = 0; band < SIM_BANDS; band++)
        bin_onto(canvas, &b, painter->planes[band], band);
}

void sim_paint(sim_painter *painter, sim_canvas *canvas, const sim_object *object)
{
    if (object->class == NSKY_SIM_STAR)
        sim_paint_point(painter, canvas, object->x, object->y, object->total, 0);
    else
        paint_components(painter, canvas, object, true, true);
}

void sim_paint_part(sim_painter *painter, sim_canvas *canvas, const sim_object *object, bool arcs)
{
    paint_components(painter, canvas, object, !arcs, arcs);
}
