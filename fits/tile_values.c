/* tile_values.c - integers of a tile back to fluxes, subtractive dithering included (FITS standard
 * 4.0, 10.2.1 and appendix I). */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "fits/tile.h"

#define RANDOM_COUNT 10000
#define DITHER_ZERO (-2147483646) /* stands for exactly 0 in the second kind of dithering */

/* The standard's sequence: every reader must have the same. */
static float dither_table[RANDOM_COUNT];
static pthread_once_t dither_once = PTHREAD_ONCE_INIT;

static void make_dither_table(void)
{
    const double a = 16807, m = 2147483647;
    double seed = 1;

    for (int i = 0; i < RANDOM_COUNT; i++) {
        double product = a * seed;
        seed = product - m * floor(product / m);
        dither_table[i] = (float)(seed / m);
    }
}

typedef struct dither {
    size_t start, next;
} dither;

static dither dither_at(uint64_t row, int64_t seed)
{
    int64_t first = ((int64_t)(row % RANDOM_COUNT) + seed % RANDOM_COUNT - 1) % RANDOM_COUNT;

    pthread_once(&dither_once, make_dither_table);
    dither d = {.start = (size_t)(first < 0 ? first + RANDOM_COUNT : first)};
    d.next = (size_t)(dither_table[d.start] * 500);
    return d;
}

static inline float dither_step(dither *d)
{
    float value = dither_table[d->next];

    if (++d->next == RANDOM_COUNT) {
        d->start = (d->start + 1) % RANDOM_COUNT;
        d->next = (size_t)(dither_table[d->start] * 500);
    }
    return value;
}

/* The row's own blank value, else the header's. false: no value stands for a missing pixel. */
static bool blank_of(const nsky_tiles *tiles, uint64_t row, int64_t *blank)
{
    const nsky_fits_section *section = tiles->section;
    double number;

    if (tiles->blank.form) {
        const char *at = tiles->fits->data + section->data_offset + row * section->row_bytes +
                         tiles->blank.offset;
        if (nsky_tile_number((const uint8_t *)at, tiles->blank.form, &number)) {
            *blank = (int64_t)number;
            return true;
        }
    }
    *blank = tiles->key_blank;
    return tiles->has_blank;
}

void nsky_tile_from_integers(nsky_tiles *tiles, uint64_t row, const int32_t *values, size_t count,
                             double scale, double zero)
{
    int64_t blank;
    bool has_blank = blank_of(tiles, row, &blank);
    float *out = tiles->pixels;

    if (tiles->quantised && tiles->dither) {
        dither d = dither_at(row, tiles->seed);
        for (size_t i = 0; i < count; i++) {
            float offset = dither_step(&d);
            out[i] = (float)(((double)values[i] - offset + 0.5) * scale + zero);
            if (tiles->dither == 2 && values[i] == DITHER_ZERO)
                out[i] = 0;
        }
    } else if (scale == 1 && zero == 0) {
        for (size_t i = 0; i < count; i++)
            out[i] = (float)values[i];
    } else {
        for (size_t i = 0; i < count; i++)
            out[i] = (float)(values[i] * scale + zero);
    }
    for (size_t i = 0; has_blank && i < count; i++)
        if (values[i] == blank)
            out[i] = NAN;
}

bool nsky_tile_number(const uint8_t *at, char form, double *out)
{
    uint64_t bits = 0;
    int bytes = form == 'B' ? 1 : form == 'I' ? 2 : form == 'J' || form == 'E' ? 4 : 8;
    float single;

    for (int i = 0; i < bytes; i++)
        bits = bits << 8 | at[i];
    switch (form) {
    case 'B':
        *out = (double)bits;
        return true;
    case 'I':
        *out = (int16_t)bits;
        return true;
    case 'J':
        *out = (int32_t)bits;
        return true;
    case 'K':
        *out = (double)(int64_t)bits;
        return true;
    case 'E': {
        uint32_t low = (uint32_t)bits;
        memcpy(&single, &low, sizeof single);
        *out = single;
        return true;
    }
    case 'D':
        memcpy(out, &bits, sizeof *out);
        return true;
    default:
        return false;
    }
}
