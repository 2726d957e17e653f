/* report.c - the scoreboard for programs; the keys are a promise, docs/eval.md lists them. */
#include "common/version.h"
#include "eval/scoreboard.h"

static nsky_json *labels_json(const nsky_truth *truth, const char *path)
{
    nsky_json *labels = nsky_json_object(), *classes = nsky_json_object();
    uint32_t lenses = 0, lookalikes = 0, redshifts = 0;

    for (uint32_t c = 0; c < truth->class_count; c++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < truth->n; i++)
            count += truth->objects[i].class == c;
        nsky_json_put_integer(classes, truth->classes[c], count);
    }
    for (uint32_t i = 0; i < truth->n; i++) {
        lenses += truth->objects[i].lens == NSKY_IS_LENS;
        lookalikes += truth->objects[i].lookalike;
        redshifts += truth->objects[i].z_spec == truth->objects[i].z_spec; /* not NaN */
    }
    nsky_json_put_string(labels, "path", path);
    nsky_json_put_integer(labels, "lines", truth->lines);
    nsky_json_put_integer(labels, "not_in_store", truth->unmatched);
    nsky_json_put_integer(labels, "objects", truth->n);
    nsky_json_put_integer(labels, "groups", truth->groups);
    nsky_json_put_integer(labels, "lenses", lenses);
    nsky_json_put_integer(labels, "lookalikes", lookalikes);
    nsky_json_put_integer(labels, "redshifts", redshifts);
    nsky_json_put(labels, "classes", classes);
    return labels;
}

static nsky_json *options_json(const nsky_task *task)
{
    nsky_json *options = nsky_json_object(), *classes = nsky_json_array();

    for (uint32_t c = 0; c < task->class_count; c++)
        nsky_json_append_string(classes, task->classes[c]);
    nsky_json_put_id(options, "seed", task->seed);
    nsky_json_put_integer(options, "lens_draws", task->draws);
    nsky_json_put_integer(options, "morphology_draws", task->morphology_draws);
    nsky_json_put_integer(options, "replicates", task->bootstrap->replicates);
    nsky_json_put_integer(options, "queries_per_class_max", task->queries);
    nsky_json_put_integer(options, "neighbours", task->neighbours);
    nsky_json_put(options, "morphology_classes", classes);
    return options;
}

static nsky_json *column_json(const nsky_board_column *column)
{
    nsky_json *model = nsky_json_object(), *scores = nsky_json_object();

    for (uint32_t i = 0; i < column->scores.count; i++) {
        const nsky_score *score = &column->scores.list[i];
        nsky_json *one = nsky_json_object();
        nsky_json_put_fixed(one, "value", score->number.value, 5);
        nsky_json_put_fixed(one, "low", score->number.low, 5);
        nsky_json_put_fixed(one, "high", score->number.high, 5);
        nsky_json_put_integer(one, "n", score->n);
        nsky_json_put(scores, score->key, one);
    }
    nsky_json_put_string(model, "name", column->name);
    nsky_json_put_string(model, "about", column->about);
    nsky_json_put_integer(model, "dim", column->dim);
    nsky_json_put_integer(model, "blank", column->blank);
    nsky_json_put(model, "scores", scores);
    return model;
}

nsky_json *nsky_board_json(const nsky_board *board, const nsky_task *task, const char *store,
                           const char *labels)
{
    nsky_json *root = nsky_json_object(), *models = nsky_json_array(),
              *skipped = nsky_json_object();

    for (uint32_t c = 0; c < board->count; c++)
        nsky_json_append(models, column_json(&board->columns[c]));
    for (int which = 0; which < NSKY_TASKS; which++)
        if (board->skipped[which][0])
            nsky_json_put_string(skipped, nsky_task_names[which], board->skipped[which]);
    nsky_json_put_string(root, "kind", "nearsky scoreboard");
    nsky_json_put_integer(root, "format", NSKY_EVAL_FORMAT);
    nsky_json_put_string(root, "created_by", nsky_version());
    nsky_json_put_string(root, "store", store);
    nsky_json_put(root, "labels", labels_json(task->truth, labels));
    nsky_json_put(root, "options", options_json(task));
    nsky_json_put(root, "skipped", skipped);
    nsky_json_put(root, "models", models);
    return root;
}
