/* codes_query.c - codes.h: a direction in whole numbers, and what that loses.
 * Pure functions: any thread. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "index/codes.h"

#define SECOND 128 /* steps of the second plane in one of the first: it runs from -64 to 63 */

#define MARGIN 5         /* standard deviations of what is not looked at */
#define RANGE_8_BITS 7.8 /* standard deviations from end to end, of normal values: codes.c */
#define RANGE_4_BITS 5.4

/* The largest whole number that the planes can say. 8-bit codes: 255 * 64 * 2 < 2^15. */
static int32_t limit_of(const nsky_coder *coder, uint32_t plane_count)
{
    const int32_t most = coder->bits == 8 ? 63 : 127;
    return plane_count == 2 ? most * SECOND + SECOND / 2 - 1 : most;
}

/* whole = 128 * first + second; floor division */
static void split(int32_t whole, int8_t *first, int8_t *second)
{
    int32_t high = (whole + SECOND / 2 + 128 * SECOND) / SECOND - 128;
    *first = (int8_t)high;
    *second = (int8_t)(whole - SECOND * high);
}

/* Behind the head a value is about zero, give or take what the ranges were fitted to. */
static void judge_rest(nsky_code_query *out, const nsky_coder *coder)
{
    const double top = (1u << coder->bits) - 1, unit = (double)out->scales[0];
    const double deviations = coder->bits == 8 ? RANGE_8_BITS : RANGE_4_BITS;
    double middle = 0, square = 0;
    for (uint32_t d = nsky_code_head(coder->coded); d < coder->coded; d++) {
        const double plane = out->planes[0][d], spread = unit * plane * top / deviations;
        if (coder->step[d] > 0.0f)
            middle -= plane * fmax(-top, fmin(top, (double)coder->low[d] / (double)coder->step[d]));
        square += spread * spread;
    }
    out->rest = (int32_t)lrint(middle);
    out->margin = (float)(MARGIN * sqrt(square));
}

nsky_status nsky_code_query_prepare(nsky_code_query *out, const nsky_coder *coder, const float *w,
                                    uint32_t plane_count, nsky_error *err)
{
    assert(out && coder && w && err && (plane_count == 1 || plane_count == 2));
    const double middle = ((1u << coder->bits) - 1) / 2.0;
    const int32_t limit = limit_of(coder, plane_count);
    double most = 0, offset = 0, lost = 0, size = 0;

    memset(out, 0, sizeof *out);
    out->plane_count = plane_count;
    for (uint32_t d = 0; d < coder->coded; d++) {
        double weight = (double)w[d] * (double)coder->step[d];
        if (!isfinite(w[d]) || !isfinite(weight))
            return nsky_fail(err, NSKY_EDATA, "weight %u of a direction is not finite", d);
        most = fmax(most, fabs(weight));
    }
    /* A float: what the kernels multiply by is what the losses are counted with. */
    const float unit = (float)(most / limit * (1 + 1e-6));
    out->scales[0] = plane_count == 2 ? unit * (float)SECOND : unit;
    out->scales[1] = plane_count == 2 ? unit : 0.0f;
    for (uint32_t d = 0; d < coder->coded; d++) {
        double weight = (double)w[d] * (double)coder->step[d];
        int32_t whole = unit > 0.0f ? (int32_t)lrint(weight / (double)unit) : 0;
        assert(whole >= -limit && whole <= limit);
        if (plane_count == 2)
            split(whole, &out->planes[0][d], &out->planes[1][d]);
        else
            out->planes[0][d] = (int8_t)whole;
        double rest = weight - (double)unit * whole;
        offset += (double)w[d] * (double)coder->low[d] + rest * middle;
        lost += fabs(rest) * middle;
        size += fabs((double)unit * whole) * 2 * middle;
    }
    out->offset = (float)offset;
    /* Six roundings to 24 bits, of numbers no larger than these, and the decoded float's own. */
    out->slack = (float)((lost + 8 * 0x1p-24 * (size + fabs(offset))) * (1 + 1e-6));
    judge_rest(out, coder);
    if (!isfinite(out->offset) || !isfinite(out->slack))
        return nsky_fail(err, NSKY_EDATA, "a direction's weights are too large to score with");
    return NSKY_OK;
}
