/* objects.c - see objects.h. Thread rule: pure. */
#include "table/objects.h"

#include <assert.h>

const nsky_table_column nsky_hit_columns[NSKY_GROUPED_COLUMNS] = {
    NSKY_COLUMN_RANK,
    NSKY_COLUMN_ID,
    NSKY_COLUMN_NAME,
    NSKY_COLUMN_RA,
    NSKY_COLUMN_DEC,
    {.name = "similarity",
     .type = NSKY_CELL_FLOAT,
     .decimals = 6,
     .ucd = "stat.correlation",
     .description = "Cosine of the angle between the vectors: 1 is the same"},
    NSKY_COLUMN_MAG_G,
    NSKY_COLUMN_MAG_R,
    NSKY_COLUMN_MAG_Z,
    NSKY_COLUMN_Z_PHOT,
    NSKY_COLUMN_KNOWN,
    NSKY_COLUMN_ARTEFACT,
    {.name = "group_of",
     .type = NSKY_CELL_TEXT,
     .ascii = true,
     .ucd = "meta.id.assoc",
     .description = "Id of the better hit close by that this is a shred or duplicate of"},
};
enum { HIT_RANK = 0, HIT_SIMILARITY = 5, HIT_ARTEFACT = 11, CONE_SEPARATION = 11 };

const nsky_table_column nsky_cone_columns[NSKY_CONE_COLUMNS] = {
    NSKY_COLUMN_ID,     NSKY_COLUMN_NAME,  NSKY_COLUMN_RA,    NSKY_COLUMN_DEC,
    NSKY_COLUMN_MAG_G,  NSKY_COLUMN_MAG_R, NSKY_COLUMN_MAG_Z, NSKY_COLUMN_Z_PHOT,
    NSKY_COLUMN_Z_SPEC, NSKY_COLUMN_TYPE,  NSKY_COLUMN_KNOWN, NSKY_COLUMN_SEPARATION,
};

const nsky_table_column nsky_catalogue_columns[NSKY_CATALOGUE_COLUMNS] = {
    NSKY_COLUMN_ID,    NSKY_COLUMN_NAME,  NSKY_COLUMN_RA,     NSKY_COLUMN_DEC,    NSKY_COLUMN_MAG_G,
    NSKY_COLUMN_MAG_R, NSKY_COLUMN_MAG_Z, NSKY_COLUMN_Z_PHOT, NSKY_COLUMN_Z_SPEC, NSKY_COLUMN_EBV,
    NSKY_COLUMN_TYPE,  NSKY_COLUMN_KNOWN, NSKY_COLUMN_SOURCE,
};

static nsky_cell cell_of(uint32_t field, const nsky_object *object)
{
    switch (field) {
    case NSKY_FIELD_ID:
        return (nsky_cell){.id = object->id};
    case NSKY_FIELD_NAME:
        return (nsky_cell){.text = object->name};
    case NSKY_FIELD_RA:
        return (nsky_cell){.number = object->ra_deg};
    case NSKY_FIELD_DEC:
        return (nsky_cell){.number = object->dec_deg};
    case NSKY_FIELD_MAG_G:
        return (nsky_cell){.number = object->mag_g};
    case NSKY_FIELD_MAG_R:
        return (nsky_cell){.number = object->mag_r};
    case NSKY_FIELD_MAG_Z:
        return (nsky_cell){.number = object->mag_z};
    case NSKY_FIELD_Z_PHOT:
        return (nsky_cell){.number = object->z_phot};
    case NSKY_FIELD_Z_SPEC:
        return (nsky_cell){.number = object->z_spec};
    case NSKY_FIELD_EBV:
        return (nsky_cell){.number = object->ebv};
    case NSKY_FIELD_TYPE:
        return (nsky_cell){.text = object->type};
    case NSKY_FIELD_KNOWN:
        return (nsky_cell){.text = object->known};
    default:
        assert(field == NSKY_FIELD_SOURCE);
        return (nsky_cell){.text = object->source};
    }
}

void nsky_object_cells(nsky_cell *cells, const nsky_table_column *columns, uint32_t count,
                       const nsky_object *object)
{
    assert(cells && columns && object);
    for (uint32_t i = 0; i < count; i++)
        if (columns[i].field)
            cells[i] = cell_of(columns[i].field, object);
}

void nsky_hit_cells(nsky_cell *cells, uint32_t rank, float similarity, double artefact,
                    const nsky_object *object)
{
    nsky_object_cells(cells, nsky_hit_columns, NSKY_HIT_COLUMNS, object);
    cells[HIT_RANK].integer = rank;
    cells[HIT_SIMILARITY].number = similarity;
    cells[HIT_ARTEFACT].number = artefact;
}

void nsky_cone_cells(nsky_cell cells[NSKY_CONE_COLUMNS], const nsky_cone_hit *hit)
{
    nsky_object_cells(cells, nsky_cone_columns, NSKY_CONE_COLUMNS, &hit->object);
    cells[CONE_SEPARATION].number = hit->separation_arcsec;
}
