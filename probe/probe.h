/* probe.h - a probe: directions in the space of one model's vectors, and all that says what they
 * are worth. A small JSON file, portable, read as if a stranger had written it.
 *
 * score = weights . x + bias of the stored vector x; higher is more likely, or the estimate itself.
 * Thread rule: one thread makes it; read-only after, any thread.
 */
#ifndef NSKY_PROBE_H
#define NSKY_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "probe/calibrate.h"
#include "probe/labels.h"

#define NSKY_PROBE_FORMAT 1
#define NSKY_PROBE_BYTES_MAX ((size_t)64 << 20)
#define NSKY_PROBE_DIM_MAX 65536

typedef enum nsky_probe_kind {
    NSKY_PROBE_BINARY,     /* class 1 against class 0: one output */
    NSKY_PROBE_CLASSES,    /* an output for each class against the rest */
    NSKY_PROBE_REGRESSION, /* one output: a number */
} nsky_probe_kind;

typedef struct nsky_probe {
    char name[NSKY_CLASS_BYTES];
    nsky_probe_kind kind;
    char target[NSKY_CLASS_BYTES]; /* the column it learned from */
    uint32_t dim, classes, outputs;
    char (*names)[NSKY_CLASS_BYTES]; /* [classes] */

    /* whose vectors */
    char model_name[128], model_sha256[65], preprocess_sha256[65];
    uint32_t generation; /* it was trained on; others of the same model will do */

    float *weights, *bias;         /* [outputs, dim], [outputs] */
    nsky_calibration *calibration; /* [outputs], or NULL: too few labels, or a regression */
    char prevalence_source[32];    /* "labels", "stated", "estimated" */

    /* how far out a vector lies: mean of ((x - mean) / spread)^2, in units of what 99% of the
     * labelled ones stay below */
    float *mean, *spread; /* [dim] */
    double novelty_unit;

    uint32_t label_count;
    nsky_label *labels;  /* [label_count]: id, class, value; and row where rows_known */
    bool rows_known;     /* just trained: labels are in ascending row */
    uint32_t background; /* how many of them were drawn and taken for class 0 */
    nsky_json *method;   /* {name, c, folds, ...}, or NULL */
    nsky_json *metrics;  /* as measured on rows held out, or NULL */
    char created_by[128];
} nsky_probe;

NSKY_MUST_CHECK nsky_status nsky_probe_new(nsky_probe **out, nsky_probe_kind kind, uint32_t dim,
                                           uint32_t classes, nsky_error *err);
void nsky_probe_free(nsky_probe *probe); /* NULL is a no-op */

/* NSKY_EDATA names what is wrong with it, NSKY_EMISMATCH a newer format. */
NSKY_MUST_CHECK nsky_status nsky_probe_read(nsky_probe **out, const char *path, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_probe_parse(nsky_probe **out, const char *text, size_t bytes,
                                             const char *what, nsky_error *err);
/* All of it; with_labels false leaves out whose labels it learned from. The caller frees. */
nsky_json *nsky_probe_json(const nsky_probe *probe, bool with_labels);
NSKY_MUST_CHECK nsky_status nsky_probe_write(const nsky_probe *probe, const char *path,
                                             nsky_error *err);

/* NSKY_EMISMATCH: the vectors of this manifest are another model's, or were prepared otherwise. */
NSKY_MUST_CHECK nsky_status nsky_probe_check(const nsky_probe *probe, const nsky_json *manifest,
                                             nsky_error *err);
/* The output that speaks of a class: NULL: the only one, or NSKY_EINVAL naming the classes. */
NSKY_MUST_CHECK nsky_status nsky_probe_output(const nsky_probe *probe, const char *class,
                                              uint32_t *out, nsky_error *err);
/* NaN where there is no calibration. */
double nsky_probe_probability(const nsky_probe *probe, uint32_t output, double score);
/* Above 1: further out than 99% of what it learned from. */
double nsky_probe_novelty(const nsky_probe *probe, const float *x);
const char *nsky_probe_kind_name(nsky_probe_kind kind);

#endif
