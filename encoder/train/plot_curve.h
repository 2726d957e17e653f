/* plot_curve.h (private) - a curve in bounded memory, and the panels drawn of curves.
 * Thread rule: one thread. */
#ifndef NSKY_TRAIN_PLOT_CURVE_H
#define NSKY_TRAIN_PLOT_CURVE_H

#include <stdio.h>

#include "encoder/train/plot.h"

#define NSKY_CURVE_BINS 1024u

/* Values by step: bins of `width` steps, which doubles whenever a step lies beyond the last. */
typedef struct nsky_curve {
    uint64_t width; /* 0: no values yet */
    struct {
        double steps, values, low, high; /* sums; extremes */
        uint64_t count;
    } bin[NSKY_CURVE_BINS];
    double last_step, last; /* the value with the largest step */
} nsky_curve;

/* step <= 2^53, value finite. */
void nsky_curve_add(nsky_curve *curve, uint64_t step, double value);

typedef struct nsky_panel {
    const char *title;
    const char *class_name; /* colour */
    const char *format;     /* of the last value */
    const nsky_curve *curve;
    double factor; /* from the log's values to those shown */
    uint32_t height;
    int smooth; /* bins the line averages over; 0: points are few, each is drawn */
} nsky_panel;

/* The whole picture; errors are those of the stream. */
void nsky_plot_svg(FILE *stream, const char *title, const char *subtitle, const nsky_panel *panels,
                   uint32_t count);

#endif
