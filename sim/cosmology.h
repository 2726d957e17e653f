/* cosmology.h (private) - distances in a flat universe, for sizes, brightnesses and lenses.
 * Thread rule: pure. */
#ifndef NSKY_SIM_COSMOLOGY_H
#define NSKY_SIM_COSMOLOGY_H

#define SIM_REDSHIFT_MAX 5.0

double sim_comoving_mpc(double z);
double sim_angular_distance_mpc(double z);
double sim_angular_distance_between_mpc(double z_near, double z_far); /* D_ls; z_far > z_near */
double sim_distance_modulus(double z);                                /* z > 0 */
double sim_kpc_per_arcsec(double z);

#endif
