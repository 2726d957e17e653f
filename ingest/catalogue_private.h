/* catalogue_private.h (private) - what catalogue.c, its readers and its columns share. */
#ifndef NSKY_INGEST_CATALOGUE_PRIVATE_H
#define NSKY_INGEST_CATALOGUE_PRIVATE_H

#include "ingest/catalogue.h"

typedef struct nsky_catalogue_row {
    double ra_deg, dec_deg;
    float mag_g, mag_r, mag_z, z_phot, z_spec, ebv;
    char type[NSKY_TYPE_BYTES];
    uint64_t known; /* offset in text */
} nsky_catalogue_row;

typedef struct nsky_catalogue_name {
    uint64_t hash, row, text; /* text: offset */
} nsky_catalogue_name;

struct nsky_catalogue {
    nsky_catalogue_row *rows;
    uint64_t count, capacity;
    nsky_catalogue_name *names; /* sorted by hash, then row */
    uint64_t name_count, name_capacity;
    uint64_t *by_dec; /* rows with positions, southernmost first */
    uint64_t placed;
    char *text; /* names, each with its NUL; offset 0 is "" */
    uint64_t text_bytes, text_capacity;
    char *path;
};

/* FNV-1a. */
uint64_t nsky_catalogue_hash(const char *text, size_t bytes);
/* Once all rows are in. */
NSKY_MUST_CHECK nsky_status nsky_catalogue_index(nsky_catalogue *catalogue, nsky_error *err);

typedef enum nsky_role {
    NSKY_ROLE_RA,
    NSKY_ROLE_DEC,
    NSKY_ROLE_MAG_G,
    NSKY_ROLE_MAG_R,
    NSKY_ROLE_MAG_Z,
    NSKY_ROLE_Z_PHOT,
    NSKY_ROLE_Z_SPEC,
    NSKY_ROLE_EBV,
    NSKY_ROLE_TYPE,
    NSKY_ROLE_KNOWN,
    NSKY_ROLE_LABEL,
    NSKY_ROLE_FILE, /* these four name the object */
    NSKY_ROLE_NAME,
    NSKY_ROLE_ID_STR,
    NSKY_ROLE_ID,
    NSKY_ROLES,
} nsky_role;

/* Which column plays which role: UINT32_MAX for none. */
typedef struct nsky_roles {
    uint32_t column[NSKY_ROLES];
    uint32_t rank[NSKY_ROLES]; /* of the match; the lowest wins */
} nsky_roles;

void nsky_roles_init(nsky_roles *roles);
void nsky_roles_offer(nsky_roles *roles, const char *name, uint32_t column);
bool nsky_roles_has(const nsky_roles *roles, nsky_role role);

/* One row as text, "" for absent. */
typedef struct nsky_catalogue_text {
    const char *field[NSKY_ROLES];
} nsky_catalogue_text;

/* Copies what it needs. */
NSKY_MUST_CHECK nsky_status nsky_catalogue_add(nsky_catalogue *catalogue,
                                               const nsky_catalogue_text *row, nsky_error *err);

/* Rows of a FITS table, calling nsky_catalogue_add. */
NSKY_MUST_CHECK nsky_status nsky_catalogue_read_fits(nsky_catalogue *catalogue, const char *path,
                                                     nsky_error *err);
/* NSKY_EDATA when nothing tells whose rows these are. */
NSKY_MUST_CHECK nsky_status nsky_roles_check(const nsky_roles *roles, const char *path,
                                             nsky_error *err);

#endif
