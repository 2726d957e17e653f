/* objects.h - the columns that tables of objects share, defined once, and the tables themselves.
 *
 * A table of objects lists the columns it wants among its own:
 *
 *     static const nsky_table_column columns[] = {
 *         NSKY_COLUMN_RANK, NSKY_COLUMN_ID, NSKY_COLUMN_NAME, NSKY_COLUMN_RA, NSKY_COLUMN_DEC,
 *         {.name = "score", .type = NSKY_CELL_FLOAT, .decimals = 6, .description = "..."},
 *     };
 *
 * and for each row calls nsky_object_cells, which fills the cells that are an object's and leaves
 * the others alone.
 */
#ifndef NSKY_TABLE_OBJECTS_H
#define NSKY_TABLE_OBJECTS_H

#include "store/survey.h"
#include "table/table.h"

/* nsky_table_column.field: which member of nsky_object a column shows. */
enum {
    NSKY_FIELD_ID = 1,
    NSKY_FIELD_NAME,
    NSKY_FIELD_RA,
    NSKY_FIELD_DEC,
    NSKY_FIELD_MAG_G,
    NSKY_FIELD_MAG_R,
    NSKY_FIELD_MAG_Z,
    NSKY_FIELD_Z_PHOT,
    NSKY_FIELD_Z_SPEC,
    NSKY_FIELD_EBV,
    NSKY_FIELD_TYPE,
    NSKY_FIELD_KNOWN,
    NSKY_FIELD_SOURCE,
};

#define NSKY_OBJECT_NUMBER(name_, type_, decimals_, unit_, ucd_, field_, description_)             \
    {                                                                                              \
        .name = (name_), .type = (type_), .decimals = (decimals_), .unit = (unit_), .ucd = (ucd_), \
        .description = (description_), .field = (field_)                                           \
    }
#define NSKY_OBJECT_TEXT(name_, ascii_, ucd_, field_, description_)                \
    {                                                                              \
        .name = (name_), .type = NSKY_CELL_TEXT, .ascii = (ascii_), .ucd = (ucd_), \
        .description = (description_), .field = (field_)                           \
    }

/* The place in a list, from 1: set by whoever makes the row. */
#define NSKY_COLUMN_RANK \
    NSKY_OBJECT_NUMBER("rank", NSKY_CELL_INTEGER, 0, NULL, "meta.number", 0, "1 is the best")
#define NSKY_COLUMN_ID                                                                  \
    NSKY_OBJECT_NUMBER("id", NSKY_CELL_ID, 0, NULL, "meta.id;meta.main", NSKY_FIELD_ID, \
                       "Object id, up to 63 bits: more than a double holds")
#define NSKY_COLUMN_NAME \
    NSKY_OBJECT_TEXT("name", false, "meta.id", NSKY_FIELD_NAME, "Name in the survey")
#define NSKY_COLUMN_RA                                                                         \
    NSKY_OBJECT_NUMBER("ra", NSKY_CELL_DOUBLE, 7, "deg", "pos.eq.ra;meta.main", NSKY_FIELD_RA, \
                       "Right ascension, ICRS")
#define NSKY_COLUMN_DEC                                                                           \
    NSKY_OBJECT_NUMBER("dec", NSKY_CELL_DOUBLE, 7, "deg", "pos.eq.dec;meta.main", NSKY_FIELD_DEC, \
                       "Declination, ICRS")
#define NSKY_COLUMN_MAG_G                                                                         \
    NSKY_OBJECT_NUMBER("mag_g", NSKY_CELL_FLOAT, 3, "mag", "phot.mag;em.opt.B", NSKY_FIELD_MAG_G, \
                       "g magnitude, AB")
#define NSKY_COLUMN_MAG_R                                                                         \
    NSKY_OBJECT_NUMBER("mag_r", NSKY_CELL_FLOAT, 3, "mag", "phot.mag;em.opt.R", NSKY_FIELD_MAG_R, \
                       "r magnitude, AB")
#define NSKY_COLUMN_MAG_Z                                                                         \
    NSKY_OBJECT_NUMBER("mag_z", NSKY_CELL_FLOAT, 3, "mag", "phot.mag;em.opt.I", NSKY_FIELD_MAG_Z, \
                       "z magnitude, AB")
#define NSKY_COLUMN_Z_PHOT                                                                         \
    NSKY_OBJECT_NUMBER("z_phot", NSKY_CELL_FLOAT, 4, NULL, "src.redshift.phot", NSKY_FIELD_Z_PHOT, \
                       "Photometric redshift")
#define NSKY_COLUMN_Z_SPEC                                                                    \
    NSKY_OBJECT_NUMBER("z_spec", NSKY_CELL_FLOAT, 5, NULL, "src.redshift", NSKY_FIELD_Z_SPEC, \
                       "Spectroscopic redshift")
#define NSKY_COLUMN_EBV                                                                       \
    NSKY_OBJECT_NUMBER("ebv", NSKY_CELL_FLOAT, 5, "mag", "phot.color.excess", NSKY_FIELD_EBV, \
                       "Galactic reddening E(B-V)")
#define NSKY_COLUMN_TYPE                                              \
    NSKY_OBJECT_TEXT("type", true, "src.morph.type", NSKY_FIELD_TYPE, \
                     "Profile fitted by Tractor: PSF, REX, EXP, DEV, SER")
#define NSKY_COLUMN_KNOWN                                               \
    NSKY_OBJECT_TEXT("known", false, "meta.id.cross", NSKY_FIELD_KNOWN, \
                     "Name in a list of known lenses")
#define NSKY_COLUMN_SOURCE                                                    \
    NSKY_OBJECT_TEXT("source", false, "meta.id;meta.file", NSKY_FIELD_SOURCE, \
                     "File its image came from")
#define NSKY_COLUMN_SEPARATION                                                                   \
    NSKY_OBJECT_NUMBER("separation_arcsec", NSKY_CELL_DOUBLE, 3, "arcsec", "pos.angDistance", 0, \
                       "Distance from the position asked for")
#define NSKY_COLUMN_ARTEFACT                                                         \
    NSKY_OBJECT_NUMBER("artefact", NSKY_CELL_DOUBLE, 4, NULL, "stat.probability", 0, \
                       "Probability of being an artefact, from the guard of the network")

/* cells [count]: those whose column has a `field`. Text is borrowed from the object. */
void nsky_object_cells(nsky_cell *cells, const nsky_table_column *columns, uint32_t count,
                       const nsky_object *object);

/* --- the tables that the command line and the server share --- */

/* rank, id, name, ra, dec, similarity, mag_g, mag_r, mag_z, z_phot, known, artefact: scripts rely
 * on it, so more may only follow. artefact NaN: nothing says what it is. */
#define NSKY_HIT_COLUMNS 12
/* and where hits are grouped, group_of: the id of the better hit that this one is a shred or
 * duplicate of, "" for what is none; the caller sets its text. */
#define NSKY_GROUPED_COLUMNS 13
extern const nsky_table_column nsky_hit_columns[NSKY_GROUPED_COLUMNS];
/* The first NSKY_HIT_COLUMNS. */
void nsky_hit_cells(nsky_cell *cells, uint32_t rank, float similarity, double artefact,
                    const nsky_object *object);

/* id, name, ra, dec, mag_g, mag_r, mag_z, z_phot, z_spec, type, known, separation_arcsec. */
#define NSKY_CONE_COLUMNS 12
extern const nsky_table_column nsky_cone_columns[NSKY_CONE_COLUMNS];
/* separation NaN: unknown. */
void nsky_cone_cells(nsky_cell cells[NSKY_CONE_COLUMNS], const nsky_cone_hit *hit);

/* id, name, ra, dec, mag_g, mag_r, mag_z, z_phot, z_spec, ebv, type, known, source: everything. */
#define NSKY_CATALOGUE_COLUMNS 13
extern const nsky_table_column nsky_catalogue_columns[NSKY_CATALOGUE_COLUMNS];

#endif
