/* picture_extent.c - picture_extent.h: brightness on a coarse grid, smoothed, then what hangs
 * together with the middle. Thread rule: any thread. */
#include "image/picture_extent.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/memory.h"

#define GRID 256        /* cells a side, at most */
#define SMOOTH 3        /* pixels to either side that are averaged, and one cell at least */
#define FRAME_PART 20   /* of a side, whose median is the sky's brightness */
#define MIDDLE_PART 25  /* of a side, to either side of the centre: there the object is */
#define ABOVE_SKY 12.0f /* of 255, and no less than the noise */

typedef struct grid {
    uint32_t width, height, step; /* cells; pixels a cell */
    uint32_t reach;               /* cells to either side that are averaged */
    float *light;                 /* [height, width], of 255 */
    float *spare;                 /* as many */
    uint32_t *todo;               /* as many */
} grid;

static void average_cells(const grid *g, const nsky_picture *picture)
{
    for (uint32_t y = 0; y < g->height; y++)
        for (uint32_t x = 0; x < g->width; x++) {
            uint64_t sum = 0;
            for (uint32_t v = 0; v < g->step; v++) {
                const size_t row = (size_t)(y * g->step + v) * picture->width;
                const uint8_t *rgb = picture->rgb + 3 * (row + (size_t)x * g->step);
                for (uint32_t i = 0; i < 3 * g->step; i++)
                    sum += rgb[i];
            }
            g->light[y * g->width + x] = (float)sum / (float)(3 * g->step * g->step);
        }
}

/* The mean of the cells within reach, along rows (stride 1) or columns. */
static void smooth_line(const float *in, float *out, uint32_t count, size_t stride, uint32_t reach)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t first = i < reach ? 0 : i - reach;
        const uint32_t end = i + reach + 1 < count ? i + reach + 1 : count;
        float sum = 0;
        for (uint32_t j = first; j < end; j++)
            sum += in[j * stride];
        out[i * stride] = sum / (float)(end - first);
    }
}

static void smooth(const grid *g)
{
    for (uint32_t y = 0; y < g->height; y++)
        smooth_line(g->light + (size_t)y * g->width, g->spare + (size_t)y * g->width, g->width, 1,
                    g->reach);
    for (uint32_t x = 0; x < g->width; x++)
        smooth_line(g->spare + x, g->light + x, g->height, g->width, g->reach);
}

static int ascending(const void *a, const void *b)
{
    const float one = *(const float *)a, other = *(const float *)b;
    return one < other ? -1 : one > other;
}

/* Median of the frame, and how bright a cell must be to belong to an object. */
static float least_light(const grid *g)
{
    const uint32_t wide = 1 + g->width / FRAME_PART, high = 1 + g->height / FRAME_PART;
    uint32_t count = 0;
    for (uint32_t y = 0; y < g->height; y++)
        for (uint32_t x = 0; x < g->width; x++)
            if (y < high || y + high >= g->height || x < wide || x + wide >= g->width)
                g->spare[count++] = g->light[y * g->width + x];
    qsort(g->spare, count, sizeof *g->spare, ascending);
    const float sky = g->spare[count / 2];
    for (uint32_t i = 0; i < count; i++)
        g->spare[i] = fabsf(g->spare[i] - sky);
    qsort(g->spare, count, sizeof *g->spare, ascending);
    return sky + fmaxf(ABOVE_SKY, 3 * 1.4826f * g->spare[count / 2]);
}

/* Takes a cell that is bright enough, once. */
static uint32_t visit(const grid *g, uint32_t cell, float least, uint32_t count)
{
    if (g->light[cell] < least)
        return count;
    g->light[cell] = -1;
    g->todo[count] = cell;
    return count + 1;
}

/* How many cells hang together with bright ones in the middle. */
static uint32_t count_object(const grid *g, float least)
{
    const uint32_t w = g->width, h = g->height, reach_x = 1 + w / MIDDLE_PART,
                   reach_y = 1 + h / MIDDLE_PART;
    uint32_t count = 0;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            if (y + reach_y >= h / 2 && y < h / 2 + reach_y && x + reach_x >= w / 2 &&
                x < w / 2 + reach_x)
                count = visit(g, y * w + x, least, count);
    for (uint32_t done = 0; done < count; done++) {
        const uint32_t cell = g->todo[done], x = cell % w, y = cell / w;
        if (x > 0)
            count = visit(g, cell - 1, least, count);
        if (x + 1 < w)
            count = visit(g, cell + 1, least, count);
        if (y > 0)
            count = visit(g, cell - w, least, count);
        if (y + 1 < h)
            count = visit(g, cell + w, least, count);
    }
    return count;
}

nsky_status nsky_picture_radius(double *radius, const nsky_picture *picture, nsky_error *err)
{
    assert(radius && picture && err);
    const uint32_t side = picture->width > picture->height ? picture->width : picture->height;
    grid g = {.step = (side + GRID - 1) / GRID};
    nsky_status status = NSKY_OK;

    *radius = 0;
    g.reach = g.step < SMOOTH ? SMOOTH / g.step : 1;
    g.width = picture->width / g.step;
    g.height = picture->height / g.step;
    const size_t cells = (size_t)g.width * g.height;
    if (cells == 0) /* a line */
        return NSKY_OK;
    g.light = nsky_alloc(cells, sizeof *g.light, err);
    g.spare = nsky_alloc(cells, sizeof *g.spare, err);
    g.todo = nsky_alloc(cells, sizeof *g.todo, err);
    if (g.light && g.spare && g.todo) {
        average_cells(&g, picture);
        smooth(&g);
        *radius = g.step * sqrt(count_object(&g, least_light(&g)) / 3.14159265358979);
    } else
        status = err->status;
    nsky_free(g.todo);
    nsky_free(g.spare);
    nsky_free(g.light);
    return status;
}
