/* graph_file.c - graph.bin, written and read whole. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "index/graph_private.h"
#include "index/parallel.h"
#include "store/xxh64.h"

#define VERSION 1
#define PIECE ((size_t)64 << 20) /* of the tables: hashed on their own, so by all cores */
#define PIECES_MAX 4096

static const char magic[8] = "NSKYGRPH";

typedef struct header {
    char magic[8];
    uint64_t rows, bytes; /* of the tables */
    uint32_t dim, coded, degree, entry_count, version;
    float scale;
    uint64_t tables;   /* XXH64 of the XXH64s of their pieces */
    uint64_t checksum; /* of what stands above */
} header;

enum { MEAN, ROTATION, ENTRIES, CODES, LINKS, TABLES };

/* Where each table begins, and last the size of all; the numbers are in bounds. */
static void layout(const nsky_knn *g, uint64_t begins[TABLES + 1])
{
    const uint64_t bytes[TABLES] = {(uint64_t)g->padded * 4, (uint64_t)g->coded * g->padded * 4,
                                    (uint64_t)g->entry_count * 4, g->rows * g->coded,
                                    g->rows * g->degree * 4};
    begins[0] = 0;
    for (int t = 0; t < TABLES; t++)
        begins[t + 1] = (begins[t] + bytes[t] + 63) / 64 * 64;
}

uint64_t nsky_knn_bytes(uint64_t rows, uint32_t dim, uint32_t coded, uint32_t degree)
{
    const nsky_knn g = {.rows = rows,
                        .padded = nsky_scan_padded(dim),
                        .coded = coded,
                        .degree = degree,
                        .entry_count = 1024};
    uint64_t begins[TABLES + 1];
    layout(&g, begins);
    return begins[TABLES];
}

nsky_status nsky_knn_alloc(nsky_knn *g, nsky_error *err)
{
    uint64_t begins[TABLES + 1];
    layout(g, begins);
    unsigned char *block = nsky_alloc_aligned(begins[TABLES], 1, err);
    if (!block)
        return err->status;
    /* Every step of a walk is a row far away: with 4-KiB pages half the time goes into looking up
     * where they are. Only advice. */
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)block + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)block + begins[TABLES]) / page * page;
    if (end > first)
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
    for (int t = 0; t < TABLES; t++) /* between tables: zeros */
        if (begins[t + 1] >= 64)
            memset(block + begins[t + 1] - 64, 0, 64);
    g->block = block;
    g->block_bytes = begins[TABLES];
    g->mean = (const void *)(block + begins[MEAN]);
    g->rotation = (const void *)(block + begins[ROTATION]);
    g->entries = (const void *)(block + begins[ENTRIES]);
    g->codes = block + begins[CODES];
    g->links = (const void *)(block + begins[LINKS]);
    return NSKY_OK;
}

void nsky_knn_close(nsky_knn *g)
{
    nsky_free(g->block);
    *g = (nsky_knn){0};
}

typedef struct hashing {
    const unsigned char *data;
    size_t bytes;
    uint64_t *pieces;
} hashing;

static void hash_piece(uint64_t task, uint32_t thread, void *payload)
{
    (void)thread;
    const hashing *h = payload;
    const size_t first = task * PIECE, left = h->bytes - first;
    h->pieces[task] = nsky_xxh64(h->data + first, left < PIECE ? left : PIECE, 0);
}

static uint64_t hash_tables(const nsky_knn *g)
{
    uint64_t pieces[PIECES_MAX];
    hashing h = {g->block, g->block_bytes, pieces};
    const uint64_t count = (g->block_bytes + PIECE - 1) / PIECE;
    nsky_parallel(count, nsky_parallel_threads(0, count), hash_piece, &h);
    return nsky_xxh64(pieces, count * sizeof *pieces, 0);
}

nsky_status nsky_knn_write(const nsky_knn *g, const char *folder, nsky_error *err)
{
    assert(g->block_bytes <= PIECE * PIECES_MAX);
    union {
        header head;
        char bytes[NSKY_KNN_HEADER];
    } first;
    nsky_file_writer writer = {0};
    memset(&first, 0, sizeof first);
    first.head = (header){.rows = g->rows,
                          .bytes = g->block_bytes,
                          .dim = g->dim,
                          .coded = g->coded,
                          .degree = g->degree,
                          .entry_count = g->entry_count,
                          .version = VERSION,
                          .scale = g->scale,
                          .tables = hash_tables(g)};
    memcpy(first.head.magic, magic, sizeof magic);
    first.head.checksum = nsky_xxh64(&first.head, offsetof(header, checksum), 0);
    char *path = nsky_format(err, "%s/" NSKY_KNN_FILE, folder);
    nsky_status status = path ? nsky_file_begin(&writer, path, err) : err->status;
    if (status == NSKY_OK) {
        /* Failures of the stream stick to it; commit finds them. */
        fwrite(&first, sizeof first, 1, writer.stream);
        fwrite(g->block, 1, g->block_bytes, writer.stream);
        status = nsky_file_commit(&writer, err);
    }
    nsky_file_abort(&writer);
    nsky_free(path);
    return status;
}

static nsky_status check_header(const header *h, uint64_t rows, uint32_t dim, const char *path,
                                nsky_error *err)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: not a graph; run `nearsky index` again", path);
    if (h->checksum != nsky_xxh64(h, offsetof(header, checksum), 0))
        return nsky_fail(err, NSKY_EDATA,
                         "%s: its header is damaged; restore it or run `nearsky index` again",
                         path);
    if (h->version != VERSION || h->rows != rows || h->dim != dim)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "%s: of version %u, for %" PRIu64 " vectors of %u numbers, not %" PRIu64
                         " of %u; run `nearsky index` again",
                         path, h->version, h->rows, h->dim, rows, dim);
    if (h->coded < 64 || h->coded > NSKY_CODED_MAX || h->coded % 64 != 0 || h->degree < 16 ||
        h->degree > NSKY_KNN_DEGREE_MAX || h->degree % 16 != 0 || h->entry_count < 1 ||
        h->entry_count > NSKY_KNN_ENTRIES_MAX || h->rows < 1 || h->rows >= NSKY_KNN_NONE ||
        h->bytes > PIECE * PIECES_MAX || !(h->scale > 0 && h->scale < 1e6f))
        return nsky_fail(err, NSKY_EDATA,
                         "%s: its header makes no sense; run `nearsky index` again", path);
    return NSKY_OK;
}

typedef struct checking {
    const nsky_knn *graph;
    atomic_bool wrong;
} checking;

#define CHECK_ROWS 65536

static void check_links(uint64_t task, uint32_t thread, void *payload)
{
    (void)thread;
    checking *c = payload;
    const nsky_knn *g = c->graph;
    const uint64_t first = task * CHECK_ROWS * g->degree;
    uint64_t end = first + (uint64_t)CHECK_ROWS * g->degree;
    if (end > g->rows * g->degree)
        end = g->rows * g->degree;
    bool wrong = false;
    for (uint64_t i = first; i < end; i++)
        wrong |= g->links[i] >= g->rows && g->links[i] != NSKY_KNN_NONE;
    if (wrong)
        atomic_store(&c->wrong, true);
}

/* A checksum says that a file is as it was written, not by whom. */
static bool makes_sense(const nsky_knn *g)
{
    checking c = {.graph = g};
    const uint64_t tasks = (g->rows + CHECK_ROWS - 1) / CHECK_ROWS;
    float sum = 0;
    for (uint32_t i = 0; i < g->padded; i++)
        sum += g->mean[i] * 0.0f;
    for (size_t i = 0; i < (size_t)g->coded * g->padded; i++)
        sum += g->rotation[i] * 0.0f;
    bool sound = sum == 0.0f;
    for (uint32_t i = 0; i < g->entry_count; i++)
        sound = sound && g->entries[i] < g->rows;
    nsky_parallel(tasks, nsky_parallel_threads(0, tasks), check_links, &c);
    return sound && !atomic_load(&c.wrong);
}

static nsky_status read_tables(nsky_knn *g, FILE *file, const header *h, const char *path,
                               nsky_error *err)
{
    nsky_status status = nsky_knn_alloc(g, err);
    if (status != NSKY_OK)
        return status;
    if (g->block_bytes != h->bytes || fread(g->block, 1, g->block_bytes, file) != g->block_bytes ||
        fgetc(file) != EOF)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: not of the size its header says; restore it or run `nearsky index` "
                         "again",
                         path);
    if (hash_tables(g) != h->tables || !makes_sense(g))
        return nsky_fail(err, NSKY_EDATA,
                         "%s: its tables are damaged; restore it or run `nearsky index` again",
                         path);
    return NSKY_OK;
}

static nsky_status read_file(nsky_knn *g, FILE *file, const char *path, uint64_t rows, uint32_t dim,
                             nsky_error *err)
{
    char first[NSKY_KNN_HEADER];
    header h;
    if (fread(first, 1, sizeof first, file) != sizeof first)
        return nsky_fail(err, NSKY_EDATA, "%s: cut short; restore it or run `nearsky index` again",
                         path);
    memcpy(&h, first, sizeof h);
    nsky_status status = check_header(&h, rows, dim, path, err);
    if (status != NSKY_OK)
        return status;
    *g = (nsky_knn){.rows = rows,
                    .dim = dim,
                    .padded = nsky_scan_padded(dim),
                    .coded = h.coded,
                    .degree = h.degree,
                    .entry_count = h.entry_count,
                    .scale = h.scale};
    return read_tables(g, file, &h, path, err);
}

nsky_status nsky_knn_open(nsky_knn *out, const char *folder, uint64_t rows, uint32_t dim,
                          nsky_error *err)
{
    assert(out && folder && err);
    *out = (nsky_knn){0};
    char *path = nsky_format(err, "%s/" NSKY_KNN_FILE, folder);
    if (!path)
        return err->status;
    FILE *file = fopen(path, "rbe");
    nsky_status status = NSKY_OK;
    if (!file && errno == ENOENT)
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file", path);
    else if (!file)
        status = nsky_fail_errno(err, "%s: cannot open", path);
    else
        status = read_file(out, file, path, rows, dim, err);
    if (file)
        fclose(file);
    if (status != NSKY_OK)
        nsky_knn_close(out);
    nsky_free(path);
    return status;
}
