/* train_private.h (private) - what train_network.c, train_plan.c and train_layers.c share.
 * Thread rule: see train_network.h. */
#ifndef NSKY_CUDA_TRAIN_PRIVATE_H
#define NSKY_CUDA_TRAIN_PRIVATE_H

#include "encoder/cuda/kernels_train.h"
#include "encoder/cuda/train_network.h"

/* Of an image's convolution. */
typedef struct nsky_train_convs {
    nsky_dev_conv *forward, *data_back, *weight_back; /* NULL: not needed */
    size_t weight_at;                                 /* its place among the weights, numbers */
} nsky_train_convs;

struct nsky_train_net {
    nsky_dev *dev;
    const nsky_train_graph *graph;
    uint32_t batch;
    bool learns;
    /* SUMs that the batch norm before them does on the way: [op] of the norm, or
     * NSKY_TRAIN_NONE; such a norm writes the sum's value, its own exists nowhere. */
    uint32_t sum_of[NSKY_TRAIN_OPS_MAX];
    bool done_before[NSKY_TRAIN_OPS_MAX]; /* [op] of the sum */
    nsky_rows values[NSKY_TRAIN_OPS_MAX + 1];
    nsky_rows gradients[NSKY_TRAIN_OPS_MAX + 1]; /* at NULL: none */
    void *extra[NSKY_TRAIN_OPS_MAX]; /* a convolution's share of a derivative that has others */
    bool more[NSKY_TRAIN_OPS_MAX], more_add[NSKY_TRAIN_OPS_MAX]; /* it is added to what is there */
    nsky_train_convs convs[NSKY_TRAIN_OPS_MAX];
    char *block; /* device: activations and derivatives */
    size_t block_bytes;
    uint16_t *weights;   /* device: of convolutions, bf16 */
    uint16_t *d_weight;  /* device: of the one under way */
    void *workspace;     /* device: of convolutions, which run one after another */
    float *sums;         /* device: of batch norms, by chunks */
    float *stats;        /* device: [stat_floats] */
    float *inverse;      /* device: 1 / sigma at a norm's offset */
    float *d_params;     /* device: [param_floats] of the last backward */
    float *out;          /* device: [batch, c', h', w'] */
    const float *params; /* device, borrowed: of the last load */
};

/* --- train_plan.c: where everything lies --- */
/* Fills sum_of, done_before, more, more_add; values, gradients and extra with offsets from NULL. */
NSKY_MUST_CHECK nsky_status nsky_train_plan(nsky_train_net *net, nsky_error *err);
/* The value that a norm writes. */
uint32_t nsky_train_norm_out(const nsky_train_net *net, uint32_t op);
/* An image's convolution, cuDNN's; else it is a linear layer of float32. */
bool nsky_train_is_image_conv(const nsky_train_net *net, const nsky_train_op *op);

/* --- train_layers.c --- */
NSKY_MUST_CHECK nsky_status nsky_train_op_forward(nsky_train_net *net, uint32_t op,
                                                  nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_train_op_backward(nsky_train_net *net, uint32_t op,
                                                   nsky_error *err);

/* Products of matrices that lie row by row, in one split, without a bias. */
/* out [m, n] = a [m, k] times b [n, k] transposed */
static inline nsky_matrix_args nsky_product_abt(const float *a, const float *b, float *out,
                                                uint32_t m, uint32_t n, uint32_t k)
{
    return (nsky_matrix_args){.a = a,
                              .b = b,
                              .out = out,
                              .m = m,
                              .n = n,
                              .k = k,
                              .splits = 1,
                              .a_row = k,
                              .a_column = 1,
                              .b_row = 1,
                              .b_column = k};
}

/* out [m, n] = a [m, k] times b [k, n] */
static inline nsky_matrix_args nsky_product_ab(const float *a, const float *b, float *out,
                                               uint32_t m, uint32_t n, uint32_t k)
{
    nsky_matrix_args args = nsky_product_abt(a, b, out, m, n, k);

    args.b_row = n;
    args.b_column = 1;
    return args;
}

/* out [m, n] = a [k, m] transposed, times b [k, n] */
static inline nsky_matrix_args nsky_product_atb(const float *a, const float *b, float *out,
                                                uint32_t m, uint32_t n, uint32_t k)
{
    nsky_matrix_args args = nsky_product_ab(a, b, out, m, n, k);

    args.a_row = 1;
    args.a_column = m;
    return args;
}

/* NSKY_OK, or what launching nsky_launch_NAME returned, in words. */
#define NSKY_TRAIN_LAUNCH(dev, name, args, err)                                                    \
    nsky_dev_check((dev), nsky_launch_##name((args), nsky_dev_stream((dev), NSKY_STREAM_COMPUTE)), \
                   #name, (err))

#endif
