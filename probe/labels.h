/* labels.h - whose label is what: tables of labels matched to the rows of a survey.
 *
 * A label file is CSV, TSV, a FITS table or a VOTable with a column of labels and one that tells
 * whose they are: `id`, else `name`, else `ra` and `dec` (degrees or sexagesimal; the nearest
 * object within a radius). Errors name the file's lines (rows of a FITS table or a VOTable). Thread
 * rule: one thread; read-only once made.
 */
#ifndef NSKY_PROBE_LABELS_H
#define NSKY_PROBE_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "probe/classifier.h"
#include "store/survey.h"

#define NSKY_CLASS_BYTES 64
#define NSKY_LABEL_RADIUS_ARCSEC 1.5
#define NSKY_NEGATIVE "other" /* what is not the class asked for */

typedef struct nsky_label {
    uint64_t row, id;
    uint32_t class; /* of names; 0 for numbers */
    double value;   /* of numbers */
    uint64_t line;  /* 0: from no file */
    bool drawn;     /* from the survey as background: nobody looked at it */
} nsky_label;

typedef struct nsky_labels {
    nsky_label *items; /* [count], in ascending row */
    uint32_t count, capacity;
    char (*names)[NSKY_CLASS_BYTES]; /* [classes]; with `positive` asked for: {"other", positive} */
    uint32_t classes;
    /* passed over, and said so: */
    uint32_t unlabelled; /* an empty label */
    uint32_t
        unmatched;     /* a position where there is no object; with allow_missing also ids, names */
    uint32_t repeated; /* the same label of the same object again */
} nsky_labels;

typedef struct nsky_label_options {
    const char *column;   /* "label" where NULL */
    bool numbers;         /* labels are values to estimate, not classes */
    const char *positive; /* this class against all others; NULL: classes as they are */
    double radius_arcsec; /* 0: NSKY_LABEL_RADIUS_ARCSEC */
    bool allow_missing;   /* objects that the survey has not are passed over */
} nsky_label_options;

/*
 * NSKY_EDATA   no such column, nothing that tells whose labels they are, objects not in the survey,
 *              labels that are no numbers or not finite, two labels of one object: the text names
 *              the first lines and says how many there are
 * NSKY_EINVAL  no label left, or one class only
 * NSKY_ELIMIT  more than NSKY_LABELS_MAX rows or NSKY_CLASSES_MAX classes
 */
NSKY_MUST_CHECK nsky_status nsky_labels_read(nsky_labels **out, const char *path,
                                             nsky_survey *survey, const nsky_label_options *options,
                                             nsky_error *err);

/* One object that somebody labelled. */
typedef struct nsky_example {
    uint64_t id;
    uint32_t class; /* of names */
    double value;   /* of numbers, finite */
} nsky_example;

/* names [classes]; NULL: numbers. The order of classes is that of their names, but of two, which
 * stay as they are. NSKY_EINVAL names ids that are unknown or have two labels. */
NSKY_MUST_CHECK nsky_status nsky_labels_of_examples(nsky_labels **out, nsky_survey *survey,
                                                    char (*names)[NSKY_CLASS_BYTES],
                                                    uint32_t classes, const nsky_example *examples,
                                                    uint32_t count, nsky_error *err);
/* Class 1 (`positive`'s name) and class 0; negative may be empty. As above. */
NSKY_MUST_CHECK nsky_status nsky_labels_of_ids(nsky_labels **out, nsky_survey *survey,
                                               const char *positive_name, const uint64_t *positive,
                                               uint32_t positive_count, const uint64_t *negative,
                                               uint32_t negative_count, nsky_error *err);
/* Numbers of a column of the catalogue, of up to `most` objects that have one, among
 * NSKY_COLUMN_ROWS spread over the survey in runs (sample.h). NSKY_EINVAL: no such column of
 * numbers, or nobody has one. */
#define NSKY_COLUMN_ROWS 200000
NSKY_MUST_CHECK nsky_status nsky_labels_of_column(nsky_labels **out, nsky_survey *survey,
                                                  const char *column, uint32_t most,
                                                  nsky_error *err);

/* Classes in the order of their names; those without a label are dropped. */
NSKY_MUST_CHECK nsky_status nsky_labels_order_classes(nsky_labels *labels, nsky_error *err);
/* Adds a row that has no label yet. NSKY_EEXIST where it has one. */
NSKY_MUST_CHECK nsky_status nsky_labels_add(nsky_labels *labels, const nsky_label *label,
                                            nsky_error *err);
/* Sorts by row after additions, so that nsky_labels_find works. */
void nsky_labels_sort(nsky_labels *labels);
const nsky_label *nsky_labels_find(const nsky_labels *labels, uint64_t row); /* or NULL */
void nsky_labels_free(nsky_labels *labels);                                  /* NULL is a no-op */

#endif
