/* calibrate.h - a model made ready for int8: its scales, measured on stamps of a store. */
#ifndef NSKY_CALIBRATE_H
#define NSKY_CALIBRATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/hash.h"

#define NSKY_CALIBRATE_STAMPS 256u /* where nobody says otherwise */
#define NSKY_CALIBRATE_STAMPS_MAX 65536u

typedef struct nsky_calibrate_options {
    uint32_t stamps;    /* spread evenly over the store's rows; all of them where it has fewer */
    const char *device; /* "auto", "cpu", "ref": the network runs in float32 */
    const atomic_bool *stop; /* may be NULL */
} nsky_calibrate_options;

typedef struct nsky_calibrate_report {
    uint64_t stamps, left_out;          /* measured on; could not be prepared */
    char sha256[NSKY_SHA256_HEX_BYTES]; /* of the file written */
} nsky_calibrate_report;

/*
 * Writes the weights of `model` (a path, or "random...") with int8's scales to `out`. The same
 * store, model and machine give the same file. Not beside other threads of this process.
 * NSKY_ENOTFOUND  no store, or an empty one
 * NSKY_EDATA      none of the stamps can be prepared, or what the network makes of them is not
 * finite NSKY_ECANCELLED stopped; nothing was written
 */
NSKY_MUST_CHECK nsky_status nsky_calibrate_survey(const char *store, const char *model,
                                                  const char *out,
                                                  const nsky_calibrate_options *options,
                                                  nsky_calibrate_report *report, nsky_error *err);

#endif
