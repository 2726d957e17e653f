/* codec.h (private) - a stamp as one record of a pack: 64 bytes of header, then zstd.
 *
 * Little-endian: magic u32, codec u16, exponent i16, width u16, height u16, scale f32, bands[4],
 * flags u32, row u64, id u64, payload bytes u32, payload crc u32, pixel hash u64, exceptions u32,
 * crc u32 of the 60 bytes before. The payload is zstd of byte planes: float32 as it is, or float16
 * of pixel * 2^exponent followed by the pixels that float16 would lose, as (index u32, float32).
 * Thread rule: a codec belongs to one thread.
 */
#ifndef NSKY_STORE_CODEC_H
#define NSKY_STORE_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "image/stamp.h"
#include "store/planes.h"

#define NSKY_RECORD_HEADER_BYTES 64
#define NSKY_RECORD_BYTES_MAX ((uint32_t)8 << 20)

typedef struct nsky_codec {
    void *compressor, *decompressor; /* zstd's contexts */
    nsky_planes planes;              /* scratch, grown as needed */
    uint8_t *record;
    size_t plane_bytes, record_bytes, pixel_count;
} nsky_codec;

/* What a record says of itself. */
typedef struct nsky_record_info {
    uint64_t row, id, pixel_hash;
    uint32_t crc; /* of the header, which holds the payload's */
    bool lossless;
} nsky_record_info;

/* Zeroes the codec; scratch comes with the first stamp. */
void nsky_codec_init(nsky_codec *codec);
void nsky_codec_free(nsky_codec *codec);

/* Of the pixels, their size and what they mean; flags are left out. */
uint64_t nsky_stamp_hash(const nsky_stamp *stamp);

/* *record [*bytes] is the codec's, until its next call. */
NSKY_MUST_CHECK nsky_status nsky_record_encode(nsky_codec *codec, const nsky_stamp *stamp,
                                               bool lossless, const nsky_record_info *info,
                                               const uint8_t **record, uint32_t *bytes,
                                               uint32_t *crc, nsky_error *err);
/* Room for a record to be read into. */
NSKY_MUST_CHECK nsky_status nsky_record_room(nsky_codec *codec, uint32_t bytes, uint8_t **record,
                                             nsky_error *err);
/* Believes nothing. On NSKY_EDATA err's text is the reason alone: the caller adds the place. */
NSKY_MUST_CHECK nsky_status nsky_record_decode(nsky_codec *codec, const uint8_t *record,
                                               uint32_t bytes, nsky_record_info *info,
                                               nsky_stamp **out, nsky_error *err);

#endif
