/* direction.c - examples and counter-examples to the one direction that is searched along.
 * Pure functions: any thread. */
#include <math.h>

#include "index/query.h"

/* Adds weight * mean of the examples to direction. */
static void add_mean(float *direction, const float *examples, uint32_t count, uint32_t dim,
                     double weight)
{
    for (uint32_t i = 0; i < dim && count > 0; i++) {
        double sum = 0;
        for (uint32_t e = 0; e < count; e++)
            sum += examples[(size_t)e * dim + i];
        direction[i] += (float)(weight * sum / count);
    }
}

nsky_status nsky_query_direction(const nsky_query *query, uint32_t number, uint32_t dim,
                                 float *direction, nsky_error *err)
{
    bool negative = query->negative_count > 0;
    double square = 0;

    add_mean(direction, query->positive, query->positive_count, dim, negative ? 2.0 : 1.0);
    if (negative)
        add_mean(direction, query->negative, query->negative_count, dim, -1.0);
    for (uint32_t i = 0; i < dim; i++)
        square += (double)direction[i] * direction[i];
    if (!isfinite(square) || square < 1e-12)
        return nsky_fail(err, NSKY_EINVAL,
                         "query %u: its examples add up to no direction (zero or not finite)",
                         number);
    double length = sqrt(square);
    for (uint32_t i = 0; i < dim; i++)
        direction[i] = (float)(direction[i] / length);
    return NSKY_OK;
}
