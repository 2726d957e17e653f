/* deflector.c - massive ellipticals and strongly lensed sources behind them.
 * Thread rule: pure but for the generator and the painter given. */
#include "sim/deflector.h"

#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "image/stamp.h"
#include "sim/cosmology.h"
#include "sim/galaxy.h"
#include "sim/lens.h"
#include "sim/stream.h"

#define THETA_E_MEDIAN \
    1.85 /* arcsec; 0.2 dex about it; limits on sigma make it 1.6 of those kept */
#define THETA_E_MIN 0.8
#define THETA_E_MAX 4.0
#define Z_MIN 0.2
#define Z_MAX 0.8
#define SIGMA_MIN 200.0 /* km/s */
#define SIGMA_MAX 350.0
#define FABER_JACKSON_MAG_Z (-22.25) /* at 220 km/s; L ~ sigma^4 */
#define K_SLOPE 0.55
#define MAG_Z_MIN 15.8
#define MAG_Z_MAX 20.0
#define SHEAR_SIGMA 0.035 /* of each component: |gamma| about 0.05 */
#define SHEAR_MAX 0.15

#define SOURCE_TRIES 60
#define UNSELECTED_SHARE 0.12 /* lenses kept whatever they look like: the sky has them too */
#define GRADE_A_SNR 45.0
#define GRADE_A_THETA_E 1.15
#define ARC_CANVAS_SIDE 96 /* pixels; the widest arcs span 60 */
/* Pixels that count towards the signal: arcs above this much noise, and this much of the galaxy. */
#define ARC_NOISE_MIN 0.5
#define ARC_CONTRAST_MIN 0.4

static void draw_mass(sim_lens *lens, double *z_lens, nsky_rng *rng)
{
    do {
        do
            *z_lens = 0.45 + 0.15 * nsky_rng_normal(rng);
        while (*z_lens < Z_MIN || *z_lens > Z_MAX);
        lens->z_source = 1 + 2 * sim_draw_beta(rng, 2, 2);
        lens->theta_e = sim_draw_dex(rng, THETA_E_MEDIAN, 0.2);
        lens->sigma_km_s = sim_lens_sigma(lens->theta_e, *z_lens, lens->z_source);
    } while (lens->theta_e < THETA_E_MIN || lens->theta_e > THETA_E_MAX ||
             lens->sigma_km_s < SIGMA_MIN || lens->sigma_km_s > SIGMA_MAX);
    do {
        lens->gamma1 = SHEAR_SIGMA * nsky_rng_normal(rng);
        lens->gamma2 = SHEAR_SIGMA * nsky_rng_normal(rng);
    } while (hypot(lens->gamma1, lens->gamma2) > SHEAR_MAX);
}

void sim_make_deflector(sim_object *out, uint64_t seed, uint32_t number)
{
    nsky_rng rng = nsky_rng_at(seed, SIM_STREAM_DEFLECTOR, number);
    sim_lens lens = {.grade = 0};
    double z, mag_z;

    do {
        draw_mass(&lens, &z, &rng);
        mag_z = FABER_JACKSON_MAG_Z - 10 * log10(lens.sigma_km_s / 220) + sim_distance_modulus(z) +
                K_SLOPE * z + 0.25 * nsky_rng_normal(&rng);
    } while (mag_z < MAG_Z_MIN || mag_z > MAG_Z_MAX);
    sim_make_galaxy(out, &rng, NSKY_SIM_ELLIPTICAL, mag_z, z);
    lens.q = sim_draw_clipped(&rng, out->q, 0.1, 0.4, 0.98);
    lens.angle = out->angle + 10 * M_PI / 180 * nsky_rng_normal(&rng);
    out->lens = lens;
    out->deflector = number;
}

static void draw_source(sim_object *object, sim_component *arc, nsky_rng *rng)
{
    sim_lens *lens = &object->lens;
    double distance = 1.1 * lens->theta_e * sqrt(nsky_rng_uniform(rng));
    double turn = nsky_rng_range(rng, 0, 2 * M_PI);

    lens->source_mag_g = nsky_rng_range(rng, 23, 25.5);
    double g_r = sim_draw_clipped(rng, 0.2, 0.2, -0.2, 0.7);
    double r_z = sim_draw_clipped(rng, 0.25, 0.2, -0.2, 0.8);
    sim_fluxes(arc->flux, lens->source_mag_g - g_r - r_z, (sim_colour){g_r, r_z});
    arc->n = 1;
    arc->r = fmin(fmax(sim_draw_dex(rng, 0.25, 0.2), 0.08), 0.7);
    arc->q = nsky_rng_range(rng, 0.4, 1);
    arc->angle = nsky_rng_range(rng, 0, M_PI);
    arc->x = distance * cos(turn);
    arc->y = distance * sin(turn);
    lens->source_x = arc->x;
    lens->source_y = arc->y;
    lens->source_re = arc->r;
    lens->magnification = sim_magnification(lens, arc);
}

bool sim_lens_resolved(const sim_lens *lens, double fwhm_arcsec)
{
    double re = lens->source_re, half = fwhm_arcsec / 2;

    return lens->theta_e * lens->theta_e > re * re + half * half &&
           lens->magnification * re > fwhm_arcsec &&
           lens->magnification > SIM_LENS_MAGNIFICATION_MIN;
}

/* Images of arcs and of the galaxy alone, [2][3, side, side]. */
typedef struct view_pair {
    sim_canvas arcs, galaxy;
} view_pair;

static void paint_view(sim_painter *painter, sim_canvas *canvas, const sim_object *object,
                       bool arcs)
{
    sim_object centred = *object;

    memset(canvas->pixels, 0, SIM_BANDS * sizeof(float) * ARC_CANVAS_SIDE * ARC_CANVAS_SIDE);
    centred.x = centred.y = (ARC_CANVAS_SIDE - 1) / 2.0;
    sim_paint_part(painter, canvas, &centred, arcs);
}

/* Of the arcs where they stand out of noise and galaxy; the better of g and r. */
static double arc_snr(const sim_object *object, sim_painter *painter,
                      const sim_conditions *conditions, view_pair *views)
{
    size_t count = (size_t)ARC_CANVAS_SIDE * ARC_CANVAS_SIDE;
    double best = 0;

    paint_view(painter, &views->arcs, object, true);
    for (int band = 0; band < 2; band++) {
        const float *arc = views->arcs.pixels + (size_t)band * count;
        const float *galaxy = views->galaxy.pixels + (size_t)band * count;
        double sigma = conditions->sigma[band], signal = 0, variance = 0;
        for (size_t i = 0; i < count; i++)
            if (arc[i] > ARC_NOISE_MIN * sigma && arc[i] > ARC_CONTRAST_MIN * galaxy[i]) {
                signal += arc[i];
                variance += sigma * sigma + (arc[i] + galaxy[i]) / sim_gain[band];
            }
        if (variance > 0)
            best = fmax(best, signal / sqrt(variance));
    }
    return best;
}

/* Draws sources until one would be recognised, or once when not selected. */
static bool choose_source(sim_object *out, sim_component *arc, nsky_rng *rng, sim_painter *painter,
                          const sim_conditions *conditions, view_pair *views)
{
    sim_lens *lens = &out->lens;
    double fwhm = fmin(conditions->fwhm_arcsec[0], conditions->fwhm_arcsec[1]);
    bool selected = nsky_rng_uniform(rng) >= UNSELECTED_SHARE;

    paint_view(painter, &views->galaxy, out, false);
    for (int i = 0; i < (selected ? SOURCE_TRIES : 1); i++) {
        draw_source(out, arc, rng);
        bool resolved = sim_lens_resolved(lens, fwhm), last = !selected || i == SOURCE_TRIES - 1;
        lens->arc_snr = resolved || last ? arc_snr(out, painter, conditions, views) : 0;
        if (resolved && lens->arc_snr > SIM_LENS_SNR_MIN)
            return true;
    }
    return false;
}

nsky_status sim_make_lens(sim_object *out, nsky_rng *rng, sim_painter *painter,
                          const sim_conditions *conditions, nsky_error *err)
{
    size_t pixels = (size_t)SIM_BANDS * ARC_CANVAS_SIDE * ARC_CANVAS_SIDE;
    float *memory = nsky_alloc(2 * pixels, sizeof *memory, err);

    if (!memory)
        return NSKY_ENOMEM;
    view_pair views = {{memory, ARC_CANVAS_SIDE, ARC_CANVAS_SIDE},
                       {memory + pixels, ARC_CANVAS_SIDE, ARC_CANVAS_SIDE}};
    sim_component *arc = sim_object_add(out, SIM_ARC);
    bool accepted = choose_source(out, arc, rng, painter, conditions, &views);
    bool obvious = out->lens.arc_snr > GRADE_A_SNR && out->lens.theta_e > GRADE_A_THETA_E;
    nsky_free(memory);
    out->lens.grade = accepted ? (obvious ? 'A' : 'B') : 'C';
    out->class = NSKY_SIM_LENS;
    out->is_lens = true;
    sim_object_sum(out);
    return NSKY_OK;
}
