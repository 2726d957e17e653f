/* logistic.c - see logistic.h. */
#include "probe/logistic.h"

#include <assert.h>
#include <linear.h>
#include <pthread.h>
#include <string.h>

#include "common/memory.h"

struct nsky_design {
    uint32_t n, dim;
    struct feature_node *nodes; /* [n, dim + 2]: numbers, the constant, the end */
};

static void say_nothing(const char *text)
{
    (void)text;
}

/* LIBLINEAR would print to stdout, where data goes. */
static void silence(void)
{
    set_print_string_function(say_nothing);
}

nsky_status nsky_design_new(nsky_design **out, const double *x, uint32_t n, uint32_t dim,
                            nsky_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    nsky_design *design = nsky_alloc_zero(1, sizeof *design, err);

    pthread_once(&once, silence);
    *out = NULL;
    if (!design)
        return err->status;
    design->n = n;
    design->dim = dim;
    design->nodes = nsky_alloc((size_t)n * (dim + 2), sizeof *design->nodes, err);
    if (!design->nodes) {
        nsky_free(design);
        return err->status;
    }
    for (size_t i = 0; i < n; i++) {
        struct feature_node *row = design->nodes + i * (dim + 2);
        for (uint32_t j = 0; j < dim; j++)
            row[j] = (struct feature_node){(int)j + 1, x[i * dim + j]};
        row[dim] = (struct feature_node){(int)dim + 1, 1};
        row[dim + 1] = (struct feature_node){-1, 0};
    }
    *out = design;
    return NSKY_OK;
}

void nsky_design_free(nsky_design *design)
{
    if (!design)
        return;
    nsky_free(design->nodes);
    nsky_free(design);
}

/* The rows of the fit, by pointer. */
static void gather(const nsky_design *design, const uint8_t *positive, const uint32_t *fold,
                   uint32_t out_of, struct problem *problem, uint32_t counts[2])
{
    assert(problem->x && problem->y);
    counts[0] = counts[1] = 0;
    problem->l = 0;
    problem->n = (int)design->dim + 1;
    problem->bias = 1;
    for (uint32_t i = 0; i < design->n; i++) {
        if (fold && fold[i] == out_of)
            continue;
        counts[positive[i] != 0]++;
        problem->y[problem->l] = positive[i] ? 1 : -1;
        problem->x[problem->l++] = design->nodes + (size_t)i * (design->dim + 2);
    }
}

nsky_status nsky_logistic_fit(const nsky_design *design, const uint8_t *positive,
                              const uint32_t *fold, uint32_t out_of, double c, double tolerance,
                              double *w, nsky_error *err)
{
    assert(design && positive && w && err && c > 0);
    struct problem problem = {.x = nsky_alloc(design->n, sizeof *problem.x, err),
                              .y = nsky_alloc(design->n, sizeof *problem.y, err)};
    int labels[2] = {1, -1};
    double weights[2];
    uint32_t counts[2];
    nsky_status status = problem.x && problem.y ? NSKY_OK : err->status;

    if (status == NSKY_OK) {
        gather(design, positive, fold, out_of, &problem, counts);
        assert(counts[0] > 0 && counts[1] > 0);
        weights[0] = problem.l / (2.0 * counts[1]);
        weights[1] = problem.l / (2.0 * counts[0]);
        struct parameter parameter = {.solver_type = L2R_LR,
                                      .eps = tolerance,
                                      .C = c,
                                      .nr_weight = 2,
                                      .weight_label = labels,
                                      .weight = weights,
                                      .init_sol = w};
        struct model *model = train(&problem, &parameter);
        /* For labels +1 and -1 LIBLINEAR's first class is +1, whatever comes first. */
        assert(model && model->nr_class == 2 && model->label[0] == 1);
        memcpy(w, model->w, (design->dim + 1) * sizeof *w);
        free_and_destroy_model(&model);
    }
    nsky_free(problem.x);
    nsky_free(problem.y);
    return status;
}
