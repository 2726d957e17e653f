/* stretch.c - the viewer's asinh colours and their inverse. Pure functions: any thread. */
#include "image/stretch.h"

#include <assert.h>
#include <math.h>

/* Beyond this a pixel is saturated in every stretch; the bound keeps sums and products finite. */
#define FLUX_MAX 1e12f

const nsky_stretch nsky_stretch_viewer = {{6.0f, 3.4f, 2.2f}, 0.03f, 20.0f};
const nsky_stretch nsky_stretch_faint = {{18.0f, 10.2f, 6.6f}, 0.05f, 20.0f};
const nsky_stretch nsky_stretch_bright = {{1.5f, 0.85f, 0.55f}, 0.01f, 40.0f};

static float known_flux(float flux)
{
    if (isnan(flux))
        return 0.0f;
    return fminf(fmaxf(flux, -FLUX_MAX), FLUX_MAX);
}

static float clip01(float value)
{
    return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
}

void nsky_stretch_apply(const nsky_stretch *stretch, const float *flux, uint64_t count,
                        float *colour)
{
    assert(stretch && flux && colour);
    const float root_q = sqrtf(stretch->q);
    for (uint64_t i = 0; i < count; i++) {
        float lifted[3], intensity = 0.0f;
        for (int band = 0; band < 3; band++) {
            lifted[band] = known_flux(flux[band * count + i]) * stretch->scale[band] + stretch->m;
            intensity += fmaxf(lifted[band], 0.0f);
        }
        intensity /= 3.0f;
        if (intensity == 0.0f)
            intensity = 1e-6f; /* as the viewer does: dark in every band stays dark */
        float gain = asinhf(stretch->q * intensity) / root_q / intensity;
        for (int band = 0; band < 3; band++)
            colour[band * count + i] = clip01(lifted[band] * gain);
    }
}

void nsky_stretch_invert(const nsky_stretch *stretch, const float *colour, uint64_t count,
                         float *flux)
{
    assert(stretch && colour && flux);
    const float root_q = sqrtf(stretch->q);
    for (uint64_t i = 0; i < count; i++) {
        /* Unclipped, the mean colour is f(I) = asinh(Q I) / sqrt(Q), so I follows from it. */
        float mean = 0.0f;
        for (int band = 0; band < 3; band++)
            mean += clip01(colour[band * count + i]) / 3.0f;
        float intensity = sinhf(root_q * mean) / stretch->q;
        float gain = mean > 0.0f ? intensity / mean : 0.0f;
        for (int band = 0; band < 3; band++)
            flux[band * count + i] =
                (clip01(colour[band * count + i]) * gain - stretch->m) / stretch->scale[band];
    }
}
