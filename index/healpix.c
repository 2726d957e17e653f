/* healpix.c - see healpix.h. The sphere is twelve faces; a cell is (face, x, y) with x to the
 * north-east and y to the north-west, both in [0, nside). */
#include "index/healpix.h"

#include <assert.h>
#include <math.h>

#define DEG (M_PI / 180)

/* Of a face: rings from the north pole to its southern corner, in nsides; and the longitude of its
 * middle, in eighths of a turn. */
static const int face_ring[12] = {2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4};
static const int face_middle[12] = {1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7};

typedef struct place {
    int face;
    uint32_t x, y;
} place;

/* Bits of x to the even places. */
static uint64_t spread(uint32_t x)
{
    uint64_t v = x;

    v = (v | v << 16) & 0x0000ffff0000ffffull;
    v = (v | v << 8) & 0x00ff00ff00ff00ffull;
    v = (v | v << 4) & 0x0f0f0f0f0f0f0f0full;
    v = (v | v << 2) & 0x3333333333333333ull;
    return (v | v << 1) & 0x5555555555555555ull;
}

static uint32_t gather(uint64_t v)
{
    v &= 0x5555555555555555ull;
    v = (v | v >> 1) & 0x3333333333333333ull;
    v = (v | v >> 2) & 0x0f0f0f0f0f0f0f0full;
    v = (v | v >> 4) & 0x00ff00ff00ff00ffull;
    v = (v | v >> 8) & 0x0000ffff0000ffffull;
    return (uint32_t)(v | v >> 16);
}

static uint64_t number_nested(uint32_t nside, place p)
{
    return (uint64_t)p.face * nside * nside + (spread(p.x) | spread(p.y) << 1);
}

static uint64_t number_ring(uint32_t nside, place p)
{
    const int64_t n = nside;
    const int64_t ring = face_ring[p.face] * n - p.x - p.y - 1; /* 1 is the northernmost */
    const int64_t cells = 12 * n * n;
    int64_t wide, before, shift;

    if (ring < n) { /* the northern cap: 4 ring cells a ring */
        wide = ring;
        before = 2 * ring * (ring - 1);
        shift = 0;
    } else if (ring > 3 * n) {
        wide = 4 * n - ring;
        before = cells - 2 * wide * (wide + 1);
        shift = 0;
    } else {
        wide = n;
        before = 2 * n * (n - 1) + (ring - n) * 4 * n;
        shift = (ring - n) & 1;
    }
    int64_t along = (face_middle[p.face] * wide + p.x - p.y + 1 + shift) / 2; /* from 1 */
    if (along > 4 * wide)
        along -= 4 * wide;
    if (along < 1)
        along += 4 * wide;
    return (uint64_t)(before + along - 1);
}

static uint32_t below(double value, uint32_t nside)
{
    if (!(value > 0))
        return 0;
    return value >= nside ? nside - 1 : (uint32_t)value;
}

/* turn: longitude in quarters, [0, 4). */
static place place_of(uint32_t nside, double z, double cos_dec, double turn)
{
    place p;

    if (fabs(z) <= 2.0 / 3) { /* rings of equal length */
        double up = nside * (0.5 + turn), across = nside * z * 0.75;
        int64_t rising = (int64_t)floor(up - across), falling = (int64_t)floor(up + across);
        int64_t a = rising / nside, b = falling / nside;
        p.face = (int)(a == b ? (a & 3) | 4 : a < b ? (a & 3) : (b & 3) + 8);
        p.x = (uint32_t)(falling & (nside - 1));
        p.y = nside - (uint32_t)(rising & (nside - 1)) - 1;
        return p;
    }
    int quarter = turn >= 3 ? 3 : (int)turn;
    double part = turn - quarter;
    /* sqrt(3 (1 - |z|)) without the loss near the poles */
    double root = nside * cos_dec * sqrt(3 / (1 + fabs(z)));
    uint32_t rising = below(part * root, nside), falling = below((1 - part) * root, nside);
    p.face = z >= 0 ? quarter : quarter + 8;
    p.x = z >= 0 ? nside - falling - 1 : rising;
    p.y = z >= 0 ? nside - rising - 1 : falling;
    return p;
}

uint64_t nsky_healpix_cell(uint32_t nside, bool nested, double ra_deg, double dec_deg)
{
    assert(nside >= 1 && nside <= NSKY_NSIDE_MAX && (nside & (nside - 1)) == 0);
    double turn = fmod(ra_deg, 360) / 90;

    if (turn < 0)
        turn += 4;
    if (turn >= 4)
        turn = 0;
    place p = place_of(nside, sin(dec_deg * DEG), cos(dec_deg * DEG), turn);
    return nested ? number_nested(nside, p) : number_ring(nside, p);
}

/* The ring and the place in it, both from 1, of a ring number. */
static void split_ring(int64_t n, int64_t cell, int64_t *ring, int64_t *along)
{
    const int64_t cap = 2 * n * (n - 1), cells = 12 * n * n;

    if (cell < cap) {
        *ring = (1 + (int64_t)sqrt(1 + 2 * (double)cell)) / 2;
        while (2 * *ring * (*ring + 1) <= cell) /* the root may be off by one */
            ++*ring;
        while (2 * *ring * (*ring - 1) > cell)
            --*ring;
        *along = cell + 1 - 2 * *ring * (*ring - 1);
    } else if (cell < cells - cap) {
        *ring = (cell - cap) / (4 * n) + n;
        *along = (cell - cap) % (4 * n) + 1;
    } else {
        split_ring(n, cells - 1 - cell, ring, along);
        *along = 4 * *ring + 1 - *along;
        *ring = 4 * n - *ring;
    }
}

void nsky_healpix_centre(uint32_t nside, bool nested, uint64_t cell, double *ra_deg,
                         double *dec_deg)
{
    const int64_t n = nside;
    int64_t ring, eighths; /* eighths of a turn times the ring's width */

    assert(cell < 12 * (uint64_t)nside * nside);
    if (nested) {
        uint64_t inside = cell % ((uint64_t)nside * nside);
        int face = (int)(cell / ((uint64_t)nside * nside));
        int64_t x = gather(inside), y = gather(inside >> 1);
        ring = face_ring[face] * n - x - y - 1;
        int64_t wide = ring < n ? ring : ring > 3 * n ? 4 * n - ring : n;
        eighths = face_middle[face] * wide + x - y;
    } else {
        int64_t along;
        split_ring(n, (int64_t)cell, &ring, &along);
        bool cap = ring < n || ring > 3 * n;
        eighths = 2 * along - 1 - (!cap && ((ring - n) & 1));
    }
    int64_t wide = ring < n ? ring : ring > 3 * n ? 4 * n - ring : n;
    double z = wide == n && ring >= n && ring <= 3 * n
                   ? (double)(2 * n - ring) * 2 / (3 * (double)n)
                   : 1 - (double)(wide * wide) / (3 * (double)n * (double)n);
    *ra_deg = fmod((double)eighths * 45 / (double)wide + 360, 360);
    *dec_deg = asin(z) / DEG;
    if (ring > 3 * n)
        *dec_deg = -*dec_deg;
}

/* The corner of a cell where the caps begin is the farthest from a centre there is. */
double nsky_healpix_radius_deg(uint32_t nside)
{
    const double za = 2.0 / 3, phi = M_PI / (4 * (double)nside), t = 1 - 1 / (double)nside;
    const double zb = 1 - t * t / 3;
    const double cosine = za * zb + sqrt((1 - za * za) * (1 - zb * zb)) * cos(phi);

    return acos(fmin(1, cosine)) / DEG * (1 + 1e-6) + 1e-9;
}
