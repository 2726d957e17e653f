/* test_verify.c - damage anywhere is found, named, and never a crash. */
#include "generation_support.h"

#include <sqlite3.h>

static void run_sql(const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(in_store("catalogue.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int whole_store(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t number;

    fresh_store(state);
    make_store(20, 16);
    assert_ok(make_generation(20, &number, &err), err);
    assert_ok(make_generation(20, &number, &err), err);
    assert_sound();
    return 0;
}

/* Every tenth byte or so of a file, inverted and put back. */
static void flip_through(const char *name, const char *word, uint32_t step)
{
    struct stat info;
    char path[2048];

    snprintf(path, sizeof path, "%s", in_store(name));
    assert_int_equal(stat(path, &info), 0);
    for (off_t at = 0; at < info.st_size; at += step) {
        flip_byte(path, at);
        assert_unsound(word);
        flip_byte(path, at);
    }
    assert_sound();
}

static void test_packs(void **state)
{
    (void)state;
    flip_through("stamps/000000.pack", "000000.pack", 501);
    assert_int_equal(truncate(in_store("stamps/000000.pack"), 1000), 0);
    assert_unsound("ends before");
    assert_int_equal(truncate(in_store("stamps/000000.pack"), 3), 0);
    assert_unsound("not a pack");
    assert_true(count_problems() <= 22); /* one pack gone is not a thousand lines */
    assert_int_equal(unlink(in_store("stamps/000000.pack")), 0);
    assert_unsound("missing");
}

static void test_vectors(void **state)
{
    (void)state;
    flip_through("generations/0001/vectors.f16", "0001/vectors.f16", 61);
    flip_through("generations/0002/vectors.f16", "0002/vectors.f16", 61);
    chmod(in_store("generations/0001/vectors.f16"), 0644);
    assert_int_equal(truncate(in_store("generations/0001/vectors.f16"), 10), 0);
    assert_unsound("has 10 bytes");
    assert_int_equal(unlink(in_store("generations/0001/vectors.f16")), 0);
    assert_unsound("0001/vectors.f16");
}

/* Published with the right checksum and yet no unit vectors. */
static void test_lengths(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    char sha256[NSKY_SHA256_HEX_BYTES];
    uint16_t vectors[20 * DIM];
    uint32_t number;

    make_weights("weights", 100, sha256);
    for (uint32_t kind = 0; kind < 4; kind++) {
        nsky_generation_work *work;
        nsky_json *manifest = make_manifest(20, DIM, sha256);
        for (uint32_t row = 0; row < 20; row++)
            unit_vector(vectors + row * DIM, row);
        if (kind == 0)
            vectors[5 * DIM + 3] = 0x7E00; /* NaN */
        if (kind == 1)
            vectors[5 * DIM] = nsky_half_from_float(0.9f);
        if (kind >= 2)
            memset(vectors + 5 * DIM, 0, DIM * 2);
        if (kind == 3)
            nsky_json_put_integer(manifest, "blank_rows", 1);
        assert_ok(nsky_generation_begin(&work, store_path, "k", &err), err);
        assert_ok(write_in_work(work, "vectors.f16", vectors, sizeof vectors, &err), err);
        assert_ok(nsky_generation_publish(work, manifest, &number, &err), err);
        if (kind == 3)
            assert_sound();
        else
            assert_unsound("row 5 has length");
        assert_ok(nsky_remove_tree(in_store("generations/0003"), &err), err);
    }
}

static void test_manifests(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    void *text;
    size_t bytes;
    char path[2048];

    snprintf(path, sizeof path, "%s", in_store("generations/0002/manifest.json"));
    assert_ok(nsky_file_read(&text, &bytes, path, 1 << 20, &err), err);
    for (size_t at = 0; at < bytes; at += 3) { /* wherever it is not mere commentary */
        flip_byte(path, (int64_t)at);
        nsky_generation *generation = NULL;
        nsky_status status = nsky_generation_open(&generation, store_path, 2, &err);
        assert_true((status == NSKY_OK) == (generation != NULL));
        nsky_generation_close(generation);
        if (status != NSKY_OK)
            assert_unsound("manifest.json");
        flip_byte(path, (int64_t)at);
    }
    for (size_t length = 0; length < bytes - 2; length += 7) {
        assert_ok(nsky_file_write(path, text, length, &err), err);
        assert_unsound("manifest.json");
    }
    nsky_free(text);
    assert_int_equal(unlink(path), 0);
    assert_unsound("manifest.json");
}

/* Lies in a manifest that is well-formed. */
static void test_hostile_manifests(void **state)
{
    (void)state;
    static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const struct {
        const char *key, *json, *word;
    } lies[] = {
        {"format", "2", "newer"},
        {"format", "\"1\"", "not the manifest"},
        {"files", "[]", "not the manifest"},
        {"files", "{}", "vectors.f16"},
        {"number", "1", "belongs to generation 1"},
        {"rows", "-1", "rows"},
        {"rows", "1e300", "rows"},
        {"rows", "1099511627776", "vectors.f16"},
        {"dim", "0.5", "dim"},
        {"dim", "65537", "dim"},
        {"vector_type", "\"int4\"", "vector_type"},
        {"vector_type", "8", "vector_type"},
        {"vector_type", "\"int8\"", "vectors.i8"},
        {"blank_rows", "21", "blank_rows"},
        {"blank_rows", "-1", "blank_rows"},
        {"model", "{\"sha256\":\"../../../../etc/passwd\"}", "sha256"},
        {"model", "7", "sha256"},
        {"files", "{\"../../CURRENT\":{\"bytes\":5,\"sha256\":\"%s\"}}", "../../CURRENT"},
        {"files", "{\".x\":{\"bytes\":5,\"sha256\":\"%s\"}}", ".x"},
        {"files", "{\"vectors.f16\":{\"bytes\":-640,\"sha256\":\"%s\"}}", "vectors.f16"},
        {"files", "{\"vectors.f16\":{\"bytes\":640,\"sha256\":\"Z\"}}", "vectors.f16"},
        {"files", "{\"vectors.f16\":{\"bytes\":640,\"sha256\":\"%s\"}}", "SHA-256"},
        {"model", "{\"sha256\":\"%s\"}", "safetensors"},
    };
    nsky_error err = NSKY_ERROR_INIT;
    char path[2048], json[512];

    snprintf(path, sizeof path, "%s", in_store("generations/0002/manifest.json"));
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        nsky_json *saved, *lying, *value;
        assert_ok(nsky_json_read_file(&saved, path, 1 << 20, &err), err);
        assert_ok(nsky_json_read_file(&lying, path, 1 << 20, &err), err);
        const char *cut = strstr(lies[i].json, "%s");
        if (cut)
            snprintf(json, sizeof json, "%.*s%s%s", (int)(cut - lies[i].json), lies[i].json, hash,
                     cut + 2);
        else
            snprintf(json, sizeof json, "%s", lies[i].json);
        assert_ok(nsky_json_parse(&value, json, strlen(json), "lie", &err), err);
        nsky_json_put(lying, lies[i].key, value);
        assert_ok(nsky_json_write_file(lying, path, &err), err);
        assert_unsound(lies[i].word);
        assert_ok(nsky_json_write_file(saved, path, &err), err);
        nsky_json_free(lying);
        nsky_json_free(saved);
    }
    assert_sound();
}

static void test_strays(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_file_write(in_store("generations/0001/extra"), "x", 1, &err), err);
    assert_unsound("0001/extra");
    assert_int_equal(unlink(in_store("generations/0001/extra")), 0);
    assert_ok(nsky_file_write(in_store("generations/0001/x.tmp.1.2"), "x", 1, &err), err);
    assert_ok(nsky_make_directories(in_store("generations/.work-left"), &err), err);
    assert_ok(nsky_make_directories(in_store("generations/notes"), &err), err);
    assert_ok(nsky_file_write(in_store("community.db"), "x", 1, &err), err);
    assert_sound();
    assert_int_equal(unlink(in_store("generations/0001/vectors.f16")), 0);
    assert_int_equal(symlink("../0002/vectors.f16", in_store("generations/0001/vectors.f16")), 0);
    assert_unsound("not a plain file");
}

static void test_catalogue_lies(void **state)
{
    (void)state;
    static const char *const lies[][3] = {
        {"UPDATE objects SET row = 100 WHERE row = 7", "UPDATE objects SET row = 7 WHERE row = 100",
         "gaps"},
        {"UPDATE objects SET zone = zone + 1 WHERE row = 3",
         "UPDATE objects SET zone = zone - 1 WHERE row = 3", "zone do not fit of row 3"},
        {"UPDATE objects SET ra = -ra WHERE row = 3", "UPDATE objects SET ra = -ra WHERE row = 3",
         "position"},
        {"UPDATE objects SET id = id + 1 WHERE row = 5",
         "UPDATE objects SET id = id - 1 WHERE row = 5", "row 5"},
        {"UPDATE objects SET path_id = path_id + 99 WHERE row = 5",
         "UPDATE objects SET path_id = path_id - 99 WHERE row = 5", "source file"},
        {"UPDATE objects SET offset = offset + 1 WHERE row = 5",
         "UPDATE objects SET offset = offset - 1 WHERE row = 5", "row 5"},
        {"UPDATE objects SET offset = -offset WHERE row = 5",
         "UPDATE objects SET offset = -offset WHERE row = 5", "row 5"},
        {"UPDATE objects SET pack = 7000000 WHERE row = 5",
         "UPDATE objects SET pack = 0 WHERE row = 5", "row 5"},
        {"UPDATE objects SET pack = 1 WHERE row = 5", "UPDATE objects SET pack = 0 WHERE row = 5",
         "000001.pack"},
        {"UPDATE objects SET bytes = bytes + 4294967296 WHERE row = 5",
         "UPDATE objects SET bytes = bytes - 4294967296 WHERE row = 5", "row 5"},
        {"UPDATE objects SET stamp_crc = stamp_crc + 1 WHERE row = 5",
         "UPDATE objects SET stamp_crc = stamp_crc - 1 WHERE row = 5", "not the stamp"},
        {"UPDATE objects SET pixel_hash = ~pixel_hash WHERE row = 5",
         "UPDATE objects SET pixel_hash = ~pixel_hash WHERE row = 5", "not the stamp"},
        {"UPDATE kinds SET rows = rows + 1", "UPDATE kinds SET rows = rows - 1", "kinds"},
        {"ALTER TABLE objects RENAME TO things", "ALTER TABLE things RENAME TO objects",
         "no such table"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        run_sql(lies[i][0]);
        assert_unsound(lies[i][2]);
        assert_unsound("store");
        run_sql(lies[i][1]);
        assert_sound();
    }
}

/* Reads everything a server would, of a store that may say anything. */
static bool look(const nsky_object *object, void *payload)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp;

    if (nsky_survey_stamp(payload, object->row, &stamp, &err) == NSKY_OK)
        nsky_stamp_free(stamp);
    return true;
}

static void read_all(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    static nsky_cone_hit hits[50];
    nsky_survey *survey;
    nsky_json *json;
    uint32_t count;

    if (nsky_survey_open(&survey, store_path, NSKY_SURVEY_READ, &err) != NSKY_OK)
        return;
    nsky_status status = nsky_survey_each(survey, 0, look, survey, &err);
    status |= nsky_survey_cone(survey, (nsky_sky){10, 10}, 3600, 50, hits, &count, &err);
    status |= nsky_survey_describe(survey, &json, &err);
    nsky_json_free(json);
    nsky_survey_close(survey);
    (void)status;
}

static void test_catalogue_bytes(void **state)
{
    (void)state;
    struct stat info;
    char path[2048];
    uint32_t found = 0, tried = 0;
    nsky_rng rng = nsky_rng_at(41, 0, 0);

    snprintf(path, sizeof path, "%s", in_store("catalogue.db"));
    assert_int_equal(stat(path, &info), 0);
    for (int i = 0; i < 150; i++) {
        int64_t at = nsky_rng_below(&rng, (uint32_t)info.st_size);
        if (i < 30)
            at = i * 3; /* the header */
        flip_byte(path, at);
        found += count_problems() > 0;
        tried++;
        read_all();
        flip_byte(path, at);
    }
    assert_true(found >= tried / 8); /* most of the file is unused bytes of pages */
    assert_sound();
}

/* More than a text column may hold. */
static void test_long_text(void **state)
{
    (void)state;
    nsky_error err;
    nsky_object object;

    run_sql("UPDATE objects SET known = printf('%.2000c', 'x') WHERE row = 2");
    nsky_survey *survey = open_survey(NSKY_SURVEY_READ);
    assert_fails(nsky_survey_by_row(survey, 2, &object, &err), NSKY_EDATA, err, "row 2");
    assert_fails(nsky_survey_each(survey, 0, look, survey, &err), NSKY_EDATA, err, "row 2");
    nsky_survey_close(survey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_packs, whole_store),
        cmocka_unit_test_setup(test_vectors, whole_store),
        cmocka_unit_test_setup(test_lengths, whole_store),
        cmocka_unit_test_setup(test_manifests, whole_store),
        cmocka_unit_test_setup(test_hostile_manifests, whole_store),
        cmocka_unit_test_setup(test_strays, whole_store),
        cmocka_unit_test_setup(test_catalogue_lies, whole_store),
        cmocka_unit_test_setup(test_catalogue_bytes, whole_store),
        cmocka_unit_test_setup(test_long_text, whole_store),
    };
    return cmocka_run_group_tests_name("store.verify", tests, make_test_directory,
                                       remove_test_directory);
}
