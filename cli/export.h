/* export.h - private: what `nearsky export` was asked for, shared by its files. One thread. */
#ifndef NSKY_EXPORT_H
#define NSKY_EXPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "table/npy.h"
#include "table/table.h"

typedef struct nsky_export {
    const char *store;
    const char *out; /* NULL: standard output */
    nsky_table_format format;
    bool npy;             /* instead of format */
    nsky_npy_type values; /* of npy */
    bool comments;        /* in CSV */
    const atomic_bool *stop;
} nsky_export;

/* Every row of the catalogue, in its order. */
NSKY_MUST_CHECK nsky_status nsky_export_objects(const nsky_export *order, nsky_error *err);
/* The live generation's vectors: row n is row n of nsky_export_objects. */
NSKY_MUST_CHECK nsky_status nsky_export_vectors(const nsky_export *order, nsky_error *err);

#endif
