/* vectors.c - stamps to vectors by the card's whole way (bus, preprocessing, views, network,
 * length) against preprocess.h and the plain C network in float32, and against itself: alone, in
 * company and again, it must give the same bits. Thread rule: as many threads as there are compute
 * the oracle's. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "bench/gpu/check.h"
#include "common/half.h"
#include "common/memory.h"
#include "encoder/cuda/cuda.h"

#define VIEWS_MAX 8u
#define COSINE_MIN 0.999
#define COSINE_MIN_INT8 0.995
#define COSINE_MIN_FP32 0.99999 /* the bus and the vectors are float16 */

typedef struct oracle {
    const nsky_graph *graph;
    const nsky_preprocess *how;
    uint32_t count;
    float *vectors; /* [count, dim] */
    atomic_uint next;
    atomic_bool failed;
} oracle;

static nsky_status ref_features(const oracle *o, void *ref, const nsky_stamp *stamp, float *sum,
                                nsky_error *err)
{
    size_t floats = (size_t)3 * o->how->size * o->how->size;
    float *image = nsky_alloc(2 * floats + o->graph->dim, sizeof *image, err);
    nsky_status status;

    if (!image)
        return err->status;
    float *view = image + floats, *features = view + floats;
    memset(sum, 0, o->graph->dim * sizeof *sum);
    status = nsky_preprocess_run(o->how, stamp, image, err);
    for (uint32_t v = 0; v < o->how->views && status == NSKY_OK; v++) {
        nsky_preprocess_view(image, o->how->size, v, view);
        status = nsky_backend_ref.run(ref, view, features, err);
        for (uint32_t i = 0; i < o->graph->dim; i++)
            sum[i] += features[i];
    }
    nsky_free(image);
    return status;
}

static void *work(void *payload)
{
    oracle *o = payload;
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t batch = 1, number;
    void *ref;
    nsky_status status = nsky_backend_ref.open(&ref, o->graph, NSKY_FP32, &batch, &err);

    while (status == NSKY_OK && (number = atomic_fetch_add(&o->next, 1)) < o->count) {
        nsky_stamp *stamp = NULL;
        if ((status = check_stamp_new(&stamp, number, false, &err)) == NSKY_OK)
            status = ref_features(o, ref, stamp, o->vectors + (size_t)number * o->graph->dim, &err);
        nsky_stamp_free(stamp);
    }
    nsky_backend_ref.close(ref);
    if (status != NSKY_OK) {
        fprintf(stderr, "%s\n", err.text);
        o->failed = true;
    }
    return NULL;
}

static nsky_status ask_oracle(oracle *o, uint32_t threads, nsky_error *err)
{
    pthread_t all[256];
    uint32_t started = 0;

    for (; started < threads && started < 256; started++)
        if (pthread_create(&all[started], NULL, work, o) != 0)
            break;
    for (uint32_t i = 0; i < started; i++)
        pthread_join(all[i], NULL);
    return started > 0 && !o->failed ? NSKY_OK : nsky_fail(err, NSKY_EDATA, "the oracle failed");
}

/* Stamps [first, first + count) into vectors [count, dim]. */
static nsky_status embed(void *state, uint32_t first, uint32_t count, uint32_t dim,
                         uint16_t *vectors, nsky_error *err)
{
    const nsky_slot_ops *ops = nsky_backend_cuda.slots;
    uint8_t faults[1024];
    uint32_t done = 0, put = 0;
    nsky_slot *slot;
    nsky_status status = ops->begin(state, &slot, err);

    if (status != NSKY_OK)
        return status;
    while (status == NSKY_OK && done < count) {
        bool full = false;
        for (put = 0; done + put < count && !full && status == NSKY_OK; put += !full) {
            nsky_stamp *stamp = NULL;
            if ((status = check_stamp_new(&stamp, first + done + put, false, err)) == NSKY_OK)
                status = ops->put(slot, stamp, &full, err);
            nsky_stamp_free(stamp);
        }
        if (status == NSKY_OK)
            status = ops->run(slot, vectors + (size_t)done * dim, faults, err);
        for (uint32_t i = 0; i < put && status == NSKY_OK; i++)
            if (faults[i] != NSKY_ROW_SOUND)
                status = nsky_fail(err, NSKY_EMISMATCH, "stamp %u has no vector", first + done + i);
        done += put;
    }
    ops->end(slot);
    return status;
}

static double cosine(const uint16_t *halves, const float *want, uint32_t dim)
{
    double dot = 0, square = 0, wanted = 0;

    for (uint32_t i = 0; i < dim; i++) {
        double value = nsky_half_to_float(halves[i]);
        dot += value * want[i];
        square += value * value;
        wanted += (double)want[i] * want[i];
    }
    return dot / sqrt(square * wanted);
}

static double cosine_min(nsky_precision precision)
{
    return precision == NSKY_FP32   ? COSINE_MIN_FP32
           : precision == NSKY_INT8 ? COSINE_MIN_INT8
                                    : COSINE_MIN;
}

static nsky_status compare(oracle *o, void *state, const check_args *args, nsky_error *err)
{
    uint32_t dim = o->graph->dim;
    uint16_t *got = nsky_alloc(2 * (size_t)o->count, dim * sizeof *got, err);
    uint16_t *again = got ? got + (size_t)o->count * dim : NULL;
    double least = 1, sum = 0;
    nsky_status status = got ? embed(state, 0, o->count, dim, got, err) : err->status;

    if (status == NSKY_OK)
        status = embed(state, 0, o->count, dim, again, err);
    bool same = status == NSKY_OK && memcmp(got, again, (size_t)o->count * dim * sizeof *got) == 0;
    if (status == NSKY_OK)
        status = embed(state, o->count / 2, 1, dim, again, err); /* alone */
    same = same && memcmp(got + (size_t)(o->count / 2) * dim, again, dim * sizeof *got) == 0;
    if (status == NSKY_OK)
        status = ask_oracle(o, args->threads, err);
    for (uint32_t i = 0; i < o->count && status == NSKY_OK; i++) {
        double c = cosine(got + (size_t)i * dim, o->vectors + (size_t)i * dim, dim);
        least = c < least || isnan(c) ? c : least;
        sum += c;
    }
    nsky_free(got);
    if (status != NSKY_OK)
        return status;
    printf(
        "{\"check\": \"vectors\", \"arch\": \"%s\", \"size\": %u, \"views\": %u, \"precision\": "
        "\"%s\", \"stamps\": %u, \"cosine_min\": %.6f, \"cosine_mean\": %.6f, \"same_bits\": %s}\n",
        nsky_arch_name(args->arch), args->size, o->how->views,
        check_precision_name(args->precision), o->count, least, sum / o->count,
        same ? "true" : "false");
    if (!same)
        return nsky_fail(err, NSKY_EMISMATCH, "the same stamps gave other bits");
    return least >= cosine_min(args->precision)
               ? NSKY_OK
               : nsky_fail(err, NSKY_EMISMATCH, "a cosine of %.6f", least);
}

nsky_status check_vectors(const nsky_graph *graph, const nsky_preprocess *how,
                          const check_args *args, nsky_error *err)
{
    oracle o = {.graph = graph, .how = how, .count = args->count};
    uint32_t batch = args->batch;
    void *state = NULL;
    nsky_status status;

    if (!(o.vectors = nsky_alloc(o.count, graph->dim * sizeof *o.vectors, err)))
        return err->status;
    if ((status = nsky_backend_cuda.open(&state, graph, args->precision, &batch, err)) == NSKY_OK &&
        (status = nsky_backend_cuda.slots->open(state, how, 2, err)) == NSKY_OK)
        status = compare(&o, state, args, err);
    if (state)
        nsky_backend_cuda.close(state);
    nsky_free(o.vectors);
    return status;
}
