/* test_cuda_choices.c - what is written down of a card's choices comes back; what others wrote is
 * not believed. Thread rule: one thread. */
#include "tests/common/support.h"

#include "common/file.h"
#include "encoder/cuda/choices.h"

static int setup(void **state)
{
    assert_int_equal(make_test_directory(state), 0);
    return setenv("NEARSKY_CACHE", in_directory("cache"), 1);
}

static const nsky_conv_shape shape = {
    512, 64, 24, 24, 256, 24, 24, 1, 1, 0, true, true, NSKY_NUMBER_BF16, NSKY_CONV_FUSED, false};

static nsky_choice choice_of(uint32_t batch)
{
    nsky_conv_shape s = shape;
    nsky_choice c = {.engine = -7 + (int64_t)batch, .position = batch % 60, .microseconds = 12.5};

    s.batch = batch;
    nsky_choice_key(c.key, &s);
    return c;
}

static void test_keys_differ(void **state)
{
    (void)state;
    nsky_conv_shape other[13];
    char key[NSKY_CHOICE_KEY_BYTES], another[NSKY_CHOICE_KEY_BYTES];

    for (int i = 0; i < 13; i++)
        other[i] = shape;
    other[0].batch = 256, other[1].in_channels = 72, other[2].in_width = 25;
    other[3].out_channels = 8, other[4].kernel = 3, other[5].relu = false, other[6].add = false;
    other[7].number = NSKY_NUMBER_FP16, other[11].number = NSKY_NUMBER_FP32, other[12].widen = true;
    for (int task = 1; task <= 3; task++)
        other[7 + task].task = (nsky_conv_task)task;
    nsky_choice_key(key, &shape);
    assert_string_equal(key, "bf16 n512 c64 24x24 k256 1/1/0 add relu");
    for (int i = 0; i < 13; i++) {
        nsky_choice_key(another, &other[i]);
        assert_string_not_equal(key, another);
        for (int j = 0; j < i; j++) {
            nsky_choice_key(key, &other[j]);
            assert_string_not_equal(key, another);
        }
        nsky_choice_key(key, &shape);
    }
}

static void test_they_come_back(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_choices c;

    assert_ok(nsky_choices_open(&c, "NVIDIA H100 80GB HBM3", 91900, &err), err);
    assert_int_equal(c.count, 0);
    assert_non_null(strstr(c.path, "/cudnn-91900-NVIDIA-H100-80GB-HBM3.txt"));
    for (uint32_t i = 1; i <= 200; i++) {
        nsky_choice one = choice_of(i);
        assert_ok(nsky_choices_put(&c, &one, &err), err);
    }
    nsky_choice again = choice_of(5);
    again.position = 9;
    assert_ok(nsky_choices_put(&c, &again, &err), err);
    assert_int_equal(c.count, 200);
    assert_ok(nsky_choices_save(&c, &err), err);
    nsky_choices_close(&c);

    assert_ok(nsky_choices_open(&c, "NVIDIA H100 80GB HBM3", 91900, &err), err);
    assert_int_equal(c.count, 200);
    assert_int_equal(nsky_choices_find(&c, again.key)->position, 9);
    assert_int_equal(nsky_choices_find(&c, choice_of(1).key)->engine, -6);
    assert_null(nsky_choices_find(&c, "nothing"));
    nsky_choices_close(&c);
    assert_ok(nsky_choices_open(&c, "NVIDIA H100 80GB HBM3", 92000, &err), err);
    assert_int_equal(c.count, 0); /* another cuDNN chooses anew */
    nsky_choices_close(&c);
}

static void test_nonsense_is_skipped(void **state)
{
    (void)state;
    static const char text[] =
        "\n\n\t1 2 3\nno tab 1 2 3\nkey\t1 2\nkey\t1 2 nan\nkey\t1 2 -3\n"
        "key\tx 2 3\nkey\t1 99999 3\nkey\t1 2 3 4\nkey\t1 2 inf\n"
        "good one\t17 3 4.5\nkey\t1 2 0\n"
        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\t1 2 3\n";
    nsky_error err = NSKY_ERROR_INIT;
    nsky_choices c;

    assert_ok(nsky_choices_open(&c, "card", 1, &err), err);
    assert_ok(nsky_file_write(c.path, text, sizeof text - 1, &err), err);
    nsky_choices_close(&c);
    assert_ok(nsky_choices_open(&c, "card", 1, &err), err);
    assert_int_equal(c.count, 1);
    assert_int_equal(nsky_choices_find(&c, "good one")->engine, 17);
    nsky_choices_close(&c);
}

static void test_there_is_an_end(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_choices c;

    assert_ok(nsky_choices_open(&c, "full", 1, &err), err);
    for (uint32_t i = 1; i <= NSKY_CHOICES_MAX + 3; i++) {
        nsky_choice one = choice_of(i);
        assert_ok(nsky_choices_put(&c, &one, &err), err);
    }
    assert_int_equal(c.count, NSKY_CHOICES_MAX);
    assert_null(nsky_choices_find(&c, choice_of(3).key)); /* the oldest went */
    assert_non_null(nsky_choices_find(&c, choice_of(4).key));
    assert_ok(nsky_choices_save(&c, &err), err);
    nsky_choices_close(&c);
    assert_ok(nsky_choices_open(&c, "full", 1, &err), err);
    assert_int_equal(c.count, NSKY_CHOICES_MAX);
    nsky_choices_close(&c);
}

static nsky_status use(void *context, nsky_error *err)
{
    nsky_choices c;
    nsky_choice one = choice_of(77);
    nsky_status status = nsky_choices_open(&c, context, 1, err);

    if (status != NSKY_OK)
        return status;
    if ((status = nsky_choices_put(&c, &one, err)) == NSKY_OK)
        status = nsky_choices_save(&c, err);
    nsky_choices_close(&c);
    return status;
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    char card[] = "memory";
    assert_true(exhaust_memory(use, card) >= 4);
}

/* Without a home there is nowhere to keep them, which is no failure. */
static void test_homeless(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_choices c;
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;

    unsetenv("NEARSKY_CACHE"), unsetenv("XDG_CACHE_HOME"), unsetenv("HOME");
    assert_ok(nsky_choices_open(&c, "card", 1, &err), err);
    assert_null(c.path);
    nsky_choice one = choice_of(1);
    assert_ok(nsky_choices_put(&c, &one, &err), err);
    assert_ok(nsky_choices_save(&c, &err), err);
    nsky_choices_close(&c);
    setenv("NEARSKY_CACHE", in_directory("cache"), 1);
    if (home)
        setenv("HOME", home, 1);
    free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_differ),         cmocka_unit_test(test_they_come_back),
        cmocka_unit_test(test_nonsense_is_skipped), cmocka_unit_test(test_there_is_an_end),
        cmocka_unit_test(test_memory_runs_out),     cmocka_unit_test(test_homeless),
    };
    return cmocka_run_group_tests(tests, setup, remove_test_directory);
}
