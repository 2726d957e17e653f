/* healpix.h - private: the HEALPix division of the sphere (Gorski et al. 2005, ApJ 622, 759), both
 * numberings. nside is a power of two, 1 to NSKY_NSIDE_MAX. Pure functions: any thread. */
#ifndef NSKY_HEALPIX_H
#define NSKY_HEALPIX_H

#include "index/filter.h"

/* ra any finite number of degrees, dec [-90, 90]. */
uint64_t nsky_healpix_cell(uint32_t nside, bool nested, double ra_deg, double dec_deg);
/* The centre of a cell below 12 nside^2; ra in [0, 360). */
void nsky_healpix_centre(uint32_t nside, bool nested, uint64_t cell, double *ra_deg,
                         double *dec_deg);
/* No point of any cell is farther from its centre. */
double nsky_healpix_radius_deg(uint32_t nside);

#endif
