/* group.h - shreds and duplicates: hits so close together on the sky that they are one object. */
#ifndef NSKY_GROUP_H
#define NSKY_GROUP_H

#include "common/sky.h"
#include "index/search.h"

/*
 * leader[i]: the place of the first (so the best) hit within arcsec of hit i that leads a group, or
 * i itself, which then leads one. positions [count], count <= NSKY_SEARCH_K_MAX, in the order of
 * the hits; what has no position is alone. arcsec 0: all are alone. Returns how many groups there
 * are. A chain of hits each close to the next is not one group: nothing is farther from its leader
 * than arcsec.
 */
uint32_t nsky_group_hits(const nsky_sky *positions, uint32_t count, double arcsec,
                         uint32_t *leader);
/* Keeps the hits of the first `groups` groups, in order: place [count] lists those kept, sorted by
 * group and within one by hit; returns how many. */
uint32_t nsky_group_order(const uint32_t *leader, uint32_t count, uint32_t groups, uint32_t *place);
/* Hits to ask for so that k groups are likely among them. */
uint32_t nsky_group_fetch(uint32_t k, double arcsec);

#endif
