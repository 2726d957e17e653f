/* check.h - nearsky-gpu-check: the CUDA back end alone, for a bare machine with a card: nvcc and
 * cuDNN, and none of the libraries that the rest of nearsky needs. scripts/gpu-check runs it.
 *
 * Weights come as one file of float32: for each convolution, in nsky_arch_convs' order, its weights
 * and its batch norm's four vectors (bench/gpu/weights.py writes it). Thread rule: one thread, but
 * where a function says so. */
#ifndef NSKY_GPU_CHECK_H
#define NSKY_GPU_CHECK_H

#include "encoder/backend.h"

#define CHECK_STAMP_SIDE 152u

/* What each command takes. */
typedef struct check_args {
    nsky_arch arch;
    uint32_t size, batch; /* batch 0: the back end's choice */
    nsky_precision precision;
    double seconds;
    uint32_t count, threads; /* stamps; fillers of slots */
    uint32_t rank, ranks;    /* rank 1 to ranks */
    const char *folder;      /* where ranks meet */
} check_args;

/* main.c: nsky_precision_name lives in a file that this program does without. */
const char *check_precision_name(nsky_precision precision);

/* weights.c: a model out of the file. It stands in for encoder/model.c, which needs cJSON. */
nsky_status check_model_open(nsky_model **out, const check_args *args, const char *path,
                             nsky_error *err);

/* stamps.c: galaxies of many shapes; every few of another size, scale, or with missing pixels
 * unless plain. */
nsky_status check_stamp_new(nsky_stamp **out, uint32_t number, bool plain, nsky_error *err);

/* int8.c: the graph's scales, by the oracle from stamps that no check embeds. */
nsky_status check_calibrate(nsky_graph *graph, const nsky_preprocess *how, nsky_error *err);

/* Each prints one line of JSON on stdout and returns NSKY_OK, or NSKY_EMISMATCH where the card
 * disagrees with the oracle. */
nsky_status check_layers(const nsky_graph *graph, const check_args *args, nsky_error *err);
nsky_status check_vectors(const nsky_graph *graph, const nsky_preprocess *how,
                          const check_args *args, nsky_error *err);
nsky_status check_views(const nsky_preprocess *how, const check_args *args, nsky_error *err);
nsky_status check_speed(const nsky_graph *graph, const nsky_preprocess *how, const check_args *args,
                        nsky_error *err);
/* train.c: a step of training, layer by layer against plain sums; and steps a second with 65536
 * negatives, one view a query and the other its key. Weights are drawn. */
nsky_status check_train_layers(const check_args *args, nsky_error *err);
nsky_status check_train_speed(const check_args *args, nsky_error *err);
/* steps.c: steps whose views are made on the card against those with the CPU's views, and recorded
 * ones against plain ones. */
nsky_status check_train_steps(const check_args *args, nsky_error *err);
/* A step by one of several ranks, each in a process with a card of its own; compared with that of
 * ranks=1, which was run with the same folder before. */
nsky_status check_train_ranks(const check_args *args, nsky_error *err);
/* labels.c: a step from labels of several heads. */
nsky_status check_labels(const check_args *args, nsky_error *err);

#endif
