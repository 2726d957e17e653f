/* nccl_watch.c - see nccl_watch.h. The locks are those of an open file, not of a process
 * (F_OFD_SETLK): ranks that are threads have one each. Thread rule: as there. */
#include "encoder/cuda/nccl_watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define LOOK_MS 200

static const char done_text[] = "done\n";

struct nsky_watch {
    char *folder;
    uint32_t rank, count;
    int file; /* locked; -1: not open */
    void (*gone)(void *);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
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
    return ftruncate(w->file, 0) == 0 ? NSKY_OK : nsky_fail_errno(err, "%s", path);
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
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->changed, NULL);
    if ((status = nsky_make_directories(how->folder, err)) == NSKY_OK &&
        (!(w->folder = nsky_strdup(how->folder, err)) || !(path = path_of(w, w->rank, err))))
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

/* What cannot be found out is taken for well. */
static bool is_missing(const nsky_watch *w, uint32_t rank)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    nsky_error ignored = NSKY_ERROR_INIT;
    char *path = path_of(w, rank, &ignored), text[sizeof done_text];
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    bool missing = path && file < 0 && errno == ENOENT;

    if (file >= 0) {
        bool is_free = fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
        missing = is_free && read(file, text, sizeof text) == 0; /* with nothing said */
        close(file);
    }
    nsky_free(path);
    return missing;
}

uint32_t nsky_watch_missing(nsky_watch *w)
{
    assert(w);
    for (uint32_t rank = 0; rank < w->count; rank++)
        if (rank != w->rank && is_missing(w, rank))
            return rank;
    return NSKY_RANK_NONE;
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
    nsky_free(w->folder);
    nsky_free(w);
}
