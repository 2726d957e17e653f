/* The same bytes: whatever the threads, and however often it was stopped. */
#include "folder.h"

#include "image/codec.h"
#include "sim/plan.h"
#include "sim/sheet.h"

static void test_same_seed_same_bytes_with_any_threads(void **state)
{
    (void)state;
    folder one = make_folder(), three = make_folder();
    nsky_sim_options a = small_bricks(&one, 3), b = small_bricks(&three, 3);
    a.threads = 1;
    b.threads = 3;
    run(&a);
    run(&b);
    assert_int_equal(compare_folders(one.path, three.path), 3 * 4 + 2);
    drop_folder(&one);
    drop_folder(&three);

    one = make_folder();
    three = make_folder();
    a = few_stamps(&one, 12);
    b = few_stamps(&three, 12);
    a.threads = 1;
    b.threads = 3;
    run(&a);
    run(&b);
    assert_int_equal(compare_folders(one.path, three.path), 12 + 2);
    drop_folder(&one);
    drop_folder(&three);
}

static void test_another_seed_is_another_sky(void **state)
{
    (void)state;
    nsky_sim_options options;
    nsky_sim_options_init(&options);
    options.bricks = 1;
    sim_plan a = sim_plan_of(&options);
    options.seed = 2;
    sim_plan b = sim_plan_of(&options);
    assert_string_not_equal(sim_plan_brick(&a, 0).name, sim_plan_brick(&b, 0).name);
}

static void test_what_is_missing_is_made_again(void **state)
{
    (void)state;
    folder whole = make_folder(), broken = make_folder();
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_options a = few_stamps(&whole, 5), b = few_stamps(&broken, 5);
    char path[256];

    run(&a);
    run(&b);
    snprintf(path, sizeof path, "%s/stamps/000/sim1-000003.fits", broken.path);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/truth.csv", broken.path);
    assert_int_equal(unlink(path), 0);
    nsky_sim_report report = run(&b);
    assert_int_equal(report.made, 1);
    assert_int_equal(report.kept, 4);
    compare_folders(whole.path, broken.path);

    /* A brick with one of its files gone. */
    drop_folder(&whole);
    drop_folder(&broken);
    whole = make_folder();
    broken = make_folder();
    a = small_bricks(&whole, 1);
    b = small_bricks(&broken, 1);
    run(&a);
    run(&b);
    snprintf(path, sizeof path, "%s/tractor", broken.path);
    assert_ok(nsky_remove_tree(path, &err), err);
    report = run(&b);
    assert_int_equal(report.made, 1);
    compare_folders(whole.path, broken.path);
    drop_folder(&whole);
    drop_folder(&broken);
}

static void test_stopped_before_it_began(void **state)
{
    (void)state;
    folder f = make_folder();
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_options options = few_stamps(&f, 3);
    nsky_sim_report report;
    atomic_bool stop = true;
    char path[256];

    options.stop = &stop;
    assert_fails(nsky_sim_run(&options, &report, &err), NSKY_ECANCELLED, err, "carry on");
    snprintf(path, sizeof path, "%s/truth.csv", f.path);
    assert_false(nsky_file_exists(path));
    stop = false;
    run(&options);
    assert_true(nsky_file_exists(path));
    drop_folder(&f);
}

static void test_a_folder_keeps_its_survey(void **state)
{
    (void)state;
    folder f = make_folder();
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_options options = few_stamps(&f, 2);
    nsky_sim_report report;

    run(&options);
    options.seed = 2;
    assert_fails(nsky_sim_run(&options, &report, &err), NSKY_EMISMATCH, err, "other options");
    options.seed = 1;
    options.lens_fraction = 0.1;
    assert_fails(nsky_sim_run(&options, &report, &err), NSKY_EMISMATCH, err, "another folder");
    drop_folder(&f);
}

static void test_bad_options(void **state)
{
    (void)state;
    folder f = make_folder();
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_report report;
    const nsky_sim_options good = few_stamps(&f, 2);
    nsky_sim_options o;

#define REFUSED(change, word)                                                  \
    do {                                                                       \
        o = good;                                                              \
        change;                                                                \
        assert_fails(nsky_sim_run(&o, &report, &err), NSKY_EINVAL, err, word); \
    } while (0)

    REFUSED(o.out = NULL, "folder");
    REFUSED(o.out = "", "folder");
    REFUSED(o.stamps = 0, "one of them");
    REFUSED(o.bricks = 1, "one of them");
    REFUSED(o.stamps = NSKY_SIM_STAMPS_MAX + 1, "stamps");
    REFUSED((o.stamps = 0, o.bricks = NSKY_SIM_BRICKS_MAX + 1), "bricks");
    REFUSED(o.size = NSKY_SIM_STAMP_SIDE_MIN - 1, "pixels");
    REFUSED(o.size = 513, "pixels");
    REFUSED((o.stamps = 0, o.bricks = 1, o.size = 319), "pixels");
    REFUSED((o.stamps = 0, o.bricks = 1, o.size = 4097), "pixels");
    REFUSED(o.density = 0, "density");
    REFUSED(o.density = NAN, "density");
    REFUSED(o.density = 13, "density");
    REFUSED(o.lens_fraction = -0.1, "lenses");
    REFUSED(o.lens_fraction = 0.4, "lenses");
    REFUSED(o.lens_fraction = NAN, "lenses");
    REFUSED(o.artefact_fraction = 1.1, "artefacts");
    REFUSED(o.threads = NSKY_SIM_THREADS_MAX + 1, "threads");
    assert_int_equal(compare_folders(f.path, f.path), 0); /* nothing was written */
    drop_folder(&f);
}

static void test_where_nothing_can_be_written(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_report report;
    nsky_sim_options options;
    nsky_sim_options_init(&options);
    options.stamps = 1;
    options.out = "/dev/null/survey";
    assert_fails(nsky_sim_run(&options, &report, &err), NSKY_EEXIST, err, "/dev/null");
}

/* Every allocation of a small survey fails once: an error, no crash, no leak. */
static void test_out_of_memory(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_report report;
    for (uint64_t n = 1;; n += n < 40 ? 1 : 23) {
        folder f = make_folder();
        nsky_sim_options options = few_stamps(&f, 1);
        options.threads = 1;
        options.size = 64;
        nsky_memory_fail_at(n);
        nsky_status status = nsky_sim_run(&options, &report, &err);
        bool reached = nsky_memory_count() >= n;
        nsky_memory_fail_at(0);
        assert_true(status == NSKY_ENOMEM || !reached || status == NSKY_OK);
        drop_folder(&f);
        if (!reached)
            break;
        assert_true(n < 2000);
    }
}

static void test_contact_sheet_can_be_stopped(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_options options;
    atomic_bool stop = true;
    nsky_sim_options_init(&options);
    options.stamps = 1;
    sim_plan plan = sim_plan_of(&options);
    assert_fails(sim_write_sheet("/dev/null/sheet.jpg", &plan, &stop, &err), NSKY_ECANCELLED, err,
                 "contact sheet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes_with_any_threads),
        cmocka_unit_test(test_another_seed_is_another_sky),
        cmocka_unit_test(test_what_is_missing_is_made_again),
        cmocka_unit_test(test_stopped_before_it_began),
        cmocka_unit_test(test_a_folder_keeps_its_survey),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_where_nothing_can_be_written),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_contact_sheet_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
