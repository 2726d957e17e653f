/* task.c - see task.h. */
#include "eval/task.h"

nsky_task nsky_task_defaults(void)
{
    return (nsky_task){
        .seed = 1,
        .draws = 10,
        .morphology_draws = 5,
        .neighbours = 10,
        .queries = 200,
        .classes = {"elliptical", "spiral", "barred", "ring", "edge-on", "merger", "irregular"},
        .class_count = 7,
        .lens_labels = {20, 100, 300},
        .lens_budgets = 3,
        .morphology_labels = {100, 1000},
        .morphology_budgets = 2,
    };
}
