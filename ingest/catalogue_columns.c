/* catalogue_columns.c - which column of somebody's table is what. Thread rule: pure. */
#include <string.h>
#include <strings.h>

#include "ingest/catalogue_private.h"

/* In order of preference; a leading * stands for any beginning. */
static const char *const aliases[NSKY_ROLES][10] = {
    [NSKY_ROLE_RA] = {"ra", "ra_deg", "raj2000", "ra_j2000", "alpha_j2000", "right_ascension"},
    [NSKY_ROLE_DEC] = {"dec", "dec_deg", "dej2000", "decj2000", "dec_j2000", "delta_j2000",
                       "declination"},
    [NSKY_ROLE_MAG_G] = {"mag_g", "gmag", "*_mag_g"},
    [NSKY_ROLE_MAG_R] = {"mag_r", "rmag", "*_mag_r"},
    [NSKY_ROLE_MAG_Z] = {"mag_z", "zmag", "*_mag_z"},
    [NSKY_ROLE_Z_PHOT] = {"z_phot", "z_phot_mean", "z_phot_median", "zphot", "photo_z", "photoz"},
    [NSKY_ROLE_Z_SPEC] = {"z_spec", "zspec", "spec_z", "specz", "z_lens", "redshift"},
    [NSKY_ROLE_EBV] = {"ebv", "e_bv"},
    [NSKY_ROLE_TYPE] = {"type", "source_type"},
    [NSKY_ROLE_KNOWN] = {"known", "known_lens", "catalogue_entry"},
    [NSKY_ROLE_LABEL] = {"label"},
    [NSKY_ROLE_FILE] = {"file", "filename", "file_name", "path", "image"},
    [NSKY_ROLE_NAME] = {"name", "object", "objname"},
    [NSKY_ROLE_ID_STR] = {"id_str", "iauname", "designation"},
    [NSKY_ROLE_ID] = {"id"},
};

static bool matches(const char *alias, const char *name)
{
    if (*alias != '*')
        return strcasecmp(alias, name) == 0;
    size_t tail = strlen(alias + 1), bytes = strlen(name);
    return bytes > tail && strcasecmp(alias + 1, name + bytes - tail) == 0;
}

void nsky_roles_init(nsky_roles *roles)
{
    for (int role = 0; role < NSKY_ROLES; role++)
        roles->column[role] = roles->rank[role] = UINT32_MAX;
}

void nsky_roles_offer(nsky_roles *roles, const char *name, uint32_t column)
{
    for (int role = 0; role < NSKY_ROLES; role++)
        for (uint32_t rank = 0; rank < 10 && aliases[role][rank]; rank++)
            if (rank < roles->rank[role] && matches(aliases[role][rank], name)) {
                roles->rank[role] = rank;
                roles->column[role] = column;
            }
}

bool nsky_roles_has(const nsky_roles *roles, nsky_role role)
{
    return roles->column[role] != UINT32_MAX;
}

nsky_status nsky_roles_check(const nsky_roles *roles, const char *path, nsky_error *err)
{
    bool position = nsky_roles_has(roles, NSKY_ROLE_RA) && nsky_roles_has(roles, NSKY_ROLE_DEC);

    for (int role = NSKY_ROLE_FILE; role <= NSKY_ROLE_ID; role++)
        if (nsky_roles_has(roles, (nsky_role)role))
            return NSKY_OK;
    if (position)
        return NSKY_OK;
    return nsky_fail(err, NSKY_EDATA,
                     "%s: no column tells whose rows these are; there should be name, file, id, or "
                     "ra and dec",
                     path);
}
