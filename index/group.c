/* group.c - see group.h. Pure functions: any thread. */
#include "index/group.h"

#include <assert.h>
#include <math.h>

#include "index/polygon.h"

uint32_t nsky_group_hits(const nsky_sky *positions, uint32_t count, double arcsec, uint32_t *leader)
{
    assert(positions && leader && count <= NSKY_SEARCH_K_MAX);
    double at[NSKY_SEARCH_K_MAX][3];
    const double half = sin(fmin(arcsec / 3600, 180) * (M_PI / 360));
    const double chord = 4 * half * half;
    uint32_t groups = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool somewhere = nsky_sky_valid(positions[i]);
        leader[i] = i;
        nsky_unit_vector(somewhere ? positions[i].ra_deg : 0, somewhere ? positions[i].dec_deg : 0,
                         at[i]);
        for (uint32_t j = 0; j < i && somewhere && arcsec > 0; j++) {
            if (leader[j] != j || !nsky_sky_valid(positions[j]))
                continue;
            double x = at[i][0] - at[j][0], y = at[i][1] - at[j][1], z = at[i][2] - at[j][2];
            if (x * x + y * y + z * z <= chord) {
                leader[i] = j;
                break;
            }
        }
        groups += leader[i] == i;
    }
    return groups;
}

uint32_t nsky_group_order(const uint32_t *leader, uint32_t count, uint32_t groups, uint32_t *place)
{
    uint32_t kept = 0, seen = 0;

    for (uint32_t i = 0; i < count && seen < groups; i++) {
        if (leader[i] != i)
            continue;
        seen++;
        for (uint32_t j = i; j < count; j++)
            if (leader[j] == i)
                place[kept++] = j;
    }
    return kept;
}

uint32_t nsky_group_fetch(uint32_t k, double arcsec)
{
    uint32_t more = 4 * k > k + 100 ? 4 * k : k + 100;

    if (!(arcsec > 0))
        return k;
    return more < NSKY_SEARCH_K_MAX ? more : NSKY_SEARCH_K_MAX;
}
