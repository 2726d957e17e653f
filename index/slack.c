/* slack.c - see slack.h. */
#include "index/slack.h"

#define LONGER 255      /* than all others say: */
#define LONGEST 0x1p60f /* no vector of float16 has it; finite, as its product with 0 must be 0 */

/* 2^(i / 16) as floats: a length is one of them times a power of two, which rounds nothing. */
static const float roots[16] = {1.0f,        1.04427373f, 1.09050775f, 1.13878858f,
                                1.18920708f, 1.24185777f, 1.29683959f, 1.35425556f,
                                1.41421354f, 1.47682619f, 1.54221082f, 1.61049032f,
                                1.68179286f, 1.75625217f, 1.8340081f,  1.91520655f};
static const float powers[16] = {0x1p-13f, 0x1p-12f, 0x1p-11f, 0x1p-10f, 0x1p-9f, 0x1p-8f,
                                 0x1p-7f,  0x1p-6f,  0x1p-5f,  0x1p-4f,  0x1p-3f, 0x1p-2f,
                                 0x1p-1f,  0x1p0f,   0x1p1f,   0x1p2f};

float nsky_slack_length(uint8_t code)
{
    return code == LONGER ? LONGEST : powers[code >> 4] * roots[code & 15];
}

uint8_t nsky_slack_code(float length)
{
    uint32_t below = 0, enough = LONGER; /* codes; NaN is never found short enough */
    while (below < enough) {
        const uint32_t middle = (below + enough) / 2;
        if (length <= nsky_slack_length((uint8_t)middle))
            enough = middle;
        else
            below = middle + 1;
    }
    return (uint8_t)enough;
}
