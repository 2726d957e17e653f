/* wcs_header.h (private) - what a header says about where it points, read card by card: wcslib's
 * own header parser crashes on some. */
#ifndef NSKY_FITS_WCS_HEADER_H
#define NSKY_FITS_WCS_HEADER_H

#include "fits/structure.h"

#define NSKY_WCS_PARAMETERS_MAX 128 /* PVi_m */

typedef struct nsky_wcs_header {
    char type[2][72], unit[2][72], frame[72]; /* CTYPE, CUNIT, RADESYS; "" when absent */
    double value[2], pixel[2], step[2];       /* CRVAL, CRPIX, CDELT; 0, 0 and 1 when absent */
    double rotation[2];                       /* CROTA */
    double cd[2][2], pc[2][2];
    bool has_step, has_rotation, has_cd, has_pc;
    double pole_lon, pole_lat, equinox; /* NaN when absent */
    uint32_t parameter_count;
    struct {
        int axis, index;
        double value;
    } parameters[NSKY_WCS_PARAMETERS_MAX];
    char broken[9]; /* the first of these keywords without a proper value, or "" */
} nsky_wcs_header;

/* Of the first two axes; alternate descriptions (a letter at the end) are left out. */
void nsky_wcs_header_read(nsky_wcs_header *out, const nsky_fits_section *section);

#endif
