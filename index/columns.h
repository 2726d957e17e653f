/* columns.h - private: the numbers filters look at, one flat array each.
 *
 * columns.bin: 16-byte header {magic "NSKYCOL1", u64 rows}, then float32 mag_g, mag_r, mag_z,
 * z_phot, float64 ra, dec, uint8 known, each [rows], each padded to 8 bytes; little-endian.
 */
#ifndef NSKY_COLUMNS_H
#define NSKY_COLUMNS_H

#include <stdint.h>

#include "common/error.h"
#include "common/file.h"
#include "index/search.h"

typedef struct nsky_columns {
    nsky_map map; /* of the file; all pointers point into it */
    uint64_t rows;
    const float *mag[3], *z_phot;
    const double *ra_deg, *dec_deg;
    const uint8_t *known;
} nsky_columns;

#define NSKY_COLUMNS_FILE "columns.bin"

/* From the catalogue's first rows rows. */
NSKY_MUST_CHECK nsky_status nsky_columns_write(const char *store, uint64_t rows, const char *path,
                                               nsky_error *err);
/* NSKY_EMISMATCH when it is not for `rows` rows; NSKY_EDATA when it is no such file. */
NSKY_MUST_CHECK nsky_status nsky_columns_open(nsky_columns *out, const char *path, uint64_t rows,
                                              nsky_error *err);
void nsky_columns_close(nsky_columns *columns);

/* A bit for each row that passes: row & 7 of byte row >> 3. The caller frees with nsky_free. */
NSKY_MUST_CHECK nsky_status nsky_filter_bitmap(const nsky_columns *columns,
                                               const nsky_filter *filter, uint8_t **out,
                                               nsky_error *err);
/* NSKY_EINVAL names what makes no sense (minimum above maximum, a cone off the sky). */
NSKY_MUST_CHECK nsky_status nsky_filter_check(const nsky_filter *filter, nsky_error *err);

#endif
