/* sky.h - positions on the sky: ICRS degrees inside, people's notation at the edges. */
#ifndef NSKY_SKY_H
#define NSKY_SKY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

typedef struct nsky_sky {
    double ra_deg;  /* [0, 360) */
    double dec_deg; /* [-90, 90] */
} nsky_sky;

/*
 * "RA,DEC" or "RA DEC": degrees (150.1, +2.2), sexagesimal with colons (10:00:28.6 +02:12:21) or
 * with letters (10h00m28.6s 2d12m21s) or spaces (10 00 28.6 +02 12 21). A sexagesimal RA is in
 * hours, 24 at most, unless marked d. RA wraps into [0, 360).
 * NSKY_EINVAL says what was wrong and shows an example.
 */
NSKY_MUST_CHECK nsky_status nsky_sky_parse(nsky_sky *out, const char *text, nsky_error *err);

bool nsky_sky_valid(nsky_sky position); /* finite and in range */

/* Great-circle distance, accurate from milliarcseconds to 180 degrees (Vincenty's formula). */
double nsky_sky_separation_deg(nsky_sky a, nsky_sky b);

/* IAU designation by truncation, "J100028.60+021221.0"; out has room for NSKY_SKY_NAME_BYTES. */
#define NSKY_SKY_NAME_BYTES 24
void nsky_sky_name(nsky_sky position, char out[NSKY_SKY_NAME_BYTES]);

#endif
