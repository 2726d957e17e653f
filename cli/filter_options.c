/* filter_options.c - see filter_options.h. */
#include "cli/filter_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/probe_options.h"
#include "common/memory.h"
#include "common/sky.h"

static nsky_status read_cone(nsky_filter *filter, const char *value, nsky_error *err)
{
    char position[200];
    const char *last = strrchr(value, ',');
    nsky_sky sky;
    double arcsec;

    if (!last || (size_t)(last - value) >= sizeof position ||
        !nsky_cli_number(last + 1, 0, 648000, &arcsec) || arcsec <= 0)
        return nsky_fail(err, NSKY_EINVAL, "--cone takes RA,DEC,ARCSEC, not \"%.100s\"", value);
    memcpy(position, value, (size_t)(last - value));
    position[last - value] = '\0';
    nsky_status status = nsky_sky_parse(&sky, position, err);
    if (status != NSKY_OK)
        return status;
    filter->cone_ra_deg = sky.ra_deg;
    filter->cone_dec_deg = sky.dec_deg;
    filter->cone_radius_deg = arcsec / 3600;
    return NSKY_OK;
}

static nsky_status read_polygon(nsky_filter *filter, const char *value, nsky_error *err)
{
    uint32_t count = 0;

    for (const char *at = value;; at++) {
        char *end;
        double number = strtod(at, &end);
        if (end == at || (*end != ',' && *end != '\0') || count == 2 * NSKY_POLYGON_MAX)
            break;
        if (count % 2 == 0)
            filter->polygon[count / 2].ra_deg = number;
        else
            filter->polygon[count / 2].dec_deg = number;
        count++;
        if (*end == '\0' && count % 2 == 0) {
            filter->polygon_count = count / 2;
            return nsky_filter_check(filter, err);
        }
        at = end;
        if (*end == '\0')
            break;
    }
    return nsky_fail(err, NSKY_EINVAL,
                     "--polygon takes RA,DEC,RA,DEC,... in degrees, 3 to %d vertices, not "
                     "\"%.100s\"",
                     NSKY_POLYGON_MAX, value);
}

static nsky_status read_healpix(nsky_filter *filter, const char *value, nsky_error *err)
{
    char *end;
    unsigned long nside = strtoul(value, &end, 10);
    bool nested = strncmp(end, ",nested,", 8) == 0, ring = strncmp(end, ",ring,", 6) == 0;
    nsky_error ignored = NSKY_ERROR_INIT;

    uint64_t *cells = nsky_alloc(strlen(value), sizeof *cells, err);
    if (!cells)
        return err->status;
    nsky_free((void *)filter->cells);
    filter->cells = cells;
    filter->cell_count = 0;
    filter->nside = nside <= NSKY_NSIDE_MAX ? (uint32_t)nside : 0;
    filter->nested = nested;
    for (const char *at = end + (nested ? 8 : 6); end > value && (nested || ring); at++) {
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 19 || (at[digits] != ',' && at[digits] != '\0'))
            break;
        cells[filter->cell_count++] = strtoull(at, NULL, 10);
        at += digits;
        if (*at == '\0')
            return nsky_filter_check(filter, err);
    }
    *err = ignored;
    return nsky_fail(err, NSKY_EINVAL,
                     "--healpix takes NSIDE,nested|ring,CELL,CELL,..., not \"%.100s\"", value);
}

nsky_status nsky_cli_filter(nsky_filter *filter, int option, const char *value, nsky_error *err)
{
    double *const bounds[] = {&filter->mag_min[0], &filter->mag_max[0], &filter->mag_min[1],
                              &filter->mag_max[1], &filter->mag_min[2], &filter->mag_max[2],
                              &filter->z_min,      &filter->z_max,      &filter->z_spec_min,
                              &filter->z_spec_max, &filter->g_r_min,    &filter->g_r_max,
                              &filter->r_z_min,    &filter->r_z_max};

    switch (option) {
    case NSKY_FILTER_FIRST + 14:
        return read_cone(filter, value, err);
    case NSKY_FILTER_FIRST + 15:
        return read_polygon(filter, value, err);
    case NSKY_FILTER_FIRST + 16:
        return read_healpix(filter, value, err);
    case NSKY_FILTER_FIRST + 17:
        return nsky_types_parse(&filter->types, value, err);
    case NSKY_FILTER_FIRST + 18:
        filter->hide_known = true;
        return NSKY_OK;
    case NSKY_FILTER_FIRST + 19:
        filter->only_known = true;
        return NSKY_OK;
    default:
        if (nsky_cli_number(value, -1000, 1000, bounds[option - NSKY_FILTER_FIRST]))
            return NSKY_OK;
        return nsky_fail(err, NSKY_EINVAL, "\"%.60s\" is no magnitude, colour or redshift", value);
    }
}

void nsky_cli_filter_clear(nsky_filter *filter)
{
    nsky_free((void *)filter->cells);
    nsky_free((void *)filter->rows);
    nsky_filter_init(filter);
}

/* The number in a line; false: something else. *any false: nothing in it. */
static bool read_line(char *line, uint64_t *id, bool *any)
{
    char *end;

    line[strcspn(line, "#\r\n")] = '\0';
    line += strspn(line, " \t");
    *any = *line != '\0';
    if (!*any)
        return true;
    if (*line < '0' || *line > '9')
        return false;
    errno = 0;
    *id = strtoull(line, &end, 10);
    return errno == 0 && end[strspn(end, " \t")] == '\0';
}

static nsky_status read_lines(FILE *in, const char *path, uint64_t **ids, uint64_t *count,
                              nsky_error *err)
{
    char line[256];
    uint64_t room = 0, number = 0, id = 0;
    bool any;

    while (fgets(line, sizeof line, in)) {
        bool header = ++number == 1 && strncmp(line, "id", 2) == 0 && line[2] < ' ';
        if (header)
            continue;
        if ((!strchr(line, '\n') && !feof(in)) || !read_line(line, &id, &any))
            return nsky_fail(err, NSKY_EDATA, "%s: line %llu is no object id: %.60s", path,
                             (unsigned long long)number, line);
        if (!any)
            continue;
        if (*count == NSKY_ONLY_ROWS_MAX)
            return nsky_fail(err, NSKY_ELIMIT, "%s: more than %d ids", path, NSKY_ONLY_ROWS_MAX);
        if (*count == room) {
            room = room ? 2 * room : 1024;
            void *more = nsky_realloc(*ids, room, sizeof **ids, err);
            if (!more)
                return err->status;
            *ids = more;
        }
        (*ids)[(*count)++] = id;
    }
    return ferror(in) ? nsky_fail_errno(err, "%s: cannot read", path) : NSKY_OK;
}

nsky_status nsky_cli_read_ids(const char *path, uint64_t **ids, uint64_t *count, nsky_error *err)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

    *ids = NULL;
    *count = 0;
    if (!in)
        return nsky_fail_errno(err, "%s: cannot open", path);
    nsky_status status = read_lines(in, path, ids, count, err);
    if (in != stdin)
        fclose(in);
    if (status != NSKY_OK) {
        nsky_free(*ids);
        *ids = NULL;
    }
    return status;
}
