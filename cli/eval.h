/* eval.h - private: what `nsky eval` was asked, and the columns it makes of that. */
#ifndef NSKY_CLI_EVAL_H
#define NSKY_CLI_EVAL_H

#include <stdbool.h>

#include "eval/makers.h"
#include "eval/scoreboard.h"

#define NSKY_EVAL_MODELS_MAX 16

enum nsky_baseline {
    NSKY_BASELINE_CATALOGUE,
    NSKY_BASELINE_PIXELS,
    NSKY_BASELINE_HANDMADE,
    NSKY_BASELINE_RANDOM,
    NSKY_BASELINES
};

typedef struct nsky_eval_arguments {
    const char *labels, *out;
    const char *models[NSKY_EVAL_MODELS_MAX];
    uint32_t model_count, generation, replicates, whiten;
    bool baseline[NSKY_BASELINES];
    bool views, no_store, json, everything;
    unsigned tasks;
    char classes[1024]; /* task.classes point into it */
    nsky_task task;
    nsky_encoder_options encoder;
} nsky_eval_arguments;

/* The store, the models, their ablations, the baselines. */
NSKY_MUST_CHECK nsky_status nsky_eval_columns(nsky_board *board, const nsky_eval_arguments *args,
                                              const nsky_stamp_source *source, nsky_error *err);

#endif
