/* tidy.h (private) - a float as the shortest decimal that means it: 0.262, not 0.26199999451637268.
 * Thread rule: pure. */
#ifndef NSKY_TIDY_H
#define NSKY_TIDY_H

#include <stdio.h>
#include <stdlib.h>

static inline double nsky_tidy(float value)
{
    char text[32];
    double number = value;

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        number = strtod(text, NULL);
        if ((float)number == value)
            break;
    }
    return number;
}

#endif
