/* test_int8.c - the scales of int8: which values have one, how they are measured, how they travel
 * in a weights file, and what of a stranger's file is refused. Thread rule: one thread. */
#include "tests/encoder/cpu_support.h"

#include "common/file.h"
#include "encoder/calibrate.h"
#include "encoder/encoder.h"
#include "encoder/int8.h"
#include "encoder/safetensors.h"
#include "store/survey.h"

#define SIDE 16u
#define ROWS 12u

static void test_what_is_kept_as_bytes(void **state)
{
    (void)state;
    test_graph t;

    graph_start(&t, 3, 16, false, 1);
    uint32_t stem = graph_conv(&t, 0, 8, 7, 2, true, -1), pooled = graph_maxpool(&t, stem);
    uint32_t inner = graph_conv(&t, pooled, 8, 3, 1, true, -1);
    uint32_t last = graph_conv(&t, inner, 8, 3, 1, true, (int32_t)pooled);
    uint32_t features = graph_avgpool(&t, last);
    const bool keeps[] = {false, false, true, true, false, false};
    for (uint32_t v = 0; v <= features; v++)
        assert_int_equal(nsky_int8_keeps(&t.graph, v), keeps[v]);
    assert_string_equal(nsky_int8_name(&t.graph, 0), "input");
    assert_string_equal(nsky_int8_name(&t.graph, pooled), "maxpool");
    graph_end(&t);
    graph_start(&t, 3, 16, false, 1); /* a stem without pooling: the image, too */
    stem = graph_conv(&t, 0, 8, 3, 1, true, -1);
    last = graph_conv(&t, stem, 8, 3, 1, true, -1);
    graph_avgpool(&t, last);
    assert_true(nsky_int8_keeps(&t.graph, 0) && nsky_int8_keeps(&t.graph, stem));
    assert_false(nsky_int8_keeps(&t.graph, last));
    graph_end(&t);
}

/* The largest of all images, whatever batch the back end takes; rounded up by less than 1/1000. */
static void test_the_largest_is_found(void **state)
{
    (void)state;
    const nsky_backend_ops *backends[] = {
        &nsky_backend_ref,
#ifdef NSKY_HAVE_CPU
        &nsky_backend_cpu,
#endif
    };
    nsky_error err = NSKY_ERROR_INIT;
    test_graph t;
    nsky_int8_gauge *gauge;

    for (size_t b = 0; b < sizeof backends / sizeof *backends; b++) {
        graph_start(&t, 3, 12, false, 5);
        uint32_t first = graph_conv(&t, 0, 8, 3, 1, false, -1);
        uint32_t second = graph_conv(&t, first, 8, 3, 1, true, -1);
        graph_avgpool(&t, graph_conv(&t, second, 8, 1, 1, true, -1));
        const uint32_t images = 11;
        size_t floats = value_floats(&t.graph, 0);
        float *all = normals(&t, images * floats, 1, false);
        all[7 * floats + 40] = -9.87654f;
        test_run ref = run_open(&nsky_backend_ref, &t.graph, false, images, true);
        float *features = run_images(&ref, all);
        assert_ok(nsky_int8_gauge_new(&gauge, &t.graph, backends[b], &err), err);
        assert_fails(nsky_int8_gauge_end(gauge, &t.graph, &err), NSKY_EDATA, err, "no stamp");
        for (uint32_t i = 0; i < images; i++)
            assert_ok(nsky_int8_gauge_add(gauge, all + i * floats, &err), err);
        assert_ok(nsky_int8_gauge_end(gauge, &t.graph, &err), err);
        nsky_int8_gauge_free(gauge);
        assert_true(fabs(t.values[0].largest - 9.877) < 1e-6);
        for (uint32_t v = 1; v <= second; v++) {
            size_t count = images * value_floats(&t.graph, v);
            float *values = run_value(&ref, v), largest = 0;
            for (size_t i = 0; i < count; i++)
                largest = fmaxf(largest, fabsf(values[i]));
            assert_true(t.values[v].largest >= largest * 0.9999f &&
                        t.values[v].largest <= largest * 1.0011f);
            guarded_free(values, count);
        }
        assert_true(t.values[second + 1].largest == 0);
        guarded_free(features, (size_t)images * t.graph.dim);
        ref.ops->close(ref.state);
        free(all);
        graph_end(&t);
    }
}

static void test_values_that_are_no_numbers(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_int8_gauge *gauge;
    test_graph t;

    graph_start(&t, 3, 4, false, 5);
    graph_avgpool(&t, graph_conv(&t, graph_conv(&t, 0, 8, 1, 1, false, -1), 8, 1, 1, true, -1));
    float *image = normals(&t, value_floats(&t.graph, 0), 1, false);
    image[3] = 3e38f;
    image[19] = 3e38f;
    assert_ok(nsky_int8_gauge_new(&gauge, &t.graph, &nsky_backend_ref, &err), err);
    for (uint32_t i = 0; i < 8 * 27; i++)
        if (i < 24)
            ((float *)(uintptr_t)t.ops[0].weight)[i] = 9;
    nsky_int8_gauge_free(gauge);
    assert_ok(nsky_int8_gauge_new(&gauge, &t.graph, &nsky_backend_ref, &err), err);
    assert_ok(nsky_int8_gauge_add(gauge, image, &err), err);
    assert_fails(nsky_int8_gauge_end(gauge, &t.graph, &err), NSKY_EDATA, err, "not finite");
    nsky_int8_gauge_free(gauge);
    free(image);
    graph_end(&t);
}

/* --- in the file --- */

static void add_rows(const char *store)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_survey *survey;
    nsky_stamp *stamp;

    assert_ok(nsky_survey_open(&survey, store, NSKY_SURVEY_WRITE, &err), err);
    assert_ok(nsky_stamp_new(&stamp, SIDE, SIDE, (float)NSKY_SCALE_ARCSEC_PX, &err), err);
    for (uint32_t row = 0; row < ROWS; row++) {
        nsky_rng rng = nsky_rng_at(99, 1, row);
        nsky_add_result result;
        nsky_object object;
        nsky_object_init(&object);
        snprintf(object.name, sizeof object.name, "galaxy-%u", row);
        object.id = row + 1;
        for (uint32_t i = 0; i < 3 * SIDE * SIDE; i++)
            stamp->pixels[i] = (float)(0.1 * nsky_rng_normal(&rng));
        assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
    }
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_stamp_free(stamp);
    nsky_survey_close(survey);
}

static const nsky_calibrate_options options = {.stamps = 5, .device = "ref"};

static void test_a_store_calibrates_a_model(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_calibrate_report report, again;
    const char *store = in_directory("store"), *first = in_directory("first.safetensors");
    const char *second = in_directory("second.safetensors");
    nsky_model *plain, *model;
    nsky_graph *graph;
    bool found;

    add_rows(store);
    assert_ok(nsky_calibrate_survey(store, "random:resnet18:4", first, &options, &report, &err),
              err);
    assert_int_equal(report.stamps, 5);
    assert_int_equal(report.left_out, 0);
    assert_ok(nsky_calibrate_survey(store, "random:resnet18:4", second, &options, &again, &err),
              err);
    assert_string_equal(report.sha256, again.sha256); /* the same file */
    assert_ok(nsky_model_load(&plain, "random:resnet18:4", &err), err);
    assert_ok(nsky_model_open(&model, first, &err), err);
    assert_string_not_equal(nsky_model_info_of(plain)->sha256, report.sha256);
    assert_string_equal(nsky_model_info_of(model)->sha256, report.sha256);
    assert_string_equal(nsky_model_info_of(model)->name, nsky_model_info_of(plain)->name);
    const nsky_weight *a = nsky_model_weight(plain, "layer3.1.conv2.weight");
    const nsky_weight *b = nsky_model_weight(model, "layer3.1.conv2.weight");
    assert_memory_equal(a->data, b->data, 256 * 256 * 9 * sizeof *a->data);
    assert_ok(nsky_graph_build(&graph, model, 96, &err), err);
    assert_ok(nsky_int8_read(graph, plain, &found, &err), err);
    assert_false(found);
    assert_ok(nsky_int8_read(graph, model, &found, &err), err);
    assert_true(found);
    for (uint32_t v = 0; v < graph->value_count; v++)
        assert_int_equal(graph->values[v].largest > 0, nsky_int8_keeps(graph, v));
    nsky_graph_free(graph);
    nsky_model_close(plain);
    nsky_model_close(model);
    /* a calibrated model may be calibrated again */
    assert_ok(nsky_calibrate_survey(store, first, second, &options, &again, &err), err);
    assert_string_equal(report.sha256, again.sha256);
}

static void test_calibrating_fails_in_words(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_calibrate_report report;
    const char *out = in_directory("none.safetensors");
    atomic_bool stop = true;
    nsky_calibrate_options stopped = {.stamps = 5, .device = "ref", .stop = &stop};

    assert_fails(
        nsky_calibrate_survey(in_directory("absent"), "random", out, &options, &report, &err),
        NSKY_ENOTFOUND, err, "absent");
    assert_fails(
        nsky_calibrate_survey(in_directory("store"), "random", out, &stopped, &report, &err),
        NSKY_ECANCELLED, err, "stopped");
    assert_false(nsky_file_exists(out));
    nsky_model *model;
    nsky_encoder *enc;
    nsky_encoder_options o = {"auto", NSKY_INT8, SIDE};
    assert_ok(nsky_model_load(&model, "random", &err), err);
    assert_fails(nsky_encoder_open(&enc, model, &o, &err), NSKY_EDEVICE, err, "int8");
    nsky_model_close(model);
}

/* A model of these scales' text; reads it into a graph of its own. */
static nsky_status read_text(const char *text, nsky_error *err)
{
    nsky_model *plain, *model;
    nsky_graph *graph;
    void *image;
    size_t bytes;
    bool found;

    assert_ok(nsky_model_load(&plain, "random:resnet18:4", err), *err);
    nsky_safetensor_source source[256];
    uint32_t count = 0;
    static const char *const paths[] = {"plain.safetensors", "text.safetensors"};
    assert_ok(nsky_model_write(plain, in_directory(paths[0]), err), *err);
    void *file;
    nsky_safetensors tensors;
    assert_ok(nsky_file_read(&file, &bytes, in_directory(paths[0]), 1u << 30, err), *err);
    assert_ok(nsky_safetensors_read(&tensors, file, bytes, "plain", err), *err);
    for (; count < tensors.count; count++) {
        const nsky_weight *w = nsky_model_weight(plain, tensors.tensors[count].name);
        if (!w) /* num_batches_tracked and the like */
            break;
        source[count] = (nsky_safetensor_source){.name = w->name, .data = w->data, .dims = w->dims};
        memcpy(source[count].shape, w->shape, sizeof w->shape);
    }
    nsky_json *metadata = nsky_json_object();
    nsky_json_put_string(metadata, "nsky.int8", text);
    assert_ok(nsky_safetensors_build(&image, &bytes, source, count, metadata, err), *err);
    assert_ok(nsky_file_write(in_directory(paths[1]), image, bytes, err), *err);
    nsky_json_free(metadata);
    nsky_free(image);
    nsky_safetensors_free(&tensors);
    nsky_free(file);
    nsky_model_close(plain);
    assert_ok(nsky_model_open(&model, in_directory(paths[1]), err), *err);
    assert_ok(nsky_graph_build(&graph, model, 32, err), *err);
    nsky_status status = nsky_int8_read(graph, model, &found, err);
    nsky_graph_free(graph);
    nsky_model_close(model);
    return status;
}

static void test_hostile_scales_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"largest\":[]}",
        "{\"largest\":{\"maxpool\":1}}",
        "{\"largest\":{\"maxpool\":-1}}",
        "{\"largest\":{\"maxpool\":1e300}}",
        "{\"largest\":{\"maxpool\":\"1\"}}",
        "{\"largest\":7}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        assert_int_equal(read_text(texts[i], &err), NSKY_EDATA);
        assert_true(err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_kept_as_bytes),
        cmocka_unit_test(test_the_largest_is_found),
        cmocka_unit_test(test_values_that_are_no_numbers),
        cmocka_unit_test(test_a_store_calibrates_a_model),
        cmocka_unit_test(test_calibrating_fails_in_words),
        cmocka_unit_test(test_hostile_scales_are_refused),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
