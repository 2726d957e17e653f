/* test_queue.c - order, bounds, closing, and many threads at both ends. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "common/queue.h"

static nsky_queue *new_queue(uint32_t capacity)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_queue *queue;

    assert_ok(nsky_queue_new(&queue, capacity, &err), err);
    return queue;
}

static void test_first_in_first_out(void **state)
{
    (void)state;
    nsky_queue *queue = new_queue(3);
    int items[10];
    int in = 0, out = 0;

    for (int round = 0; round < 3; round++) { /* around the ring and over its seam */
        while (in < 10 && nsky_queue_try_push(queue, &items[in]))
            in++;
        assert_true(in == 10 || nsky_queue_length(queue) == 3);
        for (int i = 0; i < 2; i++)
            assert_ptr_equal(nsky_queue_pop(queue), &items[out++]);
    }
    while (nsky_queue_length(queue) > 0)
        assert_ptr_equal(nsky_queue_pop(queue), &items[out++]);
    assert_int_equal(in, out);
    nsky_queue_close(queue);
    nsky_queue_free(queue);
    nsky_queue_free(NULL);
}

static void test_close_drains(void **state)
{
    (void)state;
    nsky_queue *queue = new_queue(4);
    int a, b;

    assert_true(nsky_queue_push(queue, &a));
    assert_true(nsky_queue_push(queue, &b));
    nsky_queue_close(queue);
    nsky_queue_close(queue);
    assert_false(nsky_queue_push(queue, &a));
    assert_false(nsky_queue_try_push(queue, &a));
    assert_int_equal(nsky_queue_length(queue), 2);
    assert_ptr_equal(nsky_queue_pop(queue), &a);
    assert_ptr_equal(nsky_queue_pop_timed(queue, 1000), &b);
    assert_null(nsky_queue_pop(queue));
    assert_null(nsky_queue_pop_timed(queue, 60000)); /* closed: no wait */
    nsky_queue_free(queue);
}

static void test_zero_capacity(void **state)
{
    (void)state;
    nsky_error err;
    nsky_queue *queue = (nsky_queue *)&err;

    assert_fails(nsky_queue_new(&queue, 0, &err), NSKY_EINVAL, err, "room");
    assert_null(queue);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void test_timed_pop(void **state)
{
    (void)state;
    nsky_queue *queue = new_queue(1);
    int item;

    assert_null(nsky_queue_pop_timed(queue, 0));
    double start = seconds();
    assert_null(nsky_queue_pop_timed(queue, 30));
    assert_true(seconds() - start >= 0.03);
    assert_true(nsky_queue_push(queue, &item));
    assert_ptr_equal(nsky_queue_pop_timed(queue, 0), &item);
    nsky_queue_close(queue);
    nsky_queue_free(queue);
}

enum { PRODUCERS = 4, CONSUMERS = 3, EACH = 5000 };

typedef struct traffic {
    nsky_queue *queue;
    _Atomic uint32_t seen[PRODUCERS * EACH];
    _Atomic uint32_t next_producer;
    _Atomic bool out_of_order;
    uint32_t numbers[PRODUCERS * EACH];
} traffic;

static void *produce(void *context)
{
    traffic *t = context;
    uint32_t base = atomic_fetch_add(&t->next_producer, 1) * EACH;

    for (uint32_t i = 0; i < EACH; i++) {
        t->numbers[base + i] = base + i;
        while (i % 2 && !nsky_queue_try_push(t->queue, &t->numbers[base + i]))
            if (nsky_queue_push(t->queue, &t->numbers[base + i]))
                break;
        if (i % 2 == 0)
            nsky_queue_push(t->queue, &t->numbers[base + i]);
    }
    return NULL;
}

static void *consume(void *context)
{
    traffic *t = context;
    int64_t last[PRODUCERS] = {-1, -1, -1, -1};
    const uint32_t *item;

    while ((item = nsky_queue_pop(t->queue))) {
        atomic_fetch_add(&t->seen[*item], 1);
        int64_t *mine = &last[*item / EACH]; /* one consumer sees each producer's items in order */
        if ((int64_t)*item <= *mine)
            atomic_store(&t->out_of_order, true);
        *mine = *item;
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    static traffic t;
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];

    t.queue = new_queue(7);
    for (int i = 0; i < CONSUMERS; i++)
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, &t), 0);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &t), 0);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    nsky_queue_close(t.queue);
    for (int i = 0; i < CONSUMERS; i++)
        pthread_join(consumers[i], NULL);
    for (int i = 0; i < PRODUCERS * EACH; i++)
        assert_int_equal(atomic_load(&t.seen[i]), 1);
    assert_false(atomic_load(&t.out_of_order));
    nsky_queue_free(t.queue);
}

static void *push_and_report(void *queue)
{
    static int item;
    return nsky_queue_push(queue, &item) ? &item : NULL;
}

static void *pop_and_report(void *queue)
{
    return nsky_queue_pop(queue);
}

/* Closing frees whoever waits, at either end. */
static void test_close_wakes(void **state)
{
    (void)state;
    nsky_queue *full = new_queue(1), *empty = new_queue(1);
    pthread_t pushers[2], poppers[2];
    void *result;
    int item;

    assert_true(nsky_queue_push(full, &item));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&pushers[i], NULL, push_and_report, full), 0);
        assert_int_equal(pthread_create(&poppers[i], NULL, pop_and_report, empty), 0);
    }
    nanosleep(&(struct timespec){0, 20000000}, NULL); /* likely waiting by now */
    nsky_queue_close(full);
    nsky_queue_close(empty);
    for (int i = 0; i < 2; i++) {
        pthread_join(pushers[i], &result);
        assert_null(result);
        pthread_join(poppers[i], &result);
        assert_null(result);
    }
    assert_ptr_equal(nsky_queue_pop(full), &item);
    nsky_queue_free(full);
    nsky_queue_free(empty);
}

static nsky_status make(void *context, nsky_error *err)
{
    (void)context;
    nsky_queue *queue;
    nsky_status status = nsky_queue_new(&queue, 5, err);

    assert_true((status == NSKY_OK) == (queue != NULL));
    if (queue)
        nsky_queue_close(queue);
    nsky_queue_free(queue);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(exhaust_memory(make, NULL), 2);
}

static void free_open_queue(void)
{
    nsky_queue_free(new_queue(1));
}

static void push_nothing(void)
{
    (void)nsky_queue_push(new_queue(1), NULL);
}

static void test_broken_calls_abort(void **state)
{
    (void)state;
    assert_true(aborts(free_open_queue));
    assert_true(aborts(push_nothing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out), cmocka_unit_test(test_close_drains),
        cmocka_unit_test(test_zero_capacity),      cmocka_unit_test(test_timed_pop),
        cmocka_unit_test(test_many_threads),       cmocka_unit_test(test_close_wakes),
        cmocka_unit_test(test_out_of_memory),      cmocka_unit_test(test_broken_calls_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
