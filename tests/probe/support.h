/* support.h - synthetic problems for the tests of this room. */
#ifndef NSKY_TEST_PROBE_SUPPORT_H
#define NSKY_TEST_PROBE_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/rng.h"

typedef struct problem {
    uint32_t n, dim, classes;
    float *x;
    uint32_t *label;
    double *number; /* a noisy linear function of x */
} problem;

/* Row i is of class i % stride where that is a class, else of class 0; classes lie `apart` from
 * each other. */
static inline problem make_problem(uint32_t n, uint32_t dim, uint32_t classes, uint32_t stride,
                                   double apart, uint64_t seed)
{
    nsky_error err = NSKY_ERROR_INIT;
    problem p = {.n = n,
                 .dim = dim,
                 .classes = classes,
                 .x = nsky_alloc((size_t)n * dim, sizeof *p.x, &err),
                 .label = nsky_alloc(n, sizeof *p.label, &err),
                 .number = nsky_alloc(n, sizeof *p.number, &err)};
    assert_true(p.x && p.label && p.number);
    for (uint32_t i = 0; i < n; i++) {
        nsky_rng rng = nsky_rng_at(seed, 1, i);
        p.label[i] = i % stride < classes ? i % stride : 0;
        p.number[i] = 0.1 * nsky_rng_normal(&rng);
        for (uint32_t j = 0; j < dim; j++) {
            nsky_rng centre = nsky_rng_at(99, 2 + p.label[i], j);
            double spread = pow(1 + j, -0.5);
            double value = spread * (nsky_rng_normal(&rng) + apart * nsky_rng_normal(&centre));
            p.x[(size_t)i * dim + j] = (float)value;
            p.number[i] += value * cos(j);
        }
    }
    return p;
}

static inline void free_problem(problem *p)
{
    nsky_free(p->x);
    nsky_free(p->label);
    nsky_free(p->number);
}

#endif
