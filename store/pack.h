/* pack.h (private) - STORE/stamps/NNNNNN.pack: a 16-byte header, then records end to end.
 * What a pack holds behind the last committed record is nothing yet: see nsky_pack_writer_open.
 * Thread rule: a writer or reader belongs to one thread. */
#ifndef NSKY_STORE_PACK_H
#define NSKY_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_PACK_HEADER_BYTES 16
#define NSKY_PACK_BYTES_MAX ((uint64_t)1 << 30) /* a pack this long takes no further record */
#define NSKY_PACKS_MAX 1000000                  /* six digits */
#define NSKY_PACK_PATH_BYTES 4096

/* Where a record lies. */
typedef struct nsky_place {
    uint64_t offset;
    uint32_t pack, bytes;
} nsky_place;

typedef struct nsky_pack_writer {
    char *directory; /* STORE/stamps; owned */
    int fd;          /* of pack `number`; -1: none yet */
    uint32_t number;
    uint64_t end, bytes_max;
    bool dirty; /* bytes not yet on disk */
} nsky_pack_writer;

#define NSKY_PACK_READER_SLOTS 16

typedef struct nsky_pack_reader {
    char *directory; /* owned */
    struct {
        uint32_t number;
        int fd; /* -1: empty */
    } slots[NSKY_PACK_READER_SLOTS];
} nsky_pack_reader;

/* "STORE/stamps/000007.pack" into out [NSKY_PACK_PATH_BYTES]. */
void nsky_pack_path(char *out, const char *directory, uint32_t number);

/* Cuts off what lies behind `last` (NULL: behind nothing, no pack is kept) and goes on from there.
 * NSKY_EDATA: the pack ends before its last committed record does. */
NSKY_MUST_CHECK nsky_status nsky_pack_writer_open(nsky_pack_writer *out, const char *store,
                                                  const nsky_place *last, nsky_error *err);
void nsky_pack_writer_close(nsky_pack_writer *writer);
/* The same for a writer that is open. */
NSKY_MUST_CHECK nsky_status nsky_pack_rewind(nsky_pack_writer *writer, const nsky_place *last,
                                             nsky_error *err);
/* Sets *place. Nothing is durable before nsky_pack_sync. */
NSKY_MUST_CHECK nsky_status nsky_pack_append(nsky_pack_writer *writer, const uint8_t *record,
                                             uint32_t bytes, nsky_place *place, nsky_error *err);
/* Takes the last record back, for when its row could not be made. */
void nsky_pack_take_back(nsky_pack_writer *writer, const nsky_place *place);
NSKY_MUST_CHECK nsky_status nsky_pack_sync(nsky_pack_writer *writer, nsky_error *err);

NSKY_MUST_CHECK nsky_status nsky_pack_reader_init(nsky_pack_reader *out, const char *store,
                                                  nsky_error *err);
void nsky_pack_reader_close(nsky_pack_reader *reader);
/* Closes all packs, for when files under their names may have changed. */
void nsky_pack_reader_forget(nsky_pack_reader *reader);
/* out [place->bytes]. NSKY_EDATA names the pack: absent, not a pack, or too short. */
NSKY_MUST_CHECK nsky_status nsky_pack_read(nsky_pack_reader *reader, const nsky_place *place,
                                           uint8_t *out, nsky_error *err);

#endif
