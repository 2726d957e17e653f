/* tasks.c - see tasks.h. */
#include "probe/tasks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#define THREADS_MAX 64

typedef struct crew {
    uint32_t count;
    nsky_status (*work)(void *, uint32_t, nsky_error *);
    void *payload;
    atomic_uint next;
    pthread_mutex_t lock;
    uint32_t failed_task; /* UINT32_MAX: none */
    nsky_error err;
} crew;

static void *labour(void *argument)
{
    crew *all = argument;

    for (uint32_t task; (task = atomic_fetch_add(&all->next, 1)) < all->count;) {
        nsky_error err = NSKY_ERROR_INIT;
        if (all->work(all->payload, task, &err) == NSKY_OK)
            continue;
        pthread_mutex_lock(&all->lock);
        if (task < all->failed_task) {
            all->failed_task = task;
            all->err = err;
        }
        pthread_mutex_unlock(&all->lock);
    }
    return NULL;
}

nsky_status nsky_tasks_run(uint32_t count, uint32_t threads,
                           nsky_status (*work)(void *payload, uint32_t task, nsky_error *err),
                           void *payload, nsky_error *err)
{
    crew all = {.count = count, .work = work, .payload = payload, .failed_task = UINT32_MAX};
    pthread_t ids[THREADS_MAX] = {0};
    uint32_t started = 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    threads = threads ? threads : cores > 0 ? (uint32_t)cores : 1;
    threads = threads > count ? count : threads;
    threads = threads > THREADS_MAX ? THREADS_MAX : threads;
    atomic_init(&all.next, 0);
    pthread_mutex_init(&all.lock, NULL);
    while (started + 1 < threads && pthread_create(&ids[started], NULL, labour, &all) == 0)
        started++;
    labour(&all);
    for (uint32_t t = 0; t < started; t++)
        pthread_join(ids[t], NULL);
    pthread_mutex_destroy(&all.lock);
    if (all.failed_task == UINT32_MAX)
        return NSKY_OK;
    *err = all.err;
    return err->status;
}
