/* sky.c - positions on the sky: ICRS degrees inside, people's notation at the edges.
 * Thread rule: pure functions. */
#include "common/sky.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 200
#define TOKENS_MAX 6

static const double radians_per_degree = M_PI / 180.0;

/* One coordinate while it is read: up to three numbers and what they were marked with. */
typedef struct coordinate {
    bool negative;
    bool hours;   /* the first field was marked h */
    bool degrees; /* ... or d */
    int count;
    double field[3];
    bool whole[3]; /* written without a fraction */
} coordinate;

static const char *skip_space(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

/* A plain decimal number; strtod alone would also take "nan", "inf" and hexadecimal. */
static const char *read_number(const char *at, double *value, bool *whole)
{
    const char *start = at;
    size_t digits = 0;

    *whole = true;
    for (; isdigit((unsigned char)*at); at++)
        digits++;
    if (*at == '.') {
        *whole = false;
        for (at++; isdigit((unsigned char)*at); at++)
            digits++;
    }
    if (digits == 0)
        return NULL;
    if (*at == 'e' || *at == 'E') {
        const char *exponent = at + 1 + (at[1] == '+' || at[1] == '-');
        if (!isdigit((unsigned char)*exponent))
            return NULL;
        *whole = false;
        for (at = exponent; isdigit((unsigned char)*at); at++)
            ;
    }
    char text[TEXT_BYTES_MAX + 1];
    memcpy(text, start, (size_t)(at - start));
    text[at - start] = '\0'; /* "1d" and "0x1" are for us to read, not for strtod */
    *value = strtod(text, NULL);
    return isfinite(*value) ? at : NULL;
}

/* Steps over what follows field `index`; NULL when it cannot follow there. */
static const char *read_mark(const char *at, int index, coordinate *out)
{
    static const char *const marks[3] = {"hHdD", "mM'", "sS\""};
    const char *spaced = skip_space(at);

    if (*spaced == '\0')
        return spaced;
    if (strchr(marks[index], *at)) {
        if (index == 0) {
            out->hours = *at == 'h' || *at == 'H';
            out->degrees = !out->hours;
        }
        return skip_space(at + 1);
    }
    if (index < 2 && *at == ':' && !out->hours && !out->degrees)
        return at + 1;
    return index < 2 && spaced > at ? spaced : NULL;
}

/* NULL, or what is wrong. text has no leading blanks. */
static const char *read_coordinate(const char *text, coordinate *out)
{
    const char *at = text;

    memset(out, 0, sizeof *out);
    if (*at == '+' || *at == '-')
        out->negative = *at++ == '-';
    for (int i = 0; *at != '\0'; i++) {
        if (i == 3)
            return "a coordinate has more than three numbers";
        if (!(at = read_number(at, &out->field[i], &out->whole[i])))
            return "not a number";
        out->count = i + 1;
        if (i > 0 && !out->whole[i - 1])
            return "only the last number of a sexagesimal coordinate may have a fraction";
        if (i > 0 && out->field[i] >= 60.0)
            return "minutes and seconds must be below 60";
        char last = *at;
        if (!(at = read_mark(at, i, out)))
            return "a number is followed by something unexpected";
        if (*at == '\0' && last == ':')
            return "a number is missing after ':'";
    }
    return out->count == 0 ? "a coordinate is missing" : NULL;
}

static double coordinate_value(const coordinate *in)
{
    double value = in->field[0] + in->field[1] / 60.0 + in->field[2] / 3600.0;
    return in->negative ? -value : value; /* the sign is kept apart: -00:30:00 */
}

static const char *to_position(const coordinate *ra, const coordinate *dec, nsky_sky *out)
{
    double ra_value = coordinate_value(ra), dec_deg = coordinate_value(dec);

    if (dec->hours)
        return "the declination cannot be in hours";
    if (fabs(dec_deg) > 90.0)
        return "the declination is outside -90 to +90 degrees";
    if (ra->hours || (ra->count > 1 && !ra->degrees)) {
        if (fabs(ra_value) > 24.0)
            return "a sexagesimal right ascension is in hours, 0 to 24";
        ra_value *= 15.0;
    }
    double ra_deg = fmod(ra_value, 360.0);
    if (ra_deg < 0.0)
        ra_deg += 360.0;
    out->ra_deg = ra_deg < 360.0 ? ra_deg + 0.0 : 0.0; /* + 0.0: no negative zero */
    out->dec_deg = dec_deg;
    return NULL;
}

/* Cuts text in two after its first half of blank-separated words: 1+1, 2+2 or 3+3. */
static char *split_words(char *text)
{
    char *word[TOKENS_MAX + 1];
    int count = 0;

    for (char *at = text; *at != '\0' && count <= TOKENS_MAX;) {
        word[count++] = at;
        while (*at != '\0' && !isspace((unsigned char)*at))
            at++;
        at += strspn(at, " \t\r\n\v\f");
    }
    if (count == 0 || count > TOKENS_MAX || count % 2 != 0)
        return NULL;
    char *second = word[count / 2];
    second[-1] = '\0';
    return second;
}

static const char *parse(nsky_sky *out, char *text)
{
    coordinate ra, dec;
    char *second = strchr(text, ',');
    const char *problem;

    if (second)
        *second++ = '\0';
    else
        second = split_words(text);
    if (!second)
        return "expected two coordinates, right ascension and declination";
    if ((problem = read_coordinate(skip_space(text), &ra)) ||
        (problem = read_coordinate(skip_space(second), &dec)))
        return problem;
    return to_position(&ra, &dec, out);
}

nsky_status nsky_sky_parse(nsky_sky *out, const char *text, nsky_error *err)
{
    assert(out && text && err);
    char copy[TEXT_BYTES_MAX + 1];
    nsky_sky position = {0.0, 0.0};
    const char *problem = "too long for a position";
    const char *start = skip_space(text);

    if (strlen(start) < sizeof copy) {
        memcpy(copy, start, strlen(start) + 1);
        problem = parse(&position, copy);
    }
    if (problem)
        return nsky_fail(err, NSKY_EINVAL,
                         "cannot read the position \"%.80s\": %s; write it like 150.119,+2.206 "
                         "or 10:00:28.6 +02:12:21",
                         text, problem);
    *out = position;
    return NSKY_OK;
}

bool nsky_sky_valid(nsky_sky position)
{
    return position.ra_deg >= 0.0 && position.ra_deg < 360.0 && position.dec_deg >= -90.0 &&
           position.dec_deg <= 90.0; /* false for NaN */
}

double nsky_sky_separation_deg(nsky_sky a, nsky_sky b)
{
    double delta = (b.ra_deg - a.ra_deg) * radians_per_degree;
    double dec_a = a.dec_deg * radians_per_degree, dec_b = b.dec_deg * radians_per_degree;
    double sin_a = sin(dec_a), cos_a = cos(dec_a), sin_b = sin(dec_b), cos_b = cos(dec_b);
    /* cos_a sin_b - sin_a cos_b cos(delta), rearranged: near points must not cancel */
    double half = sin(0.5 * delta);
    double north = sin(dec_b - dec_a) + 2.0 * sin_a * cos_b * half * half;

    return atan2(hypot(cos_b * sin(delta), north), sin_a * sin_b + cos_a * cos_b * cos(delta)) /
           radians_per_degree;
}

void nsky_sky_name(nsky_sky position, char out[NSKY_SKY_NAME_BYTES])
{
    assert(nsky_sky_valid(position) && out);
    /* Truncated, not rounded, as the IAU asks; the tiny lift keeps a position that was written as
     * exactly 28.60 s from becoming 28.59 for want of a binary digit. */
    long ra = (long)floor(position.ra_deg * 24000.0 + 1e-6) % (24L * 360000);
    long dec = (long)floor(fabs(position.dec_deg) * 36000.0 + 1e-6);

    char text[64]; /* gcc cannot see that the numbers are short */

    snprintf(text, sizeof text, "J%02d%02d%02d.%02d%c%02d%02d%02d.%d", (int)(ra / 360000),
             (int)(ra / 6000 % 60), (int)(ra / 100 % 60), (int)(ra % 100),
             position.dec_deg < 0.0 ? '-' : '+', (int)(dec / 36000), (int)(dec / 600 % 60),
             (int)(dec / 10 % 60), (int)(dec % 10));
    memcpy(out, text, strlen(text) + 1);
}
