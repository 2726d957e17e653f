/* queue.c - a bounded queue of pointers: a ring under one mutex, a condition for each end.
 * Thread rule: any thread, any number. */
#include "common/queue.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "common/memory.h"

struct nsky_queue {
    pthread_mutex_t lock;
    pthread_cond_t room, items;
    void **ring; /* [capacity]; length items from head on */
    uint32_t capacity, head, length;
    bool closed;
};

/* Waits by the monotonic clock: a set system time must not stretch a timeout. */
static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    int code = pthread_condattr_init(&monotonic);

    if (code != 0)
        return code;
    code = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    if (code == 0)
        code = pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return code;
}

static nsky_status init_locks(nsky_queue *queue, nsky_error *err)
{
    int code = pthread_mutex_init(&queue->lock, NULL);

    if (code != 0)
        goto fail;
    if ((code = init_condition(&queue->room)) != 0)
        goto fail_room;
    if ((code = init_condition(&queue->items)) != 0)
        goto fail_items;
    return NSKY_OK;
fail_items:
    pthread_cond_destroy(&queue->room);
fail_room:
    pthread_mutex_destroy(&queue->lock);
fail:
    errno = code;
    return nsky_fail_errno(err, "cannot make a queue's lock");
}

nsky_status nsky_queue_new(nsky_queue **out, uint32_t capacity, nsky_error *err)
{
    assert(out && err);
    nsky_status status;

    *out = NULL;
    if (capacity == 0)
        return nsky_fail(err, NSKY_EINVAL, "a queue needs room for at least one item");
    nsky_queue *queue = nsky_alloc_zero(1, sizeof *queue, err);
    if (!queue)
        return err->status;
    queue->capacity = capacity;
    queue->ring = nsky_alloc(capacity, sizeof *queue->ring, err);
    status = queue->ring ? init_locks(queue, err) : err->status;
    if (status != NSKY_OK) {
        nsky_free(queue->ring);
        nsky_free(queue);
        return status;
    }
    *out = queue;
    return NSKY_OK;
}

static void lock(nsky_queue *queue)
{
    int code = pthread_mutex_lock(&queue->lock);
    assert(code == 0);
    (void)code;
}

static void unlock(nsky_queue *queue)
{
    int code = pthread_mutex_unlock(&queue->lock);
    assert(code == 0);
    (void)code;
}

/* Under the lock: appends unless closed or full. */
static bool append(nsky_queue *queue, void *item)
{
    if (queue->closed || queue->length == queue->capacity)
        return false;
    queue->ring[((uint64_t)queue->head + queue->length) % queue->capacity] = item;
    queue->length++;
    pthread_cond_signal(&queue->items);
    return true;
}

/* Under the lock: the oldest item, or NULL. */
static void *take(nsky_queue *queue)
{
    if (queue->length == 0)
        return NULL;
    void *item = queue->ring[queue->head];
    queue->head = queue->head + 1 == queue->capacity ? 0 : queue->head + 1;
    queue->length--;
    pthread_cond_signal(&queue->room);
    return item;
}

bool nsky_queue_push(nsky_queue *queue, void *item)
{
    assert(queue && item); /* NULL is what pop says at the end */
    lock(queue);
    while (!queue->closed && queue->length == queue->capacity)
        pthread_cond_wait(&queue->room, &queue->lock);
    bool pushed = append(queue, item);
    unlock(queue);
    return pushed;
}

bool nsky_queue_try_push(nsky_queue *queue, void *item)
{
    assert(queue && item);
    lock(queue);
    bool pushed = append(queue, item);
    unlock(queue);
    return pushed;
}

void *nsky_queue_pop(nsky_queue *queue)
{
    assert(queue);
    lock(queue);
    while (!queue->closed && queue->length == 0)
        pthread_cond_wait(&queue->items, &queue->lock);
    void *item = take(queue);
    unlock(queue);
    return item;
}

static struct timespec deadline_after(uint32_t timeout_ms)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

void *nsky_queue_pop_timed(nsky_queue *queue, uint32_t timeout_ms)
{
    assert(queue);
    struct timespec deadline = deadline_after(timeout_ms);
    int code = timeout_ms ? 0 : ETIMEDOUT;

    lock(queue);
    while (!queue->closed && queue->length == 0 && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&queue->items, &queue->lock, &deadline);
    void *item = take(queue);
    unlock(queue);
    return item;
}

void nsky_queue_close(nsky_queue *queue)
{
    assert(queue);
    lock(queue);
    queue->closed = true;
    pthread_cond_broadcast(&queue->room);
    pthread_cond_broadcast(&queue->items);
    unlock(queue);
}

uint32_t nsky_queue_length(nsky_queue *queue)
{
    assert(queue);
    lock(queue);
    uint32_t length = queue->length;
    unlock(queue);
    return length;
}

void nsky_queue_free(nsky_queue *queue)
{
    if (!queue)
        return;
    assert(queue->closed);
    pthread_cond_destroy(&queue->items);
    pthread_cond_destroy(&queue->room);
    pthread_mutex_destroy(&queue->lock);
    nsky_free(queue->ring);
    nsky_free(queue);
}
