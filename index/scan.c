/* scan.c - rows split among threads, each with its own heaps, merged at the end.
 * nsky_scan_run may be called from any number of threads at once. */
#include "index/scan.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "common/memory.h"

#define THREADS_MAX 64
#define WORK_PER_THREAD (1ull << 21) /* multiply-adds below which a thread does not pay */

typedef struct slice {
    const nsky_scan *scan;
    const float *queries;
    const uint8_t *const *allowed;
    uint32_t count;
    uint64_t begin, end;
    nsky_topk *topks; /* [count], of this thread */
    float *row;       /* [padded] */
    nsky_dot_kernel kernel;
    const nsky_linear_scan *linear; /* or NULL: cosines */
} slice;

static nsky_dot_kernel best_kernel(const nsky_scan *scan)
{
    nsky_dot_kernel all[3];
    if (scan->kernel)
        return *scan->kernel;
    nsky_dot_kernels(all);
    return all[0];
}

/* One row as float32, and its length: unit length, rounded, is off by up to 1e-3, and a
 * cosine is wanted. */
static float load_row(const nsky_scan *scan, uint64_t row, float *out, nsky_dot_kernel kernel)
{
    nsky_vectors_read(&scan->vectors, row, out);
    float square = kernel.dot(out, out, nsky_scan_padded(scan->vectors.dim));
    return sqrtf(square);
}

static void *scan_slice(void *payload)
{
    slice *part = payload;
    const nsky_scan *scan = part->scan;
    const uint32_t padded = nsky_scan_padded(scan->vectors.dim);
    for (uint64_t row = part->begin; row < part->end; row++) {
        float length = 0.0f;
        for (uint32_t q = 0; q < part->count; q++) {
            const uint8_t *allowed = part->allowed ? part->allowed[q] : NULL;
            if (allowed && !(allowed[row >> 3] >> (row & 7) & 1))
                continue;
            if (length == 0.0f)
                length = load_row(scan, row, part->row, part->kernel);
            if (length == 0.0f)
                break; /* a row the encoder saw nothing in has no likeness to anything */
            float product = part->kernel.dot(part->row, part->queries + (size_t)q * padded, padded);
            nsky_topk_offer(&part->topks[q], (nsky_hit){row, product / length});
        }
    }
    return NULL;
}

static bool is_allowed(const uint8_t *const *allowed, uint32_t q, uint64_t row)
{
    return !allowed || !allowed[q] || (allowed[q][row >> 3] >> (row & 7) & 1);
}

static void *score_slice(void *payload)
{
    slice *part = payload;
    const nsky_scan *scan = part->scan;
    const nsky_linear_scan *linear = part->linear;
    const uint32_t padded = nsky_scan_padded(scan->vectors.dim);
    for (uint64_t row = part->begin; row < part->end; row++) {
        bool loaded = false, blank = false;
        for (uint32_t q = 0; q < part->count; q++) {
            float score = NAN;
            if (!blank && is_allowed(part->allowed, q, row)) {
                if (!loaded)
                    nsky_vectors_read(&scan->vectors, row, part->row);
                loaded = true;
                float product =
                    part->kernel.dot(part->row, part->queries + (size_t)q * padded, padded);
                blank = product == 0.0f && nsky_vectors_is_blank(&scan->vectors, row);
                score = blank ? NAN : product + linear->bias[q];
            }
            if (linear->scores)
                linear->scores[q * linear->rows + (row - linear->first)] = score;
            else if (!isnan(score))
                nsky_topk_offer(&part->topks[q], (nsky_hit){row, score});
        }
    }
    return NULL;
}

static uint32_t thread_count(const nsky_scan *scan, uint64_t rows, uint32_t queries)
{
    uint64_t work = rows * scan->vectors.dim * queries / WORK_PER_THREAD + 1;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = scan->threads ? scan->threads : (uint64_t)(cores > 0 ? cores : 1);
    if (!scan->threads && threads > work)
        threads = work;
    return threads > THREADS_MAX ? THREADS_MAX : (uint32_t)threads;
}

static void run_slices(slice *slices, uint32_t threads, void *(*work)(void *))
{
    pthread_t ids[THREADS_MAX];
    bool started[THREADS_MAX] = {false};
    for (uint32_t t = 1; t < threads; t++)
        started[t] = pthread_create(&ids[t], NULL, work, &slices[t]) == 0;
    work(&slices[0]);
    for (uint32_t t = 1; t < threads; t++) {
        if (started[t])
            pthread_join(ids[t], NULL);
        else
            work(&slices[t]); /* no thread to be had: the work is done all the same */
    }
}

/* What both scans do: cut the rows up, run, merge. */
static nsky_status run_scan(const nsky_scan *scan, const nsky_linear_scan *linear,
                            const float *queries, const uint8_t *const *allowed, uint32_t count,
                            nsky_topk *topks, nsky_error *err)
{
    const uint64_t first = linear ? linear->first : 0,
                   total = linear ? linear->rows : scan->vectors.rows;
    const uint32_t threads = thread_count(scan, total, count);
    const uint32_t padded = nsky_scan_padded(scan->vectors.dim);
    const nsky_dot_kernel kernel = best_kernel(scan);
    size_t k_sum = 0;
    for (uint32_t q = 0; topks && q < count; q++)
        k_sum += topks[q].k;
    nsky_hit *hits = nsky_alloc(k_sum * threads, sizeof *hits, err);
    nsky_topk *heaps = nsky_alloc((size_t)count * threads, sizeof *heaps, err);
    float *rows = nsky_alloc_zero((size_t)padded * threads, sizeof *rows, err);
    nsky_status status = NSKY_OK;
    if (!hits || !heaps || !rows) {
        status = err->status;
        goto done;
    }
    slice slices[THREADS_MAX];
    nsky_hit *next = hits;
    for (uint32_t t = 0; t < threads; t++) {
        slices[t] = (slice){scan,
                            queries,
                            allowed,
                            count,
                            first + total * t / threads,
                            first + total * (t + 1) / threads,
                            heaps + (size_t)t * count,
                            rows + (size_t)t * padded,
                            kernel,
                            linear};
        for (uint32_t q = 0; topks && q < count; next += topks[q++].k)
            slices[t].topks[q] = (nsky_topk){next, topks[q].k, 0};
    }
    run_slices(slices, threads, linear ? score_slice : scan_slice);
    for (uint32_t q = 0; topks && q < count; q++) {
        for (uint32_t t = 0; t < threads; t++)
            for (uint32_t i = 0; i < slices[t].topks[q].count; i++)
                nsky_topk_offer(&topks[q], slices[t].topks[q].hits[i]);
        nsky_topk_sort(&topks[q]);
    }
done:
    nsky_free(rows);
    nsky_free(heaps);
    nsky_free(hits);
    return status;
}

nsky_status nsky_scan_run(const nsky_scan *scan, const float *queries,
                          const uint8_t *const *allowed, uint32_t count, nsky_topk *topks,
                          nsky_error *err)
{
    assert(scan && queries && topks && err && count > 0);
    return run_scan(scan, NULL, queries, allowed, count, topks, err);
}

nsky_status nsky_scan_linear(const nsky_scan *scan, const nsky_linear_scan *linear, nsky_error *err)
{
    assert(scan && linear && linear->weights && linear->bias && linear->count > 0 && err);
    assert(!linear->scores != !linear->topks && linear->first + linear->rows <= scan->vectors.rows);
    return run_scan(scan, linear, linear->weights, linear->allowed, linear->count, linear->topks,
                    err);
}

float nsky_scan_row(const nsky_scan *scan, uint64_t row, const float *query, float *scratch)
{
    const uint32_t padded = nsky_scan_padded(scan->vectors.dim);
    const nsky_dot_kernel kernel = best_kernel(scan);
    for (uint32_t i = scan->vectors.dim; i < padded; i++)
        scratch[i] = 0.0f;
    float length = load_row(scan, row, scratch, kernel);
    return length > 0.0f ? kernel.dot(scratch, query, padded) / length : NAN;
}
