/* test_passing.c - which filters are the same; what is kept of them, for how long, and by whom. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "common/memory.h"
#include "index/passing.h"
#include "tests/common/support.h"

#define BYTES 1000

static const uint64_t cells[] = {3, 5, 8};

static nsky_filter of_mag(double bright)
{
    nsky_filter filter;

    nsky_filter_init(&filter);
    filter.mag_min[1] = bright;
    return filter;
}

static void what_is_the_same(void **state)
{
    (void)state;
    static const uint8_t bitmap[1];
    const nsky_filter none = of_mag(NAN);
    nsky_filter changed[20];

    for (size_t i = 0; i < 20; i++)
        changed[i] = none;
    changed[0].mag_min[0] = 17;
    changed[1].mag_max[2] = 17;
    changed[2].g_r_max = 1;
    changed[3].r_z_min = 1;
    changed[4].z_max = 1;
    changed[5].z_spec_min = 1;
    changed[6].types = 4;
    changed[7].hide_known = true;
    changed[8].only_known = true;
    changed[9].cone_radius_deg = changed[9].cone_ra_deg = changed[9].cone_dec_deg = 1;
    changed[10] = changed[9];
    changed[10].cone_dec_deg = 2;
    changed[11].polygon_count = 3;
    changed[12] = changed[11];
    changed[12].polygon[2].ra_deg = 7;
    changed[13].cells = cells;
    changed[13].cell_count = 2;
    changed[13].nside = 1;
    changed[14] = changed[13];
    changed[14].cells = cells + 1;
    changed[15] = changed[13];
    changed[15].nested = true;
    changed[16] = changed[13];
    changed[16].cell_count = 3;
    changed[17] = changed[13];
    changed[17].nside = 2;
    changed[18].rows = cells;
    changed[19].bitmap = bitmap;
    for (size_t i = 0; i < 20; i++) {
        assert_false(nsky_filter_same(&changed[i], &none));
        for (size_t j = 0; j < 20; j++)
            assert_true(nsky_filter_same(&changed[i], &changed[j]) == (i == j && i < 18));
        assert_true(nsky_passing_may_be_kept(&changed[i], BYTES) == (i < 18));
    }
    assert_true(nsky_filter_same(&none, &none));
    assert_false(nsky_passing_may_be_kept(&none, NSKY_PASSINGS_BYTES + 1));
}

static const nsky_passing *keep(nsky_passings *passings, double bright, uint64_t bytes)
{
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_filter filter = of_mag(bright);
    const nsky_passing *held;
    uint8_t *bits = nsky_alloc(bytes, 1, &err);

    assert_non_null(bits);
    memset(bits, (int)bright, bytes);
    assert_ok(nsky_passings_keep(passings, &filter, bits, bytes, 7, &held, &err), err);
    return held;
}

static const nsky_passing *find(nsky_passings *passings, double bright)
{
    const nsky_filter filter = of_mag(bright);

    return nsky_passings_find(passings, &filter);
}

static nsky_passings *new_passings(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_passings *passings;

    assert_ok(nsky_passings_new(&passings, &err), err);
    return passings;
}

static void the_last_few_are_kept(void **state)
{
    (void)state;
    nsky_passings *passings = new_passings();
    const nsky_passing *first = keep(passings, 1, BYTES);

    assert_int_equal(first->matching, 7);
    assert_int_equal(first->bytes, BYTES);
    assert_ptr_equal(find(passings, 1), first);
    assert_ptr_equal(keep(passings, 1, BYTES), first); /* as if two had looked at once */
    nsky_passings_give_back(passings, first);
    nsky_passings_give_back(passings, first);
    for (int i = 2; i <= NSKY_PASSINGS + 1; i++) /* the last takes the first's place */
        nsky_passings_give_back(passings, keep(passings, i, BYTES));
    assert_null(find(passings, 1));
    for (uint64_t i = 0; i < BYTES; i++) /* which stays with who holds it */
        assert_int_equal(first->bits[i], 1);
    nsky_passings_give_back(passings, first);
    nsky_passings_give_back(passings, find(passings, 2)); /* 3 is the oldest now */
    nsky_passings_give_back(passings, keep(passings, 100, BYTES));
    assert_null(find(passings, 3));
    const nsky_passing *second = find(passings, 2);
    assert_non_null(second);
    nsky_passings_give_back(passings, second);
    nsky_passings_free(passings);
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    nsky_passings *passings = new_passings();

    for (int i = 1; i <= 4; i++)
        nsky_passings_give_back(passings, keep(passings, i, NSKY_PASSINGS_BYTES / 3));
    assert_null(find(passings, 1));
    nsky_passings_give_back(passings, find(passings, 2));
    nsky_passings_give_back(passings, keep(passings, 5, NSKY_PASSINGS_BYTES)); /* alone */
    for (int i = 2; i <= 4; i++)
        assert_null(find(passings, i));
    nsky_passings_give_back(passings, find(passings, 5));
    nsky_passings_free(passings);
}

static void cells_are_copied(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_passings *passings = new_passings();
    uint64_t own[3];
    nsky_filter filter = of_mag(NAN);
    const nsky_passing *held;

    memcpy(own, cells, sizeof own);
    filter.cells = own;
    filter.cell_count = 3;
    filter.nside = 1;
    assert_ok(nsky_passings_keep(passings, &filter, nsky_alloc_zero(1, 1, &err), 1, 0, &held, &err),
              err);
    nsky_passings_give_back(passings, held);
    own[1] = 6;
    assert_null(nsky_passings_find(passings, &filter));
    filter.cells = cells;
    held = nsky_passings_find(passings, &filter);
    assert_non_null(held);
    nsky_passings_give_back(passings, held);
    nsky_passings_free(passings);
}

static nsky_status keep_one(void *context, nsky_error *err)
{
    (void)context;
    const nsky_filter filter = of_mag(1);
    const nsky_passing *held;
    nsky_passings *passings;
    nsky_status status = nsky_passings_new(&passings, err);
    uint8_t *bits = status == NSKY_OK ? nsky_alloc(BYTES, 1, err) : NULL;

    if (status == NSKY_OK && !bits)
        status = err->status;
    if (status == NSKY_OK &&
        (status = nsky_passings_keep(passings, &filter, bits, BYTES, 0, &held, err)) == NSKY_OK)
        nsky_passings_give_back(passings, held);
    nsky_passings_free(passings);
    return status;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_true(exhaust_memory(keep_one, NULL) == 4);
}

/* Of forty filters, in an order of each thread's own. */
static void *ask_often(void *payload)
{
    nsky_passings *passings = payload;
    uint64_t wrong = 0;

    for (uint32_t i = 0, x = (uint32_t)(uintptr_t)&wrong >> 4; i < 3000; i++) {
        x = x * 1664525u + 1013904223u;
        const double bright = 1 + (x >> 16) % 40;
        const nsky_passing *held = find(passings, bright);
        if (!held)
            held = keep(passings, bright, BYTES);
        for (uint64_t byte = 0; byte < BYTES; byte += 111)
            wrong += held->bits[byte] != (uint8_t)bright;
        nsky_passings_give_back(passings, held);
    }
    return wrong ? payload : NULL;
}

static void many_threads_at_once(void **state)
{
    (void)state;
    nsky_passings *passings = new_passings();
    pthread_t threads[4];

    for (int t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, ask_often, passings), 0);
    for (int t = 0; t < 4; t++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[t], &wrong), 0);
        assert_null(wrong);
    }
    nsky_passings_free(passings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_the_same),  cmocka_unit_test(the_last_few_are_kept),
        cmocka_unit_test(bytes_are_bounded), cmocka_unit_test(cells_are_copied),
        cmocka_unit_test(out_of_memory),     cmocka_unit_test(many_threads_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
