/* scan.c - rows split among threads, each with its own heaps, merged at the end.
 * nsky_scan_run may be called from any number of threads at once. */
#include "index/scan.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "common/memory.h"

#define THREADS_MAX 64
#define BLOCK_ROWS 16          /* rows that all queries meet while they are in the cache */
#define TOGETHER 4             /* queries whose products with a row are taken at once */
#define AHEAD_BYTES (8u << 20) /* asked of the disk while as many are looked at */
#define UNREAD (-1.0f)
#define WORK_PER_THREAD (1ull << 21) /* multiply-adds below which a thread does not pay */

typedef struct slice {
    const nsky_scan *scan;
    const float *queries;
    const uint8_t *const *allowed;
    uint32_t count;
    uint64_t begin, end;
    nsky_topk *topks;          /* [count], of this thread */
    float *rows;               /* [BLOCK_ROWS, padded] */
    float lengths[BLOCK_ROWS]; /* of those; UNREAD */
    nsky_dot_kernel kernel;
    const nsky_linear_scan *linear; /* or NULL: cosines */
    uint64_t asked;                 /* rows before this were asked of the disk */
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

static bool is_allowed(const uint8_t *const *allowed, uint32_t q, uint64_t row)
{
    return !allowed || !allowed[q] || (allowed[q][row >> 3] >> (row & 7) & 1);
}

/* Which of the queries from `first` on, TOGETHER at most, the row is for. */
static uint32_t choose_queries(const slice *part, uint64_t row, uint32_t first,
                               uint32_t which[TOGETHER])
{
    uint32_t count = 0;
    for (uint32_t q = first; q < part->count && q < first + TOGETHER; q++)
        if (is_allowed(part->allowed, q, row))
            which[count++] = q;
    return count;
}

static void multiply(const slice *part, const float *row, const uint32_t *which, uint32_t count,
                     float *out)
{
    const uint32_t padded = nsky_scan_padded(part->scan->vectors.dim);
    const float *queries[TOGETHER];
    for (uint32_t i = 0; i < count; i++)
        queries[i] = part->queries + (size_t)which[i] * padded;
    if (count == TOGETHER)
        part->kernel.dot4(row, queries, padded, out);
    else
        for (uint32_t i = 0; i < count; i++)
            out[i] = part->kernel.dot(row, queries[i], padded);
}

static void offer_cosines(slice *part, uint64_t row, uint32_t slot, const uint32_t *which,
                          uint32_t count)
{
    float *x = part->rows + (size_t)slot * nsky_scan_padded(part->scan->vectors.dim);
    float products[TOGETHER];
    if (part->lengths[slot] == UNREAD)
        part->lengths[slot] = load_row(part->scan, row, x, part->kernel);
    if (part->lengths[slot] == 0.0f)
        return; /* a row the encoder saw nothing in has no likeness to anything */
    multiply(part, x, which, count, products);
    for (uint32_t i = 0; i < count; i++)
        nsky_topk_offer(&part->topks[which[i]], (nsky_hit){row, products[i] / part->lengths[slot]});
}

static void offer_scores(slice *part, uint64_t row, uint32_t slot, const uint32_t *which,
                         uint32_t count)
{
    const nsky_linear_scan *linear = part->linear;
    const nsky_vectors *vectors = &part->scan->vectors;
    float *x = part->rows + (size_t)slot * nsky_scan_padded(vectors->dim);
    float products[TOGETHER];
    if (part->lengths[slot] == UNREAD) {
        nsky_vectors_read(vectors, row, x);
        part->lengths[slot] = nsky_vectors_is_blank(vectors, row) ? 0.0f : 1.0f;
    }
    if (part->lengths[slot] == 0.0f)
        return;
    multiply(part, x, which, count, products);
    for (uint32_t i = 0; i < count; i++) {
        const float score = products[i] + linear->bias[which[i]];
        if (linear->scores)
            linear->scores[which[i] * linear->rows + (row - linear->first)] = score;
        else if (!isnan(score))
            nsky_topk_offer(&part->topks[which[i]], (nsky_hit){row, score});
    }
}

/* Those that nothing will be said of. */
static void forget_scores(const nsky_linear_scan *linear, uint64_t first, uint32_t rows)
{
    for (uint32_t q = 0; q < linear->count; q++)
        for (uint32_t i = 0; i < rows; i++)
            linear->scores[q * linear->rows + (first - linear->first) + i] = NAN;
}

/* The vectors may lie on a disk. */
static void read_ahead(slice *part, uint64_t row)
{
    const nsky_vectors *v = &part->scan->vectors;
    const uint64_t piece = AHEAD_BYTES / nsky_vector_bytes(v->type, v->dim) + 1;
    if (part->asked >= part->end || row + piece < part->asked)
        return;
    const uint64_t from = part->asked > row ? part->asked : row;
    const uint64_t end = part->end - row > 2 * piece ? row + 2 * piece : part->end;
    (void)nsky_vectors_will_need(v, from, end);
    part->asked = end;
}

/* Every query meets a block's rows before the next block comes: it is read once for all of them. */
static void *run_slice(void *payload)
{
    slice *part = payload;
    uint32_t which[TOGETHER];
    for (uint64_t first = part->begin; first < part->end; first += BLOCK_ROWS) {
        const uint64_t left = part->end - first;
        const uint32_t rows = left < BLOCK_ROWS ? (uint32_t)left : BLOCK_ROWS;
        read_ahead(part, first);
        for (uint32_t slot = 0; slot < rows; slot++)
            part->lengths[slot] = UNREAD;
        if (part->linear && part->linear->scores)
            forget_scores(part->linear, first, rows);
        for (uint32_t q = 0; q < part->count; q += TOGETHER)
            for (uint32_t slot = 0; slot < rows; slot++) {
                const uint32_t count = choose_queries(part, first + slot, q, which);
                if (count > 0)
                    (part->linear ? offer_scores : offer_cosines)(part, first + slot, slot, which,
                                                                  count);
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

static void run_slices(slice *slices, uint32_t threads)
{
    pthread_t ids[THREADS_MAX];
    bool started[THREADS_MAX] = {false};
    for (uint32_t t = 1; t < threads; t++)
        started[t] = pthread_create(&ids[t], NULL, run_slice, &slices[t]) == 0;
    run_slice(&slices[0]);
    for (uint32_t t = 1; t < threads; t++) {
        if (started[t])
            pthread_join(ids[t], NULL);
        else
            run_slice(&slices[t]); /* no thread to be had: the work is done all the same */
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
    float *rows = nsky_alloc_zero((size_t)BLOCK_ROWS * padded * threads, sizeof *rows, err);
    nsky_status status = NSKY_OK;
    if (!hits || !heaps || !rows) {
        status = err->status;
        goto done;
    }
    slice slices[THREADS_MAX];
    nsky_hit *next = hits;
    for (uint32_t t = 0; t < threads; t++) {
        slices[t] = (slice){.scan = scan,
                            .queries = queries,
                            .allowed = allowed,
                            .count = count,
                            .begin = first + total * t / threads,
                            .end = first + total * (t + 1) / threads,
                            .topks = heaps + (size_t)t * count,
                            .rows = rows + (size_t)t * BLOCK_ROWS * padded,
                            .kernel = kernel,
                            .linear = linear};
        for (uint32_t q = 0; topks && q < count; next += topks[q++].k)
            slices[t].topks[q] = (nsky_topk){next, topks[q].k, 0};
    }
    run_slices(slices, threads);
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
