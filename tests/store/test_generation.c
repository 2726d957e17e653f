/* test_generation.c - generations are prepared, published all at once, and read back. */
#include "generation_support.h"

static char weights_hash[NSKY_SHA256_HEX_BYTES];

static nsky_generation_work *begin(const char *key)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation_work *work;

    assert_ok(nsky_generation_begin(&work, store_path, key, &err), err);
    return work;
}

static void write_text(const char *path, const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_file_write(path, text, strlen(text), &err), err);
}

/* A store with five rows and weights. */
static int five_rows(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;

    fresh_store(state);
    make_store(5, 8);
    const char *weights = make_weights("weights", 100, weights_hash);
    assert_ok(nsky_store_put_model(store_path, weights, weights_hash, &err), err);
    return 0;
}

static void test_publish_and_read(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *generation;
    uint32_t number;
    char *model;

    assert_ok(make_generation(4, &number, &err), err);
    assert_int_equal(number, 1);
    assert_ok(make_generation(5, &number, &err), err);
    assert_int_equal(number, 2);
    assert_sound();
    for (uint32_t i = 0; i < 3; i++) {
        assert_ok(nsky_generation_open(&generation, store_path, i, &err), err);
        assert_int_equal(generation->number, i ? i : 2);
        assert_int_equal(generation->rows, i == 1 ? 4 : 5);
        assert_int_equal(generation->dim, DIM);
        for (uint64_t row = 0; row < generation->rows; row++) {
            uint16_t wanted[DIM];
            float found[DIM];
            unit_vector(wanted, row);
            nsky_generation_vector(generation, row, found);
            for (int d = 0; d < DIM; d++)
                assert_true(found[d] == nsky_half_to_float(wanted[d]));
        }
        assert_ok(nsky_generation_model_path(generation, &model, &err), err);
        assert_true(nsky_file_exists(model));
        nsky_free(model);
        assert_int_equal(nsky_json_get_number(generation->manifest, "format", 0), 1);
        assert_non_null(nsky_json_get_string(generation->manifest, "created_by"));
        nsky_generation_close(generation);
    }
    nsky_generation_close(NULL);
    assert_fails(nsky_generation_open(&generation, store_path, 3, &err), NSKY_ENOTFOUND, err,
                 "0003");
    assert_int_equal(unlink(in_store("CURRENT")), 0);
    assert_fails(nsky_generation_open(&generation, store_path, 0, &err), NSKY_ENOTFOUND, err,
                 "nearsky embed");
    assert_unsound("CURRENT");
    assert_null(generation);
}

static void test_durable(void **state)
{
    (void)state;
    static const char *const order[] = {
        "vectors.f16 ", "manifest.json", ".work-test ", ".publishing",
        "generations ", "CURRENT",       NULL};
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t number;

    synced[0] = '\0';
    assert_ok(make_generation(4, &number, &err), err);
    char *start = strstr(synced, "vectors.f16.tmp"); /* the test's own writing comes first */
    assert_non_null(start);
    memmove(synced, start + 15, strlen(start + 15) + 1);
    assert_synced(order);
}

/* The same key finds what was left; another does not; abandoned work is gone. */
static void test_pause_and_resume(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation_work *work = begin("Embed-01");
    char file[2048];

    assert_string_equal(work->store, store_path);
    assert_ok(write_in_work(work, "part", "abc", 3, &err), err);
    snprintf(file, sizeof file, "%s/part", work->path);
    nsky_generation_pause(work);
    assert_true(nsky_file_exists(file));
    work = begin("Embed-02");
    nsky_generation_abandon(work);
    assert_true(nsky_file_exists(file));
    work = begin("Embed-01");
    assert_true(nsky_file_exists(file));
    assert_sound();
    nsky_generation_abandon(work);
    assert_false(nsky_file_exists(file));
    nsky_generation_pause(NULL);
    nsky_generation_abandon(NULL);
}

static void test_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",    "a/b", "..",
        "a_b", "a b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    nsky_error err;
    nsky_generation_work *work;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(nsky_generation_begin(&work, store_path, bad[i], &err), NSKY_EINVAL, err,
                     "key");
        assert_null(work);
    }
    assert_fails(nsky_generation_begin(&work, test_directory, "k", &err), NSKY_ENOTFOUND, err,
                 "ingest");
}

static void assert_publish_fails(nsky_json *manifest, uint32_t rows, nsky_status status,
                                 const char *word)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation_work *work = begin("k");
    uint32_t number = 7;

    assert_ok(write_vectors(work, rows, &err), err);
    assert_fails(nsky_generation_publish(work, manifest, &number, &err), status, err, word);
    assert_int_equal(number, 0);
    assert_sound();
    nsky_generation_abandon(begin("k")); /* neither lock nor memory was lost */
}

static void test_publish_refuses(void **state)
{
    (void)state;
    static const char other[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    assert_publish_fails(NULL, 3, NSKY_ENOMEM, "memory");
    assert_publish_fails(make_manifest(-1, DIM, weights_hash), 3, NSKY_EDATA, "rows");
    assert_publish_fails(make_manifest(2.5, DIM, weights_hash), 3, NSKY_EDATA, "rows");
    assert_publish_fails(make_manifest(3, 0, weights_hash), 3, NSKY_EDATA, "dim");
    assert_publish_fails(make_manifest(3, 1e6, weights_hash), 3, NSKY_EDATA, "dim");
    assert_publish_fails(make_manifest(3, DIM, "short"), 3, NSKY_EDATA, "sha256");
    assert_publish_fails(make_manifest(3, DIM, NULL), 3, NSKY_EDATA, "sha256");
    assert_publish_fails(make_manifest(3, DIM, other), 3, NSKY_ENOTFOUND, "weights");
    assert_publish_fails(make_manifest(4, DIM, weights_hash), 3, NSKY_EDATA, "vectors.f16");
    assert_publish_fails(make_manifest(6, DIM, weights_hash), 6, NSKY_EMISMATCH, "catalogue has 5");
}

static void test_publish_refuses_folders(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation_work *work = begin("k");
    char folder[2048];
    uint32_t number;

    assert_ok(write_vectors(work, 3, &err), err);
    snprintf(folder, sizeof folder, "%s/sub", work->path);
    assert_ok(nsky_make_directories(folder, &err), err);
    assert_fails(nsky_generation_publish(work, make_manifest(3, DIM, weights_hash), &number, &err),
                 NSKY_EINVAL, err, "plain files");
    work = begin("k");
    assert_int_equal(rmdir(folder), 0);
    assert_ok(write_in_work(work, ".hidden", "x", 1, &err), err);
    assert_fails(nsky_generation_publish(work, make_manifest(3, DIM, weights_hash), &number, &err),
                 NSKY_EINVAL, err, ".hidden");
}

/* What an interrupted publisher left in the folder is no part of the generation. */
static void test_publish_cleans(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation_work *work = begin("k");
    nsky_generation *generation;
    uint32_t number;

    assert_ok(write_vectors(work, 3, &err), err);
    assert_ok(write_in_work(work, "vectors.f16.tmp.1.2", "x", 1, &err), err);
    assert_ok(write_in_work(work, "manifest.json", "{}", 2, &err), err);
    assert_ok(nsky_generation_publish(work, make_manifest(3, DIM, weights_hash), &number, &err),
              err);
    assert_sound();
    assert_ok(nsky_generation_open(&generation, store_path, 0, &err), err);
    assert_int_equal(nsky_json_count(nsky_json_get(generation->manifest, "files")), 1);
    nsky_generation_close(generation);
}

/* A publisher killed between rename and CURRENT lost nothing; one killed before left no trace. */
static void test_interrupted_publish(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *generation;
    uint32_t number;

    assert_ok(make_generation(4, &number, &err), err);
    assert_ok(make_generation(5, &number, &err), err);
    write_text(in_store("CURRENT"), "0001\n");
    write_text(in_store("generations/.publishing"), "0002\n");
    assert_ok(nsky_generation_open(&generation, store_path, 0, &err), err);
    assert_int_equal(generation->number, 2);
    nsky_generation_close(generation);
    assert_sound();
    nsky_generation_abandon(begin("k"));
    assert_false(nsky_file_exists(in_store("generations/.publishing")));
    assert_ok(nsky_generation_open(&generation, store_path, 0, &err), err);
    assert_int_equal(generation->number, 2);
    nsky_generation_close(generation);
    write_text(in_store("generations/.publishing"), "0003\n");
    assert_ok(nsky_generation_open(&generation, store_path, 0, &err), err);
    assert_int_equal(generation->number, 2);
    nsky_generation_close(generation);
    assert_sound();
    write_text(in_store("generations/.publishing"), "what");
    nsky_generation_abandon(begin("k"));
    assert_ok(make_generation(5, &number, &err), err);
    assert_int_equal(number, 3);
    write_text(in_store("CURRENT"), "0001\n"); /* someone wants the old one back */
    assert_ok(nsky_generation_open(&generation, store_path, 0, &err), err);
    assert_int_equal(generation->number, 1);
    nsky_generation_close(generation);
    assert_sound();
}

static void test_current(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "1",    "0000\n",      "../01",
                                      "00001\n", "-001", "99999999999", "0001x"};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *generation;
    uint32_t number;

    assert_ok(make_generation(4, &number, &err), err);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text(in_store("CURRENT"), bad[i]);
        assert_fails(nsky_generation_open(&generation, store_path, 0, &err), NSKY_EDATA, err,
                     "CURRENT");
        assert_unsound("CURRENT");
    }
    write_text(in_store("CURRENT"), "0002\n");
    assert_fails(nsky_generation_open(&generation, store_path, 0, &err), NSKY_ENOTFOUND, err,
                 "0002");
    assert_unsound("CURRENT");
}

static void test_link(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *generation;
    struct stat a, b;
    uint32_t number;

    assert_ok(make_generation(4, &number, &err), err);
    assert_ok(nsky_generation_open(&generation, store_path, 0, &err), err);
    nsky_generation_work *work = begin("k");
    for (int i = 0; i < 2; i++) /* again: as an interrupted run does */
        assert_ok(nsky_generation_link(work, generation, "vectors.f16", &err), err);
    assert_fails(nsky_generation_link(work, generation, "pca.f32", &err), NSKY_ENOTFOUND, err,
                 "pca.f32");
    assert_fails(nsky_generation_link(work, generation, "../x", &err), NSKY_EINVAL, err, "name");
    assert_fails(nsky_generation_link(work, generation, "manifest.json", &err), NSKY_EINVAL, err,
                 "name");
    nsky_generation_close(generation);
    assert_ok(write_in_work(work, "index.faiss", "index", 5, &err), err);
    assert_ok(nsky_generation_publish(work, make_manifest(4, DIM, weights_hash), &number, &err),
              err);
    assert_int_equal(number, 2);
    assert_int_equal(stat(in_store("generations/0001/vectors.f16"), &a), 0);
    assert_int_equal(stat(in_store("generations/0002/vectors.f16"), &b), 0);
    assert_true(a.st_ino == b.st_ino && (b.st_mode & 0222) == 0);
    assert_sound();
}

static void test_models(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    char sha256[NSKY_SHA256_HEX_BYTES], name[64];
    const char *weights = make_weights("big", 3 << 20, sha256);
    nsky_generation *generation;
    uint32_t number;
    char *model;

    assert_ok(nsky_store_put_model(store_path, weights, sha256, &err), err);
    snprintf(name, sizeof name, "models/%.16s.safetensors", sha256);
    flip_byte(in_store(name), 100); /* a damaged one is replaced */
    assert_ok(nsky_store_put_model(store_path, weights, sha256, &err), err);
    flip_byte(weights, 5);
    assert_ok(nsky_store_put_model(store_path, weights, sha256, &err), err); /* not looked at */
    assert_int_equal(unlink(in_store(name)), 0);
    assert_fails(nsky_store_put_model(store_path, weights, sha256, &err), NSKY_EMISMATCH, err,
                 "changed");
    assert_fails(nsky_store_put_model(store_path, in_directory("none"), sha256, &err),
                 NSKY_ENOTFOUND, err, "none");
    assert_fails(nsky_store_put_model(store_path, weights, "abc", &err), NSKY_EINVAL, err,
                 "SHA-256");
    assert_ok(make_generation(4, &number, &err), err);
    assert_ok(nsky_generation_open(&generation, store_path, 0, &err), err);
    snprintf(name, sizeof name, "models/%.16s.safetensors", weights_hash);
    assert_int_equal(unlink(in_store(name)), 0);
    assert_fails(nsky_generation_model_path(generation, &model, &err), NSKY_ENOTFOUND, err,
                 "weights");
    nsky_generation_close(generation);
    assert_unsound("safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_publish_and_read, five_rows),
        cmocka_unit_test_setup(test_durable, five_rows),
        cmocka_unit_test_setup(test_pause_and_resume, five_rows),
        cmocka_unit_test_setup(test_keys, five_rows),
        cmocka_unit_test_setup(test_publish_refuses, five_rows),
        cmocka_unit_test_setup(test_publish_refuses_folders, five_rows),
        cmocka_unit_test_setup(test_publish_cleans, five_rows),
        cmocka_unit_test_setup(test_interrupted_publish, five_rows),
        cmocka_unit_test_setup(test_current, five_rows),
        cmocka_unit_test_setup(test_link, five_rows),
        cmocka_unit_test_setup(test_models, five_rows),
    };
    return cmocka_run_group_tests_name("store.generation", tests, make_test_directory,
                                       remove_test_directory);
}
