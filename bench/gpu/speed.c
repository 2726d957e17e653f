/* speed.c - stamps in memory to vectors in memory, threads filling slots as `nearsky embed` does:
 * how many a second, and how busy copies and computation were. Thread rule: threads of its own. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "bench/gpu/check.h"
#include "common/memory.h"
#include "encoder/cuda/cuda.h"

#define STAMPS 64u /* different ones; they come round again */
#define WARM_S 2.0
#define THREADS_MAX 256u

typedef struct load {
    void *state;
    nsky_stamp *stamps[STAMPS];
    uint32_t dim, rows; /* rows: of a batch */
    atomic_bool stop, failed;
    atomic_uint_fast64_t embedded;
} load;

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static nsky_status one_batch(load *l, uint32_t at, uint16_t *vectors, uint8_t *faults,
                             nsky_error *err)
{
    const nsky_slot_ops *ops = nsky_backend_cuda.slots;
    bool full = false;
    uint32_t put = 0;
    nsky_slot *slot;
    nsky_status status = ops->begin(l->state, &slot, err);

    if (status != NSKY_OK)
        return status;
    while (status == NSKY_OK && put < l->rows && !full) {
        status = ops->put(slot, l->stamps[(at + put) % STAMPS], &full, err);
        put += !full;
    }
    if (status == NSKY_OK)
        status = ops->run(slot, vectors, faults, err);
    if (status == NSKY_OK)
        atomic_fetch_add(&l->embedded, put);
    ops->end(slot);
    return status;
}

static void *fill(void *payload)
{
    load *l = payload;
    nsky_error err = NSKY_ERROR_INIT;
    uint16_t *vectors = nsky_alloc(l->rows, l->dim * sizeof *vectors, &err);
    uint8_t *faults = nsky_alloc(l->rows, 1, &err);
    nsky_status status = vectors && faults ? NSKY_OK : NSKY_ENOMEM;

    for (uint32_t at = 0; status == NSKY_OK && !l->stop; at++)
        status = one_batch(l, at, vectors, faults, &err);
    if (status != NSKY_OK) {
        fprintf(stderr, "%s\n", err.text);
        l->failed = true;
    }
    nsky_free(vectors);
    nsky_free(faults);
    return NULL;
}

static void sleep_s(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&t, NULL);
}

/* Multiply-adds of an image, and the bytes that its activations take once written and once read. */
static void count_work(const nsky_graph *graph, double *macs, double *bytes)
{
    *macs = *bytes = 0;
    for (uint32_t i = 0; i < graph->op_count; i++) {
        const nsky_op *op = &graph->ops[i];
        const nsky_value *in = &graph->values[op->in], *out = &graph->values[op->out];
        double pixels = (double)out->height * out->width * out->channels;
        if (op->kind == NSKY_OP_CONV)
            *macs += pixels * in->channels * op->kernel * op->kernel;
        *bytes += 2 * ((double)in->height * in->width * in->channels + pixels);
        if (op->add >= 0)
            *bytes += 2 * pixels;
    }
}

static void report(const load *l, const nsky_graph *graph, const check_args *args, uint32_t batch,
                   uint64_t embedded, double seconds, const nsky_slot_times *t)
{
    double macs, bytes, batches = (double)t->batches;

    count_work(graph, &macs, &bytes);
    printf(
        "{\"check\": \"speed\", \"arch\": \"%s\", \"size\": %u, \"precision\": \"%s\", \"batch\": "
        "%u, \"threads\": %u, \"stamps_per_s\": %.1f, \"compute_images_per_s\": %.1f, "
        "\"busy_copy_in\": %.3f, \"busy_compute\": %.3f, \"busy_copy_out\": %.3f, "
        "\"gflop_per_image\": %.4f, \"mb_per_image\": %.4f}\n",
        nsky_arch_name(args->arch), args->size, check_precision_name(args->precision), batch,
        args->threads, (double)embedded / seconds, batches * l->rows / t->compute_s,
        t->copy_in_s / seconds, t->compute_s / seconds, t->copy_out_s / seconds, 2 * macs / 1e9,
        bytes / 1e6);
}

static nsky_status measure(load *l, const nsky_graph *graph, const check_args *args, uint32_t batch,
                           nsky_error *err)
{
    const nsky_slot_ops *ops = nsky_backend_cuda.slots;
    pthread_t threads[THREADS_MAX];
    nsky_slot_times before, after;
    uint32_t started = 0;

    for (; started < args->threads && started < THREADS_MAX; started++)
        if (pthread_create(&threads[started], NULL, fill, l) != 0)
            break;
    sleep_s(WARM_S);
    ops->times(l->state, &before);
    uint64_t first = l->embedded;
    double start = now_s();
    sleep_s(args->seconds);
    ops->times(l->state, &after);
    uint64_t last = l->embedded;
    double seconds = now_s() - start;
    l->stop = true;
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    after.copy_in_s -= before.copy_in_s;
    after.compute_s -= before.compute_s;
    after.copy_out_s -= before.copy_out_s;
    after.batches -= before.batches;
    if (l->failed || started == 0 || after.batches == 0)
        return nsky_fail(err, NSKY_EDEVICE, "no batch was embedded in %.1f s", seconds);
    report(l, graph, args, batch, last - first, seconds, &after);
    return NSKY_OK;
}

nsky_status check_speed(const nsky_graph *graph, const nsky_preprocess *how, const check_args *args,
                        nsky_error *err)
{
    load l = {.dim = graph->dim};
    uint32_t batch = args->batch;
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < STAMPS && status == NSKY_OK; i++)
        status = check_stamp_new(&l.stamps[i], i, true, err);
    if (status == NSKY_OK && (status = nsky_backend_cuda.open(&l.state, graph, args->precision,
                                                              &batch, err)) == NSKY_OK) {
        l.rows = batch / how->views;
        if ((status = nsky_backend_cuda.slots->open(l.state, how, args->threads + 2, err)) ==
            NSKY_OK)
            status = measure(&l, graph, args, batch, err);
        nsky_backend_cuda.close(l.state);
    }
    for (uint32_t i = 0; i < STAMPS; i++)
        nsky_stamp_free(l.stamps[i]);
    return status;
}
