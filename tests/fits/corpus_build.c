/* corpus_build.c - FITS files put together by hand. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "corpus.h"

void corpus_free(corpus_file *file)
{
    free(file->data);
    *file = (corpus_file){0};
}

void corpus_bytes(corpus_file *file, const void *data, size_t bytes)
{
    if (bytes == 0)
        return;
    if (file->room - file->bytes < bytes) {
        file->room = 2 * file->room + bytes + 2880;
        file->data = realloc(file->data, file->room);
        assert(file->data);
    }
    if (data)
        memcpy(file->data + file->bytes, data, bytes);
    else
        memset(file->data + file->bytes, 0, bytes);
    file->bytes += bytes;
}

void corpus_card(corpus_file *file, const char *format, ...)
{
    char card[81];
    va_list args;

    va_start(args, format);
    int length = vsnprintf(card, sizeof card, format, args);
    va_end(args);
    assert(length >= 0 && length <= 80);
    memset(card + length, ' ', 80 - (size_t)length);
    corpus_bytes(file, card, 80);
}

void corpus_end(corpus_file *file)
{
    corpus_card(file, "END");
    while (file->bytes % 2880)
        corpus_bytes(file, " ", 1);
}

void corpus_pad(corpus_file *file)
{
    corpus_bytes(file, NULL, (2880 - file->bytes % 2880) % 2880);
}

void corpus_primary(corpus_file *file, int bitpix, int axes, const long long *size)
{
    corpus_card(file, "SIMPLE  = %20s", "T");
    corpus_card(file, "BITPIX  = %20d", bitpix);
    corpus_card(file, "NAXIS   = %20d", axes);
    for (int i = 0; i < axes; i++) {
        char key[16];
        snprintf(key, sizeof key, "NAXIS%d", i + 1);
        corpus_card(file, "%-8.8s= %20lld", key, size[i]);
    }
}

void corpus_image(corpus_file *file, const float *pixels, long long width, long long height)
{
    corpus_primary(file, -32, 2, (long long[]){width, height});
    corpus_end(file);
    for (long long i = 0; i < width * height; i++) {
        uint32_t bits;
        memcpy(&bits, &pixels[i], 4);
        bits = __builtin_bswap32(bits);
        corpus_bytes(file, &bits, 4);
    }
    corpus_pad(file);
}

void corpus_gzip(corpus_file *file)
{
    z_stream stream = {0};
    int result = deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 9, Z_RLE);

    assert(result == Z_OK);
    size_t most = deflateBound(&stream, file->bytes);
    uint8_t *packed = malloc(most);
    assert(packed);
    stream.next_in = file->data;
    stream.avail_in = (uInt)file->bytes;
    stream.next_out = packed;
    stream.avail_out = (uInt)most;
    result = deflate(&stream, Z_FINISH);
    assert(result == Z_STREAM_END);
    (void)result;
    free(file->data);
    *file = (corpus_file){.data = packed, .bytes = stream.total_out, .room = most};
    deflateEnd(&stream);
}
