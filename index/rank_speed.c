/* rank_speed.c - see rank_speed.h. */
#include "index/rank_speed.h"

#include <assert.h>
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/rng.h"
#include "index/parallel.h"
#include "index/rank_pass.h"
#include "index/slack.h"

#define LIST_ROWS 1160
#define STREAM_BYTES (8u << 20) /* of a thread's turn, as many as ranking takes */
#define AHEAD_BYTES \
    8192 /* of the reader, as of the kernels: without, a Xeon reads a fifth slower */
#define CODED_SLACK 0.06f /* of a row: what 4-bit codes of clustered vectors leave */
#define REST_SLACK 0.15f
#define REACH 0.375f /* six sigma of errors that are a sixteenth of their bounds */

/* By the clock on the wall, and what the cores gave. */
typedef struct times {
    double wall_s, cpu_s;
} times;

static times now(void)
{
    return (times){nsky_now_s(), nsky_process_cpu_s()};
}

static times since(times begin)
{
    const times end = now();
    return (times){end.wall_s - begin.wall_s, end.cpu_s - begin.cpu_s};
}

/* --- made-up lists --- */

typedef struct made {
    nsky_lists lists;
    uint8_t *codes;
    size_t code_bytes;
    uint32_t *row_of, *offsets;
    uint8_t *slack;
    float *centroids;
    nsky_pass_slack *slacks;
    float *turned; /* [NSKY_PASS_PROBES_MAX, coded] */
} made;

static void free_made(made *m)
{
    if (m->codes)
        munmap(m->codes, m->code_bytes);
    nsky_free(m->row_of);
    nsky_free(m->offsets);
    nsky_free(m->slack);
    nsky_free(m->centroids);
    nsky_free(m->slacks);
    nsky_free(m->turned);
}

/* Rows of a list: from a third of the mean to twice as many, in no order. */
static uint64_t list_rows(uint32_t list)
{
    nsky_rng rng = nsky_rng_at(3, 0, list);
    return (uint64_t)nsky_rng_range(&rng, LIST_ROWS / 3.0, LIST_ROWS * 5 / 3.0);
}

/* Offsets [lists + 1] of as many lists as `rows` fill. */
static nsky_status make_lists(made *m, const nsky_rank_speed_options *o, nsky_error *err)
{
    nsky_lists *l = &m->lists;
    uint64_t left = o->rows, row = 0, slot = 0;
    const uint64_t most = o->rows / (LIST_ROWS / 3) + 2;
    m->offsets = nsky_alloc(most + 1, sizeof *m->offsets, err);
    if (!m->offsets)
        return err->status;
    m->offsets[0] = 0;
    for (l->lists = 0; left > 0; l->lists++) {
        const uint64_t here = list_rows(l->lists) < left ? list_rows(l->lists) : left;
        m->offsets[l->lists + 1] = m->offsets[l->lists] + (uint32_t)nsky_code_blocks(here);
        left -= here;
    }
    l->blocks = m->offsets[l->lists];
    l->slots = l->blocks * NSKY_CODE_ROWS;
    m->row_of = nsky_alloc(l->slots, sizeof *m->row_of, err);
    m->slack = nsky_alloc(l->slots, 2 * sizeof *m->slack, err);
    if (!m->row_of || !m->slack)
        return err->status;
    for (uint32_t list = 0; list < l->lists; list++) {
        const uint64_t here = list_rows(list),
                       end = (uint64_t)m->offsets[list + 1] * NSKY_CODE_ROWS;
        for (uint64_t i = 0; slot < end; i++, slot++)
            m->row_of[slot] = i < here && row < o->rows ? (uint32_t)row++ : NSKY_NO_ROW;
    }
    for (slot = 0; slot < l->slots; slot++) {
        m->slack[2 * slot] = nsky_slack_code(CODED_SLACK);
        m->slack[2 * slot + 1] = nsky_slack_code(REST_SLACK);
    }
    return NSKY_OK;
}

static void fill_codes(uint64_t task, uint32_t thread, void *payload)
{
    (void)thread;
    made *m = payload;
    uint64_t state = 0x9e3779b97f4a7c15u;
    const size_t begin = task * STREAM_BYTES, left = m->code_bytes - begin;
    const size_t bytes = left < STREAM_BYTES ? left : STREAM_BYTES;
    if (begin > 0) { /* the first piece again */
        memcpy(m->codes + begin, m->codes, bytes);
        return;
    }
    for (size_t at = 0; at + sizeof state <= bytes; at += sizeof state) {
        state ^= state << 13; /* xorshift: bits enough, and quick */
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(m->codes + at, &state, sizeof state);
    }
}

static void fill_rest(uint64_t task, uint32_t thread, void *payload)
{
    fill_codes(task + 1, thread, payload);
}

static nsky_status make_codes(made *m, const nsky_rank_speed_options *o, nsky_error *err)
{
    nsky_lists *l = &m->lists;
    const float width = o->bits == 4 ? 0.01f : 0.01f / 16;
    for (uint32_t d = 0; d < o->coded; d++) {
        l->coder.low[d] = -width * (float)((1u << o->bits) - 1) / 2;
        l->coder.step[d] = width;
    }
    m->code_bytes = l->blocks * nsky_code_block_bytes(&l->coder);
    void *map =
        mmap(NULL, m->code_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return nsky_fail(err, NSKY_ENOMEM, "%zu bytes of codes: no memory", m->code_bytes);
    m->codes = map;
    (void)madvise(map, m->code_bytes, o->huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    fill_codes(0, 0, m);
    nsky_parallel((m->code_bytes - 1) / STREAM_BYTES, nsky_parallel_threads(o->threads, UINT64_MAX),
                  fill_rest, m);
    return NSKY_OK;
}

static nsky_status make_numbers(made *m, const nsky_rank_speed_options *o, nsky_error *err)
{
    nsky_lists *l = &m->lists;
    nsky_rng rng = nsky_rng_at(4, 0, 0);
    const size_t numbers = (size_t)l->lists * o->coded;
    m->centroids = nsky_alloc(numbers, sizeof *m->centroids, err);
    m->slacks = nsky_alloc(l->lists, sizeof *m->slacks, err);
    m->turned = nsky_alloc((size_t)NSKY_PASS_PROBES_MAX * o->coded, sizeof *m->turned, err);
    if (!m->centroids || !m->slacks || !m->turned)
        return err->status;
    for (size_t i = 0; i < numbers; i++)
        m->centroids[i] = (float)(nsky_rng_normal(&rng) / sqrt(o->coded));
    for (size_t i = 0; i < (size_t)NSKY_PASS_PROBES_MAX * o->coded; i++)
        m->turned[i] = (float)nsky_rng_normal(&rng);
    l->row_of = m->row_of;
    l->offsets = m->offsets;
    l->slack = m->slack;
    l->centroids = m->centroids;
    l->codes = m->codes;
    nsky_pass_slacks(l, o->threads, m->slacks);
    return NSKY_OK;
}

static nsky_status make(made *m, const nsky_rank_speed_options *o, nsky_error *err)
{
    memset(m, 0, sizeof *m);
    m->lists.rows = o->rows;
    m->lists.dim = m->lists.padded = m->lists.coded = o->coded;
    m->lists.coder = (nsky_coder){.coded = o->coded, .bits = o->bits};
    nsky_status status = make_lists(m, o, err);
    if (status == NSKY_OK && (status = make_codes(m, o, err)) == NSKY_OK)
        status = make_numbers(m, o, err);
    return status;
}

/* --- reading alone --- */

typedef uint64_t line __attribute__((vector_size(64), aligned(64)));

static inline __attribute__((always_inline)) void read_lines(const uint8_t *at, size_t bytes,
                                                             uint64_t *out)
{
    line sums[4] = {{0}};
    for (size_t i = 0; i + sizeof sums <= bytes; i += sizeof sums)
        for (int j = 0; j < 4; j++) {
            const uint8_t *next = at + i + (size_t)j * sizeof(line);
            __builtin_prefetch(next + AHEAD_BYTES, 0, 2);
            sums[j] ^= *(const line *)next;
        }
    for (int j = 0; j < 4; j++)
        *out ^= sums[j][0] ^ sums[j][1] ^ sums[j][2] ^ sums[j][3] ^ sums[j][4] ^ sums[j][5] ^
                sums[j][6] ^ sums[j][7];
}

__attribute__((target("avx512f"))) static void read_avx512(const uint8_t *at, size_t bytes,
                                                           uint64_t *out)
{
    __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                       _mm512_setzero_si512()};
    for (size_t i = 0; i + sizeof sums <= bytes; i += sizeof sums)
        for (int j = 0; j < 4; j++) {
            const uint8_t *next = at + i + 64 * (size_t)j;
            __builtin_prefetch(next + AHEAD_BYTES, 0, 2);
            sums[j] = _mm512_xor_si512(sums[j], _mm512_load_si512(next));
        }
    uint64_t lanes[8];
    _mm512_storeu_si512(lanes, _mm512_xor_si512(_mm512_xor_si512(sums[0], sums[1]),
                                                _mm512_xor_si512(sums[2], sums[3])));
    for (int i = 0; i < 8; i++)
        *out ^= lanes[i];
}

typedef struct stream {
    const made *from;
    uint64_t sums[NSKY_PARALLEL_MAX];
} stream;

static void stream_task(uint64_t task, uint32_t thread, void *payload)
{
    stream *s = payload;
    const size_t begin = task * STREAM_BYTES, left = s->from->code_bytes - begin;
    const size_t bytes = left < STREAM_BYTES ? left : STREAM_BYTES;
    uint64_t sum = 0;
    if (__builtin_cpu_supports("avx512f"))
        read_avx512(s->from->codes + begin, bytes, &sum);
    else
        read_lines(s->from->codes + begin, bytes, &sum);
    s->sums[thread] ^= sum;
}

static times stream_once(const made *m, uint32_t threads)
{
    stream s = {.from = m};
    const uint64_t tasks = (m->code_bytes + STREAM_BYTES - 1) / STREAM_BYTES;
    const times begin = now();
    nsky_parallel(tasks, nsky_parallel_threads(threads, tasks), stream_task, &s);
    const times spent = since(begin);
    for (int t = 0; t < NSKY_PARALLEL_MAX; t++)
        __asm__ volatile("" : : "r"(s.sums[t])); /* somebody may want them: they are computed */
    return spent;
}

/* --- ranking --- */

static nsky_status rank_once(const made *m, const nsky_rank_speed_options *o,
                             const nsky_code_kernel *kernel, uint32_t count, uint32_t planes,
                             times *spent, double *candidates, nsky_error *err)
{
    const times begin = now();
    nsky_pass_probe *probes = nsky_alloc_zero(count, sizeof *probes, err);
    nsky_status status = probes ? NSKY_OK : err->status;
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        probes[q].turned = m->turned + (size_t)q * o->coded;
        status = nsky_code_query_prepare(&probes[q].query, &m->lists.coder, probes[q].turned,
                                         planes, err);
        probes[q].inside = probes[q].outside = (float)sqrt(o->coded);
        probes[q].outside /= 4;
        probes[q].rounding = probes[q].query.slack;
        probes[q].reach = REACH;
        probes[q].k = o->k;
        probes[q].least = -INFINITY;
    }
    nsky_pass pass = {.lists = &m->lists,
                      .slacks = m->slacks,
                      .kernel = *kernel,
                      .threads = o->threads,
                      .probes = probes,
                      .count = count};
    if (status == NSKY_OK && (status = nsky_pass_open(&pass, err)) == NSKY_OK) {
        nsky_pass_seed(&pass);
        nsky_pass_run(&pass);
        *spent = since(begin);
        *candidates = 0;
        for (uint32_t t = 0; t < pass.threads; t++)
            *candidates += pass.finds[(size_t)t * count].count;
    }
    if (probes)
        nsky_pass_close(&pass);
    nsky_free(probes);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static nsky_status measure(const made *m, const nsky_rank_speed_options *o,
                           const nsky_code_kernel *kernel, uint32_t probes, nsky_rank_speed *out,
                           nsky_error *err)
{
    double ranks[NSKY_SPEED_ROUNDS_MAX] = {0}, streams[NSKY_SPEED_ROUNDS_MAX] = {0};
    double shares[NSKY_SPEED_ROUNDS_MAX] = {0}, cpu_shares[NSKY_SPEED_ROUNDS_MAX] = {0};
    *out = (nsky_rank_speed){.probes = probes,
                             .planes = o->planes     ? o->planes
                                       : probes <= 4 ? 2
                                                     : 1};
    for (uint32_t r = 0; r < o->rounds; r++) {
        times rank, before = stream_once(m, o->threads);
        nsky_status status =
            rank_once(m, o, kernel, probes, out->planes, &rank, &out->candidates, err);
        if (status != NSKY_OK)
            return status;
        /* the stream before and the stream behind: a neighbour's load hits both alike */
        const times behind = stream_once(m, o->threads);
        streams[r] = (before.wall_s + behind.wall_s) / 2;
        ranks[r] = rank.wall_s;
        shares[r] = streams[r] / rank.wall_s;
        cpu_shares[r] = (before.cpu_s + behind.cpu_s) / 2 / rank.cpu_s;
    }
    out->fraction = median(shares, o->rounds);
    out->cpu_fraction = median(cpu_shares, o->rounds);
    out->stream_s = median(streams, o->rounds);
    out->rank_s = median(ranks, o->rounds); /* sorted now */
    out->rank_best_s = ranks[0];
    return NSKY_OK;
}

static nsky_status choose_kernel(const char *name, nsky_code_kernel *out, nsky_error *err)
{
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    const uint32_t count = nsky_code_kernels(kernels);
    for (uint32_t k = 0; k < count; k++)
        if (!name || strcmp(name, kernels[k].name) == 0) {
            *out = kernels[k];
            return NSKY_OK;
        }
    return nsky_fail(err, NSKY_ENOTFOUND, "this CPU has no kernel \"%s\"", name);
}

nsky_status nsky_rank_speed_measure(const nsky_rank_speed_options *o, nsky_rank_speeds *out,
                                    nsky_error *err)
{
    assert(o && out && err && o->rounds >= 1 && o->rounds <= NSKY_SPEED_ROUNDS_MAX && o->k >= 1);
    nsky_code_kernel kernel;
    made m;
    memset(out, 0, sizeof *out);
    if (o->rows < 1 || o->rows >= NSKY_NO_ROW || o->coded < 16 || o->coded > NSKY_CODED_MAX ||
        o->coded % 16 != 0 || (o->bits != 4 && o->bits != 8))
        return nsky_fail(err, NSKY_EINVAL,
                         "rows: 1 to %u; dimensions: a multiple of 16, at most %d; bits: 4 or 8",
                         NSKY_NO_ROW - 1, NSKY_CODED_MAX);
    nsky_status status = choose_kernel(o->kernel, &kernel, err);
    if (status != NSKY_OK)
        return status;
    status = make(&m, o, err);
    for (; status == NSKY_OK && out->count < NSKY_SPEED_COUNTS_MAX && o->counts[out->count];
         out->count++)
        status = measure(&m, o, &kernel, o->counts[out->count], &out->of[out->count], err);
    out->code_bytes = m.code_bytes;
    out->threads = nsky_parallel_threads(o->threads, UINT64_MAX);
    out->kernel = kernel.name;
    free_made(&m);
    return status;
}
