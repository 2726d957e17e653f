/* train.h - labels and a survey's vectors to a probe.
 *
 * Order of work: negatives drawn from the survey where asked for, the fit, scores of rows held out,
 * metrics and calibration on those, the prevalence. Same input, same probe, for any number of
 * threads. Thread rule: blocks; the search may serve others meanwhile.
 */
#ifndef NSKY_PROBE_TRAIN_H
#define NSKY_PROBE_TRAIN_H

#include "index/search.h"
#include "probe/probe.h"

#define NSKY_PREVALENCE_ROWS 200000 /* of the survey that the prevalence is estimated from */

typedef struct nsky_train_options {
    const char *name;   /* of the probe */
    const char *target; /* the column it learned from */
    bool regression;
    nsky_probe_method method;
    double c; /* 0: by cross-validation */
    uint32_t folds, threads;
    uint64_t seed;
    uint32_t background;   /* rows drawn from the survey as class 0; known ones are left out */
    bool match_background; /* alike in magnitude and colours to the positives */
    /* Of probabilities (two classes): 0: the labels' share weighed with what the scores of the rest
     * of the survey say (nsky_probe_estimate_prevalence); NaN: the labels'. */
    double prevalence;
    uint32_t replicates; /* of bootstrap intervals; 0: 1000 */
} nsky_train_options;

/*
 * Labels of rows without a vector are dropped from labels; background rows are added.
 * NSKY_EINVAL  one class only: the remedy is named; nothing left to learn from
 */
NSKY_MUST_CHECK nsky_status nsky_probe_train(nsky_probe **out, const nsky_search *search,
                                             nsky_survey *survey, nsky_labels *labels,
                                             const nsky_train_options *options, nsky_error *err);

/* Shifts a binary probe's probabilities to the prevalence that the survey's scores speak of,
 * weighed with the present one by their errors. Nothing changes with fewer than
 * NSKY_PREVALENCE_POSITIVES positive labels behind the calibration; otherwise prevalence_source
 * becomes "estimated". */
#define NSKY_PREVALENCE_POSITIVES 50
NSKY_MUST_CHECK nsky_status nsky_probe_estimate_prevalence(nsky_probe *probe,
                                                           const nsky_search *search,
                                                           nsky_error *err);
/* To a stated one, in (0, 1). */
void nsky_probe_state_prevalence(nsky_probe *probe, double prevalence);

/* --- background.c --- */
/* Adds options->background rows as class 0, drawn by seed. NSKY_EINVAL: not so many there. */
NSKY_MUST_CHECK nsky_status nsky_background_draw(nsky_labels *labels, const nsky_search *search,
                                                 nsky_survey *survey,
                                                 const nsky_train_options *options,
                                                 nsky_error *err);

#endif
