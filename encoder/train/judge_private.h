/* judge_private.h (private) - what judge.c and judge_table.c share. Thread rule: one thread. */
#ifndef NSKY_TRAIN_JUDGE_PRIVATE_H
#define NSKY_TRAIN_JUDGE_PRIVATE_H

#include "encoder/train/heads.h"
#include "encoder/train/judge.h"

struct nsky_judge {
    const nsky_backend_ops *ops;
    nsky_loader *loader;
    nsky_judge_head heads[NSKY_HEADS_MAX];
    uint32_t count, outputs; /* outputs: of all heads */
    bool scaled;
    nsky_graph *graph;
    void *state;
    uint32_t batch;
    float *images, *features;
    double *shares; /* [batch, outputs]: of a head that is a number, its output itself */
};

/* Shares of `count` rows of the loader, which are rows[i], or first + i where rows is NULL. */
NSKY_MUST_CHECK nsky_status nsky_judge_run(nsky_judge *judge, const nsky_label *rows,
                                           uint64_t first, uint32_t count, nsky_error *err);
/* The largest of shares [count], the first of equals. */
uint32_t nsky_judge_likeliest(const double *shares, uint32_t count);

#endif
