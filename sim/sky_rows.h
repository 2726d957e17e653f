/* sky_rows.h - a make-believe catalogue of any size, without pictures: each row a function of seed,
 * number of rows and row alone.
 *
 * Laid out like the Legacy Surveys' DR9: bricks a quarter of a degree high outside the Milky Way,
 * row after row of them from south to north, some 245 galaxies in each; with fewer rows than the
 * sky has, bricks are left out evenly. A few rows are shreds of the row before, at arcseconds; a
 * few are known lenses; some lack a band, a redshift, a vector. Thread rule: read-only after new,
 * any thread.
 */
#ifndef NSKY_SIM_SKY_ROWS_H
#define NSKY_SIM_SKY_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "store/survey.h"

#define NSKY_SIM_SKY_ROWS_MAX 1000000000u

typedef struct nsky_sim_sky nsky_sim_sky;

/* rows: 1 .. NSKY_SIM_SKY_ROWS_MAX. NSKY_EINVAL: it is not; NSKY_ENOMEM. */
NSKY_MUST_CHECK nsky_status nsky_sim_sky_new(nsky_sim_sky **out, uint64_t rows, uint64_t seed,
                                             nsky_error *err);
void nsky_sim_sky_free(nsky_sim_sky *sky); /* NULL is a no-op */

/* All fields; row < rows. Ids are different. */
void nsky_sim_sky_object(const nsky_sim_sky *sky, uint64_t row, nsky_object *out);
/* A piece of the galaxy of the row before, which itself is none: it looks much like it. */
bool nsky_sim_sky_is_shred(const nsky_sim_sky *sky, uint64_t row);
/* There was nothing to see: no vector. */
bool nsky_sim_sky_is_blank(const nsky_sim_sky *sky, uint64_t row);

#endif
