/* test_hash.c - published digests, and files of every awkward kind. */
#include "support.h"

#include "common/file.h"
#include "common/hash.h"

#define SHA_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA_MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void test_known_digests(void **state) /* FIPS 180-2 */
{
    (void)state;
    char hex[NSKY_SHA256_HEX_BYTES];

    nsky_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, SHA_ABC);
    nsky_sha256_hex(NULL, 0, hex);
    assert_string_equal(hex, SHA_EMPTY);
    assert_true(nsky_hash64("abc", 3) == 0xba7816bf8f01cfeaull);
    assert_true(nsky_hash64(NULL, 0) == 0xe3b0c44298fc1c14ull);
}

static void test_files(void **state)
{
    (void)state;
    static char million[1000000];
    char hex[NSKY_SHA256_HEX_BYTES];
    nsky_error err = NSKY_ERROR_INIT;

    memset(million, 'a', sizeof million);
    assert_ok(nsky_file_write(in_directory("million"), million, sizeof million, &err), err);
    assert_ok(nsky_sha256_file(in_directory("million"), hex, &err), err);
    assert_string_equal(hex, SHA_MILLION_A);
    assert_ok(nsky_file_write(in_directory("empty"), NULL, 0, &err), err);
    assert_ok(nsky_sha256_file(in_directory("empty"), hex, &err), err);
    assert_string_equal(hex, SHA_EMPTY);
}

static void test_file_errors(void **state)
{
    (void)state;
    char hex[NSKY_SHA256_HEX_BYTES];
    nsky_error err;

    assert_fails(nsky_sha256_file(in_directory("absent"), hex, &err), NSKY_ENOTFOUND, err,
                 "absent");
    assert_fails(nsky_sha256_file(test_directory, hex, &err), NSKY_EIO, err, "directory");
}

static nsky_status hash_one(void *path, nsky_error *err)
{
    char hex[NSKY_SHA256_HEX_BYTES];
    return nsky_sha256_file(path, hex, err);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    char path[1024];

    snprintf(path, sizeof path, "%s", in_directory("one"));
    assert_ok(nsky_file_write(path, "1", 1, &err), err);
    assert_int_equal(exhaust_memory(hash_one, path), 1);
}

static void test_crc32(void **state)
{
    (void)state;
    assert_int_equal(nsky_crc32(0, "123456789", 9), 0xCBF43926);
    assert_int_equal(nsky_crc32(nsky_crc32(0, "1234", 4), "56789", 5), 0xCBF43926);
    assert_int_equal(nsky_crc32(0, NULL, 0), 0);
    assert_int_equal(nsky_crc32(0xCBF43926, NULL, 0), 0xCBF43926); /* nothing changes nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_digests), cmocka_unit_test(test_files),
        cmocka_unit_test(test_file_errors),   cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_crc32),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
