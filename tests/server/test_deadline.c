/* test_deadline.c - connections that take too long are cut; others are left alone. */
#include "tests/common/support.h"

#include <sys/socket.h>
#include <time.h>

#include "server/deadline.h"

static void wait_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static bool is_cut(int socket)
{
    char byte;

    return recv(socket, &byte, 1, MSG_DONTWAIT) == 0;
}

static void cuts(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_deadlines *deadlines;
    nsky_deadline *deadline[3];
    atomic_uint_fast64_t cut = 0;
    int pair[3][2];

    (void)state;
    assert_ok(nsky_deadlines_start(&deadlines, &cut, &err), err);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair[i]), 0);
        deadline[i] = nsky_deadline_add(deadlines, pair[i][0], 1);
        assert_non_null(deadline[i]);
    }
    nsky_deadline_set(deadline[1], 0); /* no longer in a hurry */
    nsky_deadline_set(deadline[2], 60);
    for (int i = 0; i < 100 && cut == 0; i++)
        wait_ms(100);
    assert_int_equal(cut, 1);
    assert_true(is_cut(pair[0][1]));
    assert_false(is_cut(pair[1][1]));
    assert_false(is_cut(pair[2][1]));
    wait_ms(600);
    assert_int_equal(cut, 1);                     /* once */
    nsky_deadline_remove(deadlines, deadline[1]); /* from the middle, the end, the start */
    nsky_deadline_remove(deadlines, deadline[0]);
    nsky_deadline_remove(deadlines, deadline[2]);
    nsky_deadline_remove(deadlines, NULL);
    nsky_deadlines_stop(deadlines);
    nsky_deadlines_stop(NULL);
    for (int i = 0; i < 6; i++)
        close(pair[i / 2][i % 2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
