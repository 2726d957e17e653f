/* stretch.c - the viewer's asinh stretch, in plain C that compilers turn into vector code.
 *
 * Every pixel goes through the same basic operations in the same order (no libm call, no fused
 * operations: see CMakeLists.txt), so a pixel's colour depends on its three fluxes only, never on
 * its place in the array, the vector width or the machine. Thread rule: pure functions.
 */
#include "image/stretch.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "image/stretch_pixel.h"

const nsky_stretch nsky_stretch_viewer = {{6.0f, 3.4f, 2.2f}, 0.03f, 20.0f};
const nsky_stretch nsky_stretch_faint = {{18.0f, 10.2f, 6.6f}, 0.05f, 20.0f};
const nsky_stretch nsky_stretch_bright = {{1.5f, 0.85f, 0.55f}, 0.015f, 60.0f};

#define BLOCK 256

/* Loops over whole blocks of local arrays: nothing overlaps, no tails, so compilers vectorise them.
 */
typedef struct block {
    float v[3][BLOCK], gain[BLOCK];
} block;

static void stretch_block(const nsky_stretch *stretch, block *b)
{
    const float m = stretch->m, q = stretch->q, root = sqrtf(q);
    float *gain = b->gain;

    for (int i = 0; i < BLOCK; i++)
        gain[i] = 0.0f;
    for (int band = 0; band < 3; band++) {
        const float scale = stretch->scale[band];
        float *v = b->v[band];
        for (int i = 0; i < BLOCK; i++) {
            v[i] = nsky_stretch_tame(v[i]) * scale + m;
            gain[i] += v[i] > 0.0f ? v[i] : 0.0f;
        }
    }
    for (int i = 0; i < BLOCK; i++)
        gain[i] = nsky_stretch_gain(gain[i], q, root);
    for (int band = 0; band < 3; band++)
        for (int i = 0; i < BLOCK; i++)
            b->v[band][i] = nsky_stretch_clip(b->v[band][i] * gain[i]);
}

void nsky_stretch_apply(const nsky_stretch *stretch, const float *flux, uint64_t count,
                        float *colour)
{
    assert(stretch && stretch->q > 0 && (count == 0 || (flux && colour)));
    block b = {0};

    for (uint64_t done = 0; done < count; done += BLOCK) {
        size_t n = count - done < BLOCK ? (size_t)(count - done) : BLOCK;
        for (uint64_t band = 0; band < 3; band++)
            memcpy(b.v[band], flux + band * count + done, n * sizeof(float));
        stretch_block(stretch, &b);
        for (uint64_t band = 0; band < 3; band++)
            memcpy(colour + band * count + done, b.v[band], n * sizeof(float));
    }
}

void nsky_stretch_invert(const nsky_stretch *stretch, const float *colour, uint64_t count,
                         float *flux)
{
    assert(stretch && stretch->q > 0 && (count == 0 || (flux && colour)));
    const double q = stretch->q, root = sqrt(q);

    for (uint64_t i = 0; i < count; i++) {
        double c[3], f = 0;
        for (int band = 0; band < 3; band++) {
            float value = colour[(uint64_t)band * count + i];
            c[band] = nsky_stretch_clip(value == value ? value : 0.0f);
            f += c[band] / 3;
        }
        /* Unclipped colours average to f itself, because v f / I averages to f. */
        double gain = f > 0 ? sinh(root * f) / (q * f) : 1 / root;
        for (int band = 0; band < 3; band++)
            flux[(uint64_t)band * count + i] =
                (float)((c[band] * gain - stretch->m) / stretch->scale[band]);
    }
}
