/* polygon.c - see polygon.h. Pure functions: any thread. */
#include "index/polygon.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/sky.h"

#define DEG (M_PI / 180)
#define CAP_DEG_MAX 89.0 /* beyond it the projection runs off to infinity */

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross(const double a[3], const double b[3], double out[3])
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* Accurate for small angles and large. */
static double angle(const double a[3], const double b[3])
{
    double normal[3];

    cross(a, b, normal);
    return atan2(sqrt(dot(normal, normal)), dot(a, b));
}

void nsky_unit_vector(double ra_deg, double dec_deg, double out[3])
{
    out[0] = cos(dec_deg * DEG) * cos(ra_deg * DEG);
    out[1] = cos(dec_deg * DEG) * sin(ra_deg * DEG);
    out[2] = sin(dec_deg * DEG);
}

/* Any two axes will do. */
static void set_axes(nsky_polygon *polygon)
{
    const double pole[3] = {0, 0, 1}, side[3] = {1, 0, 0};
    const double *other = fabs(polygon->centre[2]) < 0.9 ? pole : side;

    cross(other, polygon->centre, polygon->east);
    double length = sqrt(dot(polygon->east, polygon->east));
    for (int i = 0; i < 3; i++)
        polygon->east[i] /= length;
    cross(polygon->centre, polygon->east, polygon->north);
}

static nsky_status find_centre(nsky_polygon *polygon, nsky_error *err)
{
    double sum[3] = {0, 0, 0};

    for (uint32_t i = 0; i < polygon->count; i++)
        for (int axis = 0; axis < 3; axis++)
            sum[axis] += polygon->corner[i][axis];
    double length = sqrt(dot(sum, sum));
    for (int axis = 0; axis < 3 && length > 1e-9; axis++)
        polygon->centre[axis] = sum[axis] / length;
    polygon->cap_deg = length > 1e-9 ? 0 : 180;
    for (uint32_t i = 0; i < polygon->count && length > 1e-9; i++)
        polygon->cap_deg = fmax(polygon->cap_deg, angle(polygon->centre, polygon->corner[i]) / DEG);
    if (polygon->cap_deg <= CAP_DEG_MAX)
        return NSKY_OK;
    return nsky_fail(err, NSKY_EINVAL,
                     "polygon: it must fit into a hemisphere: every vertex within %g degrees of "
                     "their mean direction; take several smaller ones",
                     CAP_DEG_MAX);
}

nsky_status nsky_polygon_make(nsky_polygon *out, const nsky_vertex *vertices, uint32_t count,
                              nsky_error *err)
{
    assert(out && vertices && err);
    if (count < 3 || count > NSKY_POLYGON_MAX)
        return nsky_fail(err, NSKY_EINVAL, "polygon: %u vertices; 3 to %d are possible", count,
                         NSKY_POLYGON_MAX);
    memset(out, 0, sizeof *out);
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        nsky_sky at = {vertices[i].ra_deg, vertices[i].dec_deg};
        if (!nsky_sky_valid(at))
            return nsky_fail(err, NSKY_EINVAL,
                             "polygon[%u]: %g %+g is not on the sky (ra in [0, 360), dec in "
                             "[-90, 90], degrees)",
                             i, at.ra_deg, at.dec_deg);
        nsky_unit_vector(at.ra_deg, at.dec_deg, out->corner[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        if (angle(out->corner[i], out->corner[(i + 1) % count]) < 1e-12)
            return nsky_fail(err, NSKY_EINVAL, "polygon[%u]: the same place as the vertex before",
                             (i + 1) % count);
    nsky_status status = find_centre(out, err);
    if (status != NSKY_OK)
        return status;
    set_axes(out);
    for (uint32_t i = 0; i < count; i++) {
        double depth = dot(out->corner[i], out->centre);
        out->x[i] = dot(out->corner[i], out->east) / depth;
        out->y[i] = dot(out->corner[i], out->north) / depth;
    }
    return NSKY_OK;
}

/* A ray to the east crosses the sides an odd number of times. */
bool nsky_polygon_holds(const nsky_polygon *polygon, const double point[3])
{
    const double depth = dot(point, polygon->centre);
    bool inside = false;

    if (depth < 0.01) /* cos 89.4 degrees: outside of every cap */
        return false;
    const double x = dot(point, polygon->east) / depth, y = dot(point, polygon->north) / depth;
    for (uint32_t i = 0, j = polygon->count - 1; i < polygon->count; j = i++) {
        const double yi = polygon->y[i], yj = polygon->y[j];
        if ((yi > y) != (yj > y) &&
            x < polygon->x[i] + (polygon->x[j] - polygon->x[i]) * (y - yi) / (yj - yi))
            inside = !inside;
    }
    return inside;
}

/* The foot of the perpendicular where it falls on the arc, else the nearer end. */
static double arc_distance(const double a[3], const double b[3], const double point[3])
{
    double normal[3], towards_a[3], towards_b[3];

    cross(a, b, normal);
    double length = sqrt(dot(normal, normal));
    cross(normal, a, towards_a);
    cross(b, normal, towards_b);
    if (dot(towards_a, point) > 0 && dot(towards_b, point) > 0)
        return fabs(asin(fmax(-1, fmin(1, dot(normal, point) / length))));
    return fmin(angle(a, point), angle(b, point));
}

double nsky_polygon_edge_deg(const nsky_polygon *polygon, const double point[3])
{
    double nearest = M_PI;

    for (uint32_t i = 0; i < polygon->count; i++)
        nearest = fmin(nearest, arc_distance(polygon->corner[i],
                                             polygon->corner[(i + 1) % polygon->count], point));
    return nearest / DEG;
}
