/* test_survey.c - rows and stamps go in, come back, and stay. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

static void assert_same_object(const nsky_object *a, const nsky_object *b)
{
    assert_int_equal(a->id, b->id);
    assert_string_equal(a->name, b->name);
    assert_memory_equal(&a->ra_deg, &b->ra_deg, sizeof(double));
    assert_memory_equal(&a->dec_deg, &b->dec_deg, sizeof(double));
    assert_memory_equal(&a->mag_r, &b->mag_r, sizeof(float));
    assert_true(isnan(b->mag_g) && isnan(b->mag_z) && isnan(b->z_phot) && isnan(b->z_spec));
    assert_true(isnan(b->ebv));
    assert_string_equal(a->type, b->type);
    assert_string_equal(a->known, b->known);
    assert_string_equal(a->source, b->source);
}

static void assert_close_pixels(const nsky_stamp *in, const nsky_stamp *out, bool exact)
{
    assert_int_equal(in->width, out->width);
    assert_int_equal(in->height, out->height);
    assert_true(in->scale_arcsec_px == out->scale_arcsec_px);
    assert_string_equal(in->bands, out->bands);
    assert_int_equal(in->flags, out->flags);
    for (size_t i = 0; i < (size_t)3 * in->width * in->height; i++) {
        float a = in->pixels[i], b = out->pixels[i];
        if (isnan(a) && isnan(b))
            continue;
        if (exact ? a != b : !(a == b || fabsf(a - b) <= fabsf(a) * 0x1p-11f))
            fail_msg("pixel %zu: %g became %g", i, (double)a, (double)b);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    make_store(25, 24);
    nsky_survey *survey = open_survey(NSKY_SURVEY_READ);
    assert_int_equal(nsky_survey_rows(survey), 25);
    assert_string_equal(nsky_survey_path(survey), store_path);
    for (uint32_t n = 0; n < 25; n++) {
        nsky_object wanted = make_object(n), found;
        nsky_stamp *in = make_stamp(n, 24), *out;
        assert_ok(nsky_survey_by_row(survey, n, &found, &err), err);
        assert_same_object(&wanted, &found);
        assert_ok(nsky_survey_by_id(survey, wanted.id, &found, &err), err);
        assert_int_equal(found.row, n);
        assert_ok(nsky_survey_by_name(survey, wanted.name, &found, &err), err);
        assert_int_equal(found.row, n);
        assert_ok(nsky_survey_stamp(survey, n, &out, &err), err);
        assert_close_pixels(in, out, n % 3 == 0);
        nsky_stamp_free(in);
        nsky_stamp_free(out);
    }
    nsky_survey_close(survey);
    assert_sound();
}

static void test_not_found(void **state)
{
    (void)state;
    nsky_error err;
    nsky_survey *survey;
    nsky_object object;
    nsky_stamp *stamp;
    uint64_t problems;

    assert_fails(nsky_survey_open(&survey, store_path, NSKY_SURVEY_READ, &err), NSKY_ENOTFOUND, err,
                 "ingest");
    assert_null(survey);
    assert_fails(nsky_survey_open(&survey, "", NSKY_SURVEY_READ, &err), NSKY_EINVAL, err, "empty");
    assert_fails(nsky_survey_verify(store_path, note_problem, NULL, &problems, &err),
                 NSKY_ENOTFOUND, err, "ingest");
    make_store(2, 8);
    survey = open_survey(NSKY_SURVEY_READ);
    assert_fails(nsky_survey_by_row(survey, 2, &object, &err), NSKY_ENOTFOUND, err, "last is 1");
    assert_fails(nsky_survey_by_row(survey, UINT64_MAX, &object, &err), NSKY_ENOTFOUND, err, "row");
    assert_fails(nsky_survey_by_id(survey, 5, &object, &err), NSKY_ENOTFOUND, err, "id 5");
    assert_fails(nsky_survey_by_id(survey, UINT64_MAX, &object, &err), NSKY_ENOTFOUND, err, "id");
    assert_fails(nsky_survey_by_name(survey, "nobody", &object, &err), NSKY_ENOTFOUND, err,
                 "nobody");
    assert_fails(nsky_survey_by_name(survey, "", &object, &err), NSKY_ENOTFOUND, err, "named");
    assert_fails(nsky_survey_stamp(survey, 2, &stamp, &err), NSKY_ENOTFOUND, err, "row 2");
    nsky_survey_close(survey);
    nsky_survey_close(NULL);
}

/* Uncommitted rows are seen by the writer and gone after it. */
static void test_pending(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;
    nsky_stamp *stamp;

    make_store(3, 16);
    nsky_survey *reader = open_survey(NSKY_SURVEY_READ), *writer = open_survey(NSKY_SURVEY_WRITE);
    add_objects(writer, 3, 4, 16);
    assert_int_equal(nsky_survey_rows(writer), 7);
    assert_int_equal(nsky_survey_rows(reader), 3);
    assert_ok(nsky_survey_stamp(writer, 6, &stamp, &err), err);
    nsky_stamp_free(stamp);
    assert_int_equal(nsky_survey_by_row(reader, 6, &object, &err), NSKY_ENOTFOUND);
    nsky_survey_close(writer);
    assert_sound();
    writer = open_survey(NSKY_SURVEY_WRITE);
    assert_int_equal(nsky_survey_rows(writer), 3);
    add_objects(writer, 3, 2, 16);
    assert_ok(nsky_survey_commit(writer, &err), err);
    assert_ok(nsky_survey_commit(writer, &err), err); /* nothing to do */
    assert_int_equal(nsky_survey_rows(reader), 5);
    assert_ok(nsky_survey_stamp(reader, 4, &stamp, &err), err);
    nsky_stamp_free(stamp);
    nsky_survey_close(writer);
    nsky_survey_close(reader);
    assert_sound();
}

static void test_same_and_conflict(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_add_result result;
    nsky_object object = make_object(1);
    nsky_stamp *same = make_stamp(1, 16), *other = make_stamp(9, 16);

    make_store(3, 16);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    object.row = 77;
    assert_ok(nsky_survey_add(survey, &object, same, false, &result, &err), err);
    assert_int_equal(result, NSKY_ADD_SAME);
    assert_int_equal(object.row, 1);
    object.row = 77;
    assert_ok(nsky_survey_add(survey, &object, other, false, &result, &err), err);
    assert_int_equal(result, NSKY_ADD_CONFLICT);
    assert_int_equal(object.row, 1);
    same->scale_arcsec_px = 0.5f;
    assert_ok(nsky_survey_add(survey, &object, same, false, &result, &err), err);
    assert_int_equal(result, NSKY_ADD_CONFLICT);
    assert_int_equal(nsky_survey_rows(survey), 3);
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
    nsky_stamp_free(same);
    nsky_stamp_free(other);
    assert_sound();
}

static void test_refused(void **state)
{
    (void)state;
    nsky_error err;
    nsky_add_result result;
    nsky_object object = make_object(1);
    nsky_stamp *stamp = make_stamp(1, 8);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    object.id = 0;
    assert_fails(nsky_survey_add(survey, &object, stamp, false, &result, &err), NSKY_EINVAL, err,
                 "id 0");
    object.id = (uint64_t)1 << 63;
    assert_fails(nsky_survey_add(survey, &object, stamp, false, &result, &err), NSKY_EINVAL, err,
                 "id 9223");
    object = make_object(1);
    object.ra_deg = 360;
    assert_fails(nsky_survey_add(survey, &object, stamp, false, &result, &err), NSKY_EINVAL, err,
                 "RA 360");
    object.ra_deg = NAN;
    assert_fails(nsky_survey_add(survey, &object, stamp, false, &result, &err), NSKY_EINVAL, err,
                 "galaxy-00001");
    object = make_object(1);
    stamp->scale_arcsec_px = NAN;
    assert_fails(nsky_survey_add(survey, &object, stamp, false, &result, &err), NSKY_EINVAL, err,
                 "pixel scale");
    stamp->scale_arcsec_px = 0.262f;
    stamp->width = 513;
    assert_fails(nsky_survey_add(survey, &object, stamp, false, &result, &err), NSKY_ELIMIT, err,
                 "513x8");
    stamp->width = 8;
    assert_int_equal(nsky_survey_rows(survey), 0);
    nsky_stamp_free(stamp);
    nsky_survey_close(survey);
    assert_sound();
}

/* Infinite numbers are as good as unknown; a position is not needed; the largest id fits. */
static void test_unknowns(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_add_result result;
    nsky_object object, found;
    nsky_stamp *stamp = make_stamp(1, 8);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);

    nsky_object_init(&object);
    object.id = INT64_MAX;
    object.mag_g = INFINITY;
    assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
    assert_ok(nsky_survey_commit(survey, &err), err);
    assert_ok(nsky_survey_by_id(survey, INT64_MAX, &found, &err), err);
    assert_true(isnan(found.ra_deg) && isnan(found.dec_deg) && isnan(found.mag_g));
    assert_string_equal(found.name, "");
    assert_string_equal(found.source, "");
    nsky_stamp_free(stamp);
    nsky_survey_close(survey);
    assert_sound();
}

typedef struct seen_rows {
    uint64_t next, stop_at;
    nsky_survey *survey;
} seen_rows;

static bool see_row(const nsky_object *object, void *payload)
{
    nsky_error err = NSKY_ERROR_INIT;
    seen_rows *seen = payload;
    nsky_object again;

    assert_int_equal(object->row, seen->next++);
    assert_ok(nsky_survey_by_row(seen->survey, object->row, &again, &err), err); /* in between */
    return object->row != seen->stop_at;
}

static void test_each(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    make_store(600, 4); /* more than are fetched at once */
    nsky_survey *survey = open_survey(NSKY_SURVEY_READ);
    seen_rows seen = {0, UINT64_MAX, survey};
    assert_ok(nsky_survey_each(survey, 0, see_row, &seen, &err), err);
    assert_int_equal(seen.next, 600);
    seen = (seen_rows){590, UINT64_MAX, survey};
    assert_ok(nsky_survey_each(survey, 590, see_row, &seen, &err), err);
    assert_int_equal(seen.next, 600);
    seen = (seen_rows){3, 300, survey};
    assert_ok(nsky_survey_each(survey, 3, see_row, &seen, &err), err);
    assert_int_equal(seen.next, 301);
    seen = (seen_rows){0, 0, survey};
    assert_ok(nsky_survey_each(survey, 600, see_row, &seen, &err), err);
    assert_ok(nsky_survey_each(survey, UINT64_MAX, see_row, &seen, &err), err);
    assert_int_equal(seen.next, 0);
    nsky_survey_close(survey);
}

static atomic_bool writer_done;

/* Reads every row there is, again and again; a status other than OK is the answer. */
static void *keep_reading(void *payload)
{
    nsky_error *err = payload;
    nsky_survey *survey;
    uint64_t seen = 0;

    if (nsky_survey_open(&survey, store_path, NSKY_SURVEY_READ, err) != NSKY_OK)
        return NULL;
    for (bool last = false; !last && err->status == NSKY_OK;) {
        last = atomic_load(&writer_done);
        uint64_t rows = nsky_survey_rows(survey);
        if (rows < seen)
            (void)nsky_fail(err, NSKY_EDATA, "rows went away");
        seen = rows;
        for (uint64_t row = 0; row < rows && err->status == NSKY_OK; row += 7) {
            nsky_object object;
            nsky_stamp *stamp = NULL;
            if (nsky_survey_by_row(survey, row, &object, err) == NSKY_OK &&
                nsky_survey_stamp(survey, row, &stamp, err) == NSKY_OK)
                nsky_stamp_free(stamp);
        }
    }
    nsky_survey_close(survey);
    return NULL;
}

static void test_readers_beside_a_writer(void **state)
{
    (void)state;
    nsky_error errs[3] = {NSKY_ERROR_INIT, NSKY_ERROR_INIT, NSKY_ERROR_INIT};
    nsky_error err = NSKY_ERROR_INIT;
    pthread_t threads[3];

    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    atomic_store(&writer_done, false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_reading, &errs[i]), 0);
    for (uint32_t n = 0; n < 300; n += 10) {
        add_objects(survey, n, 10, 8);
        assert_ok(nsky_survey_commit(survey, &err), err);
    }
    atomic_store(&writer_done, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (errs[i].status != NSKY_OK)
            fail_msg("%s", errs[i].text);
    }
    nsky_survey_close(survey);
    assert_sound();
}

static void test_ids(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t id;

    assert_ok(nsky_object_id_legacy(&id, 9010, 330368, 4321, &err), err);
    assert_int_equal(id, (uint64_t)9010 << 40 | (uint64_t)330368 << 16 | 4321);
    assert_fails(nsky_object_id_legacy(&id, 65536, 1, 1, &err), NSKY_EINVAL, err, "release 65536");
    assert_fails(nsky_object_id_legacy(&id, 1, 1 << 24, 1, &err), NSKY_EINVAL, err, "brickid");
    assert_fails(nsky_object_id_legacy(&id, 1, 1, -1, &err), NSKY_EINVAL, err, "objid -1");
    assert_fails(nsky_object_id_legacy(&id, 0, 0, 0, &err), NSKY_EINVAL, err, "all 0");
    id = nsky_object_id_hashed("a", "bc");
    assert_true(id >> 62 == 1);
    assert_true(id != nsky_object_id_hashed("ab", "c"));
    assert_true(id == nsky_object_id_hashed("a", "bc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_round_trip, fresh_store),
        cmocka_unit_test_setup(test_not_found, fresh_store),
        cmocka_unit_test_setup(test_pending, fresh_store),
        cmocka_unit_test_setup(test_same_and_conflict, fresh_store),
        cmocka_unit_test_setup(test_refused, fresh_store),
        cmocka_unit_test_setup(test_unknowns, fresh_store),
        cmocka_unit_test_setup(test_each, fresh_store),
        cmocka_unit_test_setup(test_readers_beside_a_writer, fresh_store),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests_name("store.survey", tests, make_test_directory,
                                       remove_test_directory);
}
