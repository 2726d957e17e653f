/* hash.c - SHA-256 by libsodium, CRC-32 by zlib. Thread rule: any thread. */
#include "common/hash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>
#include <zlib.h>

#include "common/memory.h"

#define READ_BYTES ((size_t)1 << 18)

_Static_assert(NSKY_SHA256_HEX_BYTES == 2 * crypto_hash_sha256_BYTES + 1, "hex digits and NUL");

static void to_hex(const unsigned char digest[crypto_hash_sha256_BYTES],
                   char out[NSKY_SHA256_HEX_BYTES])
{
    sodium_bin2hex(out, NSKY_SHA256_HEX_BYTES, digest, crypto_hash_sha256_BYTES);
}

void nsky_sha256_hex(const void *data, size_t bytes, char out[NSKY_SHA256_HEX_BYTES])
{
    assert((data || bytes == 0) && out);
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, bytes ? data : (const void *)"", bytes);
    to_hex(digest, out);
}

/* Reads rather than maps: a failing disk is then a status, not a SIGBUS. */
static nsky_status hash_descriptor(crypto_hash_sha256_state *state, int fd, const char *path,
                                   nsky_error *err)
{
    unsigned char *buffer = nsky_alloc(READ_BYTES, 1, err);
    nsky_status status = NSKY_OK;
    ssize_t got;

    if (!buffer)
        return err->status;
    while ((got = read(fd, buffer, READ_BYTES)) != 0) {
        if (got > 0) {
            crypto_hash_sha256_update(state, buffer, (unsigned long long)got);
        } else if (errno != EINTR) {
            status = nsky_fail_errno(err, "%s: cannot read", path);
            break;
        }
    }
    nsky_free(buffer);
    return status;
}

nsky_status nsky_sha256_file(const char *path, char out[NSKY_SHA256_HEX_BYTES], nsky_error *err)
{
    assert(path && out && err);
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file", path);
        return nsky_fail_errno(err, "%s: cannot open", path);
    }
    crypto_hash_sha256_init(&state);
    nsky_status status = hash_descriptor(&state, fd, path, err);
    close(fd);
    if (status != NSKY_OK)
        return status;
    crypto_hash_sha256_final(&state, digest);
    to_hex(digest, out);
    return NSKY_OK;
}

uint64_t nsky_hash64(const void *data, size_t bytes)
{
    assert(data || bytes == 0);
    unsigned char digest[crypto_hash_sha256_BYTES];
    uint64_t name = 0;

    crypto_hash_sha256(digest, bytes ? data : (const void *)"", bytes);
    for (int i = 0; i < 8; i++)
        name = name << 8 | digest[i];
    return name;
}

uint32_t nsky_crc32(uint32_t crc, const void *data, size_t bytes)
{
    assert(data || bytes == 0);
    return bytes ? (uint32_t)crc32_z(crc, data, bytes) : crc; /* zlib takes NULL for "start" */
}
