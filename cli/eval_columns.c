/* eval_columns.c - which columns the scoreboard gets, in which order. */
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"
#include "common/clock.h"
#include "common/log.h"
#include "eval/pca.h"

#define PIXEL_COMPONENTS 64
#define VIEWS 8
#define CHANGED_SAMPLE 500

/* "name+suffix", as much as fits. */
static void rename_column(nsky_features *features, const char *suffix)
{
    size_t length = strlen(features->name), room = sizeof features->name - strlen(suffix) - 1;

    length = length < room ? length : room;
    snprintf(features->name + length, sizeof features->name - length, "%s", suffix);
}

static nsky_status add_whitened(nsky_board *board, const nsky_eval_arguments *args,
                                const nsky_stamp_source *source, const nsky_features *features,
                                nsky_error *err)
{
    const double before = nsky_now_s();
    nsky_pca *pca = NULL;
    nsky_features *white = NULL;
    nsky_status status;

    if ((status = nsky_pca_fit(&pca, features, args->whiten, args->task.seed, err)) == NSKY_OK &&
        (status = nsky_pca_project(&white, pca, features, true, true, err)) == NSKY_OK) {
        nsky_features_normalise(white);
        white->seconds = nsky_now_s() - before;
        rename_column(white, "+w");
        status = nsky_board_add(board, &args->task, args->tasks, white, source->stop, err);
    }
    nsky_features_free(white);
    nsky_pca_free(pca);
    return status;
}

/* Takes the features; made: when they were begun. A model's also whitened, where asked. */
static nsky_status add(nsky_board *board, const nsky_eval_arguments *args,
                       const nsky_stamp_source *source, nsky_features *features, double begun_s,
                       bool model, nsky_error *err)
{
    features->seconds = nsky_now_s() - begun_s;
    nsky_log_info("%s: %u numbers of %u objects in %.1f s", features->name, features->dim,
                  features->n, features->seconds);
    nsky_status status =
        nsky_board_add(board, &args->task, args->tasks, features, source->stop, err);
    if (status == NSKY_OK && model && args->whiten)
        status = add_whitened(board, args, source, features, err);
    nsky_features_free(features);
    return status;
}

static nsky_status add_model(nsky_board *board, const nsky_eval_arguments *args,
                             const nsky_stamp_source *source, const char *model, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t views = 0; views <= (args->views ? VIEWS : 0) && status == NSKY_OK;
         views += VIEWS) {
        nsky_features *features = NULL;
        const double before = nsky_now_s();
        status = nsky_features_of_model(&features, source, model, &args->encoder, views, err);
        if (status != NSKY_OK)
            return status;
        if (views)
            rename_column(features, "+v");
        else if (args->tasks & 1u << NSKY_TASK_INVARIANCE)
            status = nsky_features_change(features, source, model, &args->encoder, CHANGED_SAMPLE,
                                          args->task.seed, err);
        if (status != NSKY_OK) {
            nsky_features_free(features);
            return status;
        }
        status = add(board, args, source, features, before, true, err);
    }
    return status;
}

static nsky_status add_baseline(nsky_board *board, const nsky_eval_arguments *args,
                                const nsky_stamp_source *source, int which, nsky_error *err)
{
    nsky_features *features = NULL;
    const double before = nsky_now_s();
    nsky_status status;

    switch (which) {
    case NSKY_BASELINE_CATALOGUE:
        status = nsky_features_catalogue(&features, source->truth, err);
        if (status == NSKY_ENOTFOUND) {
            nsky_log_warn("catalogue: left out: %s", err->text);
            return NSKY_OK;
        }
        break;
    case NSKY_BASELINE_PIXELS:
        status = nsky_features_pixels(&features, source, PIXEL_COMPONENTS, args->task.seed, err);
        break;
    case NSKY_BASELINE_HANDMADE:
        status = nsky_features_handmade(&features, source, err);
        break;
    default:
        status =
            nsky_features_of_model(&features, source, "random:resnet18:1", &args->encoder, 0, err);
        if (status == NSKY_OK)
            snprintf(features->name, sizeof features->name, "random");
    }
    return status == NSKY_OK ? add(board, args, source, features, before, false, err) : status;
}

nsky_status nsky_eval_columns(nsky_board *board, const nsky_eval_arguments *args,
                              const nsky_stamp_source *source, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    if (!args->no_store) {
        nsky_features *features = NULL;
        const double before = nsky_now_s();
        status =
            nsky_features_of_store(&features, source->truth, source->store, args->generation, err);
        if (status == NSKY_OK)
            status = add(board, args, source, features, before, true, err);
    }
    for (uint32_t m = 0; m < args->model_count && status == NSKY_OK; m++)
        status = add_model(board, args, source, args->models[m], err);
    for (int which = 0; which < NSKY_BASELINES && status == NSKY_OK; which++)
        if (args->baseline[which])
            status = add_baseline(board, args, source, which, err);
    return status;
}
