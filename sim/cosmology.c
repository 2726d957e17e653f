/* cosmology.c - flat LambdaCDM; round numbers, since nothing here is measured to better than 10 %.
 * Thread rule: pure. */
#include "sim/cosmology.h"

#include <assert.h>
#include <math.h>

#define HUBBLE_KM_S_MPC 70.0
#define OMEGA_MATTER 0.3
#define LIGHT_KM_S 299792.458
#define SIMPSON_STEPS 64 /* even; 1e-7 relative up to z = 5 */
#define ARCSEC_PER_RADIAN 206264.80625

static double inverse_expansion(double z)
{
    return 1.0 / sqrt(OMEGA_MATTER * (1 + z) * (1 + z) * (1 + z) + 1 - OMEGA_MATTER);
}

double sim_comoving_mpc(double z)
{
    assert(z >= 0 && z <= SIM_REDSHIFT_MAX);
    double step = z / SIMPSON_STEPS, sum = inverse_expansion(0) + inverse_expansion(z);

    for (int i = 1; i < SIMPSON_STEPS; i++)
        sum += (i % 2 ? 4 : 2) * inverse_expansion(i * step);
    return LIGHT_KM_S / HUBBLE_KM_S_MPC * sum * step / 3;
}

double sim_angular_distance_mpc(double z)
{
    return sim_comoving_mpc(z) / (1 + z);
}

double sim_angular_distance_between_mpc(double z_near, double z_far)
{
    assert(z_far > z_near);
    return (sim_comoving_mpc(z_far) - sim_comoving_mpc(z_near)) / (1 + z_far);
}

double sim_distance_modulus(double z)
{
    assert(z > 0);
    return 5 * log10(sim_comoving_mpc(z) * (1 + z)) + 25;
}

double sim_kpc_per_arcsec(double z)
{
    return sim_angular_distance_mpc(z) * 1000 / ARCSEC_PER_RADIAN;
}
