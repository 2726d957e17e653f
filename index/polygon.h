/* polygon.h - private: a polygon of great circles on the sphere.
 *
 * Seen from the sphere's centre on the plane that touches it at the polygon's mean direction
 * (gnomonic projection) great circles are straight lines, and inside is what it is on paper.
 * Thread rule: read-only once made.
 */
#ifndef NSKY_POLYGON_H
#define NSKY_POLYGON_H

#include "index/filter.h"

typedef struct nsky_polygon {
    uint32_t count;
    double centre[3], east[3], north[3]; /* unit vectors: the plane and its axes */
    double cap_deg;                      /* every vertex, and so all of it, is this near */
    double corner[NSKY_POLYGON_MAX][3];  /* unit vectors */
    double x[NSKY_POLYGON_MAX], y[NSKY_POLYGON_MAX]; /* on the plane */
} nsky_polygon;

void nsky_unit_vector(double ra_deg, double dec_deg, double out[3]);

/* NSKY_EINVAL: fewer than 3 vertices or more than NSKY_POLYGON_MAX, one off the sky (named by its
 * number), two neighbours the same, or more than a hemisphere. */
NSKY_MUST_CHECK nsky_status nsky_polygon_make(nsky_polygon *out, const nsky_vertex *vertices,
                                              uint32_t count, nsky_error *err);
/* Points on a side may be either. */
bool nsky_polygon_holds(const nsky_polygon *polygon, const double point[3]);
/* To the nearest point of any side. */
double nsky_polygon_edge_deg(const nsky_polygon *polygon, const double point[3]);

#endif
