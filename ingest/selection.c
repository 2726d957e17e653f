/* selection.c - see selection.h. */
#include "ingest/selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GALAXIES "galaxies brighter than z = "
#define ENTRIES "entries brighter than z = "

bool nsky_is_star_type(const char *type)
{
    size_t bytes = strcspn(type, " ");

    return bytes == 3 && (strncasecmp(type, "PSF", 3) == 0 || strncasecmp(type, "DUP", 3) == 0);
}

/* Nine digits, so that what is parsed is what a person gave. */
void nsky_selection_describe(const nsky_selection *selection, char out[NSKY_SELECTION_TEXT_MAX])
{
    snprintf(out, NSKY_SELECTION_TEXT_MAX, "%s%.9g", selection->keep_stars ? ENTRIES : GALAXIES,
             selection->mag_z_max);
}

bool nsky_selection_parse(nsky_selection *out, const char *text)
{
    char *end;

    out->keep_stars = strncmp(text, ENTRIES, strlen(ENTRIES)) == 0;
    if (!out->keep_stars && strncmp(text, GALAXIES, strlen(GALAXIES)) != 0)
        return false;
    const char *number = text + strlen(out->keep_stars ? ENTRIES : GALAXIES);
    out->mag_z_max = strtod(number, &end);
    return end != number;
}

bool nsky_selection_covers(const nsky_selection *wide, const nsky_selection *narrow)
{
    return wide->mag_z_max >= narrow->mag_z_max && (wide->keep_stars || !narrow->keep_stars);
}
