/* pool.c - one mutex, two conditions; tasks take milliseconds at least. Thread rule: see pool.h. */
#include "encoder/train/pool.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "common/memory.h"

typedef struct worker {
    nsky_pool *pool;
    pthread_t thread;
    uint32_t number;
} worker;

struct nsky_pool {
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* done: a task ended, a turn ended */
    worker *workers;
    uint32_t started;
    nsky_pool_task *task;
    void *context;
    uint32_t count, next, running, turn;
    bool closing, failed;
    nsky_error err;
};

static void run_one(nsky_pool *pool, uint32_t number)
{
    uint32_t task = pool->next++;
    nsky_error err = NSKY_ERROR_INIT;

    pool->running++;
    pthread_mutex_unlock(&pool->lock);
    nsky_status status = pool->task(pool->context, number, task, &err);
    pthread_mutex_lock(&pool->lock);
    pool->running--;
    if (status != NSKY_OK && !pool->failed) {
        pool->failed = true;
        pool->err = err;
    }
    pthread_cond_broadcast(&pool->done);
}

static void *work(void *opaque)
{
    worker *w = opaque;
    nsky_pool *pool = w->pool;

    pthread_mutex_lock(&pool->lock);
    while (!pool->closing)
        if (pool->next < pool->count && !pool->failed)
            run_one(pool, w->number);
        else
            pthread_cond_wait(&pool->work, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

nsky_status nsky_pool_new(nsky_pool **out, uint32_t threads, nsky_error *err)
{
    assert(out && threads > 0 && err);
    nsky_pool *pool = nsky_alloc_zero(1, sizeof *pool, err);

    *out = NULL;
    if (!pool || !(pool->workers = nsky_alloc_zero(threads, sizeof *pool->workers, err))) {
        nsky_free(pool);
        return NSKY_ENOMEM;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (uint32_t i = 0; i < threads; i++) {
        worker *w = &pool->workers[i];
        *w = (worker){.pool = pool, .number = i};
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            nsky_fail(err, NSKY_EIO, "cannot start %u threads", threads);
            nsky_pool_free(pool);
            return NSKY_EIO;
        }
        pool->started++;
    }
    *out = pool;
    return NSKY_OK;
}

void nsky_pool_free(nsky_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    nsky_free(pool->workers);
    nsky_free(pool);
}

nsky_status nsky_pool_run(nsky_pool *pool, nsky_pool_task *task, void *context, uint32_t count,
                          nsky_error *err)
{
    assert(pool && task && err);
    pthread_mutex_lock(&pool->lock);
    pool->task = task;
    pool->context = context;
    pool->count = count;
    pool->next = pool->turn = 0;
    pool->failed = false;
    pthread_cond_broadcast(&pool->work);
    while (pool->running > 0 || (pool->next < pool->count && !pool->failed))
        pthread_cond_wait(&pool->done, &pool->lock);
    pool->count = 0;
    bool failed = pool->failed;
    if (failed)
        *err = pool->err;
    pthread_mutex_unlock(&pool->lock);
    return failed ? err->status : NSKY_OK;
}

bool nsky_pool_begin_turn(nsky_pool *pool, uint32_t task)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->turn != task && !pool->failed)
        pthread_cond_wait(&pool->done, &pool->lock);
    bool mine = pool->turn == task;
    pthread_mutex_unlock(&pool->lock);
    return mine;
}

void nsky_pool_end_turn(nsky_pool *pool, uint32_t task)
{
    pthread_mutex_lock(&pool->lock);
    assert(pool->turn == task);
    pool->turn++;
    pthread_cond_broadcast(&pool->done);
    pthread_mutex_unlock(&pool->lock);
}
