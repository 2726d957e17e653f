/* hidden.c - see hidden.h. */
#include "store/hidden.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/memory.h"

enum { MAGIC, TOTAL, COUNT, CRC, HEADER };

static uint64_t magic(void)
{
    uint64_t value;

    memcpy(&value, "NSKYDEL1", sizeof value);
    return value;
}

static uint64_t sum_of(const uint64_t header[HEADER], const uint64_t *rows, uint64_t count)
{
    return nsky_crc32(nsky_crc32(0, header, CRC * sizeof *header), rows, count * sizeof *rows);
}

nsky_status nsky_hidden_write(const char *path, uint64_t total, const uint64_t *rows,
                              uint64_t count, nsky_error *err)
{
    assert(path && rows && count > 0 && err);
    uint64_t header[HEADER] = {magic(), total, count, 0};
    nsky_file_writer writer;
    nsky_status status = nsky_file_begin(&writer, path, err);

    if (status != NSKY_OK)
        return status;
    header[CRC] = sum_of(header, rows, count);
    /* Failures of the stream stick to it; commit finds them. */
    fwrite(header, sizeof *header, HEADER, writer.stream);
    fwrite(rows, sizeof *rows, count, writer.stream);
    return nsky_file_commit(&writer, err);
}

static nsky_status check(const nsky_map *map, const char *path, uint64_t total, nsky_error *err)
{
    const uint64_t *header = map->data, *rows = header + HEADER;
    uint64_t next = 0;

    if (map->bytes < HEADER * sizeof *header || header[MAGIC] != magic() ||
        (map->bytes - HEADER * sizeof *header) / sizeof *rows != header[COUNT] ||
        map->bytes % sizeof *rows != 0 || header[CRC] != sum_of(header, rows, header[COUNT]))
        return nsky_fail(err, NSKY_EDATA, "%s: damaged; restore it from a copy", path);
    if (header[TOTAL] != total)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "%s: for %" PRIu64 " rows, and the generation has %" PRIu64
                         "; restore it from a copy",
                         path, header[TOTAL], total);
    for (uint64_t i = 0; i < header[COUNT]; i++, next++) {
        if (rows[i] < next || rows[i] >= total)
            return nsky_fail(err, NSKY_EDATA,
                             "%s: damaged at entry %" PRIu64 "; restore it from a copy", path, i);
        next = rows[i];
    }
    return NSKY_OK;
}

nsky_status nsky_hidden_read(uint8_t **out, uint64_t *count, const char *path, uint64_t total,
                             nsky_error *err)
{
    assert(out && count && path && err);
    nsky_map map = {NULL, 0};

    *out = NULL;
    *count = 0;
    if (!nsky_file_exists(path))
        return NSKY_OK;
    nsky_status status = nsky_map_open(&map, path, err);
    if (status == NSKY_OK)
        status = check(&map, path, total, err);
    if (status == NSKY_OK && !(*out = nsky_alloc_zero(total / 8 + 1, 1, err)))
        status = err->status;
    if (status == NSKY_OK) {
        const uint64_t *header = map.data, *rows = header + HEADER;
        *count = header[COUNT];
        for (uint64_t i = 0; i < *count; i++)
            (*out)[rows[i] >> 3] |= (uint8_t)(1u << (rows[i] & 7));
    }
    nsky_map_close(&map);
    return status;
}
