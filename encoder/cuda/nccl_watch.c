/* nccl_watch.c - see nccl_watch.h. The locks are those of an open file, not of a process
 * (F_OFD_SETLK): ranks that are threads have one each. The file holds a number drawn for the run,
 * so that a rank that was started again at once is not taken for the one before; and then, in the
 * end, `done`. Thread rule: as there. */
#include "encoder/cuda/nccl_watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define LOOK_MS 200
#define RUN_BYTES 16u

static const char done_text[] = "done\n";

/* What a rank's file holds, and whether it was ever read. */
typedef struct run {
    uint8_t number[RUN_BYTES];
    bool known;
} run;

struct nsky_watch {
    char *folder;
    uint32_t rank, count;
    int file;  /* locked; -1: not open */
    run *runs; /* [count] of the others, as first seen */
    void (*gone)(void *);
    void *context;
    pthread_t thread;
    pthread_mutex_t looking; /* of runs */
    pthread_mutex_t mutex;   /* of what follows */
    pthread_cond_t changed;
    bool started, stops;
};

static char *path_of(const nsky_watch *w, uint32_t rank, nsky_error *err)
{
    return nsky_format(err, "%s/alive-%u", w->folder, rank + 1);
}

static nsky_status take_lock(nsky_watch *w, const char *path, nsky_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    w->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (w->file < 0)
        return nsky_fail_errno(err, "%s", path);
    if (fcntl(w->file, F_OFD_SETLK, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES)
            return nsky_fail(err, NSKY_EBUSY,
                             "rank %u/%u runs already (%s is locked); give this one another "
                             "number, or end that one",
                             w->rank + 1, w->count, path);
        return nsky_fail_errno(err, "%s: cannot lock", path);
    }
    uint8_t number[RUN_BYTES];
    if (getrandom(number, sizeof number, 0) != (ssize_t)sizeof number ||
        ftruncate(w->file, 0) != 0 ||
        write(w->file, number, sizeof number) != (ssize_t)sizeof number)
        return nsky_fail_errno(err, "%s", path);
    return NSKY_OK;
}

nsky_status nsky_watch_begin(nsky_watch **out, const nsky_ranks_options *how, nsky_error *err)
{
    assert(out && how && how->folder && how->rank < how->count && err);
    nsky_watch *w = nsky_alloc_zero(1, sizeof *w, err);
    char *path = NULL;
    nsky_status status;

    *out = NULL;
    if (!w)
        return err->status;
    w->rank = how->rank;
    w->count = how->count;
    w->file = -1;
    pthread_mutex_init(&w->looking, NULL);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->changed, NULL);
    if ((status = nsky_make_directories(how->folder, err)) == NSKY_OK &&
        (!(w->folder = nsky_strdup(how->folder, err)) || !(path = path_of(w, w->rank, err)) ||
         !(w->runs = nsky_alloc_zero(w->count, sizeof *w->runs, err))))
        status = err->status;
    if (status == NSKY_OK)
        status = take_lock(w, path, err);
    nsky_free(path);
    if (status != NSKY_OK) {
        nsky_watch_end(w, false);
        return status;
    }
    *out = w;
    return NSKY_OK;
}

/* Its file: unlocked without having been done, or another run's by now. */
static bool is_over(nsky_watch *w, uint32_t rank, int file)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    uint8_t text[RUN_BYTES + sizeof done_text];
    bool is_free = fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
    ssize_t bytes = read(file, text, sizeof text);
    run *seen = &w->runs[rank];

    if (bytes < (ssize_t)RUN_BYTES) /* not written yet */
        return is_free && bytes >= 0;
    if (!seen->known) {
        memcpy(seen->number, text, RUN_BYTES);
        seen->known = true;
    }
    if (memcmp(seen->number, text, RUN_BYTES) != 0)
        return true;
    return is_free && bytes == (ssize_t)RUN_BYTES;
}

/* What cannot be found out is taken for well. */
static bool is_missing(nsky_watch *w, uint32_t rank)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    char *path = path_of(w, rank, &ignored);
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    bool missing = path && file < 0 && errno == ENOENT;

    if (file >= 0) {
        missing = is_over(w, rank, file);
        close(file);
    }
    nsky_free(path);
    return missing;
}

uint32_t nsky_watch_missing(nsky_watch *w)
{
    assert(w);
    uint32_t missing = NSKY_RANK_NONE;

    pthread_mutex_lock(&w->looking);
    for (uint32_t rank = 0; rank < w->count && missing == NSKY_RANK_NONE; rank++)
        if (rank != w->rank && is_missing(w, rank))
            missing = rank;
    pthread_mutex_unlock(&w->looking);
    return missing;
}

/* Under the mutex: until the next look, or until it is to stop. */
static void rest(nsky_watch *w)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&w->changed, &w->mutex, &until);
}

static void *look(void *payload)
{
    nsky_watch *w = payload;

    pthread_mutex_lock(&w->mutex);
    while (!w->stops) {
        pthread_mutex_unlock(&w->mutex);
        if (nsky_watch_missing(w) != NSKY_RANK_NONE) {
            w->gone(w->context);
            return NULL;
        }
        pthread_mutex_lock(&w->mutex);
        if (!w->stops)
            rest(w);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

nsky_status nsky_watch_start(nsky_watch *w, void (*gone)(void *), void *context, nsky_error *err)
{
    assert(w && !w->started && gone && err);
    w->gone = gone;
    w->context = context;
    if (pthread_create(&w->thread, NULL, look, w) != 0)
        return nsky_fail(err, NSKY_ELIMIT, "cannot start a thread");
    w->started = true;
    return NSKY_OK;
}

void nsky_watch_stop(nsky_watch *w)
{
    assert(w);
    if (!w->started)
        return;
    pthread_mutex_lock(&w->mutex);
    w->stops = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    w->started = false;
}

void nsky_watch_end(nsky_watch *w, bool done)
{
    if (!w)
        return;
    nsky_watch_stop(w);
    if (w->file >= 0) {
        /* Where it cannot be said the others end with an error, and go on from the checkpoint. */
        ssize_t said = done ? write(w->file, done_text, sizeof done_text - 1) : 0;
        (void)said;
        close(w->file); /* and the lock is free */
    }
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
    pthread_mutex_destroy(&w->looking);
    nsky_free(w->runs);
    nsky_free(w->folder);
    nsky_free(w);
}
