/* point.c - stars, and galaxies hardly larger: the point spread itself, drawn without a transform.
 * Thread rule: one painter for each thread. */
#include <math.h>

#include "image/stamp.h"
#include "sim/psf.h"
#include "sim/scene.h"

#define FAINTEST_FLUX 1e-9

/* One band; the profile is averaged over 2 x 2 points a pixel, as galaxies are binned. */
static void paint(float *plane, uint32_t width, uint32_t height, double x, double y, double flux,
                  double alpha, int reach)
{
    static const double points[2] = {-0.25, 0.25};
    int x0 = (int)lrint(x), y0 = (int)lrint(y);

    for (int j = (int)fmax(y0 - reach, 0); j <= y0 + reach && j < (int)height; j++)
        for (int i = (int)fmax(x0 - reach, 0); i <= x0 + reach && i < (int)width; i++) {
            double sum = 0;
            for (int k = 0; k < 4; k++) {
                double dx = i - x + points[k % 2], dy = j - y + points[k / 2];
                sum += sim_moffat(alpha, sqrt(dx * dx + dy * dy));
            }
            plane[(size_t)j * width + (size_t)i] += (float)(flux * sum / 4);
        }
}

void sim_paint_point(sim_painter *painter, sim_canvas *canvas, double x, double y,
                     const double flux[SIM_BANDS], double blur_arcsec)
{
    const sim_conditions *seen = sim_painter_conditions(painter);

    for (int band = 0; band < SIM_BANDS; band++) {
        double light = flux[band] * seen->transmission[band];
        double fwhm = hypot(seen->fwhm_arcsec[band], 2 * blur_arcsec);
        double alpha = sim_moffat_alpha(fwhm) / NSKY_SCALE_ARCSEC_PX;
        double level = SIM_VISIBLE * seen->sigma[band] / fmax(light, FAINTEST_FLUX);
        int reach = (int)ceil(sim_moffat_radius(alpha, level)) + 1;

        paint(canvas->pixels + (size_t)band * canvas->width * canvas->height, canvas->width,
              canvas->height, x, y, light, alpha, reach);
    }
}
