/* pattern.c - spiral arms, rings, edge-on discs and tails, patchy as star formation is.
 * Thread rule: pure. */
#include "sim/pattern.h"

#include <math.h>

#define DISC_B 1.678f    /* of n = 1: R_e = 1.678 scale lengths */
#define ARMS_HOLE 0.45f  /* arms start about here, in half-light radii */
#define PATCH_CELL 3.2f  /* patches to a half-light radius */
#define PATCH_DEPTH 1.1f /* 0: smooth; 2: patches go to nothing */
#define RING_PATCHES 1.6f

/* A few rounds of a mixing hash (Wang 2007 style) for the lattice of sim_value_noise. */
static float lattice(uint32_t seed, int32_t x, int32_t y)
{
    uint32_t h = seed ^ (uint32_t)x * 0x9E3779B1u ^ (uint32_t)y * 0x85EBCA77u;

    h = (h ^ h >> 16) * 0x7FEB352Du;
    h = (h ^ h >> 15) * 0x846CA68Bu;
    return (float)((h ^ h >> 16) >> 8) * 0x1p-24f;
}

float sim_value_noise(uint32_t seed, float x, float y)
{
    if (seed == 0)
        return 0.5f;
    float fx = floorf(x), fy = floorf(y), u = x - fx, v = y - fy;
    int32_t i = (int32_t)fx, j = (int32_t)fy;

    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    float south = lattice(seed, i, j) * (1 - u) + lattice(seed, i + 1, j) * u;
    float north = lattice(seed, i, j + 1) * (1 - u) + lattice(seed, i + 1, j + 1) * u;
    return south * (1 - v) + north * v;
}

/* The plane of the disc seen face-on, in units of the component's radius. */
static inline void deproject(const sim_brush *brush, float x, float y, float *u, float *v)
{
    *u = (brush->cosine * x + brush->sine * y) * brush->inverse_r;
    *v = (brush->cosine * y - brush->sine * x) * brush->inverse_r * brush->inverse_q;
}

/* disc x exp[sharpness (cos(m (phi - phase - ln R / tan pitch)) - 1)] */
float sim_arms_at(const sim_brush *brush, float x, float y)
{
    const sim_component *c = brush->component;
    float u, v;

    deproject(brush, x, y, &u, &v);
    float r = sqrtf(u * u + v * v) + 1e-4f, phi = atan2f(v, u);
    float wind = logf(r) / tanf((float)c->pitch);
    float crest = cosf((float)c->arms * (phi - (float)c->phase - wind));
    float hole = r / ARMS_HOLE, patch = sim_value_noise(c->patches, u * PATCH_CELL, v * PATCH_CELL);
    float uneven = 1 + 0.35f * cosf(phi - 2.4f * (float)c->phase); /* no galaxy is symmetric */

    return expf(-DISC_B * r + (float)c->sharpness * (crest - 1)) * (1 - expf(-hole * hole)) *
           (1 + PATCH_DEPTH * (2 * patch - 1) * 0.8f) * uneven;
}

float sim_ring_at(const sim_brush *brush, float x, float y)
{
    const sim_component *c = brush->component;
    float u, v;

    deproject(brush, x, y, &u, &v);
    float r = sqrtf(u * u + v * v), off = (r - 1) * (float)(c->r / c->width);
    if (off * off > 40)
        return 0;
    float patch = sim_value_noise(c->patches, u * RING_PATCHES + 7, v * RING_PATCHES + 7);
    return expf(-0.5f * off * off) * (0.45f + 1.1f * patch);
}

float sim_edge_at(const sim_brush *brush, float x, float y)
{
    const sim_component *c = brush->component;
    float u = (brush->cosine * x + brush->sine * y) * brush->inverse_r;
    float v = (brush->cosine * y - brush->sine * x) / (float)c->width;

    if (fabsf(v) > 20)
        return 0;
    float sech = 1 / coshf(v);
    return expf(-sqrtf(u * u + 0.02f)) * sech * sech;
}

float sim_tail_at(const sim_brush *brush, float x, float y)
{
    const sim_component *c = brush->component;
    float r = sqrtf(x * x + y * y), off = (r - (float)c->r) / (float)c->width;

    if (off * off > 40)
        return 0;
    float turn = atan2f(y, x) - (float)c->phase;
    turn -= (float)(2 * M_PI) * rintf(turn / (float)(2 * M_PI));
    float along = turn / (float)c->arms;
    return expf(-0.5f * (off * off + along * along * along * along));
}
