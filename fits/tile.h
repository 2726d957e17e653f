/* tile.h (private) - the tiles of a compressed image, decoded one at a time. One thread. */
#ifndef NSKY_FITS_TILE_H
#define NSKY_FITS_TILE_H

#include "fits/handle.h"

/* A column of the table that carries the image. */
typedef struct nsky_tile_column {
    uint64_t offset; /* in a row */
    char form;       /* TFORM letter; 0: there is no such column */
    char items;      /* of a variable-length column: the letter after P or Q */
} nsky_tile_column;

typedef struct nsky_tiles {
    const nsky_fits *fits;
    const nsky_fits_section *section;
    enum { NSKY_TILE_RICE, NSKY_TILE_GZIP, NSKY_TILE_GZIP_SHUFFLED } method;
    nsky_tile_column compressed, gzipped, plain, scale, zero, blank;
    uint32_t rice_bytes, rice_block;
    bool quantised; /* floats made from integers by scale and zero */
    int dither;     /* 0 none, 1, 2: SUBTRACTIVE_DITHER_n */
    int64_t seed;
    double key_scale, key_zero, bscale, bzero; /* where the columns say nothing */
    bool has_blank;
    int64_t key_blank;
    size_t most;     /* pixels of the largest tile */
    uint32_t *whole; /* [most] integers */
    uint8_t *bytes;  /* [most * 8] inflated */
    float *pixels;   /* [most] the tile decoded last */
} nsky_tiles;

/* Reads the current HDU's recipe. NSKY_EDATA: damaged, or compressed in a way we do not read. Close
 * also after failure. */
NSKY_MUST_CHECK nsky_status nsky_tiles_open(nsky_tiles *tiles, nsky_fits *fits, nsky_error *err);
void nsky_tiles_close(nsky_tiles *tiles);

/* Tile `row` (from 0) of `count` pixels into tiles->pixels. */
NSKY_MUST_CHECK nsky_status nsky_tiles_decode(nsky_tiles *tiles, uint64_t row, size_t count,
                                              nsky_error *err);

/* tile_values.c: integers [count] -> tiles->pixels, by the scale, zero and blank of that row. */
void nsky_tile_from_integers(nsky_tiles *tiles, uint64_t row, const int32_t *values, size_t count,
                             double scale, double zero);
/* Reads a number of TFORM letter `form` in file byte order; false: no number. */
bool nsky_tile_number(const uint8_t *at, char form, double *out);

#endif
