/* keys.c - keywords of the current HDU, HIERARCH and CONTINUE included. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fits/handle.h"

/* The text of a keyword's value and its type: C string, L logical, I integer, F float, X complex.
 */
static bool raw_value(nsky_fits *fits, const char *key, char value[FLEN_VALUE], char *type)
{
    int failed = 0;

    assert(fits && key);
    value[0] = '\0';
    if (fits_read_keyword(fits->file, key, value, NULL, &failed) ||
        fits_get_keytype(value, type, &failed)) { /* absent, or present without a value */
        fits_clear_errmsg();
        return false;
    }
    return true;
}

bool nsky_fits_key_string(nsky_fits *fits, const char *key, char *out, size_t bytes)
{
    char value[FLEN_VALUE], type, *whole = NULL;
    int failed = 0;

    assert(out && bytes > 0);
    if (!raw_value(fits, key, value, &type) || type != 'C')
        return false;
    if (fits_read_key_longstr(fits->file, key, &whole, NULL, &failed)) {
        fits_clear_errmsg();
        return false;
    }
    snprintf(out, bytes, "%s", whole);
    fits_free_memory(whole, &failed);
    size_t length = strlen(out);
    while (length > 0 && out[length - 1] == ' ')
        out[--length] = '\0';
    return true;
}

bool nsky_fits_key_double(nsky_fits *fits, const char *key, double *out)
{
    char value[FLEN_VALUE], type;
    double number = NAN;
    int failed = 0;

    assert(out);
    if (!raw_value(fits, key, value, &type) || (type != 'I' && type != 'F'))
        return false;
    if (fits_read_key(fits->file, TDOUBLE, key, &number, NULL, &failed)) {
        fits_clear_errmsg();
        return false;
    }
    if (!isfinite(number))
        return false;
    *out = number;
    return true;
}

bool nsky_fits_key_integer(nsky_fits *fits, const char *key, int64_t *out)
{
    char value[FLEN_VALUE], type;
    LONGLONG number = 0;
    int failed = 0;

    assert(out);
    if (!raw_value(fits, key, value, &type) || type != 'I')
        return false;
    if (fits_read_key(fits->file, TLONGLONG, key, &number, NULL, &failed)) {
        fits_clear_errmsg();
        return false;
    }
    *out = number;
    return true;
}
