/* test_memory.c - every allocation fails once: a status each time, nothing lost, the store sound.
 */
#include "generation_support.h"

static nsky_status create_store(void *context, nsky_error *err)
{
    nsky_survey *survey;
    nsky_status status;

    (void)context;
    if ((status = nsky_remove_tree(store_path, err)) != NSKY_OK)
        return status;
    status = nsky_survey_open(&survey, store_path, NSKY_SURVEY_WRITE, err);
    assert_true((status == NSKY_OK) == (survey != NULL));
    nsky_survey_close(survey);
    return status;
}

static nsky_status open_again(void *context, nsky_error *err)
{
    nsky_survey *survey;
    nsky_status status = nsky_survey_open(&survey, store_path, *(nsky_survey_mode *)context, err);

    nsky_survey_close(survey);
    return status;
}

static void test_open(void **state)
{
    (void)state;
    nsky_survey_mode read = NSKY_SURVEY_READ, write = NSKY_SURVEY_WRITE;

    assert_true(exhaust_memory(create_store, NULL) > 10);
    assert_sound();
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    add_objects(survey, 0, 3, 8);
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
    assert_true(exhaust_memory(open_again, &read) > 10);
    assert_true(exhaust_memory(open_again, &write) > 10);
    assert_sound();
}

typedef struct adding {
    nsky_survey *survey;
    uint32_t next;
} adding;

/* One object, a source, a commit; a failed add must leave the handle good for the next. */
static nsky_status add_one(void *context, nsky_error *err)
{
    adding *a = context;
    nsky_object object = make_object(a->next);
    nsky_source source = {.path = "x.fits", .objects = 1};
    nsky_add_result result;
    nsky_stamp *stamp;
    uint32_t marked;
    nsky_status status = nsky_stamp_new(&stamp, 16 + a->next % 2, 16, 0.262f, err);

    if (status != NSKY_OK)
        return status;
    memcpy(stamp->bands, "grz", 4);
    status = nsky_survey_add(a->survey, &object, stamp, false, &result, err);
    nsky_stamp_free(stamp);
    if (status != NSKY_OK)
        return status;
    assert_int_equal(result, NSKY_ADDED);
    assert_int_equal(object.row, a->next);
    a->next++;
    nsky_sky position = {object.ra_deg, object.dec_deg};
    if ((status = nsky_survey_mark_known(a->survey, position, 1, "K", &marked, err)) != NSKY_OK ||
        (status = nsky_survey_put_source(a->survey, &source, err)) != NSKY_OK)
        return status;
    return nsky_survey_commit(a->survey, err);
}

static void test_add(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    adding a = {NULL, 0};

    for (int i = 0; i < 3; i++) { /* new handles: their scratch grows anew */
        a.survey = open_survey(NSKY_SURVEY_WRITE);
        exhaust_memory(add_one, &a);
        assert_ok(nsky_survey_commit(a.survey, &err), err);
        assert_int_equal(nsky_survey_rows(a.survey), a.next);
        nsky_survey_close(a.survey);
        assert_sound();
    }
}

static bool take_object(const nsky_object *object, void *payload)
{
    (void)object;
    (void)payload;
    return true;
}

static bool take_source(const nsky_source *source, void *payload)
{
    (void)source;
    (void)payload;
    return true;
}

static nsky_status read_everything(void *context, nsky_error *err)
{
    nsky_cone_hit hits[5];
    nsky_survey *survey;
    nsky_stamp *stamp = NULL;
    nsky_json *json = NULL;
    uint32_t count;
    nsky_status status = nsky_survey_open(&survey, store_path, NSKY_SURVEY_READ, err);

    (void)context;
    if (status != NSKY_OK)
        return status;
    if ((status = nsky_survey_each(survey, 0, take_object, NULL, err)) == NSKY_OK &&
        (status = nsky_survey_each_source(survey, false, take_source, NULL, err)) == NSKY_OK &&
        (status = nsky_survey_cone(survey, (nsky_sky){1, 1}, 36, 5, hits, &count, err)) ==
            NSKY_OK &&
        (status = nsky_survey_stamp(survey, 1, &stamp, err)) == NSKY_OK)
        status = nsky_survey_describe(survey, &json, err);
    assert_true((status == NSKY_OK) == (json != NULL));
    nsky_json_free(json);
    nsky_stamp_free(stamp);
    nsky_survey_close(survey);
    return status;
}

static nsky_status verify_all(void *context, nsky_error *err)
{
    uint64_t problems;
    nsky_status status = nsky_survey_verify(store_path, note_problem, NULL, &problems, err);

    (void)context;
    assert_int_equal(problems, 0); /* running out of memory is none */
    return status;
}

static nsky_status generate(void *context, nsky_error *err)
{
    return make_generation(4, context, err);
}

static nsky_status read_generation(void *context, nsky_error *err)
{
    nsky_generation *generation;
    char *model;
    nsky_status status = nsky_generation_open(&generation, store_path, 0, err);

    (void)context;
    if (status != NSKY_OK)
        return status;
    if ((status = nsky_generation_model_path(generation, &model, err)) == NSKY_OK)
        nsky_free(model);
    nsky_generation_close(generation);
    return status;
}

static nsky_status link_vectors(void *context, nsky_error *err)
{
    nsky_generation_work *work;
    nsky_status status = nsky_generation_begin(&work, store_path, "link", err);

    if (status != NSKY_OK)
        return status;
    status = nsky_generation_link(work, context, "vectors.f16", err);
    nsky_generation_pause(work);
    return status;
}

static void test_generations(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_generation *generation;
    nsky_source source = {.path = "bad.fits", .reason = "empty", .refused = true};
    uint32_t number;

    make_store(5, 8);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    assert_ok(nsky_survey_put_source(survey, &source, &err), err);
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
    assert_true(exhaust_memory(generate, &number) > 10);
    assert_sound();
    assert_true(exhaust_memory(read_generation, NULL) > 10);
    assert_ok(nsky_generation_open(&generation, store_path, 0, &err), err);
    assert_true(exhaust_memory(link_vectors, generation) > 10);
    nsky_generation_close(generation);
    assert_true(exhaust_memory(read_everything, NULL) > 30);
    assert_true(exhaust_memory(verify_all, NULL) > 10);
    assert_sound();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_open, fresh_store),
        cmocka_unit_test_setup(test_add, fresh_store),
        cmocka_unit_test_setup(test_generations, fresh_store),
    };
    return cmocka_run_group_tests_name("store.memory", tests, make_test_directory,
                                       remove_test_directory);
}
