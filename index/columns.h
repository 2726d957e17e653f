/* columns.h - private: what filters look at, one flat array each, 25 bytes a row.
 *
 * columns.bin, version 2, little-endian: a header of 64 bytes {magic "NSKYCOL2", u64 rows, u64
 * spec_count, u32 crc of these}, then, each padded to 64 bytes,
 *   float32 mag_g, mag_r, mag_z, z_phot [rows]   NaN: unknown
 *   u32 ra, dec [rows]                           360/2^32 and 180/2^32 degrees from 0 and -90
 *   u8 flags [rows]                              nsky_type, and NSKY_FLAG_*
 *   u32 spec_row, float32 spec_z [spec_count]    rows with a spectroscopic redshift, ascending
 * Positions are thus rounded to 0.15 mas. A filter touches only the arrays it needs.
 */
#ifndef NSKY_COLUMNS_H
#define NSKY_COLUMNS_H

#include <stdint.h>

#include "common/error.h"
#include "common/file.h"
#include "index/filter.h"

#define NSKY_FLAG_TYPE 15u
#define NSKY_FLAG_KNOWN 16u
#define NSKY_FLAG_NOWHERE 32u /* no position */

typedef struct nsky_columns {
    nsky_map map;  /* of the file; all pointers point into it */
    uint64_t rows; /* 0: there are none */
    const float *mag[3], *z_phot;
    const uint32_t *ra, *dec;
    const uint8_t *flags;
    uint64_t spec_count;
    const uint32_t *spec_row; /* check against rows */
    const float *spec_z;
} nsky_columns;

#define NSKY_COLUMNS_FILE "columns.bin"

uint32_t nsky_columns_ra(double ra_deg); /* [0, 360) */
uint32_t nsky_columns_dec(double dec_deg);
double nsky_columns_ra_deg(uint32_t ra);
double nsky_columns_dec_deg(uint32_t dec);

/* From the catalogue's first rows rows. */
NSKY_MUST_CHECK nsky_status nsky_columns_write(const char *store, uint64_t rows, const char *path,
                                               nsky_error *err);
/* NSKY_ENOTFOUND: no such file, or one of version 1, which `nearsky index` replaces.
 * NSKY_EMISMATCH when it is not for `rows` rows; NSKY_EDATA when it is damaged. */
NSKY_MUST_CHECK nsky_status nsky_columns_open(nsky_columns *out, const char *path, uint64_t rows,
                                              nsky_error *err);
void nsky_columns_close(nsky_columns *columns);

/* A kernel of the tests of one array: 8 rows to a byte of bits, and'ed to what is there. count is
 * a multiple of 8. All give the same bits. */
typedef struct nsky_filter_kernel {
    const char *name; /* "c", "avx2" */
    /* low <= value <= high; NaN fails */
    void (*range)(uint8_t *bits, const float *value, uint64_t count, float low, float high);
    /* low <= a - b <= high */
    void (*difference)(uint8_t *bits, const float *a, const float *b, uint64_t count, float low,
                       float high);
    /* the type is among `types`, and (flags & care) == wanted */
    void (*flags)(uint8_t *bits, const uint8_t *flags, uint64_t count, uint32_t types, uint8_t care,
                  uint8_t wanted);
    /* value - low <= span, modulo 2^32 */
    void (*band)(uint8_t *bits, const uint32_t *value, uint64_t count, uint32_t low, uint32_t span);
} nsky_filter_kernel;
/* All that this CPU runs, best first; the last is plain C. */
uint32_t nsky_filter_kernels(nsky_filter_kernel out[2]);

/*
 * A bit for each row that passes: row & 7 of byte row >> 3, [rows / 8 + 1] bytes; bits past the
 * last row are 0. columns may be NULL for a filter that needs none. The caller frees with
 * nsky_free. All cores where there are many rows. kernel NULL: the best.
 */
NSKY_MUST_CHECK nsky_status nsky_filter_bitmap(const nsky_columns *columns, uint64_t rows,
                                               const nsky_filter *filter,
                                               const nsky_filter_kernel *kernel, uint8_t **out,
                                               nsky_error *err);

#endif
