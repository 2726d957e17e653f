/* plot.h - the curves of a training, from its log to a picture that stands alone.
 *
 * The log is JSON lines, {"step", "epoch", "loss", "lr", "pairs_per_s", "seconds", "probe":
 * {"knn_accuracy"}}, any of them but step absent or null. Lines that are anything else are counted
 * and left out: a log may end in the middle of one, and may have been carried on behind it. Steps
 * may come again (training was resumed from an earlier checkpoint): their values are averaged.
 * Memory does not grow with the log. Thread rule: any thread.
 */
#ifndef NSKY_TRAIN_PLOT_H
#define NSKY_TRAIN_PLOT_H

#include <stdint.h>

#include "common/error.h"

#define NSKY_PLOT_LINE_MAX 65536u /* bytes; longer ones are no records */
#define NSKY_PLOT_TITLE_MAX 200u  /* bytes */

typedef struct nsky_plot_report {
    uint64_t records, skipped; /* lines; empty ones are neither */
} nsky_plot_report;

/*
 * Writes an SVG (replaced atomically) with panels for loss, kNN accuracy and learning rate, as far
 * as the log has them; it follows the reader's light or dark preference. title: any text, cut at
 * NSKY_PLOT_TITLE_MAX; NULL: the log's name. report may be NULL.
 * NSKY_EDATA   not one line is a record
 * NSKY_EIO     the log cannot be read
 */
NSKY_MUST_CHECK nsky_status nsky_train_plot(const char *log_path, const char *svg_path,
                                            const char *title, nsky_plot_report *report,
                                            nsky_error *err);

#endif
