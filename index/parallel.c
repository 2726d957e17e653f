/* parallel.c - see parallel.h. Any thread may call; calls do not know of each other. */
#include "index/parallel.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

typedef struct team {
    nsky_parallel_task run;
    void *payload;
    uint64_t tasks;
    atomic_uint_fast64_t next;
} team;

typedef struct member {
    team *of;
    uint32_t number;
} member;

static void *work(void *payload)
{
    const member *me = payload;
    for (;;) {
        uint64_t task = atomic_fetch_add(&me->of->next, 1);
        if (task >= me->of->tasks)
            return NULL;
        me->of->run(task, me->number, me->of->payload);
    }
}

/* Asked once: glibc reads a file to know, which takes longer than ranking a thousand lists. */
static uint32_t core_count(void)
{
    static atomic_uint known;
    uint32_t cores = atomic_load_explicit(&known, memory_order_relaxed);
    if (cores == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        cores = online > 0 && online < NSKY_PARALLEL_MAX ? (uint32_t)online : NSKY_PARALLEL_MAX;
        if (online <= 0)
            cores = 1;
        atomic_store_explicit(&known, cores, memory_order_relaxed);
    }
    return cores;
}

uint32_t nsky_parallel_threads(uint32_t asked, uint64_t tasks)
{
    uint64_t threads = asked ? asked : core_count();
    if (threads > tasks)
        threads = tasks;
    if (threads > NSKY_PARALLEL_MAX)
        threads = NSKY_PARALLEL_MAX;
    return threads > 0 ? (uint32_t)threads : 1;
}

void nsky_parallel(uint64_t tasks, uint32_t threads, nsky_parallel_task run, void *payload)
{
    assert(run && threads >= 1 && threads <= NSKY_PARALLEL_MAX);
    pthread_t ids[NSKY_PARALLEL_MAX];
    member members[NSKY_PARALLEL_MAX];
    bool started[NSKY_PARALLEL_MAX] = {false};
    team all = {run, payload, tasks, 0};
    for (uint32_t t = 0; t < threads; t++)
        members[t] = (member){&all, t};
    for (uint32_t t = 1; t < threads; t++)
        started[t] = pthread_create(&ids[t], NULL, work, &members[t]) == 0;
    work(&members[0]);
    for (uint32_t t = 1; t < threads; t++)
        if (started[t])
            pthread_join(ids[t], NULL);
}

typedef struct trial {
    nsky_parallel_trial run;
    void *payload;
    atomic_uint_fast64_t failed; /* task; UINT64_MAX: none */
    pthread_mutex_t lock;        /* of what follows, and for lowering failed */
    nsky_status status;
    nsky_error *err;
} trial;

static void try_task(uint64_t task, uint32_t thread, void *payload)
{
    trial *t = payload;
    nsky_error err = NSKY_ERROR_INIT;
    if (task > atomic_load(&t->failed))
        return;
    const nsky_status status = t->run(task, thread, t->payload, &err);
    if (status == NSKY_OK)
        return;
    pthread_mutex_lock(&t->lock);
    if (task < atomic_load(&t->failed)) {
        atomic_store(&t->failed, task);
        t->status = status;
        *t->err = err;
    }
    pthread_mutex_unlock(&t->lock);
}

nsky_status nsky_parallel_try(uint64_t tasks, uint32_t threads, nsky_parallel_trial run,
                              void *payload, nsky_error *err)
{
    assert(run && err);
    trial t = {.run = run,
               .payload = payload,
               .failed = UINT64_MAX,
               .lock = PTHREAD_MUTEX_INITIALIZER,
               .status = NSKY_OK,
               .err = err};
    nsky_parallel(tasks, threads, try_task, &t);
    return t.status;
}
