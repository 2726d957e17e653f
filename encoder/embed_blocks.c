/* embed_blocks.c - see embed_blocks.h. Thread rule: one thread. */
#include "encoder/embed_blocks.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/memory.h"

#define BLOCK_ROWS_MAX (1u << 20)

/* On disk, little-endian as the vectors are. */
typedef struct record {
    uint32_t rows, blank_rows;
    uint32_t data; /* CRC-32 of the vectors */
    uint32_t self; /* of the three above, starting from the record before */
} record;

static nsky_status write_at(int file, const char *path, const void *data, size_t bytes,
                            uint64_t offset, nsky_error *err)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t done = pwrite(file, at, bytes, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return nsky_fail_errno(err, "%s: cannot write", path);
        at += done;
        bytes -= (size_t)done;
        offset += (uint64_t)done;
    }
    if (fdatasync(file) != 0)
        return nsky_fail_errno(err, "%s: cannot sync", path);
    return NSKY_OK;
}

/* Sets *whole when all the bytes are there. */
static nsky_status read_at(int file, const char *path, void *data, size_t bytes, uint64_t offset,
                           bool *whole, nsky_error *err)
{
    char *at = data;

    *whole = false;
    while (bytes > 0) {
        ssize_t done = pread(file, at, bytes, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return nsky_fail_errno(err, "%s: cannot read", path);
        if (done == 0)
            return NSKY_OK;
        at += done;
        bytes -= (size_t)done;
        offset += (uint64_t)done;
    }
    *whole = true;
    return NSKY_OK;
}

static uint32_t record_sum(const record *r, uint32_t chain)
{
    return nsky_crc32(chain, r, offsetof(record, self));
}

/* Takes over one block; *more is false at the end of what is whole. */
static nsky_status replay_one(nsky_blocks *b, void **scratch, size_t *room, bool *more,
                              nsky_error *err)
{
    size_t row_bytes = nsky_vector_bytes(b->type, b->dim);
    record r = {0};
    nsky_status status;

    if ((status = read_at(b->log, b->log_path, &r, sizeof r, b->log_bytes, more, err)) != NSKY_OK ||
        !*more)
        return status;
    *more = r.self == record_sum(&r, b->chain) && r.rows > 0 && r.rows <= BLOCK_ROWS_MAX;
    if (!*more)
        return NSKY_OK;
    if (r.rows * row_bytes > *room) {
        void *moved = nsky_realloc(*scratch, r.rows, row_bytes, err);
        if (!moved)
            return err->status;
        *scratch = moved;
        *room = r.rows * row_bytes;
    }
    status = read_at(b->vectors, b->vectors_path, *scratch, r.rows * row_bytes, b->rows * row_bytes,
                     more, err);
    if (status != NSKY_OK || !*more)
        return status;
    *more = nsky_crc32(0, *scratch, r.rows * row_bytes) == r.data;
    if (*more) {
        b->rows += r.rows;
        b->blank_rows += r.blank_rows;
        b->chain = r.self;
        b->log_bytes += sizeof r;
    }
    return NSKY_OK;
}

static nsky_status replay(nsky_blocks *b, nsky_error *err)
{
    void *scratch = NULL;
    size_t room = 0;
    bool more = true;
    nsky_status status = NSKY_OK;

    while (more && status == NSKY_OK)
        status = replay_one(b, &scratch, &room, &more, err);
    nsky_free(scratch);
    if (status != NSKY_OK)
        return status;
    if (ftruncate(b->vectors, (off_t)(b->rows * nsky_vector_bytes(b->type, b->dim))) != 0)
        return nsky_fail_errno(err, "%s: cannot cut off an unfinished block", b->vectors_path);
    if (ftruncate(b->log, (off_t)b->log_bytes) != 0)
        return nsky_fail_errno(err, "%s: cannot cut off an unfinished record", b->log_path);
    return NSKY_OK;
}

static int open_file(const char *path, nsky_error *err)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

    if (file < 0)
        nsky_fail_errno(err, "%s: cannot open", path);
    return file;
}

nsky_status nsky_blocks_open(nsky_blocks **out, const char *folder, uint32_t dim,
                             nsky_vector_type type, nsky_error *err)
{
    assert(out && folder && dim > 0 && err);
    nsky_blocks *b = nsky_alloc_zero(1, sizeof *b, err);

    *out = NULL;
    if (!b)
        return err->status;
    b->dim = dim;
    b->type = type;
    b->vectors = b->log = -1;
    if (!(b->vectors_path = nsky_format(err, "%s/%s", folder, nsky_vector_file_name(type))) ||
        !(b->log_path = nsky_format(err, "%s/%s", folder, NSKY_BLOCKS_FILE)) ||
        (b->vectors = open_file(b->vectors_path, err)) < 0 ||
        (b->log = open_file(b->log_path, err)) < 0 || replay(b, err) != NSKY_OK ||
        nsky_fsync_directory(folder, err) != NSKY_OK) {
        nsky_blocks_close(b);
        return err->status;
    }
    *out = b;
    return NSKY_OK;
}

static uint32_t count_blank(const nsky_vectors *vectors)
{
    uint32_t blank = 0;

    for (uint64_t row = 0; row < vectors->rows; row++)
        blank += nsky_vectors_is_blank(vectors, row);
    return blank;
}

/* The rows as this file has them; NULL: no memory. */
static const void *converted(nsky_blocks *b, const nsky_vectors *vectors, nsky_error *err)
{
    const size_t row_bytes = nsky_vector_bytes(b->type, b->dim);

    if (vectors->type == b->type)
        return vectors->data;
    if (vectors->rows > b->room_rows) {
        void *moved = nsky_realloc(b->room, vectors->rows, row_bytes, err);
        if (!moved)
            return NULL;
        b->room = moved;
        b->room_rows = (uint32_t)vectors->rows;
    }
    float *row = nsky_alloc(b->dim, sizeof *row, err);
    for (uint64_t i = 0; row && i < vectors->rows; i++) {
        nsky_vectors_read(vectors, i, row);
        nsky_vector_encode(b->type, row, b->dim, (char *)b->room + i * row_bytes);
    }
    void *done = row ? b->room : NULL;
    nsky_free(row);
    return done;
}

nsky_status nsky_blocks_append(nsky_blocks *b, const nsky_vectors *vectors, nsky_error *err)
{
    assert(b && vectors && vectors->dim == b->dim && err);
    assert(vectors->rows > 0 && vectors->rows <= BLOCK_ROWS_MAX);
    const size_t row_bytes = nsky_vector_bytes(b->type, b->dim);
    const uint32_t rows = (uint32_t)vectors->rows;
    const void *bytes = converted(b, vectors, err);
    record r = {.rows = rows, .blank_rows = count_blank(vectors)};
    nsky_status status;

    if (!bytes)
        return err->status;
    r.data = nsky_crc32(0, bytes, rows * row_bytes);
    r.self = record_sum(&r, b->chain);
    status =
        write_at(b->vectors, b->vectors_path, bytes, rows * row_bytes, b->rows * row_bytes, err);
    if (status == NSKY_OK)
        status = write_at(b->log, b->log_path, &r, sizeof r, b->log_bytes, err);
    if (status != NSKY_OK)
        return status;
    b->rows += rows;
    b->blank_rows += r.blank_rows;
    b->chain = r.self;
    b->log_bytes += sizeof r;
    return NSKY_OK;
}

void nsky_blocks_close(nsky_blocks *b)
{
    if (!b)
        return;
    if (b->vectors >= 0)
        close(b->vectors);
    if (b->log >= 0)
        close(b->log);
    nsky_free(b->room);
    nsky_free(b->vectors_path);
    nsky_free(b->log_path);
    nsky_free(b);
}
