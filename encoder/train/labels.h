/* labels.h (private) - what people (or a simulator) say of objects: a CSV with a column of labels
 * and one of ids or names, matched to the rows of a loader. Thread rule: read-only once open. */
#ifndef NSKY_TRAIN_LABELS_H
#define NSKY_TRAIN_LABELS_H

#include <stdint.h>

#include "common/error.h"
#include "encoder/train/loader.h"

#define NSKY_LABELS_CLASSES_MAX 4096u

typedef struct nsky_label {
    uint64_t row; /* of the loader */
    const char *text;
} nsky_label;

typedef struct nsky_train_labels {
    nsky_label *labels; /* ascending rows, each once */
    uint64_t count;
    uint64_t unmatched; /* objects of the file that are in no store */
    char *texts;
} nsky_train_labels;

/*
 * Rows whose label is empty are passed over, but where `empties` makes labels of them too. An
 * object is known by its id where the file has that column, else by its name. NSKY_EINVAL  no such
 * column, neither id nor name, or nothing matches NSKY_EDATA   damaged, or an object labelled
 * twice, differently
 */
NSKY_MUST_CHECK nsky_status nsky_train_labels_open(nsky_train_labels *out, const char *path,
                                                   const char *column, bool empties,
                                                   nsky_loader *loader, nsky_error *err);
void nsky_train_labels_close(nsky_train_labels *labels); /* zeroed is a no-op */

/* Class numbers by sorted text: classes [count] of labels, names [*class_count] borrowed; the
 * caller frees both arrays with nsky_free. NSKY_ELIMIT: more than NSKY_LABELS_CLASSES_MAX. */
NSKY_MUST_CHECK nsky_status nsky_train_labels_classes(const nsky_train_labels *labels,
                                                      uint32_t **classes, const char ***names,
                                                      uint32_t *class_count, nsky_error *err);

#endif
