/* deadline.c - see deadline.h: a list, and a thread that looks through it four times a second. */
#include "server/deadline.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "common/memory.h"

#define LOOK_EVERY_US 250000

struct nsky_deadline {
    nsky_deadline *next, *previous;
    int socket;
    atomic_uint_fast64_t due_us; /* 0: none */
};

struct nsky_deadlines {
    pthread_mutex_t lock; /* guards the list and stop; a socket in the list is open */
    pthread_cond_t wake;
    pthread_t thread;
    nsky_deadline *first;
    bool stop;
    atomic_uint_fast64_t *cut_count;
};

uint64_t nsky_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void *watch(void *context)
{
    nsky_deadlines *deadlines = context;

    pthread_mutex_lock(&deadlines->lock);
    while (!deadlines->stop) {
        uint64_t now_us = nsky_now_us(), next_us = now_us + LOOK_EVERY_US;
        for (nsky_deadline *each = deadlines->first; each; each = each->next) {
            uint64_t due_us = atomic_load(&each->due_us);
            if (due_us == 0 || due_us > now_us)
                continue;
            /* The library sees the end of the stream, and closes. */
            shutdown(each->socket, SHUT_RDWR);
            atomic_store(&each->due_us, 0);
            atomic_fetch_add(deadlines->cut_count, 1);
        }
        struct timespec next = {(time_t)(next_us / 1000000), (long)(next_us % 1000000) * 1000};
        pthread_cond_timedwait(&deadlines->wake, &deadlines->lock, &next);
    }
    pthread_mutex_unlock(&deadlines->lock);
    return NULL;
}

nsky_status nsky_deadlines_start(nsky_deadlines **out, atomic_uint_fast64_t *cut_count,
                                 nsky_error *err)
{
    nsky_deadlines *deadlines = nsky_alloc_zero(1, sizeof *deadlines, err);
    pthread_condattr_t monotonic;

    *out = NULL;
    if (!deadlines)
        return err->status;
    deadlines->cut_count = cut_count;
    pthread_mutex_init(&deadlines->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&deadlines->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if ((errno = pthread_create(&deadlines->thread, NULL, watch, deadlines)) != 0) {
        pthread_cond_destroy(&deadlines->wake);
        pthread_mutex_destroy(&deadlines->lock);
        nsky_free(deadlines);
        return nsky_fail_errno(err, "the watch over slow clients does not start");
    }
    *out = deadlines;
    return NSKY_OK;
}

void nsky_deadlines_stop(nsky_deadlines *deadlines)
{
    if (!deadlines)
        return;
    assert(!deadlines->first);
    pthread_mutex_lock(&deadlines->lock);
    deadlines->stop = true;
    pthread_cond_signal(&deadlines->wake);
    pthread_mutex_unlock(&deadlines->lock);
    pthread_join(deadlines->thread, NULL);
    pthread_cond_destroy(&deadlines->wake);
    pthread_mutex_destroy(&deadlines->lock);
    nsky_free(deadlines);
}

nsky_deadline *nsky_deadline_add(nsky_deadlines *deadlines, int socket, uint32_t seconds)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_deadline *deadline = nsky_alloc_zero(1, sizeof *deadline, &err);

    if (!deadline)
        return NULL;
    deadline->socket = socket;
    nsky_deadline_set(deadline, seconds);
    pthread_mutex_lock(&deadlines->lock);
    deadline->next = deadlines->first;
    if (deadline->next)
        deadline->next->previous = deadline;
    deadlines->first = deadline;
    pthread_mutex_unlock(&deadlines->lock);
    return deadline;
}

void nsky_deadline_set(nsky_deadline *deadline, uint32_t seconds)
{
    atomic_store(&deadline->due_us, seconds ? nsky_now_us() + seconds * 1000000ull : 0);
}

void nsky_deadline_remove(nsky_deadlines *deadlines, nsky_deadline *deadline)
{
    if (!deadline)
        return;
    pthread_mutex_lock(&deadlines->lock);
    if (deadline->previous)
        deadline->previous->next = deadline->next;
    else
        deadlines->first = deadline->next;
    if (deadline->next)
        deadline->next->previous = deadline->previous;
    pthread_mutex_unlock(&deadlines->lock);
    nsky_free(deadline);
}
